"""aiosqlite for SQLAlchemy, with one turn of its thread for each statement.

As it comes, a statement takes four: a cursor made, executed, read and closed. Each costs more than
most of our statements do. The first rows come with the statement; of a longer answer the rest is
read when it is asked for, all of it or some, so that a table can be streamed.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self, TypeVar

import aiosqlite

_READ_AT_ONCE: Final = 1000

T = TypeVar("T")


async def connect(path: str) -> aiosqlite.Connection:
    """A connection to the database file at `path`, for `create_async_engine(async_creator=...)`."""
    # SQLAlchemy sets the isolation level from the thread of the loop.
    connection = _Connection(lambda: sqlite3.connect(path, check_same_thread=False), _READ_AT_ONCE)
    connection.let_process_end()
    return await connection


class _Connection(aiosqlite.Connection):
    def let_process_end(self) -> None:
        """A thread that waits for statements keeps no process alive."""
        self._thread.daemon = True

    def cursor(self) -> Any:
        return _Cursor(self)

    async def turn(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` done in the connection's thread."""
        done: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return done


class _Outcome:
    """What is known of a statement, its first rows, and its cursor while there may be more."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid
        self.rows = deque(cursor.fetchmany(_READ_AT_ONCE) if cursor.description else ())
        self._cursor: sqlite3.Cursor | None = cursor
        if len(self.rows) < _READ_AT_ONCE:
            self.close()

    @property
    def may_have_more(self) -> bool:
        return self._cursor is not None

    def read(self, most: int | None) -> None:
        """So many more rows, or all."""
        if self._cursor is not None:
            more = self._cursor.fetchall() if most is None else self._cursor.fetchmany(most)
            self.rows.extend(more)
            if most is None or len(more) < most:
                self.close()

    def close(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None


class _Cursor:
    """What SQLAlchemy asks of a cursor."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._outcome: _Outcome | None = None

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        return self._outcome and self._outcome.description

    @property
    def rowcount(self) -> int:
        return self._outcome.rowcount if self._outcome else -1

    @property
    def lastrowid(self) -> int | None:
        return self._outcome.lastrowid if self._outcome else None

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Self:
        self._outcome = await self._connection.turn(
            lambda connection: _Outcome(connection.execute(sql, parameters))
        )
        return self

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Self:
        self._outcome = await self._connection.turn(
            lambda connection: _Outcome(connection.executemany(sql, parameters))
        )
        return self

    async def fetchall(self) -> list[Any]:
        return await self._take(None)

    async def fetchmany(self, size: int = 1) -> list[Any]:
        return await self._take(size)

    async def fetchone(self) -> Any | None:
        return next(iter(await self._take(1)), None)

    async def close(self) -> None:
        outcome = self._outcome
        if outcome is not None and outcome.may_have_more:
            await self._connection.turn(lambda _: outcome.close())

    async def _take(self, most: int | None) -> list[Any]:
        outcome = self._outcome
        if outcome is None:
            return []
        if outcome.may_have_more and (most is None or len(outcome.rows) < most):
            await self._connection.turn(lambda _: outcome.read(most))
        count = len(outcome.rows) if most is None else min(most, len(outcome.rows))
        return [outcome.rows.popleft() for _ in range(count)]
