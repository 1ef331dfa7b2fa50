"""The overview in SQL. What has ended is never counted: an index leaves it out."""

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.types import Address, Nonce
from nftsvc.ports import Lane, Overview, Queue

_WAITING: Final = (IssuanceStatus.ACCEPTED.value, IssuanceStatus.STORED.value)


class SqlOverview(Overview):
    """Sums over the ledger in `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(self) -> Queue:
        # A leaf that is stored waits for its anchor to be sealed, not for us.
        sendable = sa.or_(
            t.issuances.c.status == IssuanceStatus.ACCEPTED.value,
            t.issuances.c.way != Way.LEAF.value,
        )
        waiting = sa.and_(t.UNDER_WAY, t.issuances.c.status.in_(_WAITING), sendable)
        counted = sa.select(
            sa.func.count(), sa.func.min(t.issuances.c.accepted_at).label("oldest")
        ).where(waiting)
        unstored = sa.and_(t.UNDER_WAY, t.issuances.c.status == IssuanceStatus.ACCEPTED.value)
        size = (
            sa.select(sa.func.coalesce(sa.func.sum(t.documents.c.size), 0))
            .join(t.issuances, t.issuances.c.id == t.documents.c.issuance)
            .where(unstored)
        )
        async with self._database.reading() as connection:
            count, oldest = (await connection.execute(counted)).one()
            return Queue(count, int((await connection.execute(size)).scalar_one()), oldest)

    async def lanes(self) -> tuple[Lane, ...]:
        in_flight = (
            sa.select(sa.func.count())
            .where(
                t.transactions.c.sender == t.lanes.c.sender,
                t.transactions.c.abandoned.is_(False),
                t.transactions.c.mined_block.is_(None),
            )
            .scalar_subquery()
            .label("in_flight")
        )
        query = sa.select(t.lanes, in_flight).order_by(t.lanes.c.sender)
        async with self._database.reading() as connection:
            return tuple(
                Lane(Address(row.sender), Nonce(row.next_nonce), row.in_flight)
                for row in await connection.execute(query)
            )

    async def under_way(self) -> Mapping[IssuanceStatus, int]:
        query = (
            sa.select(t.issuances.c.status, sa.func.count().label("number"))
            .where(t.UNDER_WAY)
            .group_by(t.issuances.c.status)
        )
        async with self._database.reading() as connection:
            found = {row.status: row.number for row in await connection.execute(query)}
        return {
            status: found.get(status.value, 0)
            for status in IssuanceStatus
            if not status.is_terminal
        }

    async def open_batches(self) -> int:
        query = sa.select(sa.func.count()).where(t.batches.c.finished.is_(False))
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one()
