"""Newline-delimited JSON as a stream: a line at a time, none longer than it may be."""

from collections.abc import AsyncIterator
from typing import Final

from nftsvc.core.errors import InvalidField, TooLarge

MEDIA_TYPES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")


def check_ndjson(content_type: str) -> None:
    """Raises `InvalidField` where a Content-Type header names something else."""
    if content_type.partition(";")[0].strip().lower() not in MEDIA_TYPES:
        raise InvalidField("Content-Type", reason="not-ndjson", detail=f"expected {MEDIA_TYPES[0]}")


async def lines(body: AsyncIterator[bytes], *, longest: int) -> AsyncIterator[bytes | TooLarge]:
    """The lines that are not empty; one that is too long is passed over, and told as `TooLarge`."""
    rest, too_long = bytearray(), False
    async for chunk in body:
        *ended, begun = chunk.split(b"\n")
        for piece in ended:
            rest += piece
            if too_long or len(rest) > longest:
                yield TooLarge("item", limit=longest)
            elif line := bytes(rest).strip():
                yield line
            rest.clear()
            too_long = False
        rest += begun
        if len(rest) > longest:
            rest.clear()
            too_long = True
    if too_long or len(rest) > longest:
        yield TooLarge("item", limit=longest)
    elif line := bytes(rest).strip():
        yield line
