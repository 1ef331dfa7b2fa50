"""How many tokens one transaction may carry: by the gas that the last batches were measured at."""

from collections import deque
from typing import Final

from nftsvc.core.transaction import GAS_MARGIN, TRANSACTION_GAS_CAP
from nftsvc.core.types import Gas

FIRST_GAS: Final = Gas(65_000)
"""For a token until one was measured: more than any single issue was measured to use."""
REMEMBERED: Final = 8
"""Batches; the dearest of them counts, as a token for a new holder costs a slot more."""


class GasMeter:
    """What a token costs on this chain, learned from the estimates of what is sent.

    `cap` is the operator's and the protocol's for one transaction; `block` what a block holds.
    """

    def __init__(self, *, cap: Gas = TRANSACTION_GAS_CAP) -> None:
        self._cap = cap
        self._block = cap
        self._each: deque[int] = deque(maxlen=REMEMBERED)

    def measured(self, estimate: Gas, *, tokens: int) -> None:
        """A transaction for `tokens` was estimated at `estimate`."""
        self._each.append(-(-estimate // tokens))

    def block_holds(self, gas: Gas) -> None:
        """The newest block's limit."""
        self._block = gas

    @property
    def most(self) -> int:
        """The most tokens of one transaction."""
        room = min(self._cap, self._block) * GAS_MARGIN[1] // GAS_MARGIN[0]
        return max(1, room // max(self._each, default=FIRST_GAS))
