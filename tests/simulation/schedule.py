"""Simulated time and order: an event loop in which only one thing happens at a time.

Every call that leaves the service waits for its turn. When nothing goes on by itself any more,
the loop asks `idle` what happens next: whose turn it is, or how much time passes. With one source
of randomness behind `idle`, a seed fixes the whole order of events.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest.mock import patch

import aiosqlite.core

T = TypeVar("T")

WORKING_SECONDS = 30.0
"""Real time that a call to a database may take at most without a word."""


@dataclass(eq=False)
class Turn:
    """A call that waits for its turn; `fate` is what the simulation decided for it."""

    process: str
    call: str
    granted: asyncio.Future[Any]


class Schedule:
    """Who waits for a turn, and what the time is."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waiting: list[Turn] = []
        self.idle: Callable[[float | None], None] = lambda _: None
        self.strays = 0
        self._working = 0

    @property
    def working(self) -> bool:
        """Whether a call is under way."""
        return self._working > 0

    async def turn(self, process: str, call: str) -> Any:
        """Wait for a turn; gives what `grant` was told."""
        turn = Turn(process, call, asyncio.get_running_loop().create_future())
        self.waiting.append(turn)
        try:
            return await turn.granted
        finally:
            if turn in self.waiting:
                self.waiting.remove(turn)

    def grant(self, turn: Turn, fate: object) -> None:
        """It is this one's turn."""
        self.waiting.remove(turn)
        turn.granted.set_result(fate)

    async def work(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call during which nothing else happens."""
        self._working += 1
        try:
            return await call()
        finally:
            self._working -= 1


class SimulatedLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with the schedule's time, and no work in threads."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(_IdleSelector(schedule))
        self._schedule = schedule

    def time(self) -> float:
        """Seconds of simulated time."""
        return self._schedule.time

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """Take what a thread says, whose pace the seed does not fix; and count it."""
        self._schedule.strays += 1
        return super().call_soon_threadsafe(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self,
        executor: object,  # noqa: ARG002
        func: Callable[..., Any],
        *args: Any,
    ) -> asyncio.Future[Any]:
        """Run `func` here and now, so that the order is fixed."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the future carries it
            future.set_exception(error)
        return future


class _IdleSelector(selectors.DefaultSelector):
    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if self._schedule.working:
            return super().select(WORKING_SECONDS)
        self._schedule.idle(timeout)
        return super().select(0)


class _Inline:
    """An aiosqlite connection's queue, of which each job is done when it is put there."""

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, work = job
        try:
            answer = work()
        except Exception as error:  # noqa: BLE001 - the future carries it
            if future is not None:
                future.set_exception(error)
        else:
            if future is not None:
                future.set_result(answer)


class _NoThread:
    """In place of an aiosqlite connection's thread."""

    daemon = True

    def __init__(self, **_: object) -> None: ...

    def start(self) -> None: ...


@contextmanager
def threadless_sqlite() -> Iterator[None]:
    """SQLite as it is, its work done in the loop: no thread's pace decides, none is waited for."""
    with patch.multiple(aiosqlite.core, SimpleQueue=_Inline, Thread=_NoThread):
        yield


def run(schedule: Schedule, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main` in a simulated loop."""
    loop = SimulatedLoop(schedule)
    try:
        with threadless_sqlite():
            return loop.run_until_complete(main())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
