"""Groups accepted issuances into batches and has each of them carried."""

import asyncio
import contextlib
import logging
from typing import Final

from nftsvc.core.errors import NftsvcError
from nftsvc.core.transaction import TRANSACTION_GAS_CAP
from nftsvc.core.types import AssetKind, Gas
from nftsvc.flows.carry import Carrier
from nftsvc.ports import Clock, Ledger

GAS_PER_TOKEN: Final = Gas(65_000)
"""More than any single issue was measured to use."""
POLL_SECONDS: Final = 0.25
"""How often a worker looks for what another process accepted."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """`deadline` in seconds is how long the first issuance waits for others to join it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        carrier: Carrier,
        clock: Clock,
        deadline: float,
        gas_cap: Gas = TRANSACTION_GAS_CAP,
    ) -> None:
        self._ledger = ledger
        self._carrier = carrier
        self._clock = clock
        self._deadline = deadline
        self._most = max(1, gas_cap // GAS_PER_TOKEN)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """An issuance was accepted in this process."""
        self._woken.set()

    async def run(self) -> None:
        """Dispatch until cancelled."""
        while True:
            try:
                await self._carrier.take_up()
                if self._woken.is_set() or await self._ledger.has_unassigned():
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
        for kind in AssetKind:
            while batch := await self._ledger.assign(kind, most=self._most, at=self._clock.now()):
                await self._carrier.carry(batch)
