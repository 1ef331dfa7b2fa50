"""Copies the chain's records into the ledger, block by block, and takes back what a reorg undid."""

import logging
from typing import Final

from nftsvc.core.errors import (
    ChainRewritten,
    ChainUnavailable,
    LeaseLost,
    LedgerUnavailable,
    NftsvcError,
    RpcBehind,
)
from nftsvc.core.history import Block, Heads
from nftsvc.core.types import BlockNumber
from nftsvc.ports import FOLLOWER, Chain, Clock, Leases, Ledger

POLL_SECONDS: Final = 1.0
MOST_BLOCKS: Final = 2_000
"""Public endpoints refuse wider ranges of logs."""

_log = logging.getLogger(__name__)


class Follower:
    """Follows from `start`, the block that the oldest of our contracts was deployed in."""

    def __init__(self, *, ledger: Ledger, chain: Chain, clock: Clock, start: BlockNumber) -> None:
        self._unfenced = self._ledger = ledger
        self._chain = chain
        self._clock = clock
        self._start = start
        self._range = MOST_BLOCKS
        self.heads: Heads | None = None
        self.fault: NftsvcError | None = None

    async def run(self, leases: Leases) -> None:
        """Follow while the follower's lease is ours, wait while it is not, until cancelled.

        A rewrite beyond finality stops it, and stays in `fault`.
        """
        unanswered = False
        while self.fault is None or not isinstance(self.fault, ChainRewritten):
            try:
                again, unanswered = unanswered, True
                fence = await leases.take(FOLLOWER, again=again)
                unanswered = False
                if fence is not None:
                    self._ledger = self._unfenced.fenced(fence)
                    await self._follow()
            except LeaseLost:
                _log.warning("another worker follows the chain now")
                self.heads = None
            except LedgerUnavailable as error:
                _log.warning("cannot look who follows the chain: %s (%s)", error, error.code)
            await self._clock.sleep(POLL_SECONDS)

    async def _follow(self) -> None:
        while True:
            try:
                await self.catch_up()
            except LeaseLost:
                raise
            except ChainRewritten as alarm:
                self.fault = alarm
                _log.critical("%s: no record is believed any more until an operator looks", alarm)
                return
            except NftsvcError as error:
                self.fault = error
                _log.warning("cannot follow the chain: %s (%s)", error, error.code)
            else:
                self.fault = None
            await self._clock.sleep(POLL_SECONDS)

    async def catch_up(self) -> None:
        """Bring the ledger to the chain's newest block. Raises `ChainRewritten`."""
        heads = await self._chain.heads()
        tip = await self._common_tip()
        following = BlockNumber(tip.number + 1) if tip is not None else self._start
        while following <= heads.finalized.number:
            tip = await self._take_range(following, heads)
            following = BlockNumber(tip.number + 1)
        while following <= heads.latest.number:
            block = await self._chain.block(following)
            if block is None or (tip is not None and block.parent_hash != tip.block_hash):
                break  # the chain moved while it was read: the next look finds where it parted
            events = await self._chain.events_of(block.block_hash)
            await self._ledger.follow([block], events, finalized=heads.finalized.number)
            tip, following = block, BlockNumber(following + 1)
        if await self._ledger.finalized() != heads.finalized.number:
            await self._ledger.follow([], [], finalized=heads.finalized.number)
        self.heads = heads

    async def _common_tip(self) -> Block | None:
        """The newest followed block that is still in the chain; what came after it is undone."""
        tip = await self._ledger.followed()
        newest = tip
        finalized = await self._ledger.finalized()
        while tip is not None:
            block = await self._chain.block(tip.number)
            if block is not None and block.block_hash == tip.block_hash:
                break
            if finalized is not None and tip.number <= finalized:
                if block is None:  # not to have a block says nothing of the chain
                    raise RpcBehind(f"{self._chain.endpoint} lacks the final block {tip.number}")
                raise ChainRewritten(
                    f"block {tip.number} was final as {tip.block_hash} and is now "
                    f"{block.block_hash}"
                )
            tip = await self._ledger.followed_below(tip.number)
        if newest is not None and tip != newest:
            kept = tip.number if tip is not None else BlockNumber(self._start - 1)
            _log.warning("the chain took back %d blocks", newest.number - kept)
            await self._ledger.rewind(kept)
        return tip

    async def _take_range(self, first: BlockNumber, heads: Heads) -> Block:
        while True:
            last = BlockNumber(min(first + self._range - 1, heads.finalized.number))
            try:
                events = await self._chain.events(first=first, last=last)
                block = await self._chain.block(last)
            except ChainUnavailable:
                if self._range == 1:
                    raise
                self._range //= 2
                continue
            if block is None:
                raise ChainUnavailable(f"{self._chain.endpoint} lacks the final block {last}")
            await self._ledger.follow([block], events, finalized=last)
            self._range = min(2 * self._range, MOST_BLOCKS)
            return block
