"""Journeys on DBOS: one durable workflow for one lease of a batch; its inputs are ids.

Everything that a journey has to know again after a crash lies in the ledger, and who goes on
after one is decided by the leases. DBOS records which step of which lease ended.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from dbos import DBOS, DBOSConfig, SetWorkflowID

from nftsvc.core.errors import LeaseLost, Misconfigured
from nftsvc.core.types import BatchId, WorkerId
from nftsvc.ports import Engine, Fence, Journey

APPLICATION: Final = "nftsvc"
JOURNEY_VERSION: Final = "1"
"""Changes with the order or the names of the steps. Workers of two versions may work side by
side: no workflow passes from one to the other, only batches do, and those the ledger knows."""


class DbosEngine(Engine):
    """DBOS over the system database at `url` (an SQLAlchemy URL). One in a process at a time."""

    _running: "DbosEngine | None" = None

    def __init__(self, url: str, *, executor: str, version: str = JOURNEY_VERSION) -> None:
        self._url = url
        self._config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": url,
            "application_version": version,
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
        # Before `launch`, which would hold up the loop: other processes' transactions are waited
        # for, and they for ours.
        await asyncio.to_thread(DBOS.migrate, self._url)
        DBOS(config=self._config)
        DBOS.launch()

    async def carry(self, batch: BatchId, *, fence: Fence) -> None:
        with SetWorkflowID(f"{batch}-{fence.epoch}"):
            handle = await DBOS.start_workflow_async(_carry, batch, fence.worker, fence.epoch)
        # Who waits may be stopped; the workflow itself is stopped by `stop`.
        if not await asyncio.shield(handle.get_result()):
            raise LeaseLost(fence.lease, epoch=fence.epoch)

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

    async def run(self, batch: BatchId, fence: Fence) -> bool:
        """The workflow's body: the journey, each step's end recorded. False where it was lost."""
        task = asyncio.current_task()
        if self._journey is None or task is None:
            raise Misconfigured("the engine was not started")
        self._tasks.add(task)
        try:
            await self._journey(batch, fence, _step)
        except LeaseLost:
            return False
        finally:
            self._tasks.discard(task)
        return True


async def _step(name: str, work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await work()

    await DBOS.run_step_async({"name": name}, run)


@DBOS.workflow(name="issue-batch", max_recovery_attempts=None)
async def _carry(batch: str, worker: str, epoch: int) -> bool:
    engine = DbosEngine._running  # noqa: SLF001 - DBOS finds workflows in modules, not in objects
    if engine is None:
        raise Misconfigured("no engine is running")
    return await engine.run(BatchId(batch), Fence(batch, WorkerId(worker), epoch))
