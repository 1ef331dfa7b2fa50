"""SQLAlchemy over our way of giving it SQLite: short answers, long ones, and streams of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from nftsvc.adapters import sqlite_driver

ROWS: Final = 2500


@pytest.fixture
async def numbers(tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    """A connection to a table of the numbers up to `ROWS`, more than come with a statement."""
    path = str(tmp_path / "numbers.sqlite")
    engine = create_async_engine(
        "sqlite+aiosqlite://", async_creator=lambda: sqlite_driver.connect(path)
    )
    async with engine.connect() as connection:
        await connection.execute(sa.text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
        given = [{"n": number} for number in range(ROWS)]
        inserted = await connection.execute(sa.text("INSERT INTO numbers VALUES (:n)"), given)
        assert inserted.rowcount == ROWS
        yield connection
    await engine.dispose()


async def test_rows__more_than_come_at_once__are_all_read(numbers: AsyncConnection) -> None:
    found = await numbers.execute(sa.text("SELECT n FROM numbers ORDER BY n"))
    assert found.scalars().all() == list(range(ROWS))


@pytest.mark.parametrize("share", [1, 7, 999, 1000, 1001, ROWS, ROWS + 1])
async def test_rows__streamed__come_once_and_in_order(numbers: AsyncConnection, share: int) -> None:
    query = sa.text("SELECT n FROM numbers ORDER BY n").execution_options(yield_per=share)
    assert [n async for (n,) in await numbers.stream(query)] == list(range(ROWS))


async def test_stream__left_in_the_middle__leaves_the_connection_free(
    numbers: AsyncConnection,
) -> None:
    query = sa.text("SELECT n FROM numbers").execution_options(yield_per=10)
    stream = await numbers.stream(query)
    assert await stream.fetchone() == (0,)
    await stream.close()
    await numbers.execute(sa.text("DROP TABLE numbers"))
    await numbers.commit()


async def test_statement__wrong__says_so_and_the_next_one_works(numbers: AsyncConnection) -> None:
    with pytest.raises(sa.exc.OperationalError, match="no such table"):
        await numbers.execute(sa.text("SELECT * FROM letters"))
    with pytest.raises(sa.exc.IntegrityError):
        await numbers.execute(sa.text("INSERT INTO numbers VALUES (1)"))
    found = await numbers.execute(sa.text("SELECT count(*) FROM numbers"))
    assert found.scalar_one() == ROWS


async def test_read__cancelled__leaves_the_connection_usable(numbers: AsyncConnection) -> None:
    long = sa.text(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 300000)"
        " SELECT count(*) FROM c"
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await numbers.execute(long)
