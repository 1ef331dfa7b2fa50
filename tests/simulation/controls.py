"""Bugs that others had, put back on purpose: what does not find them proves nothing."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self

import sqlalchemy as sa

from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.memory_chain import MemoryChain
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.errors import LedgerUnavailable
from nftsvc.core.history import Heads
from nftsvc.core.transaction import Attempt, Lane, WrittenTransaction
from nftsvc.core.types import Address, BatchId, IssuanceId, Nonce
from nftsvc.ports import Fence
from tests.simulation.faults import Fault
from tests.simulation.world import Wiring

EVERY: Final = 3
"""So many writes go well between two that are cut off."""


class _Changed:
    """An adapter of which some methods are others."""

    def __init__(self, own: Any, *others: Any) -> None:
        self._own = own
        self._others = others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def fenced(self, fence: Fence) -> Self:
        """A ledger under a fence, with the same bug."""
        return type(self)(self._own.fenced(fence), *self._others)


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

    async def lane(self, sender: Address, *, used: Nonce) -> Lane | None:
        """Nor does anybody look for gaps."""
        found = await self._own.lane(sender, used=used)
        return found and replace(found, gaps=())


class SentFirst(_Changed):
    """What is signed is broadcast at once; only then is it written down."""

    _own: SqlLedger
    _writes = 0

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
            chain: MemoryChain = self._others[0]
            await chain.broadcast(attempt.signed)
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


class NoFence(_Changed):
    """Whoever was taken for dead goes on writing."""

    def fenced(self, fence: Fence) -> Self:  # noqa: ARG002
        return self


BUGS: Final = {
    "nonce-counter-ahead": Wiring(ledger=lambda ledger, _: NonceAhead(ledger)),
    "broadcast-before-write": Wiring(ledger=SentFirst),
    "no-fence-on-takeover": Wiring(
        ledger=lambda ledger, _: NoFence(ledger), weather={Fault.STOPPED: 10}
    ),
    "receipt-taken-as-final": Wiring(chain=MinedIsFinal, weather={Fault.REORG: 10}),
    "replaced-transaction-forgotten": Wiring(
        ledger=lambda ledger, _: OlderForgotten(ledger),
        weather={
            Fault.FEES_RISE: 10,
            Fault.OLDER_WINS: 10,
            # Who is killed forgets how long it waited, and nothing is replaced.
            **dict.fromkeys((Fault.KILLED, Fault.KILLED_BEFORE, Fault.KILLED_AFTER), 0.0),
            Fault.NODE_RESTART: 0.0,
        },
    ),
}
