"""How much there is to do, for whoever must decide whether to take in more, and for operators."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.types import Address, Nonce


@dataclass(frozen=True, slots=True)
class Queue:
    """What was accepted and not sent yet. `size` is the bytes of documents not stored yet."""

    issuances: int
    size: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Lane:
    """One sender's transactions: the nonce of the next, and how many no block holds yet."""

    sender: Address
    next_nonce: Nonce
    in_flight: int


class Overview(ABC):
    """Sums over the ledger. Raises `LedgerUnavailable`."""

    @abstractmethod
    async def queue(self) -> Queue:
        """What waits to be sent."""

    @abstractmethod
    async def lanes(self) -> tuple[Lane, ...]:
        """All lanes, by their senders."""

    @abstractmethod
    async def under_way(self) -> Mapping[IssuanceStatus, int]:
        """How many issuances stand at each status that is no end."""

    @abstractmethod
    async def open_batches(self) -> int:
        """How many batches are not finished."""
