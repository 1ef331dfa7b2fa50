"""The alarms that all processes of the service have sounded."""

from abc import ABC, abstractmethod
from datetime import datetime

from nftsvc.core.alarms import Alarm, AlarmCode


class AlarmBook(ABC):
    """Keeps alarms for whoever looks. Raises `LedgerUnavailable`."""

    @abstractmethod
    async def sound(self, code: AlarmCode, *, subject: str, detail: str, at: datetime) -> None:
        """Note an alarm, or that it still holds."""

    @abstractmethod
    async def end(self, code: AlarmCode, *, subject: str, at: datetime) -> None:
        """Its cause has gone; nothing happens where there is no such alarm."""

    @abstractmethod
    async def alarms(self) -> tuple[Alarm, ...]:
        """All that were ever sounded, the newest first."""
