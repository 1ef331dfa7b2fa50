"""What all requests to issue have: an id, and an idempotency key."""

import re
import secrets
from datetime import datetime
from typing import Final

from nftsvc.core.errors import InvalidField
from nftsvc.core.types import IssuanceId

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


def new_issuance(at: datetime) -> IssuanceId:
    """An id that nobody else has: the time in milliseconds, and 80 random bits.

    The time comes first as in RFC 9562's version 7, so that rows which are written together
    stand together in every index of the ledger.
    """
    milliseconds = int(at.timestamp() * 1000)
    return IssuanceId(f"iss-{milliseconds:012x}{secrets.token_hex(10)}")


def check_key(key: str, *, path: str) -> None:
    """Raises `InvalidField` where it is no idempotency key."""
    if not _KEY.fullmatch(key):
        raise InvalidField(
            path, reason="not-a-key", detail="expected 1 to 200 visible ASCII characters"
        )
