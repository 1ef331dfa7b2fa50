"""The ledger in SQL: issuances and batches.

How requests come in: `sql_accepting`. What is sent: `sql_transactions`. What the chain said:
`sql_records`.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping
from copy import copy
from datetime import datetime
from typing import Final, Self

import sqlalchemy as sa

from nftsvc.adapters import ledger_rows as rows
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.adapters.sql_accepting import SqlAccepting
from nftsvc.adapters.sql_among import among
from nftsvc.adapters.sql_anchoring import SqlAnchoring
from nftsvc.adapters.sql_records import SqlRecords
from nftsvc.adapters.sql_transactions import SqlTransactions
from nftsvc.core.assets import Failure, Issuance, KeptDocument
from nftsvc.core.cid import Cid
from nftsvc.core.issuance import IssuanceStatus, Way, may_become
from nftsvc.core.types import (
    AssetId,
    AssetKind,
    BatchId,
    Digest,
    IssuanceId,
)
from nftsvc.ports import Fence, Ledger


class SqlLedger(SqlAccepting, SqlAnchoring, SqlTransactions, SqlRecords, Ledger):
    """The ledger in one SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self) -> None:
        await self._database.start()

    async def stop(self) -> None:
        await self._database.stop()

    def fenced(self, fence: Fence) -> Self:
        bound = copy(self)
        bound._database = self._database.fenced(fence)  # noqa: SLF001 - one of ours
        return bound

    async def issuance(self, issuance: IssuanceId) -> Issuance | None:
        async with self._database.reading() as connection:
            found = await rows.read_issuances(connection, t.issuances.c.id == issuance)
        return found[0] if found else None

    async def issuance_of(self, asset: AssetId) -> Issuance | None:
        where = sa.and_(
            t.issuances.c.token_id == rows.hex_of(asset.token_id),
            t.issuances.c.contract == asset.contract,
            t.issuances.c.chain_id == asset.chain_id,
            t.issuances.c.amends.is_(None),
        )
        async with self._database.reading() as connection:
            found = await rows.read_issuances(connection, where)
        return found[0] if found else None

    async def versions_of(self, asset: AssetId) -> tuple[Issuance, ...]:
        token_id = rows.hex_of(asset.token_id)
        where = sa.and_(
            sa.or_(t.issuances.c.token_id == token_id, t.issuances.c.amends == token_id),
            t.issuances.c.contract == asset.contract,
            t.issuances.c.chain_id == asset.chain_id,
            t.issuances.c.way != Way.ANCHOR.value,
        )
        async with self._database.reading() as connection:
            return await rows.read_issuances(connection, where)

    async def advance(
        self,
        issuances: Collection[IssuanceId],
        *,
        current: IssuanceStatus,
        to: IssuanceStatus,
        at: datetime,
        cause: str,
    ) -> int:
        async with self._database.writing() as connection:
            return await rows.advance(
                connection, issuances, current=current, to=to, at=at, cause=cause
            )

    async def fail(self, issuance: IssuanceId, *, failure: Failure, at: datetime) -> None:
        able = [s.value for s in IssuanceStatus if may_become(s, IssuanceStatus.FAILED)]
        async with self._database.writing() as connection:
            moved = await connection.execute(
                sa.update(t.issuances)
                .where(t.issuances.c.id == issuance, t.issuances.c.status.in_(able))
                .values(
                    status=IssuanceStatus.FAILED.value,
                    failure_code=failure.code,
                    failure_detail=failure.detail,
                )
            )
            if moved.rowcount:
                event = rows.event_row(issuance, IssuanceStatus.FAILED, at, failure.code)
                await connection.execute(sa.insert(t.issuance_events).values(event))

    async def unassigned(self) -> Mapping[tuple[AssetKind, Way], tuple[int, ...]]:
        table = t.issuances.c
        query = (
            sa.select(table.kind, table.way, sa.func.count().label("count"))
            .where(table.kind.in_([kind.value for kind in AssetKind]), *_WAITS)
            .group_by(table.kind, table.way, table.issuer)
        )
        found = defaultdict[tuple[AssetKind, Way], tuple[int, ...]](tuple)
        async with self._database.reading() as connection:
            for kind, way, count in await connection.execute(query):
                found[AssetKind(kind), Way(way)] += (count,)
        return found

    async def assign(
        self, kind: AssetKind, *, most: int, at: datetime, way: Way = Way.TOKEN
    ) -> BatchId | None:
        # A batch is one transaction, so all of it is issued by one key.
        oldest = (
            sa.select(t.issuances.c.issuer)
            .where(_unassigned(kind, way))
            .order_by(t.issuances.c.ordinal)
            .limit(1)
            .scalar_subquery()
        )
        chosen = (
            sa.select(t.issuances.c.id)
            .where(_unassigned(kind, way), t.issuances.c.issuer == oldest)
            .order_by(t.issuances.c.ordinal)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        async with self._database.writing() as connection:
            ids = (await connection.execute(chosen)).scalars().all()
            if not ids:
                return None
            batch = BatchId(f"batch-{secrets.token_hex(12)}")
            await connection.execute(
                sa.insert(t.batches).values(id=batch, kind=kind.value, at=at, finished=False)
            )
            await connection.execute(
                sa.update(t.issuances).where(among(t.issuances.c.id, ids)).values(batch=batch)
            )
        return batch

    async def open_batches(self) -> tuple[BatchId, ...]:
        query = (
            sa.select(t.batches.c.id)
            .where(t.batches.c.finished.is_(False))
            .order_by(t.batches.c.ordinal)
        )
        async with self._database.reading() as connection:
            return tuple(map(BatchId, (await connection.execute(query)).scalars()))

    async def members(self, batch: BatchId, *, contents: bool = False) -> tuple[Issuance, ...]:
        of_batch = t.issuances.c.batch == batch
        async with self._database.reading() as connection:
            return await rows.read_issuances(connection, of_batch, whole=False, contents=contents)

    async def statuses(self, batch: BatchId) -> dict[IssuanceId, IssuanceStatus]:
        query = (
            sa.select(t.issuances.c.id, t.issuances.c.status)
            .where(t.issuances.c.batch == batch)
            .order_by(t.issuances.c.ordinal)
        )
        async with self._database.reading() as connection:
            found = await connection.execute(query)
            return {IssuanceId(row.id): IssuanceStatus(row.status) for row in found}

    async def release(self, issuances: Collection[IssuanceId]) -> None:
        waiting = [IssuanceStatus.ACCEPTED.value, IssuanceStatus.STORED.value]
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.issuances)
                .where(among(t.issuances.c.id, issuances), t.issuances.c.status.in_(waiting))
                .values(batch=None)
            )

    async def finish(self, batch: BatchId) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.batches).where(t.batches.c.id == batch).values(finished=True)
            )

    async def assets_with(self, document: Digest) -> tuple[AssetId, ...]:
        with_it = sa.select(t.documents.c.issuance).where(t.documents.c.sha256 == document.hex())
        query = (
            sa.select(
                t.issuances.c.chain_id,
                t.issuances.c.contract,
                t.issuances.c.token_id,
                t.issuances.c.amends,
            )
            .where(t.issuances.c.id.in_(with_it))
            .where(t.issuances.c.status != IssuanceStatus.FAILED.value)
            .order_by(t.issuances.c.ordinal)
        )
        async with self._database.reading() as connection:
            found = map(rows.asset_of, await connection.execute(query))
            return tuple(dict.fromkeys(found))

    async def document(self, cid: Cid) -> KeptDocument | None:
        query = sa.select(t.documents).where(t.documents.c.cid == str(cid)).limit(1)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return rows.document_of(row) if row is not None else None

    async def is_manifest(self, digest: Digest) -> bool:
        query = sa.select(t.issuances.c.ordinal).where(
            t.issuances.c.token_id == digest.hex(), t.issuances.c.way != Way.ANCHOR.value
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).one_or_none() is not None


_WAITS: Final = (
    t.issuances.c.batch.is_(None),
    t.issuances.c.status.in_([IssuanceStatus.ACCEPTED.value, IssuanceStatus.STORED.value]),
)


def _unassigned(kind: AssetKind, way: Way) -> sa.ColumnElement[bool]:
    return sa.and_(t.issuances.c.kind == kind.value, t.issuances.c.way == way.value, *_WAITS)
