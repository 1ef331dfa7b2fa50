"""The sums over the ledger, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from nftsvc.adapters.database import Database
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.adapters.sql_overview import SqlOverview
from nftsvc.core.issuance import IssuanceStatus as S
from nftsvc.core.types import BlockHash, BlockNumber
from nftsvc.ports import Lane, Queue
from tests.ports.test_ledger import NOW, SENDER, _batch, _write, request


@pytest.fixture
async def database(database_url: sa.URL) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


async def test_overview__of_nothing__is_all_zero(database: Database) -> None:
    overview = SqlOverview(database)
    assert await overview.queue() == Queue(0, 0, None)
    assert await overview.lanes() == ()
    assert set((await overview.under_way()).values()) == {0}
    assert await overview.open_batches() == 0


async def test_overview__of_some_at_each_step__counts_each_where_it_is(database: Database) -> None:
    ledger, overview = SqlLedger(database), SqlOverview(database)
    mined, sent = request(), request()
    batch, other = await _batch(ledger, mined), await _batch(ledger, sent)
    written = await _write(ledger, batch, mined)
    await _write(ledger, other, sent)
    await _batch(ledger, request(accepted_at=NOW + timedelta(seconds=1)))
    await ledger.accept(request(accepted_at=NOW + timedelta(seconds=2)))
    # Of the four, the last one alone has documents that are not stored: 1 and 2 bytes.
    assert await overview.queue() == Queue(2, 3, NOW + timedelta(seconds=1))
    assert await overview.lanes() == (Lane(SENDER, written.nonce + 2, 2),)
    found = {status: count for status, count in (await overview.under_way()).items() if count}
    assert found == {S.ACCEPTED: 1, S.STORED: 1, S.SUBMITTED: 2}
    assert await overview.open_batches() == 3
    from nftsvc.core.transaction import Receipt

    hash_ = written.attempts[0].signed.transaction_hash
    block = BlockHash("0x" + "ab" * 32)
    await ledger.mined(batch, receipt=Receipt(hash_, BlockNumber(9), block, succeeded=True))
    await ledger.finish(batch)
    assert [lane.in_flight for lane in await overview.lanes()] == [1]
    assert await overview.open_batches() == 2
