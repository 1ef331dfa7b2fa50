"""Groups accepted issuances into batches and gives each to the engine."""

import asyncio
import contextlib
import logging
from typing import Final

from nftsvc.core.errors import NftsvcError
from nftsvc.core.transaction import TRANSACTION_GAS_CAP
from nftsvc.core.types import AssetKind, Gas
from nftsvc.ports import Clock, Engine, Ledger

GAS_PER_TOKEN: Final = Gas(65_000)
"""More than any single issue was measured to use."""
LOOK_AGAIN_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


class Dispatcher:
    """`deadline` in seconds is how long the first issuance waits for others to join it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        engine: Engine,
        clock: Clock,
        deadline: float,
        gas_cap: Gas = TRANSACTION_GAS_CAP,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._clock = clock
        self._deadline = deadline
        self._most = max(1, gas_cap // GAS_PER_TOKEN)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """An issuance was accepted."""
        self._woken.set()

    async def run(self) -> None:
        """Dispatch until cancelled. What an earlier process left undone comes first."""
        while True:
            try:
                for batch in await self._ledger.open_batches():
                    await self._engine.carry(batch)
                await self._dispatch()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await self._until_woken()
            except NftsvcError as error:
                _log.warning("cannot dispatch: %s (%s)", error, error.code)
                await self._clock.sleep(1.0)

    async def _until_woken(self) -> None:
        while True:
            await self._woken.wait()
            await self._clock.sleep(self._deadline)
            self._woken.clear()
            await self._dispatch()

    async def _dispatch(self) -> None:
        for kind in AssetKind:
            while batch := await self._ledger.assign(kind, most=self._most, at=self._clock.now()):
                await self._engine.carry(batch)
