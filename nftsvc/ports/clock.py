"""The time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time, and the waiting for it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
