"""Durable execution."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol

from nftsvc.core.types import BatchId

Journey = Callable[[BatchId, "Steps"], Awaitable[None]]


class Steps(Protocol):
    """Runs the steps of a journey; one that ended is not run again after a restart."""

    async def __call__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` under `name`, to its end, at least once."""


class Engine(ABC):
    """Carries each batch through its journey, over crashes and restarts."""

    @abstractmethod
    async def start(self, journey: Journey) -> None:
        """Take up work, also what was left unfinished."""

    @abstractmethod
    async def carry(self, batch: BatchId) -> None:
        """See the batch through; nothing happens where that is under way already."""

    @abstractmethod
    async def stop(self) -> None:
        """Lay down work where it is. It goes on at the next start."""
