"""The record of what was kept, what was looked at again, and what it was then."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from nftsvc.core.audits import Alarm, Audit, KeptContent, StoreRecord
from nftsvc.core.cid import Cid


class Audits(ABC):
    """Raises `LedgerUnavailable`."""

    @abstractmethod
    async def newest(self) -> int:
        """The ordinal of the newest issuance; 0 for none."""

    @abstractmethod
    async def kept(
        self, *, after: int, limit: int
    ) -> Sequence[tuple[int, tuple[KeptContent, ...]]]:
        """The contents of issuances that were stored: ordinal and contents, oldest first."""

    @abstractmethod
    async def record(self, audits: Sequence[Audit]) -> None:
        """Add to the record; nothing is ever taken from it."""

    @abstractmethod
    async def raise_alarm(self, alarm: Alarm) -> None:
        """Note that too few stores have a content; `since` stays that of the first time."""

    @abstractmethod
    async def end_alarm(self, cid: Cid) -> None:
        """Note that enough stores have it."""

    @abstractmethod
    async def alarms(self, *, limit: int) -> Sequence[Alarm]:
        """The contents that too few stores have, the oldest alarm first."""

    @abstractmethod
    async def count_alarms(self) -> int:
        """How many these are."""

    @abstractmethod
    async def records(self) -> Sequence[StoreRecord]:
        """What the record says of each store, by its name."""
