"""One transaction on its lane: written, sent, sent again, paid better, or given up.

    write     nonce, fee, signature and bytes are in the ledger before anything is sent
    send      the newest attempt; an older one where no endpoint takes the newest
    tend      while no block holds it: the same bytes again, a raised fee when it hangs, and the
              nonce found lost when a final block used it for another transaction
    fill      a nonce that nothing of ours can fill is spent on a transfer of nothing to ourselves

Every attempt stays in the ledger and is watched: an older one may win, also after a reorg.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from nftsvc.core.alarms import AlarmCode
from nftsvc.core.eip1559 import read_transaction
from nftsvc.core.errors import SignerMissing, TransactionRefused
from nftsvc.core.fees import RAISES, Offer, first_offer, is_beyond, raised_offer
from nftsvc.core.history import Heads
from nftsvc.core.transaction import (
    Attempt,
    BroadcastRefusal,
    Call,
    Receipt,
    UnsignedTransaction,
    WrittenTransaction,
    gas_limit,
)
from nftsvc.core.types import Address, BatchId, BlockNumber, Gas, IssuanceId, Nonce, Wei
from nftsvc.flows.alarms import Alarms
from nftsvc.flows.head_tracker import Held
from nftsvc.ports import Chain, Clock, Ledger, Signer

REBROADCAST_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """What an operator allows. `fee_cap` in wei per gas, `gas_cap` per transaction.

    A transaction hangs that `hang_blocks` blocks and `hang_seconds` seconds went past: a chain
    that stands still needs no better fee, and one with quick blocks needs a moment.
    """

    fee_cap: Wei
    gas_cap: Gas
    hang_blocks: int = 5
    hang_seconds: float = 30.0


@dataclass(slots=True)
class Watch:
    """What the watcher of one transaction remembers between two looks; losing it costs time.

    `held` is there while a block holds it; `hangs_from` is when, and at which block, the newest
    attempt began to wait for one. Times are of the clock that only runs forward: one that was set
    back would put every step off.
    """

    sent_at: float | None = None
    used_since: BlockNumber | None = None
    hangs_from: tuple[float, BlockNumber] | None = None
    refusals: int = 0
    held: Held | None = None


class Sending:
    """`signers` are the keys that are here, by their account."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        chain: Chain,
        signers: Mapping[Address, Signer],
        clock: Clock,
        policy: SendingPolicy,
        alarms: Alarms,
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._signers = signers
        self._clock = clock
        self._policy = policy
        self._alarms = alarms

    async def signer(self, account: Address) -> Signer:
        """The key of an account. Raises `SignerMissing`."""
        signer = self._signers.get(account)
        if signer is None:
            detail = f"no key of {account} is here, and accepted assets name it as their issuer"
            await self._alarms.sound(AlarmCode.SIGNER_MISSING, subject=account, detail=detail)
            raise SignerMissing(detail)
        await self._alarms.end(AlarmCode.SIGNER_MISSING, subject=account)
        return signer

    async def write(
        self,
        batch: BatchId,
        issuances: Collection[IssuanceId],
        *,
        call: Call,
        gas: Gas,
        sender: Address,
    ) -> None:
        """Write the transaction of a batch, where it has none yet."""
        await self._ledger.write(
            batch,
            issuances,
            sender=sender,
            least_nonce=await self._chain.nonce(sender),
            at=self._clock.now(),
            sign=await self._signing(call, gas=gas, sender=sender),
        )

    async def fill(self, sender: Address, *, nonce: Nonce) -> BatchId | None:
        """Write a transfer of nothing for a nonce that nothing holds; None where something does."""
        call = Call(sender, b"")
        gas = gas_limit(await self._chain.estimate(call, sender=sender), cap=self._policy.gas_cap)
        sign = await self._signing(call, gas=gas, sender=sender)
        return await self._ledger.fill(sender, nonce=nonce, at=self._clock.now(), sign=sign)

    async def send(self, written: WrittenTransaction) -> str | None:
        """Give the newest attempt to the chain; why it is not taken, None where it is."""
        refused: str | None = None
        for attempt in reversed(written.attempts):
            try:
                await self._chain.broadcast(attempt.signed)
            except TransactionRefused as refusal:
                refused = refused or refusal.reason
                if refusal.reason in _ABOUT_THE_NONCE:
                    break
            else:
                break
        if refused is None:
            await self._alarms.end(AlarmCode.BROADCAST_REFUSED, subject=written.sender)
        elif refused not in _ABOUT_THE_NONCE:
            detail = f"nonce {written.nonce} of {written.batch} is not taken: {refused}"
            await self._alarms.sound(
                AlarmCode.BROADCAST_REFUSED, subject=written.sender, detail=detail
            )
        return refused

    async def receipt(self, written: WrittenTransaction) -> Receipt | None:
        """How it ended, whichever attempt a block of the canonical chain holds."""
        for attempt in reversed(written.attempts):
            receipt = await self._chain.receipt(attempt.signed.transaction_hash)
            if receipt is not None:
                await self._alarms.end(AlarmCode.FEE_CAP_REACHED, subject=written.sender)
                return receipt
        return None

    async def tend(self, written: WrittenTransaction, *, heads: Heads, watch: Watch) -> bool:
        """See to a transaction that no block holds. True where its nonce is lost for good."""
        now = self._clock.monotonic()
        if watch.sent_at is None or now - watch.sent_at >= REBROADCAST_SECONDS:
            watch.sent_at = now
            refused = await self.send(written)
            if refused == BroadcastRefusal.NONCE_TOO_LOW:
                return await self._is_lost(written, heads=heads, watch=watch)
            watch.used_since = None
            if refused in _TOO_LITTLE and watch.refusals < len(RAISES):
                watch.refusals += 1
                await self._raise(written, heads=heads, watch=watch)
                return False
        if watch.hangs_from is None:
            watch.hangs_from = now, heads.latest.number
        since, block = watch.hangs_from
        waited = now - since >= self._policy.hang_seconds
        if waited and heads.latest.number - block >= self._policy.hang_blocks:
            if await self._chain.nonce(written.sender) == written.nonce:
                await self._raise(written, heads=heads, watch=watch)
            else:
                watch.hangs_from = None  # an earlier nonce has its turn first
        return False

    async def _signing(self, call: Call, *, gas: Gas, sender: Address) -> "_Signing":
        fees, cap = await self._chain.fees(), self._policy.fee_cap
        if is_beyond(fees, cap=cap):
            detail = f"the chain asks for {fees.base + fees.priority} wei, the cap is {cap} wei"
            await self._alarms.sound(AlarmCode.FEE_CAP_TOO_LOW, subject=sender, detail=detail)
        else:
            await self._alarms.end(AlarmCode.FEE_CAP_TOO_LOW, subject=sender)
        offer = first_offer(fees, cap=cap)
        plain = UnsignedTransaction(
            self._chain.chain_id, Nonce(0), call, gas, offer.max_fee, offer.tip
        )
        return _Signing(await self.signer(sender), plain)

    async def _is_lost(self, written: WrittenTransaction, *, heads: Heads, watch: Watch) -> bool:
        if await self._chain.nonce(written.sender) <= written.nonce:
            return False  # the endpoint that refused it is wrong, or one that is behind answered
        if watch.used_since is None:
            watch.used_since = heads.latest.number
        if heads.finalized.number < watch.used_since or await self.receipt(written) is not None:
            return False
        detail = f"nonce {written.nonce} was used by a transaction that the ledger does not know"
        await self._alarms.sound(AlarmCode.NONCE_TAKEN, subject=written.sender, detail=detail)
        return True

    async def _raise(self, written: WrittenTransaction, *, heads: Heads, watch: Watch) -> None:
        now = self._clock.monotonic()
        watch.hangs_from = now, heads.latest.number
        last, cap = written.attempts[-1], self._policy.fee_cap
        offer = raised_offer(
            Offer(last.max_fee, last.max_priority_fee),
            await self._chain.fees(),
            cap=cap,
            refusals=watch.refusals,
        )
        if offer is None:
            detail = (
                f"nonce {written.nonce} hangs at {last.max_fee} wei per gas and the cap of {cap} "
                "wei allows no raise"
            )
            await self._alarms.sound(
                AlarmCode.FEE_CAP_REACHED, subject=written.sender, detail=detail
            )
            return
        signer = await self.signer(written.sender)
        raised = replace(
            read_transaction(last.signed), max_fee=offer.max_fee, max_priority_fee=offer.tip
        )
        attempt = Attempt(await signer.sign(raised), offer.max_fee, offer.tip)
        kept = await self._ledger.replace(written, attempt=attempt, at=self._clock.now())
        _log.warning(
            "nonce %d of %s hangs: attempt %d offers %d wei per gas",
            written.nonce,
            written.sender,
            len(kept.attempts),
            kept.attempts[-1].max_fee,
        )
        watch.sent_at = now
        if await self.send(kept) in _TOO_LITTLE:
            watch.sent_at = None


@dataclass(frozen=True, slots=True)
class _Signing:
    """Signs one transaction for whatever nonce the ledger gives it."""

    signer: Signer
    plain: UnsignedTransaction

    async def __call__(self, nonce: Nonce) -> Attempt:
        signed = await self.signer.sign(replace(self.plain, nonce=nonce))
        return Attempt(signed, self.plain.max_fee, self.plain.max_priority_fee)


_TOO_LITTLE: Final = frozenset(
    {BroadcastRefusal.REPLACEMENT_UNDERPRICED, BroadcastRefusal.UNDERPRICED}
)
_ABOUT_THE_NONCE: Final = _TOO_LITTLE | {BroadcastRefusal.NONCE_TOO_LOW}
