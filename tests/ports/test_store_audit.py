"""The audit of the stores: what was lost is found, mended from another, and never forgotten."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from nftsvc.adapters.database import Database
from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.adapters.kubo_store import KuboStore
from nftsvc.adapters.memory_store import MemoryStore, StoreFault
from nftsvc.adapters.replicated_store import ReplicatedStore
from nftsvc.adapters.sql_audits import SqlAudits
from nftsvc.adapters.sql_keys import SqlKeys
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.adapters.system_clock import SystemClock
from nftsvc.core.audits import Alarm, Audit, AuditResult, KeptContent
from nftsvc.core.cid import Cid
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.keys import Erasure
from nftsvc.core.types import Digest, digest_of
from nftsvc.core.unixfs import CHUNK_BYTES
from nftsvc.flows.store_audit import StoreAudit
from nftsvc.ports import Audits, Clock, ContentStore
from tests.kubo import KuboNode, new_node
from tests.ports.test_ledger import DEAL, NOW, request

R = AuditResult
LABEL: Final = "export-contract 0x01 manifest"


@pytest.fixture
async def database(database_url: sa.URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Audits]:
    database = Database(sa.URL.create("sqlite+aiosqlite", database=str(tmp_path / "audits.sqlite")))
    await database.start()
    yield SqlAudits(database)
    await database.stop()


def auditing(
    audits: Audits, *stores: ContentStore, wanted: int = 2, clock: Clock | None = None
) -> StoreAudit:
    return StoreAudit(
        audits=audits,
        contents=ReplicatedStore(stores, wanted=wanted),
        wanted=wanted,
        clock=clock or SystemClock(),
        random=random.Random(5),
    )


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def kept(data: bytes, *stores: ContentStore) -> KeptContent:
    cids = {await store.put(stream(data)) for store in stores}
    return KeptContent(cids.pop(), LABEL)


def results(audits: Sequence[Audit]) -> list[tuple[str, AuditResult]]:
    return [(audit.store, audit.result) for audit in audits]


async def test_audits__recorded__are_counted_by_store(database: Database) -> None:
    audits: Audits = SqlAudits(database)
    cid = Cid.of_block(b"x")
    at = datetime(2026, 5, 4, tzinfo=UTC)
    await audits.record([])
    assert await audits.records() == []
    await audits.record(
        [
            Audit(at, "a", cid, (cid, cid), R.WHOLE),
            Audit(at, "b", cid, None, R.CORRUPT, "other bytes"),
            Audit(at, "b", cid, None, R.REPAIRED, "from a"),
            Audit(at, "b", cid, (), R.UNAVAILABLE, "away"),
        ]
    )
    a, b = await audits.records()
    assert (a.store, a.audits, a.losses, a.repaired, a.last_result) == ("a", 1, 0, 0, R.WHOLE)
    assert (b.store, b.audits, b.losses, b.repaired) == ("b", 3, 1, 1)
    assert (b.last_at, b.last_result) == (at, R.UNAVAILABLE)


async def test_alarms__raised_twice__keep_their_beginning_until_they_end(
    database: Database,
) -> None:
    audits: Audits = SqlAudits(database)
    early, late = datetime(2026, 5, 4, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC)
    one, other = Cid.of_block(b"1"), Cid.of_block(b"2")
    await audits.raise_alarm(Alarm(one, 1, late))
    await audits.raise_alarm(Alarm(other, 1, early))
    await audits.raise_alarm(Alarm(other, 0, late))
    assert await audits.alarms(limit=9) == [Alarm(other, 0, early), Alarm(one, 1, late)]
    assert await audits.count_alarms() == 2
    await audits.end_alarm(other)
    await audits.end_alarm(other)
    assert await audits.alarms(limit=9) == [Alarm(one, 1, late)]


async def test_kept__issuances__are_given_with_labels_once_they_were_stored(
    database: Database,
) -> None:
    ledger, audits = SqlLedger(database), SqlAudits(database)
    assert (await audits.newest(), await audits.kept(after=0, limit=5)) == (0, [])
    made = [request() for _ in range(3)]
    for one in made:
        await ledger.accept(one)
    assert await audits.kept(after=0, limit=5) == []
    assert await ledger.assign(DEAL, most=9, at=NOW) is not None
    await ledger.advance(
        [made[0].issuance, made[2].issuance],
        current=IssuanceStatus.ACCEPTED,
        to=IssuanceStatus.STORED,
        at=NOW,
        cause="kept",
    )
    found = await audits.kept(after=0, limit=5)
    assert len(found) == 2
    assert await audits.newest() == found[1][0]
    assert await audits.kept(after=found[0][0], limit=5) == [found[1]]
    token = made[0].asset.token_id
    manifest, *documents = found[0][1]
    assert manifest.cid == Cid.raw(Digest(digest_of(token)))
    assert manifest.label == f"{DEAL} {token:#066x} manifest"
    assert [content.cid for content in documents] == [one.cid for one in made[0].documents]
    assert documents[1].label.endswith(" document 1")


async def test_kept__erased_asset__keeps_its_manifest_alone_and_ends_its_alarms(
    database: Database,
) -> None:
    ledger, audits, keys = SqlLedger(database), SqlAudits(database), SqlKeys(database)
    made = request()
    await ledger.accept(made)
    assert await ledger.assign(DEAL, most=9, at=NOW) is not None
    await ledger.advance(
        [made.issuance],
        current=IssuanceStatus.ACCEPTED,
        to=IssuanceStatus.STORED,
        at=NOW,
        cause="kept",
    )
    document = made.documents[0].cid
    await audits.raise_alarm(Alarm(document, 1, NOW))
    await keys.request_erasure(
        Erasure(
            issuance=made.issuance,
            requested_at=NOW,
            requested_by="an operator",
            reason="asked for",
            code="code",
            confirm_from=NOW,
        )
    )
    ((_, before),) = await audits.kept(after=0, limit=5)
    assert (len(before), await audits.count_alarms()) == (3, 1)
    await keys.confirm_erasure(made.issuance, by="another", at=NOW)
    ((_, after),) = await audits.kept(after=0, limit=5)
    assert [content.label.rpartition(" ")[2] for content in after] == ["manifest"]
    assert (await audits.count_alarms(), await audits.alarms(limit=5)) == (0, [])


@pytest.mark.parametrize("how", ["whole", "spot"])
async def test_audit__all_whole__is_recorded_with_its_blocks(sqlite: Audits, how: str) -> None:
    stores = MemoryStore(name="a"), MemoryStore(name="b")
    content = await kept(os.urandom(CHUNK_BYTES * 4), *stores)
    looks = await auditing(sqlite, *stores).look_at(content, whole=how == "whole")
    assert results(looks) == [("a", R.WHOLE), ("b", R.WHOLE)]
    if how == "whole":
        assert [look.blocks for look in looks] == [None, None]
    else:
        assert all(look.blocks and look.blocks[0] == content.cid for look in looks)
    assert await sqlite.count_alarms() == 0
    assert [record.audits for record in await sqlite.records()] == [1, 1]


def lose(store: MemoryStore, cid: Cid) -> None:
    store.roots.discard(cid)


def lose_block(store: MemoryStore, cid: Cid) -> None:
    del store.blocks[next(name for name in store.blocks if name != cid)]


def corrupt(store: MemoryStore, cid: Cid) -> None:
    store.blocks[cid] = store.blocks[cid][:-1] + b"!"


@pytest.mark.parametrize("fault", [lose, lose_block, corrupt])
async def test_audit__store_lost_or_changed_it__is_mended_from_another(
    sqlite: Audits, fault: Callable[[MemoryStore, Cid], None]
) -> None:
    a, b = MemoryStore(name="a"), MemoryStore(name="b")
    content = await kept(os.urandom(CHUNK_BYTES * 2), a, b)
    fault(b, content.cid)
    looks = await auditing(sqlite, a, b).look_at(content, whole=True)
    assert [result for store, result in results(looks) if store == "b"][-1] is R.REPAIRED
    assert await b.verify(content.cid) == CHUNK_BYTES * 2
    assert await sqlite.count_alarms() == 0
    record = next(record for record in await sqlite.records() if record.store == "b")
    assert (record.losses, record.repaired) == (1, 1)


async def test_audit__no_store_has_it_whole__is_an_alarm_until_one_has_it_again(
    sqlite: Audits, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = MemoryStore(name="a"), MemoryStore(name="b")
    data = os.urandom(CHUNK_BYTES * 2)
    content = await kept(data, a, b)
    lose(a, content.cid)
    corrupt(b, content.cid)
    audit = auditing(sqlite, a, b)
    looks = await audit.look_at(content, whole=True)
    assert results(looks) == [("a", R.MISSING), ("b", R.CORRUPT)]
    report = await audit.report()
    assert (report.lacking, [alarm.have for alarm in report.alarms]) == (1, [0])
    assert any(entry.levelname == "CRITICAL" for entry in caplog.records)
    await kept(data, a)
    await audit.look_at(content, whole=True)
    assert (await audit.report()).lacking == 0
    assert await b.verify(content.cid) == len(data)


class JumpingClock(SystemClock):
    """A wall clock that is set hours forward and back while somebody waits for it."""

    def __init__(self) -> None:
        self.jumps = 0

    def now(self) -> datetime:
        hours = dict(enumerate((0, 9, -9, 30))).get(self.jumps, -30)
        return super().now() + timedelta(hours=hours)

    async def sleep(self, seconds: float) -> None:
        self.jumps += 1
        await super().sleep(seconds / 100)


async def test_run__clock_jumps_forward_and_back__audits_go_on_until_the_alarm_ends(
    sqlite: Audits,
) -> None:
    a, b, clock = MemoryStore(name="a"), MemoryStore(name="b"), JumpingClock()
    data = os.urandom(CHUNK_BYTES * 2)
    content = await kept(data, a, b)
    lose(a, content.cid)
    lose(b, content.cid)
    audit = auditing(sqlite, a, b, clock=clock)
    await audit.look_at(content, whole=True)
    assert (await audit.report()).lacking == 1
    running = asyncio.create_task(audit.run(every=1.0))
    try:
        async with asyncio.timeout(60):
            while clock.jumps < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert (await audit.report()).lacking == 1
            await kept(data, a)
            while (await audit.report()).lacking:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    # The last look is the last that was taken, not the one with the latest time.
    assert {r.store: r.last_result for r in await sqlite.records()} == {
        "a": R.WHOLE,
        "b": R.REPAIRED,
    }
    assert await b.verify(content.cid) == len(data)


async def test_audit__store_away__is_an_alarm_and_no_loss(sqlite: Audits) -> None:
    a, b = MemoryStore(name="a"), MemoryStore(name="b")
    content = await kept(b"x", a, b)
    b.fault = StoreFault.AWAY
    audit = auditing(sqlite, a, b)
    looks = await audit.look_at(content, whole=False)
    assert results(looks) == [("a", R.WHOLE), ("b", R.UNAVAILABLE)]
    assert (await audit.report()).lacking == 1
    b.fault = None
    await audit.look_at(content, whole=False)
    assert (await audit.report()).lacking == 0


async def test_audit__byte_flipped_in_a_pack__is_mended(sqlite: Audits, tmp_path: Path) -> None:
    own, other = EmbeddedStore(tmp_path / "own"), MemoryStore(name="other")
    datas = [os.urandom(500) for _ in range(9)]
    for store in (own, other):
        cids = await store.put_many([stream(data) for data in datas])
    (pack,) = (tmp_path / "own" / "packs").glob("*.car")
    damaged = bytearray(pack.read_bytes())
    damaged[damaged.index(datas[3]) + 7] ^= 1
    pack.write_bytes(damaged)
    audit = auditing(sqlite, own, other)
    found = [
        look
        for cid in cids
        for look in await audit.look_at(KeptContent(cid, LABEL), whole=False)
        if look.result is not R.WHOLE
    ]
    assert [(look.cid, look.result) for look in found] == [
        (cids[3], R.CORRUPT),
        (cids[3], R.REPAIRED),
    ]
    assert await own.verify_many(cids) == [500] * 9
    await own.close()


@pytest.mark.needs("kubo")
@pytest.mark.parametrize("fault", ["a block deleted", "a block changed on its disk", "unpinned"])
async def test_audit__kubo_lost_a_block_after_the_pin__is_mended(
    sqlite: Audits, tmp_path: Path, fault: str
) -> None:
    node = new_node(tmp_path)
    node.start()
    own = EmbeddedStore(tmp_path / "own")
    kubo = KuboStore(node.url, bearer_file=node.bearer_file)
    content = await kept(os.urandom(CHUNK_BYTES * 3), own, kubo)
    leaf = (await own.spot_check(content.cid, choose=lambda count: count - 2))[1]
    audit = auditing(sqlite, own, kubo)
    try:
        match fault:
            case "a block deleted":
                file_of(node, leaf).unlink()
            case "unpinned":
                node.ipfs("pin", "rm", str(content.cid))
            case _:
                file = file_of(node, leaf)
                file.chmod(0o600)
                file.write_bytes(file.read_bytes()[:-1] + b"!")
        looks = await audit.look_at(content, whole=True)
        (loss,) = [look for look in looks if look.result.is_loss]
        assert (loss.store, looks[-1].store, looks[-1].result) == ("kubo", "kubo", R.REPAIRED)
        assert await kubo.verify(content.cid) == CHUNK_BYTES * 3
        assert (await kubo.pins())[content.cid] == LABEL
    finally:
        await kubo.close()
        node.kill()


def file_of(node: KuboNode, block: Cid) -> Path:
    data = node.ipfs("block", "get", str(block))
    (path,) = (
        path
        for path in (node.repo / "blocks").rglob("*.data")
        if path.stat().st_size == len(data) and path.read_bytes() == data
    )
    return path
