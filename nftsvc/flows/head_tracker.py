"""The chain's heads, asked for once for all batches that wait for them.

Where finality takes a quarter of an hour, thousands of batches wait for it at a time. None of them
asks the chain by itself whether it moved, nor looks into the ledger before it did.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from nftsvc.core.history import Finality, Heads
from nftsvc.core.transaction import Receipt
from nftsvc.core.types import BlockHash, BlockNumber
from nftsvc.ports import Chain, Clock

POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Held:
    """A transaction that a block of the chain held, as the heads stood then."""

    receipt: Receipt
    heads: Heads

    @property
    def finality(self) -> Finality:
        """How firmly it was held."""
        return self.heads.finality_of(self.receipt.block_number)


class HeadTracker:
    """Looks at the heads of one chain, at most once in `POLL_SECONDS`, while anybody asks.

    `waiting` is how many wait for a block to be held otherwise. Raises `ChainUnavailable`.
    """

    def __init__(self, *, chain: Chain, clock: Clock) -> None:
        self._chain = chain
        self._clock = clock
        self._asking = asyncio.Lock()
        self._waking = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._asked_at = 0.0
        self._heads: Heads | None = None
        self._hashes: dict[BlockNumber, BlockHash] = {}
        self.waiting = 0

    async def heads(self) -> Heads:
        """The heads as they were `POLL_SECONDS` ago at most."""
        if self._heads is not None and self._due_in() > 0:
            return self._heads
        async with self._asking:
            if self._heads is not None and self._due_in() > 0:
                return self._heads
            return await self._ask()

    async def moved(self, held: Held) -> None:
        """Return once the chain holds the block more firmly, less firmly, or not any more.

        Never before the heads are others than `held` says: endpoints that contradict each other
        make nobody look more often than the chain moves.
        """
        heads, number = held.heads, held.receipt.block_number
        self.waiting += 1
        try:
            while True:
                heads = await self._after(heads)
                if heads.finality_of(number) is not held.finality:
                    return
                if not await self._holds(held.receipt):
                    return
        finally:
            self.waiting -= 1

    async def _after(self, seen: Heads) -> Heads:
        """The heads once they are others than `seen`."""
        while True:
            # Whoever has the lock wakes for all; where its caller gives up, the next one does.
            async with self._waking:
                if self._heads is not None and self._heads != seen:
                    return self._heads
                await self._clock.sleep(self._due_in())
                await self.heads()

    async def _holds(self, receipt: Receipt) -> bool:
        if await self._hash_of(receipt.block_number) == receipt.block_hash:
            return True
        # The endpoint may have been wrong, or between two chains: it is asked anew next time.
        self._hashes.pop(receipt.block_number, None)
        return False

    async def _hash_of(self, number: BlockNumber) -> BlockHash | None:
        if number in self._hashes:
            return self._hashes[number]
        async with self._looking:
            # Those of the chain as it was when this one was asked for: if it has moved since, what
            # is found now is kept where nobody looks any more.
            hashes = self._hashes
            if number not in hashes:
                block = await self._chain.block(number)
                if block is None:
                    return None
                hashes[number] = block.block_hash
            return hashes[number]

    async def _ask(self) -> Heads:
        heads, before = await self._chain.heads(), self._heads
        self._asked_at = self._clock.monotonic()
        grown = before is not None and before.latest.block_hash in (
            heads.latest.block_hash,
            heads.latest.parent_hash,
        )
        # What is below a block that has only grown by one is what it was.
        kept = self._hashes if grown else {}
        self._hashes = {n: known for n, known in kept.items() if n > heads.finalized.number}
        self._heads = heads
        return heads

    def _due_in(self) -> float:
        return max(0.0, self._asked_at + POLL_SECONDS - self._clock.monotonic())
