"""All who wait for a block share one look at the chain, and each learns of what concerns it."""

import asyncio
import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from nftsvc.core.errors import ChainUnavailable
from nftsvc.core.history import Block, Finality, Heads
from nftsvc.core.transaction import Receipt
from nftsvc.core.types import BlockHash, BlockNumber, TransactionHash
from nftsvc.flows.head_tracker import POLL_SECONDS, HeadTracker, Held

SAFE: Final = 2
FINAL: Final = 6


class Shown:
    """A chain of which only blocks are seen; it counts what it is asked."""

    def __init__(self, blocks: int) -> None:
        self.blocks: list[Block] = []
        self.asked: Counter[str] = Counter()
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.fork = 0
        self.grow(blocks)

    def grow(self, count: int = 1) -> None:
        for _ in range(count):
            parent = self.blocks[-1].block_hash if self.blocks else BlockHash("0x0")
            text = f"{parent} {self.fork}".encode()
            hash_ = BlockHash("0x" + hashlib.sha256(text).hexdigest())
            self.blocks.append(Block(BlockNumber(len(self.blocks)), hash_, parent, 0))

    def reorg(self, depth: int) -> None:
        del self.blocks[-depth:]
        self.fork += 1
        self.grow(depth)

    async def heads(self) -> Heads:
        self.asked["heads"] += 1
        await asyncio.sleep(0)
        await self.answers.wait()
        if self.away:
            raise ChainUnavailable("nobody is there")
        latest, safe, final = (self.blocks[-1 - behind] for behind in (0, SAFE, FINAL))
        return Heads(latest, safe, final)

    async def block(self, number: BlockNumber) -> Block | None:
        self.asked["block"] += 1
        await asyncio.sleep(0)
        return self.blocks[number] if number < len(self.blocks) else None

    def held(self, behind: int) -> Held:
        latest, safe, final = (self.blocks[-1 - back] for back in (0, SAFE, FINAL))
        block = self.blocks[-1 - behind]
        transaction = TransactionHash("0x" + "ab" * 32)
        receipt = Receipt(transaction, block.number, block.block_hash, succeeded=True)
        return Held(receipt, Heads(latest, safe, final))


class Time:
    """A clock that stands until the test moves it on."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2026, 5, 4, tzinfo=UTC)

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        while self._now < until:
            await self._woken.wait()
            self._woken = asyncio.Event()

    async def pass_(self, seconds: float = POLL_SECONDS) -> None:
        """Let time pass, and everybody do what they then do."""
        self._now += seconds
        self._woken.set()
        for _ in range(50):
            await asyncio.sleep(0)


def _tracker(chain: Shown) -> tuple[HeadTracker, Time]:
    time = Time()
    return HeadTracker(chain=chain, clock=time), time  # type: ignore[arg-type]


async def test_heads__asked_by_many__are_asked_for_once_in_a_while() -> None:
    chain = Shown(10)
    tracker, time = _tracker(chain)
    seen = await asyncio.gather(*(tracker.heads() for _ in range(100)))
    assert set(seen) == {seen[0]}
    assert chain.asked["heads"] == 1
    chain.grow()
    assert await tracker.heads() == seen[0]
    await time.pass_()
    assert (await tracker.heads()).latest == chain.blocks[-1]
    assert chain.asked["heads"] == 2


async def test_moved__thousands_wait_while_the_chain_grows__it_is_asked_as_if_by_one() -> None:
    chain = Shown(100)
    tracker, time = _tracker(chain)
    held = chain.held(behind=0)
    waiting = [asyncio.create_task(tracker.moved(held)) for _ in range(3000)]
    await time.pass_(0)
    assert tracker.waiting == 3000
    for _ in range(SAFE - 1):
        chain.grow()
        await time.pass_()
    assert not any(task.done() for task in waiting)
    asked = Counter(chain.asked)
    assert asked["heads"] <= 4
    assert asked["block"] <= 3
    chain.grow()
    await time.pass_()
    await asyncio.gather(*waiting)
    assert chain.asked["block"] == asked["block"], "a chain that only grew was asked again"
    assert tracker.waiting == 0


@pytest.mark.parametrize(
    ("behind", "grows", "becomes"),
    [(0, SAFE, Finality.SAFE), (SAFE, FINAL - SAFE, Finality.FINALIZED)],
)
async def test_moved__held_more_firmly__returns(behind: int, grows: int, becomes: Finality) -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    held = chain.held(behind=behind)
    waiting = asyncio.create_task(tracker.moved(held))
    for _ in range(grows):
        await time.pass_()
        assert not waiting.done()
        chain.grow()
    await time.pass_()
    await waiting
    heads = await tracker.heads()
    assert heads.finality_of(held.receipt.block_number) is becomes


@pytest.mark.parametrize("grows_too", [0, 1, 2])
async def test_moved__its_block_is_replaced__returns(grows_too: int) -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    waiting = asyncio.create_task(tracker.moved(chain.held(behind=0)))
    await time.pass_()
    chain.reorg(1)
    chain.grow(grows_too)
    await time.pass_()
    await waiting


async def test_moved__another_block_is_replaced__goes_on_waiting() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    waiting = asyncio.create_task(tracker.moved(chain.held(behind=1)))
    await time.pass_()
    chain.reorg(1)
    await time.pass_()
    assert not waiting.done()
    chain.reorg(2)
    await time.pass_()
    await waiting


async def test_moved__several_blocks_between_two_looks__is_looked_up_again() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    waiting = asyncio.create_task(tracker.moved(chain.held(behind=SAFE)))
    await time.pass_()
    # One block replaced and another on top: the new head's parent was never seen.
    chain.reorg(SAFE + 1)
    chain.grow()
    await time.pass_()
    await waiting


async def test_moved__endpoint_contradicts_itself__is_looked_at_once_for_each_new_head() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    right = chain.held(behind=0)
    receipt = replace(right.receipt, block_hash=BlockHash("0x" + "f0" * 32))
    first = asyncio.create_task(tracker.moved(replace(right, receipt=receipt)))
    await time.pass_()
    assert not first.done(), "the heads are the same"
    chain.grow()
    await time.pass_()
    await first
    seen = Held(receipt, await tracker.heads())
    again = asyncio.create_task(tracker.moved(seen))
    await time.pass_()
    assert not again.done()
    chain.grow()
    await time.pass_()
    await again


async def test_moved__a_hash_was_wrong_once__is_asked_for_anew() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    held, own = chain.held(behind=SAFE), chain.blocks[-1 - SAFE]
    chain.grow()
    chain.blocks[own.number] = replace(own, block_hash=BlockHash("0x" + "f0" * 32))
    waiting = asyncio.create_task(tracker.moved(held))
    await time.pass_()
    await waiting
    chain.blocks[own.number] = own
    waiting = asyncio.create_task(tracker.moved(Held(held.receipt, await tracker.heads())))
    chain.grow()
    await time.pass_()
    assert not waiting.done()
    waiting.cancel()


async def test_moved__chain_is_away__only_who_asked_is_told_and_the_next_one_asks() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    held = chain.held(behind=0)
    waiting = [asyncio.create_task(tracker.moved(held)) for _ in range(3)]
    await time.pass_()
    chain.away = True
    await time.pass_()
    failed = [task for task in waiting if task.done()]
    assert [type(task.exception()) for task in failed] == [ChainUnavailable] * len(failed)
    assert 1 <= len(failed) <= 3
    chain.away = False
    chain.reorg(1)
    await time.pass_()
    await asyncio.gather(*(task for task in waiting if task not in failed))


async def test_moved__who_asks_for_all_is_stopped__another_takes_its_place() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    held = chain.held(behind=0)
    first, second = (asyncio.create_task(tracker.moved(held)) for _ in range(2))
    await time.pass_()
    first.cancel()
    await time.pass_()
    assert first.cancelled()
    chain.reorg(1)
    await time.pass_()
    await second
    assert tracker.waiting == 0


async def test_heads__asked_while_others_wait_for_the_next__are_given_with_the_answer() -> None:
    chain = Shown(20)
    tracker, time = _tracker(chain)
    held = chain.held(behind=0)
    waiting = [asyncio.create_task(tracker.moved(held)) for _ in range(10)]
    await time.pass_()
    chain.answers.clear()
    await time.pass_()
    asked = asyncio.create_task(tracker.heads())
    await time.pass_(0)
    assert not asked.done()
    chain.answers.set()
    await time.pass_(0)
    assert asked.done(), "it stands in line with those who wait for another block"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
