"""How much, and how long: a body that lies about its length or never ends is refused."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from nftsvc.core.errors import InvalidField, TooLarge, TooSlow


async def bounded_body(request: Request, *, most: int, seconds: float) -> AsyncIterator[bytes]:
    """The body in pieces: at most `most` bytes, within `seconds` for all of it.

    Raises `TooLarge` (at once where Content-Length says so), `TooSlow`, or `InvalidField` where
    the body breaks off.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge("body", limit=most)
    deadline = asyncio.get_running_loop().time() + seconds
    stream = aiter(request.stream())
    size = 0
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlow(limit=seconds) from error
        except ClientDisconnect as error:
            raise InvalidField(
                "body", reason="truncated", detail="the body ends before its announced length"
            ) from error
        size += len(chunk)
        if size > most:
            raise TooLarge("body", limit=most)
        if chunk:
            yield chunk
