"""The engine's honest twin in memory: its journal outlives the engines that write into it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from nftsvc.core.types import BatchId
from nftsvc.ports import Engine, Journey

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Carriage:
    """One journey: who carries it, which of its steps ended, and whether it did."""

    executor: str
    steps: set[str] = field(default_factory=set)
    ended: bool = False


@dataclass(slots=True)
class EngineJournal:
    """What a durable engine has on disk."""

    carriages: dict[BatchId, Carriage] = field(default_factory=dict)


class MemoryEngine(Engine):
    """Runs each journey as a task. A step whose end is in the journal is not run again."""

    def __init__(self, journal: EngineJournal, *, executor: str = "local") -> None:
        self._journal = journal
        self._executor = executor
        self._journey: Journey | None = None
        self._tasks: dict[BatchId, asyncio.Task[None]] = {}

    async def start(self, journey: Journey) -> None:
        self._journey = journey
        for batch, carriage in self._journal.carriages.items():
            if carriage.executor == self._executor and not carriage.ended:
                self._begin(batch, journey)

    async def carry(self, batch: BatchId) -> None:
        if batch not in self._journal.carriages and self._journey is not None:
            self._journal.carriages[batch] = Carriage(self._executor)
            self._begin(batch, self._journey)

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def _begin(self, batch: BatchId, journey: Journey) -> None:
        self._tasks[batch] = asyncio.create_task(self._run(batch, journey))

    async def _run(self, batch: BatchId, journey: Journey) -> None:
        carriage = self._journal.carriages[batch]

        async def step(name: str, work: Callable[[], Awaitable[None]]) -> None:
            if name not in carriage.steps:
                await work()
                carriage.steps.add(name)

        try:
            await journey(batch, step)
        except Exception:
            _log.exception("the journey of %s ended in an error", batch)
            raise
        carriage.ended = True
