"""What happened to an asset, as the chain tells it."""

from dataclasses import dataclass
from enum import StrEnum

from nftsvc.core.types import (
    Address,
    BlockHash,
    BlockNumber,
    Digest,
    TokenId,
    TokenStatus,
    TransactionHash,
)


class Finality(StrEnum):
    """How firmly the chain holds a block."""

    LATEST = "latest"
    SAFE = "safe"
    FINALIZED = "finalized"


class RecordKind(StrEnum):
    """What a record event records."""

    ISSUED = "issued"
    AMENDED = "amended"
    STATUS_CHANGED = "status-changed"
    HOLDER_CHANGED = "holder-changed"
    RECOVERY_PROPOSED = "recovery-proposed"
    RECOVERY_STOPPED = "recovery-stopped"


@dataclass(frozen=True, slots=True)
class Block:
    """One block. `timestamp` in Unix seconds."""

    number: BlockNumber
    block_hash: BlockHash
    parent_hash: BlockHash
    timestamp: int


@dataclass(frozen=True, slots=True)
class Heads:
    """The newest block, and the newest that are safe and final. latest >= safe >= finalized."""

    latest: Block
    safe: Block
    finalized: Block

    def finality_of(self, number: BlockNumber) -> Finality:
        """How firmly a block of the canonical chain with this number is held."""
        if number <= self.finalized.number:
            return Finality.FINALIZED
        return Finality.SAFE if number <= self.safe.number else Finality.LATEST


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """One record of one token. Which of the optional members are there depends on `kind`.

    `actor` is the issuer (issued, amended) or who changed the status; `previous_block` is the
    block of the token's record before, None for the first.
    """

    kind: RecordKind
    contract: Address
    token_id: TokenId
    block_number: BlockNumber
    block_hash: BlockHash
    transaction: TransactionHash
    log_index: int
    timestamp: int
    previous_block: BlockNumber | None
    actor: Address | None = None
    holder_from: Address | None = None
    holder_to: Address | None = None
    digest: Digest | None = None
    version: int | None = None
    status: TokenStatus | None = None
    reason: bytes | None = None
