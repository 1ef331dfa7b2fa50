"""Bugs that others had, put back on purpose: what does not find them proves nothing."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.memory_chain import MemoryChain
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.errors import LedgerUnavailable
from nftsvc.core.history import Heads
from nftsvc.core.transaction import Attempt, WrittenTransaction
from nftsvc.core.types import Address, BatchId, IssuanceId, Nonce
from tests.simulation.world import Wiring

EVERY: Final = 3
"""So many writes go well between two that are cut off."""


class _Changed:
    """An adapter of which some methods are others."""

    def __init__(self, own: object) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


class NonceAhead(_Changed):
    """The lane's counter moves on by itself, before the transaction is written."""

    _own: SqlLedger
    _writes = 0

    async def write(
        self, batch: BatchId, issuances: Collection[IssuanceId], *, sender: Address, **rest: Any
    ) -> WrittenTransaction:
        NonceAhead._writes += 1
        if NonceAhead._writes % EVERY == 0:
            async with self._own._database.writing() as connection:
                await connection.execute(
                    sa.update(t.lanes)
                    .where(t.lanes.c.sender == sender)
                    .values(next_nonce=t.lanes.c.next_nonce + 1)
                )
            raise LedgerUnavailable("simulated: cut off between counter and transaction")
        return await self._own.write(batch, issuances, sender=sender, **rest)


class SentFirst(_Changed):
    """What is signed is broadcast at once; only then is it written down."""

    _own: SqlLedger
    _writes = 0

    def __init__(self, own: SqlLedger, chain: MemoryChain) -> None:
        super().__init__(own)
        self._chain = chain

    async def write(
        self,
        batch: BatchId,
        issuances: Collection[IssuanceId],
        *,
        sender: Address,
        least_nonce: Nonce,
        at: datetime,
        sign: Callable[[Nonce], Awaitable[Attempt]],
        **rest: Any,
    ) -> WrittenTransaction:
        async def sign_and_send(nonce: Nonce) -> Attempt:
            attempt = await sign(nonce)
            await self._chain.broadcast(attempt.signed)
            SentFirst._writes += 1
            if SentFirst._writes % EVERY == 0:
                raise LedgerUnavailable("simulated: cut off before the commit")
            return attempt

        return await self._own.write(
            batch,
            issuances,
            sender=sender,
            least_nonce=least_nonce,
            at=at,
            sign=sign_and_send,
            **rest,
        )


class MinedIsFinal(_Changed):
    """A receipt is believed as if no block could be replaced."""

    _own: MemoryChain

    async def heads(self) -> Heads:
        latest = (await self._own.heads()).latest
        return Heads(latest, latest, latest)


class OlderForgotten(_Changed):
    """Of a transaction that was replaced, only the newest form is known."""

    _own: SqlLedger

    async def written(self, batch: BatchId) -> WrittenTransaction | None:
        found = await self._own.written(batch)
        return found and replace(found, attempts=found.attempts[-1:])


BUGS: Final = {
    "nonce-counter-ahead": Wiring(ledger=lambda ledger, _: NonceAhead(ledger)),
    "broadcast-before-write": Wiring(ledger=SentFirst),
    "receipt-taken-as-final": Wiring(chain=MinedIsFinal),
    "replaced-transaction-forgotten": Wiring(ledger=lambda ledger, _: OlderForgotten(ledger)),
}
