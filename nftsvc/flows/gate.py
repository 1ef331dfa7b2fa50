"""The gate before accepting: beyond what is configured nothing is read, and nothing is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from nftsvc.core.errors import Overloaded
from nftsvc.ports import Overview, Queue

FRESH_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 5
"""After this long a queue that is worked on has room again."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Issuances that may wait to be sent, bytes that may wait to be stored, requests at a time."""

    issuances: int
    size: int
    requests: int


class Gate:
    """Lets requests in while there is room; the queue is looked at twice a second."""

    def __init__(
        self,
        overview: Overview,
        *,
        capacity: Capacity,
        monotonic: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        self._overview = overview
        self._capacity = capacity
        self._monotonic = monotonic
        self._looking = asyncio.Lock()
        self._seen: Queue | None = None
        self._seen_at = 0.0
        self._since_look = 0
        self.inside = 0
        self.let_in = 0
        self.turned_away = 0

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Be inside for as long as a request lasts. Raises `Overloaded`."""
        if self.inside >= self._capacity.requests:
            self.turned_away += 1
            raise Overloaded(f"{self.inside} requests are being answered already", retry_after=1)
        self.inside += 1
        try:
            try:
                await self.check()
            except Overloaded:
                self.turned_away += 1
                raise
            self._since_look += 1
            self.let_in += 1
            yield
        finally:
            self.inside -= 1

    async def check(self) -> None:
        """Raises `Overloaded` where more waits than may."""
        queue = await self._queue()
        if queue.issuances + self._since_look >= self._capacity.issuances:
            raise Overloaded(
                f"{queue.issuances} issuances wait to be sent", retry_after=RETRY_SECONDS
            )
        if queue.size >= self._capacity.size:
            raise Overloaded(
                f"{queue.size} bytes of documents wait to be stored", retry_after=RETRY_SECONDS
            )

    async def _queue(self) -> Queue:
        async with self._looking:
            now = self._monotonic()
            if self._seen is None or now - self._seen_at >= FRESH_SECONDS:
                self._seen = await self._overview.queue()
                self._seen_at = now
                self._since_look = 0
            return self._seen
