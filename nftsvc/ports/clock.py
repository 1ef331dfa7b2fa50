"""The time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time, and the waiting for it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some moment, by a clock that nobody sets: only differences mean anything.

        How long something took is measured with it; `now` may jump.
        """

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
