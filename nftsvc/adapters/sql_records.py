"""What the chain said, in SQL: followed blocks and the records in them."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from nftsvc.adapters import ledger_rows as rows
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.history import Block, RecordEvent
from nftsvc.core.types import Address, BlockNumber, TokenId

KEPT_BLOCKS: Final = 256
"""How many block hashes below finality are kept, to see a rewrite that should not be."""


class SqlRecords:
    """The part of the ledger that is copied from the chain."""

    _database: Database

    async def followed(self) -> Block | None:
        query = sa.select(t.blocks).order_by(t.blocks.c.number.desc()).limit(1)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return rows.block_of(row) if row is not None else None

    async def followed_below(self, number: BlockNumber) -> Block | None:
        query = (
            sa.select(t.blocks)
            .where(t.blocks.c.number < number)
            .order_by(t.blocks.c.number.desc())
            .limit(1)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return rows.block_of(row) if row is not None else None

    async def follow(
        self, blocks: Sequence[Block], events: Sequence[RecordEvent], *, finalized: BlockNumber
    ) -> None:
        async with self._database.writing() as connection:
            for table, new in (
                (t.records, [*map(rows.record_row, events)]),
                (t.blocks, [*map(rows.block_row, blocks)]),
            ):
                await self._database.insert_all(connection, table, new, only_new=True)
            await connection.execute(
                self._database.insert_new(t.follower).values(id=1, finalized=finalized)
            )
            await connection.execute(
                sa.update(t.follower)
                .where(t.follower.c.id == 1, t.follower.c.finalized < finalized)
                .values(finalized=finalized)
            )
            newest = sa.select(sa.func.max(t.blocks.c.number)).scalar_subquery()
            await connection.execute(
                sa.delete(t.blocks).where(
                    t.blocks.c.number < finalized - KEPT_BLOCKS, t.blocks.c.number != newest
                )
            )

    async def rewind(self, to: BlockNumber) -> None:
        async with self._database.writing() as connection:
            await connection.execute(sa.delete(t.records).where(t.records.c.block_number > to))
            await connection.execute(sa.delete(t.blocks).where(t.blocks.c.number > to))

    async def finalized(self) -> BlockNumber | None:
        query = sa.select(t.follower.c.finalized).where(t.follower.c.id == 1)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else BlockNumber(found)

    async def records(
        self,
        token_id: TokenId,
        *,
        contract: Address | None,
        after: tuple[BlockNumber, int] | None,
        limit: int,
    ) -> tuple[RecordEvent, ...]:
        place = sa.tuple_(t.records.c.block_number, t.records.c.log_index)
        query = sa.select(t.records).where(t.records.c.token_id == rows.hex_of(token_id))
        if contract is not None:
            query = query.where(t.records.c.contract == contract)
        if after is not None:
            query = query.where(place > sa.tuple_(*map(sa.literal, after)))
        query = query.order_by(t.records.c.block_number, t.records.c.log_index).limit(limit)
        async with self._database.reading() as connection:
            return tuple(map(rows.record_of, await connection.execute(query)))
