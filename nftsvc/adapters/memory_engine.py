"""The engine's honest twin in memory. It remembers nothing: the ledger knows."""

import asyncio
from collections.abc import Awaitable, Callable

from nftsvc.core.errors import Misconfigured
from nftsvc.core.types import BatchId
from nftsvc.ports import Engine, Fence, Journey


class MemoryEngine(Engine):
    """Runs each journey as a task."""

    def __init__(self) -> None:
        self._journey: Journey | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, journey: Journey) -> None:
        self._journey = journey

    async def carry(self, batch: BatchId, *, fence: Fence) -> None:
        if self._journey is None:
            raise Misconfigured("the engine was not started")
        task = asyncio.ensure_future(self._journey(batch, fence, _step))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _step(name: str, work: Callable[[], Awaitable[None]]) -> None:  # noqa: ARG001
    await work()
