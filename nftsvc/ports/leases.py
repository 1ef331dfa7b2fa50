"""Which processes are there, and which of them holds what.

A lease has one holder. Its epoch grows with each holder, and what is written under a lease is
written only while holder and epoch are still the same (`Ledger.fenced`): a process that was taken
for dead and lives on can write nothing.

Nobody's clock decides who is dead. A process that lives counts up its `beats`; whoever sees the
same count for long enough, by a clock that only runs forward, may bury it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from nftsvc.core.types import BatchId, WorkerId

FOLLOWER: Final = "follower"
"""The lease of whoever copies the chain's records into the ledger."""


class Role(StrEnum):
    """What a process does: take in requests, carry them, or both."""

    API = "api"
    WORKER = "worker"
    BOTH = "both"

    @property
    def works(self) -> bool:
        """Whether it carries batches and follows the chain."""
        return self is not Role.API


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease in one's hand: what is held, by whom, and in which epoch."""

    lease: str
    worker: WorkerId
    epoch: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A process as the others see it. `silent` is seconds since its last beat, for people."""

    worker: WorkerId
    role: Role
    version: str
    place: str
    started_at: datetime
    beats: int
    silent: float
    leases: int


class Leases(ABC):
    """The leases of this process. Raises `LedgerUnavailable`."""

    @property
    @abstractmethod
    def worker(self) -> WorkerId:
        """This process, as it is registered now."""

    @abstractmethod
    async def start(self) -> None:
        """Register. Raises `Misconfigured` where only one process may work and one does."""

    @abstractmethod
    async def stop(self) -> None:
        """Give everything back, and leave."""

    @abstractmethod
    async def beat(self) -> bool:
        """Say that this process lives. False where it was buried: it has a new name then."""

    @abstractmethod
    async def bury(self, dead: WorkerId, *, beats: int) -> bool:
        """Free what a dead process held; False where it has given another beat since."""

    @abstractmethod
    async def workers(self) -> tuple[Worker, ...]:
        """All registered processes, the oldest first."""

    @abstractmethod
    async def take(self, lease: str, *, again: bool = False) -> Fence | None:
        """Become the holder, in a new epoch; None where somebody is, be it oneself.

        With `again` a lease is taken from oneself too: for who was not answered, and does not know
        whether it is held, while nothing is done under it.
        """

    @abstractmethod
    async def give_back(self, fence: Fence) -> None:
        """Be the holder no longer; nothing happens where that is so already."""

    @abstractmethod
    async def free_batches(self, *, most: int) -> tuple[BatchId, ...]:
        """Batches that are not finished and that nobody holds, the oldest first."""
