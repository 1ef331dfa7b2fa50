"""One run: a seed, a number of faults, and what came of it."""

import asyncio
import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import sqlalchemy as sa

from tests.simulation import schedule as simulated
from tests.simulation.deals import Platforms
from tests.simulation.faults import LIES, OF_A_CALL, OF_THE_WORLD, Fault
from tests.simulation.judge import Findings, judge
from tests.simulation.process import Process, own_tasks
from tests.simulation.schedule import Schedule, Turn
from tests.simulation.world import LYING, Wiring, World

MOST_OPEN: Final = 16
"""So many deals are under way at once."""
FAULT_SHARE: Final = 0.15
"""Of calls whose turn it is, how many meet with a fault."""
CALM_SECONDS: Final = 300.0
"""Simulated time within which everything must end once the faults have."""
QUIET_SECONDS: Final = 60.0
"""Time for the follower to see the last of it."""
BLOCK_SHARE: Final = 0.5
WATCH_SECONDS: Final = 5.0
WEIGHTS: Final = {
    Fault.KILLED: 0.3,
    Fault.KILLED_BEFORE: 0.3,
    Fault.KILLED_AFTER: 0.3,
    Fault.CLOCK_JUMP: 0.5,
    Fault.STORE_AWAY: 0.5,
    Fault.STORE_LIES: 0.5,
    Fault.OLDER_WINS: 2.0,
    Fault.FEES_RISE: 1.5,
    Fault.DATABASE_RESTART: 0.5,
}


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """In memory where the machine has such a place: no power fails in a simulation."""
    memory = Path("/dev/shm")  # noqa: S108 - where it is
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    faults: Counter[Fault]
    deals: int
    calls: int
    findings: Findings
    trace: tuple[str, ...]
    strays: int
    """What threads said, at a time that no seed fixes."""

    @property
    def summary(self) -> str:
        """The last line."""
        return self.findings.summary(self.faults.total())


class Simulation:
    """A run. `tell` is called now and then with the number of faults so far."""

    def __init__(
        self,
        *,
        faults: int,
        seed: int,
        folder: Path,
        database: sa.URL,
        workers: int = 1,
        wiring: Wiring | None = None,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._wanted = faults
        self._rng = random.Random(seed)
        self._secrets = random.Random(seed)
        self._folder = folder
        self._database = database
        self._workers = workers
        self._wiring = wiring or Wiring()
        self._tell = tell
        self._faults: Counter[Fault] = Counter()
        self._calls = 0
        self._trace: list[str] = []
        self._schedule = Schedule()
        self._chaos: asyncio.Task[Any] | None = None
        self._world: World
        self._platforms: Platforms

    def run(self) -> Outcome:
        """Play it to the end."""
        logging.disable(logging.CRITICAL)
        chance = random._urandom  # type: ignore[attr-defined]
        # What `secrets` gives: ids decide the order in which rows are read.
        random._urandom = self._secrets.randbytes  # type: ignore[attr-defined]
        try:
            return simulated.run(self._schedule, self._play)
        finally:
            random._urandom = chance  # type: ignore[attr-defined]
            logging.disable(logging.NOTSET)

    async def _play(self) -> Outcome:
        asyncio.get_running_loop().set_task_factory(cast("Any", own_tasks))
        self._world = World(
            self._schedule,
            self._folder,
            self._database,
            workers=self._workers,
            wiring=self._wiring,
        )
        self._world.rng = self._rng
        self._platforms = Platforms(self._world, self._rng)
        await self._schedule.work(self._world.ledger.start)
        self._schedule.idle = self._idle
        self._world.start()
        try:
            await self._until(lambda: self._faults.total() >= self._wanted)
            self._world.calm()
            end = self._schedule.time + CALM_SECONDS
            await self._until(lambda: not self._platforms.open or self._schedule.time > end)
            await asyncio.sleep(QUIET_SECONDS)
            findings = await self._schedule.work(lambda: judge(self._world, self._platforms.deals))
            findings.lost += self._platforms.surprises
            return Outcome(
                self._faults,
                len(self._platforms.deals),
                self._calls,
                findings,
                tuple(self._trace),
                self._schedule.strays,
            )
        finally:
            for process in self._world.processes.values():
                process.kill()
            await self._schedule.work(self._world.ledger.stop)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            await asyncio.sleep(WATCH_SECONDS)
            await self._schedule.work(self._watch)
            self._world.start()
            self._tell(self._faults.total())

    async def _watch(self) -> None:
        """Note which deals came to an end, and let as many close."""
        ended = await self._world.ended()
        for posted in self._platforms.deals:
            posted.ended = posted.issuance in ended
        if self._storming:
            for _ in range(self._rng.randint(0, MOST_OPEN - self._platforms.open)):
                self._platforms.post()

    @property
    def _storming(self) -> bool:
        return self._faults.total() < self._wanted

    def _idle(self, until_timer: float | None) -> None:
        """Nothing goes on by itself: decide what happens next."""
        turns = [turn for turn in self._schedule.waiting if self._may_go(turn)]
        if turns and self._storming and self._rng.random() < FAULT_SHARE:
            fates = OF_THE_WORLD + OF_A_CALL * 2
            weights = [
                WEIGHTS.get(fault, 1.0) * self._wiring.weather.get(fault, 1.0) for fault in fates
            ]
            fault = self._rng.choices(fates, weights)[0]
            if fault in OF_A_CALL:
                able = [turn for turn in turns if turn.call in LIES]
                told = able if fault is Fault.WRONG_ANSWER and able else turns
                self._grant(self._rng.choice(told), fault)
            else:
                self._strike(fault)
            return
        if turns and self._rng.random() < 0.9:
            self._grant(self._rng.choice(turns), None)
            return
        self._world.pass_time(min(1.0, until_timer) if until_timer is not None else 1.0)
        if self._rng.random() < BLOCK_SHARE:
            self._world.chain.mine(self._rng.randint(1, 3))

    def _may_go(self, turn: Turn) -> bool:
        return self._world.processes[turn.process].stopped_until <= self._schedule.time

    def _grant(self, turn: Turn, fault: Fault | None) -> None:
        self._calls += 1
        if fault is Fault.WRONG_ANSWER and turn.call not in LIES:
            fault = Fault.NOT_ASKED
        if fault is not None:
            self._note(fault, turn.process, turn.call)
        self._schedule.grant(turn, fault)

    def _strike(self, fault: Fault) -> None:
        """Inject a fault that is not of one call."""
        world, rng = self._world, self._rng
        victim = rng.choice(list(world.processes.values()))
        match fault:
            case Fault.KILLED:
                self._kill(victim)
            case Fault.STOPPED:
                victim.stopped_until = self._schedule.time + rng.uniform(1, 60)
            case Fault.CLOCK_JUMP:
                victim.skew = timedelta(seconds=rng.uniform(-7_200, 7_200))
            case Fault.REORG:
                self._begin(world.reorg(rng))
            case Fault.NODE_RESTART:
                world.chain.forget_pending()
            case Fault.OLDER_WINS:
                world.prefer_older()
            case Fault.CHAIN_AWAY:
                world.send_away("chain", rng.uniform(0.5, 5))
            case Fault.FEES_RISE:
                world.raise_fees(rng.randint(2, 8), rng.uniform(10, 90))
            case Fault.STORE_AWAY:
                world.send_away("contents", rng.uniform(0.5, 5))
            case Fault.STORE_LIES:
                world.corrupt_store(rng.choice(LYING), rng.uniform(0.5, 5))
            case Fault.DATABASE_RESTART:
                world.send_away("ledger", rng.uniform(0.5, 5))
            case Fault.SENT_TWICE:
                self._platforms.post_again()
        self._note(fault, victim.name, "")

    def _kill(self, victim: Process) -> None:
        victim.kill()

    def _begin(self, work: Any) -> None:
        self._chaos = asyncio.get_running_loop().create_task(work)

    def _note(self, fault: Fault, process: str, call: str) -> None:
        self._faults[fault] += 1
        self._trace.append(f"{self._schedule.time:.3f} {fault.name} {process} {call}".rstrip())
