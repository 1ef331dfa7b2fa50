"""Groups accepted issuances into batches and has each of them carried."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from itertools import product
from typing import Final

from nftsvc.core.errors import NftsvcError
from nftsvc.core.issuance import Way
from nftsvc.core.types import AssetKind
from nftsvc.flows.carry import Carrier
from nftsvc.flows.sizing import GasMeter
from nftsvc.ports import Clock, Ledger

POLL_SECONDS: Final = 0.25
"""How often a worker looks for what another process accepted."""

LEAVES_TOGETHER: Final = 1000
"""They share no transaction, only the work of storing them."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """`deadline` in seconds is how long the first issuance waits for others to join it.

    `meter` says how many of them a transaction carries; `root` gives anchors that are ready their
    root, which is then an issuance like others.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        carrier: Carrier,
        clock: Clock,
        deadline: float,
        meter: GasMeter | None = None,
        root: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._ledger = ledger
        self._carrier = carrier
        self._clock = clock
        self._deadline = deadline
        self._meter = meter or GasMeter()
        self._root = root or _nothing
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """An issuance was accepted in this process."""
        self._woken.set()

    async def run(self) -> None:
        """Dispatch until cancelled."""
        while True:
            try:
                await self._carrier.take_up()
                await self._root()
                if self._woken.is_set() or await self._ledger.unassigned():
                    await self._clock.sleep(self._deadline)
                    self._woken.clear()
                    await self._dispatch()
            except NftsvcError as error:
                _log.warning("cannot dispatch: %s (%s)", error, error.code)
                await self._clock.sleep(1.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()

    async def _dispatch(self) -> None:
        together = {
            Way.TOKEN: self._meter.most,
            Way.LEAF: LEAVES_TOGETHER,
            Way.ANCHOR: 1,
            Way.CLAIM: 1,
            Way.AMEND: 1,
        }
        waiting = await self._ledger.unassigned()
        for kind, (way, most) in product(AssetKind, together.items()):
            # As many as they make now: those who come meanwhile are not a batch of their own.
            for _ in range(sum(-(-count // most) for count in waiting.get((kind, way), ()))):
                batch = await self._ledger.assign(kind, most=most, at=self._clock.now(), way=way)
                if batch is not None:
                    await self._carrier.carry(batch)


async def _nothing() -> None:
    pass
