"""The journey of a batch: content stored, transaction written, sent, and watched until final.

    1  store      every document and manifest is in the content store, and was read back
    2  write      nonce, fee, signature and bytes are in the ledger, before anything is sent
    3  broadcast  the bytes are given to the chain; the same bytes again as often as needed
    4  settle     mined, safe, finalized; a reorg is announced and sent back to 3

Each step may be run again at any point: what is done already is seen in the ledger. A batch without
issuances fills a gap of nonces: it is sent and watched like any other. A batch of an anchor's
leaves ends with 1: the anchor itself is an issuance that is sent once they are all stored.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from nftsvc.core.alarms import AlarmCode
from nftsvc.core.assets import Issuance
from nftsvc.core.errors import RpcBehind
from nftsvc.core.history import Finality, Heads
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.transaction import Receipt, WrittenTransaction
from nftsvc.core.types import BatchId, IssuanceId
from nftsvc.flows.adopting import Adopting, Found
from nftsvc.flows.alarms import Alarms
from nftsvc.flows.head_tracker import POLL_SECONDS, HeadTracker, Held
from nftsvc.flows.patience import until_done
from nftsvc.flows.sending import Sending, SendingPolicy, Watch
from nftsvc.flows.simulating import NOT_THE_ITEMS_FAULT, Simulating
from nftsvc.flows.sizing import GasMeter
from nftsvc.flows.storing import Storing
from nftsvc.ports import Chain, Clock, Ledger, Signer, Steps

__all__ = ["NOT_THE_ITEMS_FAULT", "IssueFlow", "SendingPolicy"]

MOST_REVERTS: Final = 3
"""Transactions that were simulated and reverted all the same, before their issuances fail."""

_log = logging.getLogger(__name__)
_S = IssuanceStatus


class IssueFlow:
    """Carries batches; `run` is the journey that the engine is given.

    `colleagues` are further signers of the same organisation. `tracker` sees the chain move for
    all batches of a worker. `guard` raises while the chain is not to be trusted; nothing is
    written, sent or judged then.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        chain: Chain,
        signer: Signer,
        storing: Storing,
        clock: Clock,
        policy: SendingPolicy,
        colleagues: Sequence[Signer] = (),
        alarms: Alarms | None = None,
        meter: GasMeter | None = None,
        tracker: HeadTracker | None = None,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._storing = storing
        self._clock = clock
        self._guard = guard
        self._tracker = tracker or HeadTracker(chain=chain, clock=clock)
        self._alarms = alarms or Alarms(clock=clock)
        self.sending = Sending(
            ledger=ledger,
            chain=chain,
            signers={each.address: each for each in (signer, *colleagues)},
            clock=clock,
            policy=policy,
            alarms=self._alarms,
        )
        self._adopting = Adopting(ledger=ledger, chain=chain, clock=clock, alarms=self._alarms)
        self._simulating = Simulating(
            ledger=ledger,
            chain=chain,
            clock=clock,
            adopting=self._adopting,
            meter=meter or GasMeter(cap=policy.gas_cap),
            gas_cap=policy.gas_cap,
        )

    async def run(self, batch: BatchId, steps: Steps) -> None:
        """The whole journey of one batch."""
        await steps("store", lambda: self._patiently(batch, "store", self._storing.store))
        way = await until_done(
            lambda: self._ledger.way_of(batch), clock=self._clock, what=f"look at {batch}"
        )
        if way is Way.LEAF:
            await steps("keep", lambda: self._patiently(batch, "keep", self._keep))
            return
        await steps("write", lambda: self._patiently(batch, "write", self._write))
        await steps("broadcast", lambda: self._patiently(batch, "broadcast", self._broadcast))
        await steps("settle", lambda: self._settle(batch))

    async def _patiently(
        self, batch: BatchId, name: str, step: Callable[[BatchId], Awaitable[None]]
    ) -> None:
        await until_done(lambda: step(batch), clock=self._clock, what=f"{name} {batch}")

    async def _keep(self, batch: BatchId) -> None:
        """Leaves are stored and wait for their anchor: nothing of theirs is sent."""
        await self._ledger.drop_held(list(await self._ledger.statuses(batch)))
        await self._ledger.finish(batch)

    # 2

    async def _write(self, batch: BatchId) -> None:
        if await self._ledger.written(batch) is not None:
            return
        self._guard()
        await self._chain.check_identity()
        members = [
            member
            for member in await self._ledger.members(batch)
            if member.status in (_S.STORED, _S.SUBMITTED)
        ]
        if not members:
            return
        sender = members[0].issuer
        await self.sending.signer(sender)
        carried, call, gas = await self._simulating.choose(members)
        if call is None:
            return
        ids = [member.issuance for member in carried]
        await self.sending.write(batch, ids, call=call, gas=gas, sender=sender)

    # 3

    async def _broadcast(self, batch: BatchId) -> None:
        self._guard()
        written = await self._ledger.written(batch)
        if written is not None:
            await self.sending.send(written)

    # 4

    async def _settle(self, batch: BatchId) -> None:
        watch = Watch()
        while not await until_done(
            lambda: self._look(batch, watch), clock=self._clock, what=f"settle {batch}"
        ):
            await until_done(lambda: self._rest(watch), clock=self._clock, what=f"wait for {batch}")
        await self._patiently(batch, "finish", self._finish)

    async def _finish(self, batch: BatchId) -> None:
        await self._storing.forget(batch)
        await self._ledger.finish(batch)

    async def _rest(self, watch: Watch) -> None:
        """Until another look may find something new."""
        if watch.held is None:
            await self._clock.sleep(POLL_SECONDS)
        else:
            await self._tracker.moved(watch.held)

    async def _look(self, batch: BatchId, watch: Watch) -> bool:
        """See how far the batch is, and note it. True when nothing is left to do."""
        written = await self._ledger.written(batch)
        statuses = await self._ledger.statuses(batch)
        under_way = [i for i, status in statuses.items() if not status.is_terminal]
        if not under_way and (statuses or written is None):
            return True
        self._guard()
        if written is None:
            await self._write(batch)
            return False
        waiting = [i for i in under_way if statuses[i] in (_S.ACCEPTED, _S.STORED)]
        sent = {i: statuses[i] for i in under_way if i not in waiting}
        is_over = await self._follow(sent, written, watch) if sent or not statuses else True
        if not waiting:
            return is_over
        left = await self._look_at_waiting(batch, waiting)
        watch.held = None  # who waits beside it is looked at again, whatever the chain does
        return is_over and not left

    async def _follow(
        self,
        statuses: Mapping[IssuanceId, IssuanceStatus],
        written: WrittenTransaction,
        watch: Watch,
    ) -> bool:
        """Note how far the batch's transaction is. True when it is final."""
        # The heads first: a receipt that is canonical afterwards, in a block that was final
        # before, is final.
        heads = await self._tracker.heads()
        receipt = await self._receipt(written, watch)
        watch.held = None
        moved = written.mined_in is not None and (
            receipt is None or receipt.block_hash != written.mined_in
        )
        if moved and written.mined_at is not None and heads.latest.number < written.mined_at:
            raise RpcBehind(
                f"{self._chain.endpoint} is at block {heads.latest.number}, and we saw "
                f"{written.batch} in block {written.mined_at}"
            )
        # Announced and not gone on from: a crash came between, whatever the chain says since.
        if moved or _S.REORGED in statuses.values():
            await self._reorged(list(statuses), written)
            statuses = dict.fromkeys(statuses, _S.SUBMITTED)
            watch.sent_at = watch.hangs_from = None
        if receipt is None:
            if await self.sending.tend(written, heads=heads, watch=watch):
                await self._ledger.abandon(written)
                await self._write(written.batch)
            return False
        if receipt.succeeded:
            is_over = await self._progress(statuses, written, receipt, heads)
            watch.held = Held(receipt, heads)
            return is_over
        if heads.finality_of(receipt.block_number) is not Finality.FINALIZED:
            return False
        return await self._reverted(written, receipt)

    async def _reverted(self, written: WrittenTransaction, receipt: Receipt) -> bool:
        """A final block holds it and it did nothing: what it carried is simulated once more."""
        detail = f"{receipt.transaction_hash} of {written.batch} reverted in its block"
        await self._alarms.sound(AlarmCode.BATCH_REVERTED, subject=written.sender, detail=detail)
        await self._ledger.mined(written.batch, receipt=receipt)
        reverts = await self._ledger.abandon(written)
        members = await self._ledger.members(written.batch)
        if reverts >= MOST_REVERTS:
            for member in members:
                if member.status is _S.SUBMITTED:
                    await self._simulating.fail(member, f"reverted in {receipt.transaction_hash}")
            return True
        await self._write(written.batch)
        return not members

    async def _receipt(self, written: WrittenTransaction, watch: Watch) -> Receipt | None:
        """How it ended. What a block held is not asked for again while the chain has that block."""
        if watch.held is not None:
            known = watch.held.receipt
            block = await self._chain.block(known.block_number)
            if block is not None and block.block_hash == known.block_hash:
                return known
        return await self.sending.receipt(written)

    async def _progress(
        self,
        statuses: Mapping[IssuanceId, IssuanceStatus],
        written: WrittenTransaction,
        receipt: Receipt,
        heads: Heads,
    ) -> bool:
        if written.mined_in != receipt.block_hash:
            await self._ledger.mined(written.batch, receipt=receipt)
        block = f"block {receipt.block_number} {receipt.block_hash}"
        finality = heads.finality_of(receipt.block_number)
        steps = [(_S.SUBMITTED, _S.MINED, block)]
        if finality is not Finality.LATEST:
            steps.append((_S.MINED, _S.SAFE, f"safe block {heads.safe.number}"))
        if finality is Finality.FINALIZED:
            steps.append((_S.SAFE, _S.FINALIZED, f"finalized block {heads.finalized.number}"))
        now = dict(statuses)
        for current, to, cause in steps:
            standing = [issuance for issuance, status in now.items() if status is current]
            await self._move(standing, current, to, cause)
            now.update(dict.fromkeys(standing, to))
        return finality is Finality.FINALIZED

    async def _reorged(self, issuances: Sequence[IssuanceId], written: WrittenTransaction) -> None:
        cause = f"block {written.mined_in} is not in the chain any more"
        for status in (_S.MINED, _S.SAFE):
            await self._move(issuances, status, _S.REORGED, cause)
        sent = written.attempts[-1].signed.transaction_hash
        await self._move(issuances, _S.REORGED, _S.SUBMITTED, sent)
        await self._ledger.mined(written.batch, receipt=None)

    async def _look_at_waiting(self, batch: BatchId, waiting: Sequence[IssuanceId]) -> bool:
        """See to issuances that the batch's transaction does not carry. True while any waits."""
        left = False
        for member in await self._ledger.members(batch):
            if member.issuance in waiting:
                left = await self._has_to_wait(member) or left
        return left

    async def _has_to_wait(self, member: Issuance) -> bool:
        found = await self._adopting.look(member)
        if found is Found.FOREIGN:
            await self._simulating.fail_as_foreign(member)
        elif found is Found.NOTHING:
            await self._ledger.release([member.issuance])
        return found is Found.NOT_FINAL

    async def _move(self, issuances: Sequence[IssuanceId], current: _S, to: _S, cause: str) -> None:
        if issuances:
            await self._ledger.advance(
                issuances, current=current, to=to, at=self._clock.now(), cause=cause
            )
