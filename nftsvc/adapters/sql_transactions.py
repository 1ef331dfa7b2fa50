"""Lanes and what was written for them, in SQL: one lane for each sender, nonces in their order."""

import secrets
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from itertools import pairwise
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import ledger_rows as rows
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.history import RecordEvent
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.transaction import Attempt, Lane, Receipt, WrittenTransaction
from nftsvc.core.types import Address, BatchId, BlockNumber, IssuanceId, Nonce

GAP_FILLER: Final = "gap-filler"
"""The kind of a batch that carries no issuance."""
_WAY: Final = (
    IssuanceStatus.STORED,
    IssuanceStatus.SUBMITTED,
    IssuanceStatus.MINED,
    IssuanceStatus.SAFE,
    IssuanceStatus.FINALIZED,
)


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
            ordinal = await _insert_transaction(connection, batch, sender, nonce)
            await _insert_attempt(connection, ordinal, attempt, number=0, at=at)
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

    async def fill(
        self,
        sender: Address,
        *,
        nonce: Nonce,
        at: datetime,
        sign: Callable[[Nonce], Awaitable[Attempt]],
    ) -> BatchId | None:
        async with self._database.writing() as connection:
            following = await self._lane(connection, sender, least_nonce=nonce)
            if nonce >= following or nonce in await _held(connection, sender, least=nonce):
                return None
            attempt = await sign(nonce)
            batch = BatchId(f"batch-{secrets.token_hex(12)}")
            await connection.execute(
                sa.insert(t.batches).values(id=batch, kind=GAP_FILLER, at=at, finished=False)
            )
            ordinal = await _insert_transaction(connection, batch, sender, nonce)
            await _insert_attempt(connection, ordinal, attempt, number=0, at=at)
            return batch

    async def lane(self, sender: Address, *, used: Nonce) -> Lane | None:
        async with self._database.reading() as connection:
            query = sa.select(t.lanes.c.next_nonce).where(t.lanes.c.sender == sender)
            following = (await connection.execute(query)).scalar_one_or_none()
            if following is None:
                return None
            held = await _held(connection, sender, least=used)
            final = sa.select(sa.func.max(t.follower.c.finalized)).scalar_subquery()
            # What its journey did not see to the end may have been reorganised away since.
            seen_final = sa.or_(t.transactions.c.abandoned, t.batches.c.finished)
            newest = (
                sa.select(t.transactions.c.nonce)
                .join(t.batches, t.batches.c.id == t.transactions.c.batch)
                .where(t.transactions.c.sender == sender, t.transactions.c.mined_block <= final)
                .where(seen_final)
                .order_by(t.transactions.c.nonce.desc())
                .limit(1)
            )
            settled = (await connection.execute(newest)).scalar_one_or_none()
        return Lane(
            Nonce(following),
            tuple(Nonce(n) for n in range(used, following) if n not in held),
            None if settled is None else Nonce(settled),
        )

    async def adopt(self, issuance: IssuanceId, *, record: RecordEvent, at: datetime) -> None:
        new = {
            "issuance": issuance,
            "hash": record.transaction,
            "block": record.block_number,
            "block_hash": record.block_hash,
        }
        cause = f"issued before by {record.transaction} in block {record.block_number}"
        async with self._database.writing() as connection:
            await connection.execute(self._database.insert_new(t.adoptions).values(new))
            for current, to in pairwise(_WAY):
                await rows.advance(
                    connection, [issuance], current=current, to=to, at=at, cause=cause
                )

    async def abandon(self, transaction: WrittenTransaction) -> int:
        mine = t.transactions.c.batch == transaction.batch
        reverted = sa.select(sa.func.count()).where(
            mine, t.transactions.c.abandoned.is_(True), t.transactions.c.mined_hash.is_not(None)
        )
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.transactions)
                .where(mine, t.transactions.c.nonce == transaction.nonce)
                .values(abandoned=True)
            )
            return int((await connection.execute(reverted)).scalar_one())

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


async def _insert_transaction(
    connection: AsyncConnection, batch: BatchId, sender: Address, nonce: Nonce
) -> int:
    inserted = await connection.execute(
        sa.insert(t.transactions)
        .values(batch=batch, sender=sender, nonce=nonce, abandoned=False)
        .returning(t.transactions.c.ordinal)
    )
    return int(inserted.scalar_one())


async def _held(connection: AsyncConnection, sender: Address, *, least: int) -> frozenset[int]:
    """The nonces from `least` on that a transaction of ours holds or will hold."""
    query = sa.select(t.transactions.c.nonce).where(
        t.transactions.c.sender == sender,
        t.transactions.c.nonce >= least,
        t.transactions.c.abandoned.is_(False),
    )
    return frozenset((await connection.execute(query)).scalars())


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
