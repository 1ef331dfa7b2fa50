"""The journey of a batch: content stored, transaction written, sent, and watched until final.

    1  store      every document and manifest is in the content store, and was read back
    2  write      nonce, fee, signature and bytes are in the ledger, before anything is sent
    3  broadcast  the bytes are given to the chain; the same bytes again as often as needed
    4  settle     mined, safe, finalized; a reorg is announced and sent back to 3

Each step may be run again at any point: what is done already is seen in the ledger.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nftsvc.core.assets import Failure, Issuance
from nftsvc.core.errors import ChainUnavailable, TransactionRefused
from nftsvc.core.history import Finality, Heads
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.transaction import (
    Attempt,
    Call,
    Receipt,
    UnsignedTransaction,
    WrittenTransaction,
    gas_limit,
)
from nftsvc.core.types import (
    BatchId,
    BlockNumber,
    Digest,
    Gas,
    IssuanceId,
    Nonce,
    Wei,
    digest_of,
)
from nftsvc.flows.patience import until_done
from nftsvc.flows.storing import Storing
from nftsvc.ports import Chain, Clock, Ledger, Signer, Steps

POLL_SECONDS: Final = 0.5
REBROADCAST_SECONDS: Final = 5.0
NOT_THE_ITEMS_FAULT: Final = ("Roles_", "EnforcedPause", "Issuer_NotAuthorized", "AccessControl")
"""Refusals that an operator ends (paused, no role): a reason to wait, not to fail a deal."""

_log = logging.getLogger(__name__)
_S = IssuanceStatus


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """What an operator allows. `fee_cap` in wei per gas, `gas_cap` per transaction."""

    fee_cap: Wei
    gas_cap: Gas


class IssueFlow:
    """Carries batches; `run` is the journey that the engine is given."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        chain: Chain,
        signer: Signer,
        storing: Storing,
        clock: Clock,
        policy: SendingPolicy,
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._signer = signer
        self._storing = storing
        self._clock = clock
        self._policy = policy

    async def run(self, batch: BatchId, steps: Steps) -> None:
        """The whole journey of one batch."""
        await steps("store", lambda: self._patiently(batch, "store", self._storing.store))
        await steps("write", lambda: self._patiently(batch, "write", self._write))
        await steps("broadcast", lambda: self._patiently(batch, "broadcast", self._broadcast))
        await steps("settle", lambda: self._settle(batch))

    async def _patiently(
        self, batch: BatchId, name: str, step: Callable[[BatchId], Awaitable[None]]
    ) -> None:
        await until_done(lambda: step(batch), clock=self._clock, what=f"{name} {batch}")

    # 2

    async def _write(self, batch: BatchId) -> None:
        if await self._ledger.written(batch) is not None:
            return
        members = [
            member
            for member in await self._ledger.members(batch)
            if member.status in (_S.STORED, _S.SUBMITTED)
        ]
        carried, call, gas = await self._simulate(members)
        if call is None:
            return
        fees = await self._chain.fees()
        max_fee = fees.max_fee(cap=self._policy.fee_cap)
        if max_fee < fees.base + fees.priority:
            _log.error("the fee cap of %d wei is below what the chain asks for", max_fee)

        async def sign(nonce: Nonce) -> Attempt:
            priority = Wei(min(fees.priority, max_fee))
            signed = await self._signer.sign(
                UnsignedTransaction(self._chain.chain_id, nonce, call, gas, max_fee, priority)
            )
            return Attempt(signed, max_fee, priority)

        await self._ledger.write(
            batch,
            [member.issuance for member in carried],
            sender=self._signer.address,
            least_nonce=await self._chain.nonce(self._signer.address),
            at=self._clock.now(),
            sign=sign,
        )

    async def _simulate(
        self, members: Sequence[Issuance]
    ) -> tuple[Sequence[Issuance], Call | None, Gas]:
        """Those that the chain would take together; the others fail alone, or wait their turn."""
        carried = list(members)
        while carried:
            call = self._call(carried)
            try:
                estimate = await self._chain.estimate(call, sender=self._signer.address)
            except TransactionRefused as refusal:
                carried = await self._sort_out(carried, refusal)
            else:
                return carried, call, gas_limit(estimate, cap=self._policy.gas_cap)
        return (), None, Gas(0)

    async def _sort_out(
        self, members: list[Issuance], refusal: TransactionRefused
    ) -> list[Issuance]:
        if refusal.reason.startswith(NOT_THE_ITEMS_FAULT):
            raise ChainUnavailable(f"the contract issues nothing now: {refusal.reason}")
        if len(members) == 1:
            await self._fail(members[0].issuance, refusal.reason)
            return []
        taken = []
        for member in members:
            try:
                await self._chain.estimate(self._call([member]), sender=self._signer.address)
                taken.append(member)
            except TransactionRefused as error:
                if error.reason.startswith(NOT_THE_ITEMS_FAULT):
                    raise ChainUnavailable(
                        f"the contract issues nothing now: {error.reason}"
                    ) from error
                await self._fail(member.issuance, error.reason)
        if len(taken) == len(members):
            # Each alone is fine and all together are too much: the rest takes the next batch.
            half = len(taken) // 2
            await self._ledger.release([member.issuance for member in taken[half:]])
            return taken[:half]
        return taken

    def _call(self, members: Sequence[Issuance]) -> Call:
        items = [(m.holder, Digest(digest_of(m.asset.token_id))) for m in members]
        return self._chain.issuing(members[0].kind, items)

    async def _fail(self, issuance: IssuanceId, reason: str) -> None:
        failure = Failure(TransactionRefused.code, f"the contract refuses the token: {reason}")
        await self._ledger.fail(issuance, failure=failure, at=self._clock.now())

    # 3

    async def _broadcast(self, batch: BatchId) -> None:
        written = await self._ledger.written(batch)
        if written is not None:
            await self._send(written)

    async def _send(self, written: WrittenTransaction) -> bool:
        """Give the newest attempt to the chain; False where its nonce is used up."""
        try:
            await self._chain.broadcast(written.attempts[-1].signed)
        except TransactionRefused as refusal:
            if refusal.reason == "nonce-too-low":
                return False
            _log.warning("%s is not taken now: %s", written.batch, refusal.reason)
        return True

    # 4

    async def _settle(self, batch: BatchId) -> None:
        watch = _Watch()
        while not await until_done(
            lambda: self._look(batch, watch), clock=self._clock, what=f"settle {batch}"
        ):
            await self._clock.sleep(POLL_SECONDS)
        await self._patiently(batch, "finish", self._finish)

    async def _finish(self, batch: BatchId) -> None:
        await self._storing.forget(batch)
        await self._ledger.finish(batch)

    async def _look(self, batch: BatchId, watch: "_Watch") -> bool:
        """See how far the batch is, and note it. True when nothing is left to do."""
        written = await self._ledger.written(batch)
        statuses = await self._ledger.statuses(batch)
        under_way = [i for i, status in statuses.items() if not status.is_terminal]
        if not under_way:
            return True
        if written is None:
            await self._write(batch)
            return False
        # The heads first: a receipt that is canonical afterwards, in a block that was final
        # before, is final.
        heads = await self._chain.heads()
        receipt = await self._receipt(written)
        moved = written.mined_in is not None and (
            receipt is None or receipt.block_hash != written.mined_in
        )
        # Announced and not gone on from: a crash came between, whatever the chain says since.
        if moved or _S.REORGED in statuses.values():
            await self._reorged(under_way, written)
            watch.sent_at = None
        if receipt is None:
            await self._resend(written, heads, watch)
            return False
        if receipt.succeeded:
            return await self._progress(under_way, written, receipt, heads)
        if heads.finality_of(receipt.block_number) is Finality.FINALIZED:
            for issuance in under_way:
                await self._fail(issuance, f"reverted in {receipt.transaction_hash}")
        return False

    async def _receipt(self, written: WrittenTransaction) -> Receipt | None:
        for attempt in written.attempts:
            receipt = await self._chain.receipt(attempt.signed.transaction_hash)
            if receipt is not None:
                return receipt
        return None

    async def _progress(
        self,
        issuances: Sequence[IssuanceId],
        written: WrittenTransaction,
        receipt: Receipt,
        heads: Heads,
    ) -> bool:
        if written.mined_in != receipt.block_hash:
            await self._ledger.mined(written.batch, receipt=receipt)
        block = f"block {receipt.block_number} {receipt.block_hash}"
        finality = heads.finality_of(receipt.block_number)
        await self._move(issuances, _S.SUBMITTED, _S.MINED, block)
        if finality is not Finality.LATEST:
            await self._move(issuances, _S.MINED, _S.SAFE, f"safe block {heads.safe.number}")
        if finality is Finality.FINALIZED:
            cause = f"finalized block {heads.finalized.number}"
            await self._move(issuances, _S.SAFE, _S.FINALIZED, cause)
        return finality is Finality.FINALIZED

    async def _reorged(self, issuances: Sequence[IssuanceId], written: WrittenTransaction) -> None:
        cause = f"block {written.mined_in} is not in the chain any more"
        for status in (_S.MINED, _S.SAFE):
            await self._move(issuances, status, _S.REORGED, cause)
        sent = written.attempts[-1].signed.transaction_hash
        await self._move(issuances, _S.REORGED, _S.SUBMITTED, sent)
        await self._ledger.mined(written.batch, receipt=None)

    async def _resend(self, written: WrittenTransaction, heads: Heads, watch: "_Watch") -> None:
        now = self._clock.now().timestamp()
        if watch.sent_at is not None and now - watch.sent_at < REBROADCAST_SECONDS:
            return
        watch.sent_at = now
        if await self._send(written):
            watch.used_since = None
        elif watch.used_since is None:
            watch.used_since = heads.latest.number
        elif heads.finalized.number >= watch.used_since and not await self._receipt(written):
            # Another transaction has the nonce, and for good: ours can never be mined.
            _log.error("nonce %d was used by a transaction that is not ours", written.nonce)
            await self._ledger.abandon(written)
            await self._write(written.batch)

    async def _move(self, issuances: Sequence[IssuanceId], current: _S, to: _S, cause: str) -> None:
        await self._ledger.advance(
            issuances, current=current, to=to, at=self._clock.now(), cause=cause
        )


@dataclass(slots=True)
class _Watch:
    """What the watcher of one batch remembers between two looks; losing it costs only time."""

    sent_at: float | None = None
    used_since: BlockNumber | None = None
