"""What a transaction offers for its gas: at first, and again when it hangs.

    first offer    room for the base fee to double, and the tip that is usual now
    raised offer   at least an eighth more on both than the last offer, and at least the first
                   offer of now; nodes take a replacement that pays 10 % more (Parity's heirs 12.5)
    cap            what the operator allows for a gas, tip included; never passed

Chains differ in what a tip buys, how little of it is taken, and where finality comes from; a
preset says so for each kind of chain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from nftsvc.core.transaction import Fees
from nftsvc.core.types import Wei

GWEI: Final = 10**9
LEAST_RAISE: Final = (10, 100)
"""A replacement that pays less more than this is refused by every node."""
RAISES: Final = ((125, 1000), (25, 100), (50, 100), (100, 100))
"""How much more is offered the next time, by how often a node called the offer too little."""


class FeePreset(StrEnum):
    """A kind of chain."""

    L1 = "l1"
    OP_STACK = "op-stack"
    ARBITRUM = "arbitrum"
    POLYGON = "polygon"


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """How a kind of chain takes fees.

    `blocks` and `percentile` are what the fee history is asked for; `least_tip` is in wei per gas,
    None where tips buy nothing and are not offered. `depth` is the number of blocks that make
    final where an endpoint names no final block.
    """

    blocks: int
    percentile: int
    least_tip: Wei | None
    depth: int


TERMS: Final[Mapping[FeePreset, FeeTerms]] = MappingProxyType(
    {
        FeePreset.L1: FeeTerms(5, 50, Wei(GWEI // 1000), 64),
        # Blocks of 2 s over an L1 that needs about 13 minutes; the data fee is not per gas.
        FeePreset.OP_STACK: FeeTerms(20, 50, Wei(GWEI // 1000), 900),
        # First come, first served: the sequencer gives tips back.
        FeePreset.ARBITRUM: FeeTerms(20, 50, None, 3600),
        # Validators leave out what tips less than 25 gwei.
        FeePreset.POLYGON: FeeTerms(15, 50, Wei(30 * GWEI), 256),
    }
)


@dataclass(frozen=True, slots=True)
class Offer:
    """Wei per gas: the most in all, and the tip in it."""

    max_fee: Wei
    tip: Wei


def first_offer(fees: Fees, *, cap: Wei) -> Offer:
    """What to offer now. Less than the chain asks for where that is beyond the cap."""
    max_fee = min(2 * fees.base + fees.priority, cap)
    return Offer(Wei(max_fee), Wei(min(fees.priority, max_fee)))


def is_beyond(fees: Fees, *, cap: Wei) -> bool:
    """Whether the chain asks for more than the operator allows."""
    return fees.base + fees.priority > cap


def raised_offer(last: Offer, fees: Fees, *, cap: Wei, refusals: int = 0) -> Offer | None:
    """What to offer in the place of `last`; None where the cap leaves no room for a raise.

    `refusals` is how often a node has called our offer for this nonce too little to replace what
    it holds.
    """
    share, whole = RAISES[min(refusals, len(RAISES) - 1)]
    tip = max(_more(last.tip, share, whole), fees.priority)
    max_fee = max(_more(last.max_fee, share, whole), 2 * fees.base + tip)
    if max_fee > cap:
        max_fee, tip = cap, min(tip, cap)
    least = _more(last.max_fee, *LEAST_RAISE), _more(last.tip, *LEAST_RAISE)
    if max_fee < least[0] or tip < least[1]:
        return None
    return Offer(Wei(max_fee), Wei(tip))


def _more(amount: int, share: int, whole: int) -> int:
    """`amount` and its share on top, rounded up."""
    return amount + -(-amount * share // whole)
