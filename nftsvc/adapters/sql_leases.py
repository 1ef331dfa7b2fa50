"""Leases in SQL: each change of hands is one transaction, and so is each write under a fence."""

import os
import secrets
import socket
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.adapters.folder_lock import FolderLock
from nftsvc.core.types import BatchId, WorkerId
from nftsvc.ports import Fence, Leases, Role, Worker

_SQLITE_NOW: Final = sa.func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now")
_POSTGRES_NOW: Final = sa.func.to_char(
    sa.text("clock_timestamp() AT TIME ZONE 'UTC'"), 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
)


class SqlLeases(Leases):
    """Leases in the ledger's database.

    With `alone`, the lock on a folder, whoever else is registered is dead: so it is on SQLite,
    where one process works at a time.
    """

    def __init__(
        self, database: Database, *, role: Role, version: str, alone: FolderLock | None = None
    ) -> None:
        self._database = database
        self._role = role
        self._version = version
        self._alone = alone
        self._worker = _name()

    @property
    def worker(self) -> WorkerId:
        return self._worker

    async def start(self) -> None:
        if self._alone is not None:
            await self._alone.take()
        async with self._database.writing() as connection:
            if self._alone is not None:
                await connection.execute(sa.update(t.leases).values(holder=None))
                await connection.execute(sa.delete(t.workers))
            await self._register(connection)

    async def stop(self) -> None:
        try:
            async with self._database.writing() as connection:
                await _remove(connection, self._worker)
        finally:
            if self._alone is not None:
                self._alone.release()

    async def beat(self) -> bool:
        async with self._database.writing() as connection:
            counted = await connection.execute(
                sa.update(t.workers)
                .where(t.workers.c.id == self._worker)
                .values(beats=t.workers.c.beats + 1, seen_at=self._now())
            )
            if counted.rowcount:
                return True
            self._worker = _name()
            await self._register(connection)
            return False

    async def bury(self, dead: WorkerId, *, beats: int) -> bool:
        async with self._database.writing() as connection:
            # The row first: whoever gives a beat or takes a lease meanwhile waits for us.
            same = (
                sa.select(t.workers.c.id)
                .where(t.workers.c.id == dead, t.workers.c.beats == beats)
                .with_for_update()
            )
            if (await connection.execute(same)).one_or_none() is None:
                return False
            await _remove(connection, dead)
            return True

    async def workers(self) -> tuple[Worker, ...]:
        held = (
            sa.select(sa.func.count())
            .where(t.leases.c.holder == t.workers.c.id)
            .scalar_subquery()
            .label("held")
        )
        query = sa.select(t.workers, held, self._now().label("now")).order_by(
            t.workers.c.started_at, t.workers.c.id
        )
        async with self._database.reading() as connection:
            return tuple(map(_worker_of, (await connection.execute(query)).all()))

    async def take(self, lease: str, *, again: bool = False) -> Fence | None:
        free = t.leases.c.holder.is_(None)
        async with self._database.writing() as connection:
            alive = (
                sa.select(t.workers.c.id)
                .where(t.workers.c.id == self._worker)
                .with_for_update(read=True)
            )
            if (await connection.execute(alive)).one_or_none() is None:
                return None
            await connection.execute(
                self._database.insert_new(t.leases).values(name=lease, holder=None, epoch=0)
            )
            taken = await connection.execute(
                sa.update(t.leases)
                .where(t.leases.c.name == lease)
                .where(sa.or_(free, t.leases.c.holder == self._worker) if again else free)
                .values(holder=self._worker, epoch=t.leases.c.epoch + 1)
                .returning(t.leases.c.epoch)
            )
            epoch = taken.scalar_one_or_none()
            return None if epoch is None else Fence(lease, self._worker, epoch)

    async def give_back(self, fence: Fence) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.leases)
                .where(
                    t.leases.c.name == fence.lease,
                    t.leases.c.holder == fence.worker,
                    t.leases.c.epoch == fence.epoch,
                )
                .values(holder=None)
            )

    async def free_batches(self, *, most: int) -> tuple[BatchId, ...]:
        query = (
            sa.select(t.batches.c.id)
            .outerjoin(t.leases, t.leases.c.name == t.batches.c.id)
            .where(t.batches.c.finished.is_(False), t.leases.c.holder.is_(None))
            .order_by(t.batches.c.ordinal)
            .limit(most)
        )
        async with self._database.reading() as connection:
            return tuple(map(BatchId, (await connection.execute(query)).scalars()))

    async def _register(self, connection: AsyncConnection) -> None:
        now = self._now()
        await connection.execute(
            sa.insert(t.workers).values(
                id=self._worker,
                role=self._role.value,
                version=self._version[:40],
                place=f"{socket.gethostname()}:{os.getpid()}"[:255],
                started_at=now,
                seen_at=now,
                beats=0,
            )
        )

    def _now(self) -> sa.ColumnElement[Any]:
        """The database's time, as its tables keep times."""
        text = _SQLITE_NOW if self._database.dialect == "sqlite" else _POSTGRES_NOW
        return sa.type_coerce(text, t.Instant)


def _name() -> WorkerId:
    return WorkerId(f"worker-{secrets.token_hex(6)}")


async def _remove(connection: AsyncConnection, worker: WorkerId) -> None:
    await connection.execute(
        sa.update(t.leases).where(t.leases.c.holder == worker).values(holder=None)
    )
    await connection.execute(sa.delete(t.workers).where(t.workers.c.id == worker))


def _worker_of(row: Any) -> Worker:
    now: datetime = row.now
    return Worker(
        worker=WorkerId(row.id),
        role=Role(row.role),
        version=row.version,
        place=row.place,
        started_at=row.started_at,
        beats=row.beats,
        silent=max(0.0, (now - row.seen_at).total_seconds()),
        leases=row.held,
    )
