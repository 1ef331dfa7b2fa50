"""A token that the chain has and the ledger does not: issued before the ledger was restored.

Or claimed by somebody else, as anyone may: the contract issues it for the same holder. It is ours
where the record of its issue names our issuer and the holder that we would have named; the digest
is its id. A later version is ours where a record of the token anchors its digest, which nobody else
knows before it is sent. Then the issuance is finalized with the transaction that the chain names,
once the chain holds that for final.
"""

from enum import StrEnum

from nftsvc.core.alarms import AlarmCode
from nftsvc.core.assets import Issuance
from nftsvc.core.errors import ChainUnavailable
from nftsvc.core.history import Block, RecordEvent, RecordKind
from nftsvc.core.issuance import Way
from nftsvc.core.types import TokenStatus
from nftsvc.flows.alarms import Alarms
from nftsvc.ports import Chain, Clock, Ledger


class Found(StrEnum):
    """What the chain has under an issuance's id."""

    NOTHING = "nothing"
    NOT_FINAL = "ours, not final yet"
    ADOPTED = "ours, adopted"
    FOREIGN = "somebody else's"


class Adopting:
    """Looks for tokens, and versions of them, that are there already."""

    def __init__(self, *, ledger: Ledger, chain: Chain, clock: Clock, alarms: Alarms) -> None:
        self._ledger = ledger
        self._chain = chain
        self._clock = clock
        self._alarms = alarms

    async def look(self, issuance: Issuance) -> Found:
        """What the chain has for an issuance; adopted where it is ours and final."""
        heads = await self._chain.heads()
        final = await self._issue(issuance, at=heads.finalized)
        newest = final or await self._issue(issuance, at=heads.latest)
        if newest is None:
            return Found.NOTHING
        if not _is_of(newest, issuance):
            return Found.FOREIGN
        if final is None:
            return Found.NOT_FINAL
        # The alarm first: once adopted, nothing would come here again to sound it.
        detail = f"{issuance.asset} was issued by {final.transaction}, unknown to the ledger"
        await self._alarms.sound(AlarmCode.TOKEN_ADOPTED, subject=issuance.issuer, detail=detail)
        await self._ledger.adopt(issuance.issuance, record=final, at=self._clock.now())
        return Found.ADOPTED

    async def _issue(self, issuance: Issuance, *, at: Block) -> RecordEvent | None:
        """The token's first record, found backwards from its last one, or its version's."""
        asset = issuance.asset
        seen = await self._chain.record(asset.token_id, contract=asset.contract, at=at)
        if seen.record.version < issuance.version or seen.record.status is TokenStatus.UNKNOWN:
            return None
        block = seen.record.head_block
        while True:
            records = [
                record
                for record in await self._chain.events(first=block, last=block)
                if record.token_id == asset.token_id and record.contract == asset.contract
            ]
            if not records:
                raise ChainUnavailable(f"{self._chain.endpoint} gave no record of {asset}")
            first = records[0]
            if found := next((r for r in records if _is_of(r, issuance)), None):
                return found
            if first.previous_block is None:
                return first
            if first.previous_block >= block:
                raise ChainUnavailable(f"{self._chain.endpoint} gave no issue of {asset}")
            block = first.previous_block


def _is_of(record: RecordEvent, issuance: Issuance) -> bool:
    if issuance.way is Way.AMEND:
        return record.kind is RecordKind.AMENDED and record.digest == issuance.digest
    # Not an issue where the leaf was revoked unclaimed.
    return record.kind is RecordKind.ISSUED and (record.actor, record.holder_to) == (
        issuance.issuer,
        issuance.holder,
    )
