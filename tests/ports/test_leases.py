"""Leases on SQLite and on PostgreSQL: one holder each, and nothing written without."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from nftsvc.adapters.database import Database
from nftsvc.adapters.folder_lock import FolderLock
from nftsvc.adapters.sql_leases import SqlLeases
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.errors import LeaseLost, Misconfigured
from nftsvc.core.issuance import IssuanceStatus as S
from nftsvc.core.types import BlockNumber, WorkerId
from nftsvc.flows.heartbeat import Heartbeat
from nftsvc.ports import Leases, Role
from tests.ports.test_ledger import DEAL, NOW, SENDER, request

LEASE: Final = "lane"


class Clock:
    """A clock that only runs forward, when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(database_url: sa.URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def join(database: Database) -> AsyncIterator[Callable[[], Leases]]:
    """Starts one more process."""
    async with AsyncExitStack() as ends:

        async def begin() -> SqlLeases:
            leases = SqlLeases(database, role=Role.BOTH, version="test")
            await leases.start()
            ends.push_async_callback(leases.stop)
            return leases

        yield begin  # type: ignore[misc]


async def test_take__from_many_at_once__one_holder(join: Callable[[], Leases]) -> None:
    everyone = [await join() for _ in range(5)]
    taken = await asyncio.gather(*(leases.take(LEASE) for leases in everyone * 4))
    held = [fence for fence in taken if fence is not None]
    assert len(held) == 1
    assert held[0].epoch == 1
    seen = {worker.worker: worker.leases for worker in await everyone[0].workers()}
    assert seen == {each.worker: int(each.worker == held[0].worker) for each in everyone}


async def test_give_back__then_another_takes__in_the_next_epoch(join: Callable[[], Leases]) -> None:
    one, two = await join(), await join()
    first = await one.take(LEASE)
    assert first is not None
    await one.give_back(first)
    second = await two.take(LEASE)
    assert second is not None
    assert (second.worker, second.epoch) == (two.worker, 2)
    await one.give_back(first)
    assert await one.take(LEASE) is None, "an old fence gave back what another holds"


async def test_take__again_after_an_answer_that_was_lost__is_ours_in_the_next_epoch(
    join: Callable[[], Leases],
) -> None:
    one, two = await join(), await join()
    assert await one.take(LEASE) is not None
    assert await one.take(LEASE) is None
    assert await two.take(LEASE, again=True) is None
    second = await one.take(LEASE, again=True)
    assert second is not None
    assert (second.worker, second.epoch) == (one.worker, 2)


async def test_heartbeat__silence_of_a_lease__is_buried_and_its_work_is_free(
    join: Callable[[], Leases],
) -> None:
    living, dead = await join(), await join()
    assert await dead.take(LEASE) is not None
    clock = Clock()
    watch = Heartbeat(leases=living, clock=None, lease_seconds=10, monotonic=clock)  # type: ignore[arg-type]
    await watch.once()
    clock.now = 9.0
    await watch.once()
    assert await living.take(LEASE) is None
    clock.now = 11.0
    await watch.once()
    taken = await living.take(LEASE)
    assert taken is not None
    assert taken.epoch == 2
    assert [worker.worker for worker in await living.workers()] == [living.worker]


async def test_heartbeat__one_beat_in_time__is_not_buried(join: Callable[[], Leases]) -> None:
    living, slow = await join(), await join()
    clock = Clock()
    watch = Heartbeat(leases=living, clock=None, lease_seconds=10, monotonic=clock)  # type: ignore[arg-type]
    for clock.now in (0.0, 9.0, 18.0, 27.0):
        await watch.once()
        assert await slow.beat()
    assert len(await living.workers()) == 2


async def test_heartbeat__database_clock_jumps__buries_nobody_and_makes_nobody_immortal(
    join: Callable[[], Leases], database: Database
) -> None:
    living, other = await join(), await join()
    clock = Clock()
    watch = Heartbeat(leases=living, clock=None, lease_seconds=10, monotonic=clock)  # type: ignore[arg-type]
    await watch.once()
    for year in ("1970", "2999"):
        async with database.writing() as connection:
            jumped = sa.text(f"UPDATE workers SET seen_at = '{year}-01-01T00:00:00.000000+00:00'")  # noqa: S608
            await connection.execute(jumped)
        clock.now += 5.0
        await watch.once()
        assert len(await living.workers()) == 2
        assert await other.beat()
        await watch.once()
    clock.now += 11.0
    await watch.once()
    assert len(await living.workers()) == 1


async def test_bury__after_another_beat__is_refused(join: Callable[[], Leases]) -> None:
    one, two = await join(), await join()
    assert await two.beat()
    assert not await one.bury(two.worker, beats=0)
    assert await one.bury(two.worker, beats=1)
    assert not await one.bury(two.worker, beats=1)
    assert not await one.bury(WorkerId("worker-unknown"), beats=0)


async def test_beat__of_the_buried__goes_on_under_another_name(join: Callable[[], Leases]) -> None:
    one, two = await join(), await join()
    name = two.worker
    assert await one.bury(name, beats=0)
    assert await two.take(LEASE) is None
    assert not await two.beat()
    assert two.worker != name
    assert await two.take(LEASE) is not None


async def test_ledger__fence_was_lost__writes_nothing(
    join: Callable[[], Leases], database: Database
) -> None:
    ledger = SqlLedger(database)
    one, two = await join(), await join()
    sent = request()
    await ledger.accept(sent)
    batch = await ledger.assign(DEAL, most=9, at=NOW)
    assert batch is not None
    assert await one.free_batches(most=9) == (batch,)
    fence = await one.take(batch)
    assert fence is not None
    assert await two.free_batches(most=9) == ()
    mine = ledger.fenced(fence)
    await mine.advance([sent.issuance], current=S.ACCEPTED, to=S.STORED, at=NOW, cause="kept")
    assert await two.bury(one.worker, beats=0)

    async def sign(nonce: object) -> object:
        raise AssertionError("signed without the lease")

    writes = [
        mine.write(
            batch,
            [sent.issuance],
            sender=SENDER,
            least_nonce=0,
            at=NOW,
            sign=sign,  # type: ignore[arg-type]
        ),
        mine.advance([sent.issuance], current=S.STORED, to=S.SUBMITTED, at=NOW, cause="c"),
        mine.release([sent.issuance]),
        mine.mined(batch, receipt=None),
        mine.finish(batch),
        mine.follow([], [], finalized=BlockNumber(9)),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            await write
    assert (await mine.statuses(batch))[sent.issuance] is S.STORED
    assert await ledger.finalized() is None
    assert await two.free_batches(most=9) == (batch,)


async def test_ledger__write_under_way_at_the_burial__the_burial_waits_for_it(
    join: Callable[[], Leases], database: Database
) -> None:
    ledger = SqlLedger(database)
    one, two = await join(), await join()
    sent = request()
    await ledger.accept(sent)
    batch = await ledger.assign(DEAL, most=9, at=NOW)
    assert batch is not None
    fence = await one.take(batch)
    assert fence is not None
    inside, burying = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.fenced(fence).writing() as connection:
            inside.set()
            await burying.wait()
            await asyncio.sleep(0.2)
            assert not buried.done(), "the lease changed hands in the middle of a write"
            await connection.execute(sa.text("UPDATE batches SET finished = finished"))

    async def bury() -> bool:
        await inside.wait()
        burying.set()
        return await two.bury(one.worker, beats=0)

    buried = asyncio.create_task(bury())
    await write()
    assert await buried


async def test_start__alone_in_the_folder__frees_what_the_last_one_held(
    database: Database, tmp_path: Path
) -> None:
    dead = SqlLeases(database, role=Role.BOTH, version="test", alone=FolderLock(tmp_path))
    await dead.start()
    assert await dead.take(LEASE) is not None
    dead._alone.release()  # type: ignore[union-attr]
    leases = SqlLeases(database, role=Role.BOTH, version="test", alone=FolderLock(tmp_path))
    await leases.start()
    taken = await leases.take(LEASE)
    assert taken is not None
    assert taken.epoch == 2
    await leases.stop()


async def test_folder_lock__held_by_another__is_refused(tmp_path: Path) -> None:
    held = FolderLock(tmp_path)
    await held.take()
    with pytest.raises(Misconfigured, match="NFTSVC_DATABASE_URL"):
        await FolderLock(tmp_path).take(patience=0.2)
    held.release()
    await FolderLock(tmp_path).take(patience=0.2)
