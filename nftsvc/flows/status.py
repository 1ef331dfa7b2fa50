"""How the service stands, for its operators: what waits, what goes, what is wrong."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from nftsvc.core.alarms import Alarm
from nftsvc.core.errors import NftsvcError
from nftsvc.core.history import Heads
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.types import Address, BlockNumber, Wei, WorkerId
from nftsvc.flows.gate import Gate
from nftsvc.ports import AlarmBook, Chain, Clock, Lane, Leases, Ledger, Overview, Queue, Worker

FRESH_SECONDS: Final = 1.0
"""For so long a look is shown again: whoever asks often does not make the chain be asked often."""

Asked = TypeVar("Asked")


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One sender: its lane, None before its first transaction, and what it has, None unasked."""

    sender: Address
    lane: Lane | None
    balance: Wei | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the service stands. `heads` is None where the chain could not be asked.

    `waited` is the age in seconds of the oldest issuance that waits. Workers, lanes, queue and
    alarms are those of all processes; `requests` and the two counts are this process's own.
    """

    at: datetime
    worker: WorkerId
    queue: Queue
    waited: float
    under_way: Mapping[IssuanceStatus, int]
    batches: int
    lanes: tuple[LaneStatus, ...]
    heads: Heads | None
    followed: BlockNumber | None
    finalized: BlockNumber | None
    workers: tuple[Worker, ...]
    alarms: tuple[Alarm, ...]
    requests: int
    let_in: int
    turned_away: int

    @property
    def lag(self) -> int | None:
        """How many blocks the ledger is behind the chain, None where that is not known."""
        if self.heads is None or self.followed is None:
            return None
        return max(0, self.heads.latest.number - self.followed)

    @property
    def is_well(self) -> bool:
        """Whether nothing needs an operator."""
        return self.heads is not None and not self.alarms


class StatusFlow:
    """Looks at all parts; a chain that is away leaves its part of the picture empty."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        overview: Overview,
        leases: Leases,
        chain: Chain,
        book: AlarmBook | None,
        gate: Gate,
        clock: Clock,
        senders: Sequence[Address],
    ) -> None:
        self._ledger = ledger
        self._overview = overview
        self._leases = leases
        self._chain = chain
        self._book = book
        self._gate = gate
        self._clock = clock
        self._senders = senders
        self._looking = asyncio.Lock()
        self._seen: tuple[float, Status] | None = None

    async def look(self) -> Status:
        """The status, at most a second old. Raises `LedgerUnavailable`."""
        async with self._looking:
            now = self._clock.monotonic()
            if self._seen is None or now - self._seen[0] >= FRESH_SECONDS:
                self._seen = now, await self._look()
            return self._seen[1]

    async def _look(self) -> Status:
        heads = asyncio.create_task(_or_none(self._chain.heads()))
        balances = asyncio.create_task(self._balances())
        try:
            queue = await self._overview.queue()
            lanes = {lane.sender: lane for lane in await self._overview.lanes()}
            followed = await self._ledger.followed()
            now = self._clock.now()
            had = await balances
            return Status(
                at=now,
                worker=self._leases.worker,
                queue=queue,
                waited=max(0.0, (now - queue.oldest).total_seconds()) if queue.oldest else 0.0,
                under_way=await self._overview.under_way(),
                batches=await self._overview.open_batches(),
                lanes=tuple(
                    LaneStatus(sender, lanes.get(sender), had.get(sender))
                    for sender in sorted({*lanes, *self._senders})
                ),
                heads=await heads,
                followed=followed.number if followed is not None else None,
                finalized=await self._ledger.finalized(),
                workers=await self._leases.workers(),
                alarms=tuple(alarm for alarm in await self._alarms() if alarm.active),
                requests=self._gate.inside,
                let_in=self._gate.let_in,
                turned_away=self._gate.turned_away,
            )
        finally:
            heads.cancel()
            balances.cancel()

    async def _alarms(self) -> tuple[Alarm, ...]:
        return await self._book.alarms() if self._book is not None else ()

    async def _balances(self) -> dict[Address, Wei | None]:
        asked = await asyncio.gather(
            *(_or_none(self._chain.balance(sender)) for sender in self._senders)
        )
        return {
            sender: None if balance is None else Wei(balance)
            for sender, balance in zip(self._senders, asked, strict=True)
        }


async def _or_none(question: Awaitable[Asked]) -> Asked | None:
    try:
        return await question
    except NftsvcError:
        return None
