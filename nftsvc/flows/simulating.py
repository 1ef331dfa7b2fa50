"""Which issuances of a batch go together: what the chain would refuse is found before it is sent.

One gas estimate is the simulation of the whole. Where it reverts, one call of the contract's
`precheck` names what is wrong with each item: those fail alone, with their reasons, and the others
go. What the chain has already, from this very issuance, is set aside to be adopted. Where no item
is at fault the batch is too much for one transaction: half of it takes another. A later version is
only sent while the chain stands at the version that it follows.
"""

from collections.abc import Sequence
from typing import Final

from nftsvc.core.assets import Failure, Issuance
from nftsvc.core.errors import ChainUnavailable, LedgerUnavailable, TransactionRefused
from nftsvc.core.issuance import Way
from nftsvc.core.manifest import Manifest
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.transaction import Call, gas_limit
from nftsvc.core.types import Address, Digest, Gas
from nftsvc.flows.adopting import Adopting, Found
from nftsvc.flows.sizing import GasMeter
from nftsvc.ports import Chain, Clock, Ledger

ALREADY_THERE: Final = frozenset({"Token_AlreadyIssued", "Token_SameDigest"})
NOT_THE_ITEMS_FAULT: Final = ("Roles_", "EnforcedPause", "Issuer_NotAuthorized", "AccessControl")
"""Refusals that an operator ends (paused, no role): a reason to wait, not to fail a deal."""


class Simulating:
    """`gas_cap` is the most gas of one transaction."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        chain: Chain,
        clock: Clock,
        adopting: Adopting,
        meter: GasMeter,
        gas_cap: Gas,
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._clock = clock
        self._adopting = adopting
        self._meter = meter
        self._gas_cap = gas_cap

    async def choose(
        self, members: Sequence[Issuance]
    ) -> tuple[Sequence[Issuance], Call | None, Gas]:
        """Those that the chain would take together now, the call that issues them, and its gas."""
        carried = list(members)
        if carried and carried[0].way is Way.AMEND:
            carried = [member for member in carried if await self._is_next(member)]
        while carried:
            call = await self._call(carried)
            try:
                estimate = await self._chain.estimate(call, sender=carried[0].issuer)
            except TransactionRefused as refusal:
                carried = await self._sort_out(carried, refusal)
            else:
                if carried[0].way is Way.TOKEN:
                    self._meter.measured(estimate, tokens=len(carried))
                return carried, call, gas_limit(estimate, cap=self._gas_cap)
        return (), None, Gas(0)

    async def fail(self, issuance: Issuance, reason: str) -> None:
        """End one issuance for good."""
        failure = Failure(TransactionRefused.code, f"the contract refuses the token: {reason}")
        await self._ledger.fail(issuance.issuance, failure=failure, at=self._clock.now())

    async def fail_as_foreign(self, issuance: Issuance) -> None:
        """End one whose token, or whose version of it, is there and somebody else's."""
        if issuance.way is Way.AMEND:
            await self.fail(issuance, f"another version {issuance.version} is there")
        else:
            await self.fail(issuance, "Token_AlreadyIssued")

    async def _sort_out(
        self, members: list[Issuance], refusal: TransactionRefused
    ) -> list[Issuance]:
        if refusal.reason.startswith(NOT_THE_ITEMS_FAULT):
            raise ChainUnavailable(f"the contract issues nothing now: {refusal.reason}")
        if members[0].way is not Way.TOKEN:
            for member in members:
                await self._leave_out(member, refusal.reason)
            return []
        reasons = await self._chain.precheck(members[0].kind, _items(members))
        taken = [m for m, reason in zip(members, reasons, strict=True) if reason is None]
        for member, reason in zip(members, reasons, strict=True):
            if reason is not None:
                await self._leave_out(member, reason)
        if len(taken) < len(members):
            return taken
        if len(members) == 1:
            await self.fail(members[0], refusal.reason)
            return []
        half = len(members) // 2
        await self._ledger.release([member.issuance for member in members[half:]])
        return members[:half]

    async def _leave_out(self, member: Issuance, reason: str) -> None:
        """End an issuance that is refused, but for a token that is there and ours already.

        Anyone may claim a leaf, and its token names our issuer and holder all the same.
        """
        if reason in ALREADY_THERE and await self._adopting.look(member) is not Found.FOREIGN:
            return
        await self.fail(member, reason)

    async def _is_next(self, member: Issuance) -> bool:
        """Whether the chain stands at the version before; what can never follow it is ended."""
        heads = await self._chain.heads()
        asset = member.asset
        seen = await self._chain.record(asset.token_id, contract=asset.contract, at=heads.latest)
        record = seen.record
        if record.version < member.version - 1:
            raise ChainUnavailable(f"{asset} is at version {record.version} only")
        if record.version >= member.version:
            if await self._adopting.look(member) is Found.FOREIGN:
                await self.fail_as_foreign(member)
            return False
        whole = await self._ledger.issuance(member.issuance)
        if whole is None or record.digest != Manifest.parse(whole.manifest).previous:
            await self.fail(member, f"it follows another version {record.version}")
            return False
        return True

    async def _call(self, members: Sequence[Issuance]) -> Call:
        first = members[0]
        if first.way is Way.ANCHOR:
            return self._chain.attesting(first.kind, MerkleRoot(first.digest))
        if first.way is Way.AMEND:
            return self._chain.amending(first.kind, first.asset.token_id, first.digest)
        if first.way is Way.CLAIM:
            claim = await self._ledger.claim_of(first.issuance)
            if claim is None:
                raise LedgerUnavailable(f"the tree of {first.issuance} is not in the ledger")
            return self._chain.claiming(first.kind, claim)
        return self._chain.issuing(first.kind, _items(members))


def _items(members: Sequence[Issuance]) -> list[tuple[Address, Digest]]:
    return [(member.holder, member.digest) for member in members]
