"""Every version that the schema ever had, with rows in it, becomes the newest and is read."""

import subprocess
import sys
from typing import Any, Final

import pytest
import sqlalchemy as sa

from chain.local.node import ROOT
from nftsvc.adapters.database import Database
from nftsvc.adapters.migrations import migrate, versions
from nftsvc.adapters.sql_leases import SqlLeases
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.errors import Misconfigured
from nftsvc.core.issuance import IssuanceStatus as S
from nftsvc.core.types import AssetKind, BatchId, Digest, IssuanceId, TokenId
from nftsvc.ports import Role

AT: Final = "2026-05-04T12:00:00.123456+00:00"
TOKEN: Final = 0xAB << 240
BLOCK: Final = "0x" + "8f" * 32
HASH: Final = "0x" + "cd" * 32
ACCOUNT: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
DOCUMENT: Final = "07" * 32
CID: Final = "bafkreifm4e6udutkesinhmboe6nrmtn2b6kfhr2xmlkmsbmsjlocsmwfy4"

MANIFEST: Final = b'{"issuer":"eip155:31337:%s"}' % ACCOUNT.encode()

ROWS: Final[dict[str, dict[str, Any]]] = {
    "issuances": {
        "id": "iss-1",
        "kind": "export-contract",
        "chain_id": 31337,
        "contract": ACCOUNT,
        "token_id": f"{TOKEN:064x}",
        "holder": ACCOUNT,
        "manifest": MANIFEST,
        "private": b"sealed",
        "status": "mined",
        "accepted_at": AT,
        "batch": "batch-1",
        "failure_code": None,
        "failure_detail": None,
        "issuer": ACCOUNT,
        "way": "token",
        "anchor": None,
        "amends": None,
        "version": 1,
    },
    "manifests": {"issuance": "iss-1", "manifest": MANIFEST, "private": b"sealed"},
    "issuance_events": {
        "issuance": "iss-1",
        "status": "accepted",
        "at": AT,
        "cause": "request accepted",
    },
    "idempotency_keys": {
        "key": "deal-1",
        "fingerprint": b"\x01" * 32,
        "issuance": "iss-1",
        "at": AT,
    },
    "documents": {
        "issuance": "iss-1",
        "position": 0,
        "cid": CID,
        "size": 12,
        "media_type": "application/pdf",
        "name": "a.pdf",
        "sha256": DOCUMENT,
    },
    "held_files": {"issuance": "iss-1", "position": 0, "data": b"twelve bytes"},
    "envelopes": {"issuance": "iss-1", "recipient": "age1x", "sealed": b"key"},
    "batches": {
        "id": "batch-1",
        "kind": "export-contract",
        "at": AT,
        "finished": False,
    },
    "lanes": {"sender": ACCOUNT, "next_nonce": 8},
    "transactions": {
        "batch": "batch-1",
        "sender": ACCOUNT,
        "nonce": 7,
        "abandoned": False,
        "mined_hash": HASH,
        "mined_block": 9,
        "mined_block_hash": BLOCK,
    },
    "attempts": {
        "hash": HASH,
        "transaction": 1,
        "number": 0,
        "raw": b"raw",
        "max_fee": 9,
        "max_priority_fee": 1,
        "at": AT,
    },
    "blocks": {"number": 9, "hash": BLOCK, "parent": "0x" + "8e" * 32, "timestamp": 108},
    "records": {
        "block_hash": BLOCK,
        "log_index": 0,
        "block_number": 9,
        "timestamp": 108,
        "transaction": HASH,
        "contract": ACCOUNT,
        "token_id": f"{TOKEN:064x}",
        "kind": "issued",
        "previous_block": None,
        "actor": ACCOUNT,
        "holder_from": None,
        "holder_to": ACCOUNT,
        "digest": f"{TOKEN:064x}",
        "version": 1,
        "status": None,
        "reason": None,
    },
    "follower": {"id": 1, "finalized": 9},
    "workers": {
        "id": "worker-1",
        "role": "both",
        "version": "0.1.0/1",
        "place": "host:1",
        "started_at": AT,
        "seen_at": AT,
        "beats": 3,
    },
    "content_audits": {
        "at": AT,
        "store": "embedded",
        "cid": CID,
        "blocks": None,
        "result": "whole",
        "detail": "",
    },
    "content_alarms": {"cid": CID, "have": 1, "since": AT},
    "alarms": {
        "code": "low-balance",
        "subject": ACCOUNT,
        "detail": "1 wei",
        "first_at": AT,
        "last_at": AT,
        "times": 2,
        "active": True,
    },
    "adoptions": {"issuance": "iss-1", "hash": HASH, "block": 9, "block_hash": BLOCK},
    "key_encryption_keys": {"id": "kek-1", "retired": False},
    "asset_keys": {"issuance": "iss-1", "share": "share-1", "kek": "kek-1", "sealed": b"key"},
    "erasures": {
        "issuance": "iss-1",
        "requested_at": AT,
        "requested_by": "an officer",
        "reason": "asked for",
        "code": "a code",
        "confirm_from": AT,
        "confirmed_at": None,
        "confirmed_by": None,
        "finished_at": None,
    },
    "anchors": {
        "id": "anchor-1",
        "opened_at": AT,
        "sealed_at": None,
        "root": None,
        "issuer": None,
        "nodes": None,
    },
    "leases": {"name": "batch-1", "holder": "worker-1", "epoch": 2},
}
"""One row of each table, with every column that it has or had; `ordinal` counts by itself."""


@pytest.mark.parametrize("version", versions())
async def test_schema__of_an_earlier_version_with_rows__is_read_by_this_one(
    database_url: sa.URL, version: str
) -> None:
    database = Database(database_url)
    async with database.writing() as connection:
        await connection.run_sync(migrate, to=version)
        tables = await connection.run_sync(_fill)
    ledger = SqlLedger(database)
    await ledger.start()
    try:
        await _read_everything(ledger, tables)
        await _go_on(database)
    finally:
        await ledger.stop()


def _fill(connection: sa.Connection) -> set[str]:
    """A row into each table that this version has."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    tables = [each for each in metadata.sorted_tables if each.name != "alembic_version"]
    for table in tables:
        row = {name: v for name, v in ROWS[table.name].items() if name in table.columns}
        assert set(row) == set(table.columns.keys()) - {"ordinal"}, "a column without a value above"
        connection.execute(sa.insert(table).values(row))
    return {table.name for table in tables}


async def _read_everything(ledger: SqlLedger, tables: set[str]) -> None:
    issuance = await ledger.issuance(IssuanceId("iss-1"))
    assert issuance is not None
    assert (issuance.status, issuance.accepted_at.isoformat()) == (S.MINED, AT)
    assert (issuance.manifest, issuance.private) == (MANIFEST, b"sealed")
    assert [change.status for change in issuance.changes] == [S.ACCEPTED]
    assert [document.name for document in issuance.documents] == ["a.pdf"]
    assert [envelope.sealed for envelope in issuance.envelopes] == [b"key"]
    assert issuance.transaction is not None
    assert issuance.transaction.block_number == 9
    batch = BatchId("batch-1")
    assert await ledger.open_batches() == (batch,)
    assert [member.issuance for member in await ledger.members(batch)] == ["iss-1"]
    written = await ledger.written(batch)
    assert written is not None
    assert (written.nonce, written.mined_in) == (7, BLOCK)
    assert [attempt.signed.raw for attempt in written.attempts] == [b"raw"]
    known = await ledger.request_of("deal-1")
    assert known is not None
    assert (known.issuance, known.fingerprint) == ("iss-1", b"\x01" * 32)
    assert await ledger.assets_with(Digest(bytes.fromhex(DOCUMENT))) == (issuance.asset,)
    (record,) = await ledger.records(TokenId(TOKEN), contract=None, after=None, limit=9)
    assert (record.block_hash, record.digest) == (BLOCK, TOKEN.to_bytes(32, "big"))
    followed = await ledger.followed()
    assert followed is not None
    assert (followed.number, await ledger.finalized()) == (9, 9)
    if "held_files" in tables:
        held = await ledger.held([issuance.issuance])
        assert held == {("iss-1", 0): b"twelve bytes"}


async def _go_on(database: Database) -> None:
    """What was under way is taken up: the worker of the old rows is buried, its batch is free."""
    leases = SqlLeases(database, role=Role.BOTH, version="test")
    await leases.start()
    for worker in await leases.workers():
        if worker.worker != leases.worker:
            assert await leases.bury(worker.worker, beats=worker.beats)
    (batch,) = await leases.free_batches(most=9)
    fence = await leases.take(batch)
    assert fence is not None
    moved = await SqlLedger(database.fenced(fence)).advance(
        [IssuanceId("iss-1")], current=S.MINED, to=S.SAFE, at=_at(), cause="safe block 9"
    )
    assert moved == 1
    assert await SqlLedger(database).assign(AssetKind.EXPORT_CONTRACT, most=9, at=_at()) is None
    await leases.stop()


def _at() -> Any:
    from datetime import datetime

    return datetime.fromisoformat(AT)


async def test_schema__of_a_release_to_come__is_refused_and_left_alone(
    database_url: sa.URL,
) -> None:
    database = Database(database_url)
    await database.start()
    async with database.writing() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="newer release"):
        await database.start()
    async with database.reading() as connection:
        version = await connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        assert version.scalar_one() == "9999"
    await database.stop()


def test_schema__four_processes_start_at_once__it_is_made_once(database_url: sa.URL) -> None:
    program = (
        "import asyncio, sys\n"
        "import sqlalchemy as sa\n"
        "from nftsvc.adapters.database import Database\n"
        "async def main():\n"
        "    database = Database(sa.make_url(sys.argv[1]))\n"
        "    sys.stdin.readline()\n"
        "    await database.start()\n"
        "    await database.stop()\n"
        "asyncio.run(main())\n"
    )
    url = database_url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    engine = sa.create_engine(database_url.set(drivername=_sync(database_url)))
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        assert found.scalars().all() == [versions()[-1]]
    engine.dispose()


def _sync(url: sa.URL) -> str:
    return url.drivername.replace("+aiosqlite", "")
