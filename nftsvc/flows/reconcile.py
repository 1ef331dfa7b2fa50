"""Holds ledger and chain against each other, at the start and while the service runs.

    1  identity    the chain is the one on record, with the contracts on record
    2  progress    the chain has not fallen back behind what was final
    3  nonces      the chain has used no nonce of ours that the ledger did not write
    4  gaps        each nonce that was given out is held by a transaction; else it is filled
    5  keys        each key may issue, and has the funds to

What 1 and 2 find stops writing, sending and judging until it has gone. Whatever is found is an
alarm under a code of its own.
"""

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from nftsvc.core.alarms import AlarmCode
from nftsvc.core.errors import (
    ChainWiped,
    NftsvcError,
    RpcBehind,
    WrongChain,
    WrongContract,
)
from nftsvc.core.transaction import Lane
from nftsvc.core.types import Address, Nonce, Wei
from nftsvc.flows.alarms import Alarms
from nftsvc.flows.sending import Sending
from nftsvc.flows.sizing import GasMeter
from nftsvc.ports import Chain, Clock, Ledger

LOOK_SECONDS: Final = 5.0
CONTRACTS_SECONDS: Final = 60.0
"""How often all contracts are compared; the chain's id is asked for at each look."""
CHAIN: Final = "chain"

_STOPPING: Final = (WrongChain, WrongContract, RpcBehind)
_log = logging.getLogger(__name__)


class Reconciler:
    """`contracts` raises where the chain is not the one on record; `least_balance` is in wei."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        chain: Chain,
        sending: Sending,
        senders: Collection[Address],
        clock: Clock,
        alarms: Alarms,
        contracts: Callable[[], Awaitable[None]],
        meter: GasMeter,
        least_balance: Wei,
    ) -> None:
        self._ledger = ledger
        self._chain = chain
        self._sending = sending
        self._senders = tuple(senders)
        self._clock = clock
        self._alarms = alarms
        self._contracts = contracts
        self._meter = meter
        self._least_balance = least_balance
        self._compared: float | None = None
        self._gaps: dict[Address, frozenset[Nonce]] = {}
        self._fault: NftsvcError | None = None

    def guard(self) -> None:
        """Raises what stops writing, sending and judging, while there is such a thing."""
        if self._fault is not None:
            raise self._fault

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except NftsvcError as error:
                _log.warning("cannot reconcile: %s (%s)", error, error.code)
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once. Raises what could not be asked, and what stops the work."""
        try:
            await self._identity()
            await self._progress()
            for sender in self._senders:
                await self._nonces(sender)
        except _STOPPING as error:
            self._fault = error
            self._compared = None
            await self._alarms.sound(AlarmCode(error.code), subject=CHAIN, detail=str(error))
            raise
        self._fault = None
        for stopping in (*_STOPPING, ChainWiped):
            await self._alarms.end(AlarmCode(stopping.code), subject=CHAIN)
        self._meter.block_holds(await self._chain.block_gas())
        for sender in self._senders:
            await self._key(sender)

    async def _identity(self) -> None:  # 1
        await self._chain.check_identity()
        now = self._clock.monotonic()
        if self._compared is None or now - self._compared >= CONTRACTS_SECONDS:
            await self._contracts()
            self._compared = now

    async def _progress(self) -> None:  # 2
        heads, final = await self._chain.heads(), await self._ledger.finalized()
        if final is not None and heads.latest.number < final:
            await self._contracts()
            raise RpcBehind(
                f"{self._chain.endpoint} is at block {heads.latest.number}, and block {final} "
                "was final already"
            )

    async def _nonces(self, sender: Address) -> None:  # 3
        used = await self._chain.nonce(sender)
        lane = await self._ledger.lane(sender, used=used)
        if lane is None:
            return
        if lane.settled is not None and used <= lane.settled:
            raise RpcBehind(
                f"{self._chain.endpoint} counts {used} transactions of {sender}, and nonce "
                f"{lane.settled} was final already"
            )
        if used > lane.next_nonce:
            detail = (
                f"the chain has used {used} nonces and the ledger wrote {lane.next_nonce}: the "
                "key is shared, or the ledger is older than the chain"
            )
            await self._alarms.sound(AlarmCode.NONCE_TAKEN, subject=sender, detail=detail)
        await self._fill(sender, lane)

    async def _fill(self, sender: Address, lane: Lane) -> None:  # 4
        seen = self._gaps.get(sender, frozenset())
        self._gaps[sender] = frozenset(lane.gaps)
        # Twice in a row: a node that is behind must not cost a transfer.
        for nonce in (gap for gap in lane.gaps if gap in seen):
            batch = await self._sending.fill(sender, nonce=nonce)
            if batch is not None:
                detail = f"nothing of ours could fill nonce {nonce}: {batch} does"
                await self._alarms.sound(AlarmCode.NONCE_GAP, subject=sender, detail=detail)

    async def _key(self, sender: Address) -> None:  # 5
        balance = await self._chain.balance(sender)
        if balance < self._least_balance:
            detail = f"{balance} wei, and {self._least_balance} wei are wanted"
            await self._alarms.sound(AlarmCode.BALANCE_LOW, subject=sender, detail=detail)
        else:
            await self._alarms.end(AlarmCode.BALANCE_LOW, subject=sender)
        if await self._chain.is_issuer(sender):
            await self._alarms.end(AlarmCode.ISSUER_NOT_AUTHORIZED, subject=sender)
        else:
            detail = "the contracts do not let this key issue"
            await self._alarms.sound(AlarmCode.ISSUER_NOT_AUTHORIZED, subject=sender, detail=detail)
