"""Versions in the ledger: one next version of an asset at a time, and none of an erased one."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa

from nftsvc.adapters.database import Database
from nftsvc.adapters.sql_keys import SqlKeys
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.assets import Failure, IssuanceRequest
from nftsvc.core.errors import NotAmendable, NotErasable
from nftsvc.core.issuance import IssuanceStatus as S
from nftsvc.core.keys import Erasure
from nftsvc.core.manifest import manifest_digest
from nftsvc.core.types import IssuanceId, digest_of
from nftsvc.flows.amending import Amending
from tests.ports.test_ledger import NOW, SENDER, request
from tests.unit.verdict_cases import V1


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger and the key ledger, in one database."""

    database: Database
    ledger: SqlLedger
    keys: SqlKeys

    @classmethod
    def of(cls, url: sa.URL) -> Self:
        database = Database(url)
        return cls(database, SqlLedger(database), SqlKeys(database))

    async def issued(self) -> IssuanceRequest:
        """An asset that is final."""
        first = request()
        await self.ledger.accept(first)
        await self.finish(first.issuance)
        return first

    async def finish(self, issuance: IssuanceId) -> None:
        steps = (S.ACCEPTED, S.STORED, S.SUBMITTED, S.MINED, S.FINALIZED)
        for current, to in pairwise(steps):
            await self.ledger.advance([issuance], current=current, to=to, at=NOW, cause="so")

    async def wish_to_erase(self, issuance: IssuanceId) -> None:
        await self.keys.request_erasure(
            Erasure(issuance, NOW, "an officer", "asked for", "a code", NOW + timedelta(0))
        )


@pytest.fixture
async def books(database_url: sa.URL) -> AsyncIterator[Books]:
    books = Books.of(database_url)
    await books.ledger.start()
    yield books
    await books.ledger.stop()


def after(first: IssuanceRequest, version: int = 2, **changed: Any) -> IssuanceRequest:
    manifest = secrets.token_bytes(32)
    return request(asset=first.asset, version=version, manifest=manifest, **changed)


async def test_accept__the_same_version_again__is_refused_until_the_first_one_failed(
    books: Books,
) -> None:
    first = await books.issued()
    one, other, late = after(first), after(first), after(first)
    answers = await books.ledger.accept_all([one, other])
    assert answers[0] == one.issuance
    assert isinstance(answers[1], NotAmendable)
    with pytest.raises(NotAmendable):
        await books.ledger.accept(late)
    assert await books.ledger.request_of(late.idempotency_key) is None
    await books.ledger.fail(one.issuance, failure=Failure("refused", "so"), at=NOW)
    assert await books.ledger.accept(late) == late.issuance
    found = await books.ledger.versions_of(first.asset)
    assert [(each.issuance, each.version, each.status) for each in found] == [
        (first.issuance, 1, S.FINALIZED),
        (one.issuance, 2, S.FAILED),
        (late.issuance, 2, S.ACCEPTED),
    ]


async def test_accept__versions_of_two_assets_crosswise__one_of_each_and_nobody_waits_for_ever(
    books: Books,
) -> None:
    assets = [await books.issued() for _ in range(2)]
    rivals = [
        [after(each) for each in (assets if number % 2 else assets[::-1])] for number in range(8)
    ]
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*map(books.ledger.accept_all, rivals))
    taken = [each for answer in answers for each in answer if not isinstance(each, NotAmendable)]
    assert len(taken) == len(assets)
    for asset in assets:
        _, second = await books.ledger.versions_of(asset.asset)
        assert second.issuance in taken


async def test_erasure__while_a_version_is_under_way__is_refused_and_later_stops_amendments(
    books: Books,
) -> None:
    first = await books.issued()
    second = after(first)
    await books.wish_to_erase(first.issuance)
    await books.ledger.accept(second)
    with pytest.raises(NotErasable, match="amended"):
        await books.keys.confirm_erasure(first.issuance, by="registrar", at=NOW)
    await books.finish(second.issuance)
    confirmed = await books.keys.confirm_erasure(first.issuance, by="registrar", at=NOW)
    assert confirmed.confirmed_at == NOW
    with pytest.raises(NotAmendable):
        await books.ledger.accept(after(first, version=3))


async def test_erasure__and_an_amendment_at_the_same_time__never_both(books: Books) -> None:
    for _ in range(6):
        first = await books.issued()
        await books.wish_to_erase(first.issuance)
        answers = await asyncio.gather(
            books.ledger.accept(after(first)),
            books.keys.confirm_erasure(first.issuance, by="registrar", at=NOW),
            return_exceptions=True,
        )
        refused = [each for each in answers if isinstance(each, NotAmendable | NotErasable)]
        assert len(refused) == 1, answers


async def test_versions_of__many_issuances__are_found_by_an_index(tmp_path: Path) -> None:
    # On SQLite, whose plan does not depend on what the tables hold.
    books = Books.of(sa.URL.create("sqlite+aiosqlite", database=str(tmp_path / "ledger.sqlite")))
    await books.ledger.start()
    asked: list[tuple[str, Any]] = []
    engine = books.database._engine.sync_engine
    sa.event.listen(
        engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3]))
    )
    await books.ledger.versions_of(request().asset)
    (query,) = [each for each in asked if "amends = " in each[0]]
    async with books.database.reading() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1])
        steps = [row.detail for row in plan]
    await books.ledger.stop()
    assert not [step for step in steps if step.startswith("SCAN")], steps


async def test_predecessor__final_and_not_followed_yet__is_what_the_ledger_holds(
    books: Books,
) -> None:
    first = request(manifest=V1)
    await books.ledger.accept(first)
    amending = Amending(first.asset, first.kind, None, books.ledger, [SENDER])
    with pytest.raises(NotAmendable, match="not final"):
        await amending.predecessor()
    await books.finish(first.issuance)
    found = await amending.predecessor()
    assert (found.version, found.digest) == (1, digest_of(first.asset.token_id))
    second = after(first)
    await books.ledger.accept(second)
    await books.finish(second.issuance)
    found = await amending.predecessor()
    assert (found.version, found.digest) == (2, manifest_digest(second.manifest))
