"""Journeys on DBOS: one durable workflow for one batch; its input is the batch's id.

Everything that a journey has to know again after a crash lies in the ledger; DBOS knows which
steps ended, and starts what was under way again when the service starts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from dbos import DBOS, DBOSConfig, SetWorkflowID

from nftsvc.core.errors import Misconfigured
from nftsvc.core.types import BatchId
from nftsvc.ports import Engine, Journey

APPLICATION: Final = "nftsvc"
JOURNEY_VERSION: Final = "1"
"""Changes only with the order or the names of the steps: an upgraded service that keeps it
takes up what the older one left."""
_DEAD: Final = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})


class DbosEngine(Engine):
    """DBOS over the system database at `url` (an SQLAlchemy URL). One in a process at a time."""

    _running: "DbosEngine | None" = None

    def __init__(self, url: str, *, executor: str = "local") -> None:
        self._config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": url,
            "application_version": JOURNEY_VERSION,
            "executor_id": executor,
            "log_level": "ERROR",
        }
        self._journey: Journey | None = None
        self._tasks: set[asyncio.Task[object]] = set()

    async def start(self, journey: Journey) -> None:
        if DbosEngine._running is not None:
            raise Misconfigured("two engines in one process")
        DbosEngine._running = self
        self._journey = journey
        DBOS(config=self._config)
        DBOS.launch()

    async def carry(self, batch: BatchId) -> None:
        for attempt in range(1_000_000):
            workflow = batch if attempt == 0 else f"{batch}-{attempt}"
            status = await DBOS.get_workflow_status_async(workflow)
            if status is not None and status.status in _DEAD:
                continue
            if status is None:
                with SetWorkflowID(workflow):
                    await DBOS.start_workflow_async(_carry, batch)
            return

    async def stop(self) -> None:
        if DbosEngine._running is not self:
            return
        for task in tuple(self._tasks):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        DBOS.destroy(workflow_completion_timeout_sec=0)
        # DBOS puts its own pool under the loop, and has just shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        DbosEngine._running = None

    async def run(self, batch: BatchId) -> None:
        """The workflow's body: the journey, with each step's end recorded."""
        task = asyncio.current_task()
        if self._journey is None or task is None:
            raise Misconfigured("the engine was not started")
        self._tasks.add(task)
        try:
            await self._journey(batch, _step)
        finally:
            self._tasks.discard(task)


async def _step(name: str, work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await work()

    await DBOS.run_step_async({"name": name}, run)


@DBOS.workflow(name="issue-batch", max_recovery_attempts=None)
async def _carry(batch: str) -> None:
    engine = DbosEngine._running  # noqa: SLF001 - DBOS finds workflows in modules, not in objects
    if engine is None:
        raise Misconfigured("no engine is running")
    await engine.run(BatchId(batch))
