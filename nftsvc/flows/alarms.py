"""Sounds alarms: once in the log, and in the book for the pages that show them."""

import logging
from typing import Final

from nftsvc.core.alarms import AlarmCode
from nftsvc.core.errors import Unavailable
from nftsvc.ports import AlarmBook, Clock

AGAIN_SECONDS: Final = 60.0
"""How often an alarm that holds is noted again."""

_log = logging.getLogger(__name__)


class Alarms:
    """The alarms of this process. Without a book they are in the log alone."""

    def __init__(self, *, clock: Clock, book: AlarmBook | None = None) -> None:
        self._clock = clock
        self._book = book
        self._noted: dict[tuple[AlarmCode, str], float] = {}
        self._ended: set[tuple[AlarmCode, str]] = set()

    async def sound(self, code: AlarmCode, *, subject: str, detail: str) -> None:
        """Something holds that an operator must look at. Never raises."""
        key, now = (code, subject), self._clock.monotonic()
        noted = self._noted.get(key)
        if noted is not None and now - noted < AGAIN_SECONDS:
            return
        self._noted[key] = now
        self._ended.discard(key)
        if noted is None:
            _log.error("alarm %s, %s: %s", code, subject, detail)
        if self._book is not None:
            try:
                await self._book.sound(code, subject=subject, detail=detail, at=self._clock.now())
            except Unavailable as error:
                del self._noted[key]
                _log.warning("alarm %s, %s is not noted: %s", code, subject, error)

    async def end(self, code: AlarmCode, *, subject: str) -> None:
        """Its cause has gone. Never raises."""
        key = (code, subject)
        if key in self._ended:
            return
        if self._noted.pop(key, None) is not None:
            _log.info("alarm %s, %s has ended", code, subject)
        try:
            if self._book is not None:
                await self._book.end(code, subject=subject, at=self._clock.now())
            self._ended.add(key)
        except Unavailable as error:
            _log.warning("the end of alarm %s, %s is not noted: %s", code, subject, error)
