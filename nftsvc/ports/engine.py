"""Durable execution."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol

from nftsvc.core.types import BatchId
from nftsvc.ports.leases import Fence

Journey = Callable[[BatchId, Fence, "Steps"], Awaitable[None]]
"""What a batch goes through under a lease; it writes through a ledger with that fence."""


class Steps(Protocol):
    """Runs the steps of a journey; one that ended is not run again after a restart."""

    async def __call__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` under `name`, to its end, at least once."""


class Engine(ABC):
    """Carries each batch through its journey."""

    @abstractmethod
    async def start(self, journey: Journey) -> None:
        """Be ready to carry."""

    @abstractmethod
    async def carry(self, batch: BatchId, *, fence: Fence) -> None:
        """See the batch through under its lease, to the end of its journey.

        Raises `LeaseLost` where another worker has it now, and what the journey raises.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Lay down work where it is. It goes on at the next start."""
