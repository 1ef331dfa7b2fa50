"""What is sent to the chain, and what comes back: calls, fees, signed bytes, receipts."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nftsvc.core.types import (
    Address,
    BatchId,
    BlockHash,
    BlockNumber,
    ChainId,
    Gas,
    Nonce,
    TransactionHash,
    Wei,
)

TRANSACTION_GAS_CAP: Final = Gas(16_777_216)
"""No transaction may carry more gas (EIP-7825)."""

GAS_MARGIN: Final = (12, 10)
"""Gas limit over estimate: state that moves between the two may not end in out-of-gas."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a contract: to whom, and the encoded arguments."""

    to: Address
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees per gas. `base` is what the newest block asked for."""

    base: Wei
    priority: Wei


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """An EIP-1559 transaction before its signature."""

    chain_id: ChainId
    nonce: Nonce
    call: Call
    gas: Gas
    max_fee: Wei
    max_priority_fee: Wei


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """The bytes to broadcast, and the hash that they have on every chain."""

    raw: bytes = field(repr=False)
    transaction_hash: TransactionHash


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed form of a transaction: the first, or a replacement with a raised fee."""

    signed: SignedTransaction
    max_fee: Wei
    max_priority_fee: Wei


@dataclass(frozen=True, slots=True)
class WrittenTransaction:
    """A transaction in the ledger: one nonce of one lane, and all attempts at it, oldest first.

    `mined_in` is the block that held one of them when last seen, `mined_at` its number.
    """

    batch: BatchId
    sender: Address
    nonce: Nonce
    attempts: tuple[Attempt, ...]
    mined_in: BlockHash | None = None
    mined_at: BlockNumber | None = None


class BroadcastRefusal(StrEnum):
    """Why a node does not take a transaction, whatever words it has for it."""

    NONCE_TOO_LOW = "nonce-too-low"
    NONCE_TOO_HIGH = "nonce-too-high"
    REPLACEMENT_UNDERPRICED = "replacement-underpriced"
    UNDERPRICED = "underpriced"
    INSUFFICIENT_FUNDS = "insufficient-funds"
    POOL_FULL = "pool-full"
    TOO_MUCH_GAS = "too-much-gas"


@dataclass(frozen=True, slots=True)
class Lane:
    """What the ledger knows of a sender: the nonce that it writes next, and what it wrote before.

    `gaps` are the nonces below that no transaction of ours can fill; `settled` is the highest whose
    journey saw it in a final block.
    """

    next_nonce: Nonce
    gaps: tuple[Nonce, ...]
    settled: Nonce | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a transaction ended in a block of the canonical chain."""

    transaction_hash: TransactionHash
    block_number: BlockNumber
    block_hash: BlockHash
    succeeded: bool


def gas_limit(estimate: Gas, *, cap: Gas = TRANSACTION_GAS_CAP) -> Gas:
    """The limit to send with, for what the chain estimated."""
    return Gas(min(estimate * GAS_MARGIN[0] // GAS_MARGIN[1], cap))
