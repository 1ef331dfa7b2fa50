"""Lanes and what was written for them, in SQL: one lane for each sender, nonces in their order."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import ledger_rows as rows
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.transaction import Attempt, Receipt, WrittenTransaction
from nftsvc.core.types import Address, BatchId, BlockNumber, IssuanceId, Nonce


class SqlTransactions:
    """The part of the ledger that sending goes by."""

    _database: Database

    async def write(
        self,
        batch: BatchId,
        issuances: Collection[IssuanceId],
        *,
        sender: Address,
        least_nonce: Nonce,
        at: datetime,
        sign: Callable[[Nonce], Awaitable[Attempt]],
    ) -> WrittenTransaction:
        async with self._database.writing() as connection:
            following = await self._lane(connection, sender, least_nonce=least_nonce)
            # Only whoever holds the lane may look: two workers must not both find nothing.
            if written := await _written(connection, batch):
                return written
            nonce = Nonce(max(following, least_nonce))
            attempt = await sign(nonce)
            await connection.execute(
                sa.update(t.lanes).where(t.lanes.c.sender == sender).values(next_nonce=nonce + 1)
            )
            inserted = await connection.execute(
                sa.insert(t.transactions)
                .values(batch=batch, sender=sender, nonce=nonce, abandoned=False)
                .returning(t.transactions.c.ordinal)
            )
            await _insert_attempt(connection, inserted.scalar_one(), attempt, number=0, at=at)
            await rows.advance(
                connection,
                issuances,
                current=IssuanceStatus.STORED,
                to=IssuanceStatus.SUBMITTED,
                at=at,
                cause=attempt.signed.transaction_hash,
            )
            return WrittenTransaction(batch, sender, nonce, (attempt,))

    async def replace(
        self, transaction: WrittenTransaction, *, attempt: Attempt, at: datetime
    ) -> WrittenTransaction:
        async with self._database.writing() as connection:
            await self._lane(connection, transaction.sender, least_nonce=transaction.nonce)
            present = await _written(connection, transaction.batch)
            if present is None or present.attempts != transaction.attempts:
                return present or transaction
            of_nonce = sa.select(t.transactions.c.ordinal).where(
                t.transactions.c.batch == transaction.batch, t.transactions.c.abandoned.is_(False)
            )
            ordinal = (await connection.execute(of_nonce)).scalar_one()
            number = len(present.attempts)
            await _insert_attempt(connection, ordinal, attempt, number=number, at=at)
            written = await _written(connection, transaction.batch)
            return written or transaction

    async def written(self, batch: BatchId) -> WrittenTransaction | None:
        async with self._database.reading() as connection:
            return await _written(connection, batch)

    async def abandon(self, transaction: WrittenTransaction) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.transactions)
                .where(
                    t.transactions.c.batch == transaction.batch,
                    t.transactions.c.nonce == transaction.nonce,
                )
                .values(abandoned=True)
            )

    async def mined(self, batch: BatchId, *, receipt: Receipt | None) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.transactions)
                .where(t.transactions.c.batch == batch, t.transactions.c.abandoned.is_(False))
                .values(
                    mined_hash=receipt.transaction_hash if receipt else None,
                    mined_block=receipt.block_number if receipt else None,
                    mined_block_hash=receipt.block_hash if receipt else None,
                )
            )

    async def _lane(
        self, connection: AsyncConnection, sender: Address, *, least_nonce: Nonce
    ) -> int:
        """Hold the sender's lane until the transaction ends; gives its next nonce."""
        await connection.execute(
            self._database.insert_new(t.lanes).values(sender=sender, next_nonce=least_nonce)
        )
        lane = sa.select(t.lanes.c.next_nonce).where(t.lanes.c.sender == sender)
        return int((await connection.execute(lane.with_for_update())).scalar_one())


async def _insert_attempt(
    connection: AsyncConnection, transaction: int, attempt: Attempt, *, number: int, at: datetime
) -> None:
    await connection.execute(
        sa.insert(t.attempts).values(
            hash=attempt.signed.transaction_hash,
            transaction=transaction,
            number=number,
            raw=attempt.signed.raw,
            max_fee=attempt.max_fee,
            max_priority_fee=attempt.max_priority_fee,
            at=at,
        )
    )


async def _written(connection: AsyncConnection, batch: BatchId) -> WrittenTransaction | None:
    query = (
        sa.select(t.transactions, t.attempts)
        .join(t.attempts, t.attempts.c.transaction == t.transactions.c.ordinal)
        .where(t.transactions.c.batch == batch, t.transactions.c.abandoned.is_(False))
        .order_by(t.attempts.c.number)
    )
    found = (await connection.execute(query)).all()
    if not found:
        return None
    attempts = tuple(map(rows.attempt_of, found))
    first = found[0]
    return WrittenTransaction(
        batch,
        Address(first.sender),
        Nonce(first.nonce),
        attempts,
        first.mined_block_hash,
        None if first.mined_block is None else BlockNumber(first.mined_block),
    )
