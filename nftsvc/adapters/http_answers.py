"""What every HTTP adapter for content does with an answer: bounded, patient, and typed."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx

from nftsvc.core.errors import ContentUnavailable, Misconfigured

_LONGEST_WAIT: Final = 3600


async def read_body(response: httpx.Response, *, most: int, who: str) -> bytes:
    """The body, up to `most` bytes. Raises `ContentUnavailable` for more."""
    body = bytearray()
    async for data in response.aiter_raw():
        body += data
        if len(body) > most:
            raise ContentUnavailable(f"{who} answered more than {most} bytes")
    return bytes(body)


def retry_after(value: str) -> int:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3); 5 without one."""
    try:
        seconds = int(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return 5
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = int((when - datetime.now(UTC)).total_seconds()) + 1
    return min(max(seconds, 1), _LONGEST_WAIT)


def secret_of(path: Path, *, who: str) -> str:
    """The secret in a file. Raises `Misconfigured`; the secret is never in it."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot read the secret of {who} from {path}") from error
