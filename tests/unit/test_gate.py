"""The gate lets in what there is room for, and says when to come again."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import pytest

from nftsvc.core.errors import Overloaded
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.flows.gate import FRESH_SECONDS, Capacity, Gate
from nftsvc.ports import Lane, Overview, Queue

NOW: Final = datetime(2026, 5, 4, tzinfo=UTC)
CAPACITY: Final = Capacity(issuances=10, size=1000, requests=3)


class Counted(Overview):
    """An overview of what the test says, which counts how often it is asked."""

    def __init__(self) -> None:
        self.waiting = Queue(0, 0, None)
        self.asked = 0

    async def queue(self) -> Queue:
        self.asked += 1
        await asyncio.sleep(0)
        return self.waiting

    async def lanes(self) -> tuple[Lane, ...]:
        return ()

    async def under_way(self) -> Mapping[IssuanceStatus, int]:
        return {}

    async def open_batches(self) -> int:
        return 0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _gate() -> tuple[Gate, Counted, Clock]:
    overview, clock = Counted(), Clock()
    return Gate(overview, capacity=CAPACITY, monotonic=clock), overview, clock


async def test_gate__more_at_a_time_than_may__is_told_to_come_again() -> None:
    gate, _, _ = _gate()
    async with gate.request(), gate.request(), gate.request():
        with pytest.raises(Overloaded) as refused:
            async with gate.request():
                pytest.fail("it was let in")
        assert refused.value.retry_after >= 1
        assert gate.inside == 3
    async with gate.request():
        assert gate.inside == 1
    assert (gate.inside, gate.let_in, gate.turned_away) == (0, 4, 1)


@pytest.mark.parametrize("queue", [Queue(10, 0, NOW), Queue(1, 1000, NOW)], ids=["many", "large"])
async def test_gate__more_waits_than_may__is_shut_until_there_is_room(queue: Queue) -> None:
    gate, overview, clock = _gate()
    overview.waiting = queue
    with pytest.raises(Overloaded):
        async with gate.request():
            pytest.fail("it was let in")
    assert gate.inside == 0
    overview.waiting = Queue(9, 999, NOW)
    with pytest.raises(Overloaded):
        await gate.check()
    clock.now += FRESH_SECONDS
    async with gate.request():
        pass


async def test_gate__those_let_in_since_the_last_look__count() -> None:
    gate, overview, clock = _gate()
    overview.waiting = Queue(8, 0, NOW)
    for _ in range(2):
        async with gate.request():
            pass
    with pytest.raises(Overloaded):
        await gate.check()
    clock.now += FRESH_SECONDS
    await gate.check()


async def test_gate__many_come_at_once__the_ledger_is_asked_once() -> None:
    gate, overview, _ = _gate()
    await asyncio.gather(*(gate.check() for _ in range(50)))
    assert overview.asked == 1
