"""One suite for the ledger on SQLite and on PostgreSQL."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from nftsvc.adapters.database import Database
from nftsvc.adapters.ledger_tables import metadata
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.assets import Envelope, Failure, HeldFile, IssuanceRequest, KeptDocument
from nftsvc.core.cid import Cid
from nftsvc.core.errors import IdempotencyKeyReused, LedgerUnavailable
from nftsvc.core.history import Block, RecordEvent, RecordKind
from nftsvc.core.issuance import IssuanceStatus as S
from nftsvc.core.issuance import Way
from nftsvc.core.transaction import Attempt, Receipt, SignedTransaction
from nftsvc.core.types import (
    AssetId,
    AssetKind,
    BatchId,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    IssuanceId,
    Nonce,
    TokenId,
    TransactionHash,
    Wei,
    parse_address,
)
from nftsvc.ports import Ledger

NOW: Final = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
DEAL: Final = AssetKind.EXPORT_CONTRACT
CONTRACT: Final = parse_address("0x" + "a1" * 20)
SENDER: Final = parse_address("0x" + "b2" * 20)
DIGEST: Final = Digest(b"\x07" * 32)


@pytest.fixture
async def ledger(database_url: sa.URL) -> AsyncIterator[Ledger]:
    ledger = SqlLedger(Database(database_url))
    await ledger.start()
    yield ledger
    await ledger.stop()


def request(**changed: Any) -> IssuanceRequest:
    """A request as the accept flow fixes it."""
    token = TokenId(secrets.randbits(256))
    base = IssuanceRequest(
        issuance=IssuanceId(f"iss-{secrets.token_hex(12)}"),
        idempotency_key=secrets.token_hex(8),
        fingerprint=b"\x01" * 32,
        asset=AssetId(ChainId(31337), CONTRACT, token),
        kind=DEAL,
        holder=SENDER,
        manifest=b"{}",
        accepted_at=NOW,
        documents=(
            KeptDocument(Cid.of_block(b"a"), 1, "application/pdf", "a.pdf", DIGEST),
            KeptDocument(Cid.of_block(b"b"), 2, "image/png", None, None),
        ),
        private=b"sealed",
        envelopes=(Envelope("age1x", b"key"),),
        issuer=SENDER,
    )
    return replace(base, **changed)


async def _batch(ledger: Ledger, *requests: IssuanceRequest) -> BatchId:
    for each in requests:
        await ledger.accept(each)
    batch = await ledger.assign(DEAL, most=100, at=NOW)
    assert batch is not None
    ids = [each.issuance for each in requests]
    await ledger.advance(ids, current=S.ACCEPTED, to=S.STORED, at=NOW, cause="kept")
    return batch


async def _write(ledger: Ledger, batch: BatchId, *requests: IssuanceRequest, **changed: Any) -> Any:
    async def sign(nonce: Nonce) -> Attempt:
        hash_ = TransactionHash(f"0x{secrets.token_hex(32)}")
        return Attempt(SignedTransaction(f"raw {nonce}".encode(), hash_), Wei(9), Wei(1))

    given: dict[str, Any] = {
        "sender": SENDER,
        "least_nonce": Nonce(0),
        "at": NOW,
        "sign": sign,
    } | changed
    return await ledger.write(batch, [each.issuance for each in requests], **given)


async def test_accept__then_read__gives_everything_back(ledger: Ledger) -> None:
    sent = request()
    assert await ledger.accept(sent) == sent.issuance
    found = await ledger.issuance(sent.issuance)
    assert found is not None
    assert (found.asset, found.holder, found.manifest) == (sent.asset, sent.holder, sent.manifest)
    assert (found.documents, found.envelopes) == (sent.documents, sent.envelopes)
    assert (found.accepted_at, found.private) == (NOW, b"sealed")
    assert [(c.status, c.at) for c in found.changes] == [(S.ACCEPTED, NOW)]
    assert await ledger.issuance_of(sent.asset) == found
    assert await ledger.issuance(IssuanceId("iss-other")) is None


async def test_accept__same_key__first_issuance_or_refusal(ledger: Ledger) -> None:
    first = request(idempotency_key="k")
    await ledger.accept(first)
    assert await ledger.accept(request(idempotency_key="k")) == first.issuance
    with pytest.raises(IdempotencyKeyReused):
        await ledger.accept(request(idempotency_key="k", fingerprint=b"\x02" * 32))
    known = await ledger.request_of("k")
    assert known is not None
    assert (known.issuance, known.fingerprint) == (first.issuance, first.fingerprint)
    assert await ledger.request_of("other") is None


async def test_accept_all__repeated_and_foreign_keys__an_answer_for_each_in_order(
    ledger: Ledger,
) -> None:
    known, one, two = (request(idempotency_key=key) for key in ("known", "one", "two"))
    await ledger.accept(known)
    again = request(idempotency_key="known")
    twice = request(idempotency_key="one")
    other = request(idempotency_key="two", fingerprint=b"\x02" * 32)
    answers = await ledger.accept_all([two, again, one, twice, other])
    assert answers[:4] == [two.issuance, known.issuance, one.issuance, one.issuance]
    assert isinstance(answers[4], IdempotencyKeyReused)
    kept = [await ledger.issuance(r.issuance) for r in (two, one, again, twice, other)]
    assert [found is not None for found in kept] == [True, True, False, False, False]


async def test_held__files_of_requests__are_there_until_dropped(ledger: Ledger) -> None:
    one, two = (request(held=(HeldFile(0, b"a"), HeldFile(1, b"bb"))) for _ in range(2))
    await ledger.accept_all([one, two])
    both = [one.issuance, two.issuance]
    expected = {(id_, n): data for id_ in both for n, data in enumerate((b"a", b"bb"))}
    assert await ledger.held(both) == expected
    await ledger.drop_held([one.issuance])
    assert set(await ledger.held(both)) == {(two.issuance, 0), (two.issuance, 1)}


async def test_accept__same_key_from_many_at_once__one_issuance(ledger: Ledger) -> None:
    requests = [request(idempotency_key="k") for _ in range(20)]
    answers = await asyncio.gather(*(ledger.accept(each) for each in requests))
    assert len(set(answers)) == 1
    kept = [await ledger.issuance(each.issuance) for each in requests]
    assert sum(each is not None for each in kept) == 1


async def test_advance__only_those_that_stand_there(ledger: Ledger) -> None:
    one, two = request(), request()
    await ledger.accept(one)
    await ledger.accept(two)
    both = [one.issuance, two.issuance]
    later = NOW + timedelta(seconds=1)
    args: dict[str, Any] = {"current": S.ACCEPTED, "to": S.STORED, "at": later, "cause": "c"}
    assert await ledger.advance([one.issuance], **args) == 1
    assert await ledger.advance(both, **args) == 1
    assert await ledger.advance(both, **args) == 0
    found = await ledger.issuance(one.issuance)
    assert found is not None
    assert [(c.status, c.at, c.cause) for c in found.changes[1:]] == [(S.STORED, later, "c")]
    with pytest.raises(ValueError, match="cannot become"):
        await ledger.advance(both, current=S.STORED, to=S.FINALIZED, at=NOW, cause="")


async def test_fail__then_anything_else__stays_failed(ledger: Ledger) -> None:
    sent = request()
    batch = await _batch(ledger, sent)
    await ledger.fail(sent.issuance, failure=Failure("code", "why"), at=NOW)
    await ledger.fail(sent.issuance, failure=Failure("other", "later"), at=NOW)
    await _write(ledger, batch, sent)
    found = await ledger.issuance(sent.issuance)
    assert found is not None
    assert (found.status, found.failure) == (S.FAILED, Failure("code", "why"))
    assert [c.status for c in found.changes] == [S.ACCEPTED, S.STORED, S.FAILED]


async def test_assign__in_order_up_to_most__each_once(ledger: Ledger) -> None:
    sent = [request() for _ in range(5)]
    for each in sent:
        await ledger.accept(each)
    await ledger.accept(request(kind=AssetKind.PRODUCT_CONTENT))
    waiting = {(DEAL, Way.TOKEN): (5,), (AssetKind.PRODUCT_CONTENT, Way.TOKEN): (1,)}
    assert await ledger.unassigned() == waiting
    first = await ledger.assign(DEAL, most=3, at=NOW)
    second = await ledger.assign(DEAL, most=3, at=NOW)
    assert first is not None
    assert second is not None
    assert await ledger.assign(DEAL, most=3, at=NOW) is None
    assert await ledger.open_batches() == (first, second)
    members = [m.issuance for b in (first, second) for m in await ledger.members(b)]
    assert members == [each.issuance for each in sent]
    assert list(await ledger.statuses(second)) == members[3:]
    await ledger.release(members[4:])
    assert await ledger.assign(DEAL, most=3, at=NOW) is not None
    assert await ledger.assign(AssetKind.PRODUCT_CONTENT, most=3, at=NOW) is not None
    assert not await ledger.unassigned()
    await ledger.finish(first)
    assert first not in await ledger.open_batches()


async def test_assign__from_many_at_once__nobody_is_in_two_batches(ledger: Ledger) -> None:
    for _ in range(12):
        await ledger.accept(request())
    given = await asyncio.gather(*(ledger.assign(DEAL, most=3, at=NOW) for _ in range(8)))
    batches = [batch for batch in given if batch is not None]
    members = [m.issuance for batch in batches for m in await ledger.members(batch)]
    assert len(members) == len(set(members)) == 12


async def test_write__first_and_again__one_transaction_with_the_same_bytes(ledger: Ledger) -> None:
    sent = request()
    batch = await _batch(ledger, sent)
    written = await _write(ledger, batch, sent)
    assert await _write(ledger, batch, sent) == written == await ledger.written(batch)
    found = await ledger.issuance(sent.issuance)
    assert found is not None
    assert found.status is S.SUBMITTED
    assert found.transaction is not None
    assert found.transaction.transaction_hash == written.attempts[0].signed.transaction_hash
    assert found.transaction.block_number is None


async def test_write__signing_fails__nothing_is_taken(ledger: Ledger) -> None:
    sent = request()
    batch = await _batch(ledger, sent)

    async def sign(nonce: Nonce) -> Attempt:
        raise LedgerUnavailable("the power went")

    with pytest.raises(LedgerUnavailable):
        await _write(ledger, batch, sent, sign=sign)
    assert await ledger.written(batch) is None
    assert (await ledger.statuses(batch))[sent.issuance] is S.STORED
    assert (await _write(ledger, batch, sent)).nonce == 0


async def test_write__many_batches_at_once__nonces_without_gap_or_double(ledger: Ledger) -> None:
    batches = [await _batch(ledger, request()) for _ in range(10)]
    written = await asyncio.gather(
        *(_write(ledger, batch, least_nonce=Nonce(5)) for batch in batches)
    )
    assert sorted(each.nonce for each in written) == list(range(5, 15))


async def test_write__chain_is_further_than_the_lane__its_nonce_counts(ledger: Ledger) -> None:
    first, second = await _batch(ledger, request()), await _batch(ledger, request())
    assert (await _write(ledger, first)).nonce == 0
    assert (await _write(ledger, second, least_nonce=Nonce(7))).nonce == 7


async def test_abandon__then_write__another_nonce_for_the_batch(ledger: Ledger) -> None:
    sent = request()
    batch = await _batch(ledger, sent)
    written = await _write(ledger, batch, sent)
    await ledger.abandon(written)
    assert await ledger.written(batch) is None
    again = await _write(ledger, batch, sent)
    assert again.nonce == written.nonce + 1


def _attempt(fee: int) -> Attempt:
    hash_ = TransactionHash(f"0x{secrets.token_hex(32)}")
    return Attempt(SignedTransaction(f"raw {fee}".encode(), hash_), Wei(fee), Wei(1))


async def test_replace__kept_beside_the_older__and_only_on_what_was_seen(ledger: Ledger) -> None:
    sent = request()
    batch = await _batch(ledger, sent)
    first = await _write(ledger, batch, sent)
    second = await ledger.replace(first, attempt=_attempt(10), at=NOW)
    assert [a.max_fee for a in second.attempts] == [9, 10]
    assert second == await ledger.written(batch)
    late = await ledger.replace(first, attempt=_attempt(11), at=NOW)
    assert late == second, "another worker was first: its attempt counts"
    found = await ledger.issuance(sent.issuance)
    assert found is not None
    assert found.transaction is not None
    assert found.transaction.transaction_hash == second.attempts[1].signed.transaction_hash
    older = first.attempts[0].signed.transaction_hash
    block = BlockHash("0x" + "ab" * 32)
    await ledger.mined(batch, receipt=Receipt(older, BlockNumber(9), block, succeeded=True))
    found = await ledger.issuance(sent.issuance)
    assert found is not None
    assert found.transaction is not None
    assert found.transaction.transaction_hash == older, "the older one may win"


async def test_mined__and_left_again__is_seen_with_the_issuance(ledger: Ledger) -> None:
    sent = request()
    batch = await _batch(ledger, sent)
    written = await _write(ledger, batch, sent)
    hash_ = written.attempts[0].signed.transaction_hash
    block = BlockHash("0x" + "ab" * 32)
    receipt = Receipt(hash_, BlockNumber(9), block, succeeded=True)
    await ledger.mined(batch, receipt=receipt)
    found = await ledger.issuance(sent.issuance)
    assert found is not None
    assert found.transaction is not None
    assert found.transaction.block_number == 9
    seen = await ledger.written(batch)
    assert seen is not None
    assert (seen.mined_in, seen.mined_at) == (block, 9)
    await ledger.mined(batch, receipt=None)
    seen = await ledger.written(batch)
    assert seen is not None
    assert seen.mined_in is None


def _block(number: int, *, fork: int = 0) -> Block:
    def hash_of(n: int) -> BlockHash:
        return BlockHash(f"0x{fork if n == number else 0:032x}{n:032x}")

    return Block(BlockNumber(number), hash_of(number), hash_of(number - 1), number * 12)


def _record(token: int, block: Block, index: int = 0, **changed: Any) -> RecordEvent:
    base = RecordEvent(
        kind=RecordKind.ISSUED,
        contract=CONTRACT,
        token_id=TokenId(token),
        block_number=block.number,
        block_hash=block.block_hash,
        transaction=TransactionHash("0x" + "cd" * 32),
        log_index=index,
        timestamp=block.timestamp,
        previous_block=None,
        actor=SENDER,
        holder_to=SENDER,
        digest=DIGEST,
        version=1,
    )
    return replace(base, **changed)


async def _records(ledger: Ledger, token: int, **changed: Any) -> tuple[RecordEvent, ...]:
    given: dict[str, Any] = {"contract": None, "after": None, "limit": 100} | changed
    return await ledger.records(TokenId(token), **given)


async def test_follow__blocks_and_records__are_read_in_the_chains_order(ledger: Ledger) -> None:
    one, two = _block(10), _block(11)
    events = [_record(1, two, 3), _record(1, one, 5), _record(1, one, 2), _record(2, one)]
    assert await ledger.followed() is None
    await ledger.follow([one], events[1:], finalized=BlockNumber(9))
    await ledger.follow([two], events[:1], finalized=BlockNumber(10))
    await ledger.follow([two], events[:1], finalized=BlockNumber(10))
    assert await ledger.followed() == two
    assert await ledger.finalized() == 10
    assert await _records(ledger, 1) == (events[2], events[1], events[0])
    assert await _records(ledger, 1, after=(BlockNumber(10), 2), limit=1) == (events[1],)
    assert await _records(ledger, 1, contract=SENDER) == ()


async def test_rewind__then_other_blocks__nothing_of_the_old_ones_is_left(ledger: Ledger) -> None:
    kept, left, other = _block(10), _block(11), _block(11, fork=1)
    await ledger.follow([kept], [_record(1, kept)], finalized=BlockNumber(9))
    await ledger.follow([left], [_record(1, left)], finalized=BlockNumber(9))
    assert await ledger.followed_below(BlockNumber(11)) == kept
    await ledger.rewind(BlockNumber(10))
    assert await ledger.followed() == kept
    await ledger.follow([other], [_record(1, other, 7)], finalized=BlockNumber(9))
    assert [r.block_hash for r in await _records(ledger, 1)] == [kept.block_hash, other.block_hash]
    assert await ledger.finalized() == 9


async def test_finality__never_goes_back(ledger: Ledger) -> None:
    await ledger.follow([], [], finalized=BlockNumber(9))
    await ledger.follow([], [], finalized=BlockNumber(3))
    assert await ledger.finalized() == 9


async def test_documents__public_ones__are_found_by_hash_and_cid(ledger: Ledger) -> None:
    sent = request()
    await ledger.accept(sent)
    assert await ledger.assets_with(DIGEST) == (sent.asset,)
    assert await ledger.assets_with(Digest(bytes(32))) == ()
    assert await ledger.document(sent.documents[1].cid) == sent.documents[1]
    assert await ledger.document(Cid.of_block(b"unknown")) is None
    assert await ledger.is_manifest(Digest(sent.asset.token_id.to_bytes(32, "big")))


async def test_start__again_on_the_same_database__keeps_what_is_there(
    ledger: Ledger, database_url: sa.URL
) -> None:
    sent = request()
    await ledger.accept(sent)
    again = SqlLedger(Database(database_url))
    await again.start()
    assert await again.issuance(sent.issuance) is not None
    await again.stop()


async def test_migrations__run__give_the_tables_as_they_are_declared(
    ledger: Ledger, database_url: sa.URL
) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    sync = database_url.set(drivername=database_url.drivername.replace("+aiosqlite", ""))
    engine = sa.create_engine(sync)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_schema__changed_by_a_newer_process__is_unavailable_and_nothing_is_half_written(
    ledger: Ledger, database_url: sa.URL
) -> None:
    newer, sent = Database(database_url), request()
    for old, new in (("manifests", "elsewhere"), ("elsewhere", "manifests")):
        async with newer.writing() as connection:
            await connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))
        if new == "elsewhere":
            with pytest.raises(LedgerUnavailable):
                await ledger.accept(sent)
            assert await ledger.request_of(sent.idempotency_key) is None
    await newer.stop()
    assert await ledger.accept(sent) == sent.issuance
    assert (found := await ledger.issuance(sent.issuance)) is not None
    assert found.manifest == sent.manifest


async def test_database__away__is_unavailable() -> None:
    url = sa.URL.create("postgresql+psycopg", host="127.0.0.1", port=9, database="x")
    ledger = SqlLedger(Database(url))
    with pytest.raises(LedgerUnavailable):
        await ledger.start()
    await ledger.stop()


async def test_sqlite__opened__is_durable_to_the_last_commit(tmp_path: Path) -> None:
    database = Database(sa.URL.create("sqlite+aiosqlite", database=str(tmp_path / "l.sqlite")))
    async with database.writing() as connection:
        modes = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        ]
    await database.stop()
    assert modes == ["wal", 2, 1, 1]


async def test_sqlite__writers_at_once_and_one_stopped__each_has_its_turn(tmp_path: Path) -> None:
    database = Database(sa.URL.create("sqlite+aiosqlite", database=str(tmp_path / "l.sqlite")))
    async with database.writing() as connection:
        await connection.exec_driver_sql("CREATE TABLE seen (number INTEGER)")
    inside = asyncio.Event()

    async def write(number: int) -> None:
        async with database.writing() as connection:
            await connection.exec_driver_sql("INSERT INTO seen VALUES (?)", (number,))
            if number == 0:
                inside.set()
                await asyncio.sleep(3600)

    stopped = asyncio.create_task(write(0))
    await inside.wait()
    others = [asyncio.create_task(write(number)) for number in range(1, 50)]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in others)
    stopped.cancel()
    await asyncio.gather(*others)
    async with database.reading() as connection:
        found = (await connection.exec_driver_sql("SELECT number FROM seen")).scalars().all()
    await database.stop()
    assert found == list(range(1, 50))


async def test_sqlite__another_process_writes_for_long__is_unavailable_not_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nftsvc.adapters.database.BUSY_MILLISECONDS", 200)
    path = tmp_path / "l.sqlite"
    database = Database(sa.URL.create("sqlite+aiosqlite", database=str(path)))
    async with database.writing() as connection:
        await connection.exec_driver_sql("CREATE TABLE seen (number INTEGER)")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable):
        async with database.writing():
            pytest.fail("two write at a time")
    other.execute("ROLLBACK")
    other.close()
    async with database.writing() as connection:
        await connection.exec_driver_sql("INSERT INTO seen VALUES (1)")
    await database.stop()
