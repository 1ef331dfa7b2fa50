"""What all requests to issue have: an id, and an idempotency key."""

import re
import secrets
from typing import Final

from nftsvc.core.errors import InvalidField
from nftsvc.core.types import IssuanceId

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


def new_issuance() -> IssuanceId:
    """An id that nobody else has."""
    return IssuanceId(f"iss-{secrets.token_hex(12)}")


def check_key(key: str, *, path: str) -> None:
    """Raises `InvalidField` where it is no idempotency key."""
    if not _KEY.fullmatch(key):
        raise InvalidField(
            path, reason="not-a-key", detail="expected 1 to 200 visible ASCII characters"
        )
