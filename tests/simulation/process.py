"""One simulated process: the real application, with every call to the outside taking its turn."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from nftsvc.bootstrap import Application
from nftsvc.core.errors import NftsvcError
from nftsvc.ports import ByteSink, Fence, Staging
from tests.simulation.faults import Fault, unavailable

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")
START: Final = datetime(2026, 5, 4, tzinfo=UTC)
GATED: Final = (
    "ledger",
    "leases",
    "audits",
    "keys",
    "alarms",
    "overview",
    "chain",
    "contents",
    "spool",
    "shares",
)


class SimulatedApplication(Application):
    """The application; that the chain is the one on record is asked of the twin."""

    async def _check_chain(self) -> None:
        await self._adapters.chain.check_identity()


class Process:
    """Lives until it is killed; what it held in memory is gone then, and nothing else."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.stopped_until = 0.0
        self.skew = timedelta()
        self.ready = asyncio.Event()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._context = contextvars.copy_context()
        self._context.run(owner.set, self)
        own = world.adapters(self)
        gated = {port: cast("Any", Gate(self, port, getattr(own, port))) for port in GATED}
        self.application = SimulatedApplication(
            world.settings,
            adapters=replace(own, **gated),
            deployment=world.deployment,
            custody=world.deployment.issuer,
            recovery_identity=world.recovery_identity,
            trust=None,
            api_tokens=("token",),
        )
        self.spawn(self._run())

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as this process's own."""
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def kill(self) -> None:
        """SIGKILL: nothing is cleaned up."""
        self.alive = False
        for task in tuple(self.tasks):
            task.cancel()

    async def call(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """One call to the outside, when it is its turn, and as its fate wills."""
        if not self.alive:
            raise asyncio.CancelledError
        fate = await self.world.schedule.turn(self.name, name)
        if fate is Fault.KILLED_BEFORE:
            self.kill()
        if not self.alive:
            raise asyncio.CancelledError
        if fate is Fault.NOT_ASKED or self.world.is_away(name):
            raise unavailable(name)
        if fate is Fault.WRONG_ANSWER:
            return cast("T", await self.world.lie(name, work))
        answer = await self.world.schedule.work(work)
        if fate is Fault.ANSWER_LOST:
            raise unavailable(name)
        if fate is Fault.KILLED_AFTER:
            self.kill()
            raise asyncio.CancelledError
        return answer

    async def _run(self) -> None:
        try:
            await self.application.start()
        except NftsvcError:
            self.kill()  # it ends with an error, and is started again
        else:
            self.ready.set()


owner: contextvars.ContextVar[Process | None] = contextvars.ContextVar("owner", default=None)
"""The process that the running task belongs to."""


def own_tasks(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """A task factory: each task dies with its process."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    process = context.get(owner) if context is not None else owner.get()
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(lambda ended: process.tasks.pop(ended, None))
    return task


class ProcessClock:
    """The process's clock, which may be wrong; its waiting is not."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        passed = timedelta(seconds=self._process.world.schedule.time)
        return START + passed + self._process.skew

    def monotonic(self) -> float:
        return self._process.world.schedule.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Gate:
    """Stands before a port: each of its asynchronous methods waits for its turn."""

    def __init__(
        self, process: Process, port: str, inner: object, *, fence: Fence | None = None
    ) -> None:
        self._process = process
        self._port = port
        self._inner = inner
        self._fence = fence

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "fenced":
            return lambda fence: Gate(self._process, self._port, found(fence), fence=fence)
        if name == "stage":
            return lambda issuance: GatedStaging(self._process, found(issuance))
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **options: Any) -> Any:
            return await self._process.call(f"{self._port}.{name}", lambda: work(*args, **options))

        async def work(*args: Any, **options: Any) -> Any:
            answer = await found(*args, **options)
            self._process.world.witness(name, fence=self._fence, answer=answer)
            return answer

        return call


class GatedStaging:
    """A staging that a killed process leaves as it is."""

    def __init__(self, process: Process, inner: Staging) -> None:
        self._process = process
        self._inner = inner

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.alive:
            await self._inner.__aexit__(kind, error, trace)

    def create(self, position: int) -> ByteSink:
        return self._inner.create(position)

    def look_into(self, position: int) -> Any:
        return self._inner.look_into(position)

    async def commit(self) -> None:
        await self._process.call("spool.commit", self._inner.commit)
