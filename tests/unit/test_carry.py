"""How many batches a worker takes up that were left behind."""

import asyncio
from typing import Any, Final

from nftsvc.core.types import BatchId, WorkerId
from nftsvc.flows.carry import MOST_AT_ONCE, Carrier
from nftsvc.ports import Fence

LEFT_BEHIND: Final = 1000


class Leases:
    """So many batches that nobody carries, and how many of them were asked for."""

    def __init__(self) -> None:
        self._free = [BatchId(f"batch-{number}") for number in range(LEFT_BEHIND)]

    async def free_batches(self, *, most: int) -> list[BatchId]:
        return self._free[:most]

    async def take(self, batch: BatchId, **_: object) -> Fence:
        self._free.remove(batch)
        return Fence(batch, WorkerId("worker"), 1)

    async def give_back(self, fence: Fence) -> None:
        pass


class Engine:
    """Carries without an end."""

    def __init__(self) -> None:
        self.carried = 0

    async def carry(self, *_: object, **__: object) -> None:
        self.carried += 1
        await asyncio.Event().wait()


async def test_take_up__so_many_are_under_way__waits_for_them_but_not_for_finality() -> None:
    engine, leases, clock = Engine(), Leases(), object()
    resting = 0
    parts: dict[str, Any] = {"leases": leases, "engine": engine, "clock": clock}
    carrier = Carrier(**parts, resting=lambda: resting)
    for _ in range(3):
        await carrier.take_up()
        await asyncio.sleep(0)
    assert engine.carried == MOST_AT_ONCE
    # All of these are in a block by now, and only wait until it is final.
    resting = MOST_AT_ONCE
    for _ in range(3):
        await carrier.take_up()
        await asyncio.sleep(0)
    assert engine.carried == 2 * MOST_AT_ONCE
    await carrier.stop()
