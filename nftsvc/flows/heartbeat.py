"""Each process shows that it lives, and buries those that do not show it any more.

Time is measured by the clock that only runs forward, and only between one's own looks: a wall
clock that jumps, here or in the database, makes nobody dead and nobody immortal.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from nftsvc.core.errors import NftsvcError
from nftsvc.core.types import WorkerId
from nftsvc.ports import Clock, Leases

BEATS_IN_A_LEASE: Final = 5

_log = logging.getLogger(__name__)


class Heartbeat:
    """`lease_seconds` of silence make a process dead."""

    def __init__(
        self,
        *,
        leases: Leases,
        clock: Clock,
        lease_seconds: float,
        monotonic: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic
        self._seen: dict[WorkerId, tuple[int, float]] = {}

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            try:
                await self.once()
            except NftsvcError as error:
                _log.warning("no heartbeat: %s (%s)", error, error.code)
            await self._clock.sleep(self._lease_seconds / BEATS_IN_A_LEASE)

    async def once(self) -> None:
        """One beat, and one look at the others."""
        before = self._leases.worker
        if not await self._leases.beat():
            _log.error("%s was taken for dead, and goes on as %s", before, self._leases.worker)
        now = self._monotonic()
        seen: dict[WorkerId, tuple[int, float]] = {}
        for other in await self._leases.workers():
            if other.worker == self._leases.worker:
                continue
            beats, since = self._seen.get(other.worker, (-1, now))
            if beats != other.beats:
                since = now
            elif now - since > self._lease_seconds and await self._leases.bury(
                other.worker, beats=beats
            ):
                _log.warning("%s (%s) is dead: its work is free", other.worker, other.place)
                continue
            seen[other.worker] = (other.beats, since)
        self._seen = seen
