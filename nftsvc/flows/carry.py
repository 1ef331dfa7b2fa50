"""Carries batches: takes their leases, gives them to the engine, and gives the leases back."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from nftsvc.core.errors import LeaseLost, NftsvcError
from nftsvc.core.types import BatchId
from nftsvc.ports import Clock, Engine, Fence, Leases

MOST_AT_ONCE: Final = 200
"""Of those that were left behind, while their transactions are in no block yet."""
REST_SECONDS: Final = 30.0
"""How long a batch rests whose journey broke off, which none should."""

_log = logging.getLogger(__name__)


class Carrier:
    """The batches that this worker carries. `resting` is how many only wait for finality."""

    def __init__(
        self,
        *,
        leases: Leases,
        engine: Engine,
        clock: Clock,
        resting: Callable[[], int] = lambda: 0,
    ) -> None:
        self._resting = resting
        self._leases = leases
        self._engine = engine
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._unanswered: set[BatchId] = set()
        self._unreturned: set[Fence] = set()

    async def take_up(self) -> None:
        """Carry what nobody does: what was left behind, and what has just been put together.

        Raises `LedgerUnavailable`.
        """
        for fence in sorted(self._unreturned, key=lambda fence: fence.lease):
            await self._leases.give_back(fence)
            self._unreturned.discard(fence)
        for batch in sorted(self._unanswered):
            await self.carry(batch)
        room = MOST_AT_ONCE - (len(self._tasks) - self._resting())
        if room > 0:
            for batch in await self._leases.free_batches(most=room):
                await self.carry(batch)

    async def carry(self, batch: BatchId) -> None:
        """Begin to carry a batch; nothing happens where somebody holds it.

        Raises `LedgerUnavailable`. The lease may be ours then, and nobody would ever carry the
        batch while we live: it is asked for until there is an answer.
        """
        again = batch in self._unanswered
        self._unanswered.add(batch)
        fence = await self._leases.take(batch, again=again)
        self._unanswered.discard(batch)
        if fence is None:
            return
        if fence.epoch > 1:
            _log.warning("%s is taken over, in epoch %d", batch, fence.epoch)
        task = asyncio.create_task(self._see_through(batch, fence))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait for nothing; the leases are given back by whoever leaves."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _see_through(self, batch: BatchId, fence: Fence) -> None:
        try:
            await self._engine.carry(batch, fence=fence)
        except LeaseLost:
            _log.warning("%s is carried by another worker now", batch)
            return
        except Exception:  # noqa: BLE001 - whatever it was, it must not end the worker
            _log.exception("the journey of %s broke off; it rests for %g s", batch, REST_SECONDS)
            await self._clock.sleep(REST_SECONDS)
        try:
            await self._leases.give_back(fence)
        except NftsvcError as error:
            self._unreturned.add(fence)
            _log.warning("cannot give %s back yet: %s (%s)", batch, error, error.code)
