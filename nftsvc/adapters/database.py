"""One SQL database, SQLite or PostgreSQL alike: connections, transactions, errors."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from nftsvc.adapters import sqlite_driver
from nftsvc.adapters.ledger_tables import leases
from nftsvc.adapters.migrations import migrate
from nftsvc.core.errors import DiskFull, LeaseLost, LedgerUnavailable, Misconfigured
from nftsvc.ports import Fence

BUSY_MILLISECONDS: Final = 15_000
FROZEN_MILLISECONDS: Final = 10_000
"""After this long without a word inside a transaction PostgreSQL takes it back: a process that
hangs, or whose machine is gone, must not hold locks that others wait for."""
MIGRATION_LOCK: Final = 0x6E667473
WRITER_CACHE_KIB: Final = 32 * 1024
_BARE: Final = "nftsvc_bare"


def database_urls(folder: Path, *, given: str | None) -> tuple[sa.URL, str]:
    """Where the ledger is, and where the engine keeps its own tables.

    Without a `given` PostgreSQL, both are SQLite files in `folder`. Raises `Misconfigured`.
    """
    if given is None:
        folder = folder.resolve()
        ledger = sa.URL.create("sqlite+aiosqlite", database=str(folder / "ledger.sqlite"))
        return ledger, f"sqlite:///{folder / 'engine.sqlite'}"
    try:
        url = sa.make_url(given)
    except sa.exc.ArgumentError:
        raise Misconfigured("NFTSVC_DATABASE_URL: not a database URL") from None
    if url.get_backend_name() != "postgresql":
        raise Misconfigured("NFTSVC_DATABASE_URL: only PostgreSQL; SQLite needs no setting")
    ledger = url.set(drivername="postgresql+psycopg")
    return ledger, ledger.render_as_string(hide_password=False)


class Database:
    """A pool of connections to the database at `url` (an SQLAlchemy URL).

    SQLite runs in WAL mode with `synchronous=FULL`: what was committed survives a power cut.
    """

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        self._engine = _engine(url)
        self._writer = _writer(url) if self.dialect == "sqlite" else self._engine
        self._fence: Fence | None = None
        self._inserts: dict[tuple[str, tuple[str, ...], bool], _Insert] = {}

    def fenced(self, fence: Fence) -> "Database":
        """The same connections; each transaction that writes begins with a look at the fence.

        The lease's row stays locked to the transaction's end: who wants to take the lease over
        waits for it, and what is written was written while the lease was held.
        """
        bound = copy(self)
        bound._fence = fence  # noqa: SLF001 - one of ours
        return bound

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    async def start(self) -> None:
        """Bring the schema to this version; of processes that start at once, one does.

        Raises `Misconfigured` where a newer release has been here.
        """
        if self.dialect == "postgresql":
            async with self.writing() as connection:
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                await connection.run_sync(migrate)
            return
        # SQLite changes a table by making it anew, which is only possible while nobody minds that
        # references to it point nowhere; they are looked at in the end.
        unminding = _writer(self._url, minds_references=False)
        try:
            async with self._transaction(unminding) as connection:
                await connection.run_sync(migrate)
                lost = await connection.exec_driver_sql("PRAGMA foreign_key_check")
                if (row := lost.first()) is not None:
                    raise LedgerUnavailable(f"a migration left a reference of {row[0]} behind")
        finally:
            await unminding.dispose()

    async def stop(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        await self._writer.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        async with self._transaction(self._engine) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; on SQLite it holds the one write lock from the start.

        Raises `LeaseLost` where there is a fence and it is not held any more.
        """
        async with self._transaction(self._writer) as connection:
            if self._fence is not None:
                await _check(connection, self._fence)
            yield connection

    async def compact(self, tables: Iterable[sa.Table]) -> None:
        """Leave nothing that was deleted in free pages or in SQLite's write-ahead log.

        On PostgreSQL the `tables` are written anew without their dead rows; its write-ahead log
        is the server's. Raises `LedgerUnavailable` where others keep the log busy for long.
        """
        options: dict[str, Any] = {_BARE: True}
        if self.dialect == "postgresql":
            options["isolation_level"] = "AUTOCOMMIT"
        bare = self._writer.execution_options(**options)
        if self.dialect == "postgresql":
            async with self._transaction(bare) as connection:
                for table in tables:
                    await connection.execute(sa.text(f"VACUUM FULL {table.name}"))
            return
        async with self._transaction(bare) as connection:
            await connection.exec_driver_sql("VACUUM")
            checkpoint = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            if checkpoint.one()[0]:
                raise LedgerUnavailable("others are reading: the write-ahead log stays for now")

    def insert_new(self, table: sa.Table) -> Any:
        """An INSERT that does nothing where the row is there already."""
        dialect = sqlite if self.dialect == "sqlite" else postgresql
        return dialect.insert(table).on_conflict_do_nothing()

    async def insert_all(
        self,
        connection: AsyncConnection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        only_new: bool = False,
    ) -> None:
        """Insert rows that all have the same columns; with `only_new` those that are not there.

        They are made ready for the driver here: SQLAlchemy looks at each of them as if it were
        another statement, which for thousands of rows costs more than to write them.
        """
        if rows:
            statement = self._insert(table, tuple(rows[0]), only_new=only_new)
            await connection.exec_driver_sql(statement.sql, statement.parameters(rows))

    def _insert(self, table: sa.Table, columns: tuple[str, ...], *, only_new: bool) -> "_Insert":
        known = (table.name, columns, only_new)
        if known not in self._inserts:
            insert = self.insert_new(table) if only_new else sa.insert(table)
            self._inserts[known] = _Insert(insert, columns, self._engine.dialect)
        return self._inserts[known]

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            async with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            if "disk is full" in cause or "No space left" in cause:
                raise DiskFull(f"no room for the database: {cause}") from error
            raise LedgerUnavailable(f"the database did not answer: {cause}") from error
        except OSError as error:
            raise LedgerUnavailable(f"the database did not answer: {error}") from error


class _Insert:
    """An INSERT as the driver takes it, for rows with these columns."""

    def __init__(self, insert: sa.Insert, columns: Sequence[str], dialect: sa.Dialect) -> None:
        compiled = insert.compile(dialect=dialect, column_keys=list(columns))
        self.sql = str(compiled)
        self._by_place = compiled.positional
        names = compiled.positiontup or columns
        self._columns = [(n, insert.table.c[n].type.bind_processor(dialect)) for n in names]

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The values of each row, as the driver wants them."""
        values = [
            [row[name] for row in rows] if process is None else [process(row[name]) for row in rows]
            for name, process in self._columns
        ]
        by_row = zip(*values, strict=True)
        if self._by_place:
            return list(by_row)
        names = [name for name, _ in self._columns]
        return [dict(zip(names, row, strict=True)) for row in by_row]


async def _check(connection: AsyncConnection, fence: Fence) -> None:
    held = (
        sa.select(leases.c.epoch)
        .where(leases.c.name == fence.lease)
        .where(leases.c.holder == fence.worker, leases.c.epoch == fence.epoch)
        .with_for_update(read=True)
    )
    if (await connection.execute(held)).one_or_none() is None:
        raise LeaseLost(fence.lease, epoch=fence.epoch)


def _engine(url: sa.URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, begin="BEGIN", pragmas=(), pool_size=4, max_overflow=4)
    given = url.query.get("options", "")
    limit = f"-c idle_in_transaction_session_timeout={FROZEN_MILLISECONDS}"
    return create_async_engine(
        url.update_query_dict({"options": f"{given} {limit}".strip()}),
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=10,
    )


def _writer(url: sa.URL, *, minds_references: bool = True) -> AsyncEngine:
    """SQLite takes one writer at a time; of those in this process each waits for its turn here.

    SQLite itself would have them try again and again, and a connection that another one wrote
    beside reads its pages anew: this one keeps them.
    """
    pragmas = (
        f"cache_size={-WRITER_CACHE_KIB}",
        f"foreign_keys={'ON' if minds_references else 'OFF'}",
        "secure_delete=ON",
    )
    return _sqlite(
        url,
        begin="BEGIN IMMEDIATE",
        pragmas=pragmas,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_MILLISECONDS / 1000,
    )


def _sqlite(url: sa.URL, *, begin: str, pragmas: Iterable[str], **pool: Any) -> AsyncEngine:
    path = url.database or ""
    engine = create_async_engine(url, async_creator=lambda: sqlite_driver.connect(path), **pool)

    @sa.event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # Python's driver would begin a transaction only before a write: we begin it ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        shared = (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL")
        for pragma in (*shared, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(_BARE):
            connection.exec_driver_sql(begin)

    return engine
