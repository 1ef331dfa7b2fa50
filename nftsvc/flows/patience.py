"""Waiting for what is away: with more patience each time, and never giving up."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from nftsvc.core.errors import Contradiction, Unavailable
from nftsvc.ports import Clock

FIRST_SECONDS: Final = 0.25
MOST_SECONDS: Final = 15.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


async def until_done(work: Callable[[], Awaitable[T]], *, clock: Clock, what: str) -> T:
    """Repeat `work` until nobody is away and nobody lies. `what` is for the operator's log."""
    pause = FIRST_SECONDS
    while True:
        try:
            return await work()
        except (Unavailable, Contradiction) as error:
            _log.warning("%s: %s (%s); again in %.1f s", what, error, error.code, pause)
        await clock.sleep(pause)
        pause = min(2 * pause, MOST_SECONDS)
