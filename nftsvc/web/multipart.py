"""multipart/form-data (RFC 7578) as a stream: no part is ever held in memory as a whole.

Refused with `InvalidField`: another content type, a body that breaks off, parts without a name,
more than `MAX_PARTS` parts, part headers beyond 8 KiB.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from nftsvc.core.errors import InvalidField
from nftsvc.flows.intake import Part

MAX_PARTS: Final = 256
_MAX_HEADER_BYTES: Final = 8 * 1024

_Event = tuple[str, bytes]


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type header names. Raises `InvalidField`."""
    media_type, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise InvalidField(
            "Content-Type",
            reason="not-multipart",
            detail="expected multipart/form-data with a boundary",
        )
    return boundary


async def parts(body: AsyncIterator[bytes], *, boundary: bytes) -> AsyncIterator[Part]:
    """The parts in the order they come in; each must be read to its end before the next."""
    reader = _Reader(body, boundary)
    for _ in range(MAX_PARTS):
        part = await reader.next_part()
        if part is None:
            return
        yield part
    if await reader.next_part() is not None:
        raise _broken("too-many-parts", f"more than {MAX_PARTS} parts")


class _Reader:
    def __init__(self, body: AsyncIterator[bytes], boundary: bytes) -> None:
        self._body = body
        self._events: deque[_Event] = deque()
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on("field"),
                "on_header_value": self._on("value"),
                "on_header_end": lambda: self._events.append(("header", b"")),
                "on_headers_finished": lambda: self._events.append(("headers", b"")),
                "on_part_data": self._on("data"),
                "on_part_end": lambda: self._events.append(("end", b"")),
                "on_end": lambda: self._events.append(("finished", b"")),
            },
            max_header_size=_MAX_HEADER_BYTES,
        )

    async def next_part(self) -> Part | None:
        """The head of the next part, None after the last one."""
        headers: dict[str, bytes] = {}
        field, value = b"", b""
        while True:
            kind, data = await self._next()
            match kind:
                case "field":
                    field += data
                case "value":
                    value += data
                case "header":
                    headers[field.decode("latin-1").lower()] = value
                    field, value = b"", b""
                case "headers":
                    return self._part(headers)
                case "finished":
                    return None
                case _:
                    raise _broken("malformed", "the parts are not in order")

    def _part(self, headers: dict[str, bytes]) -> Part:
        _, options = parse_options_header(headers.get("content-disposition"))
        name = _text(options.get(b"name", b""))
        if not name:
            raise _broken("malformed", "a part has no name")
        file_name = options.get(b"filename")
        media_type, _ = parse_options_header(headers.get("content-type", b"text/plain"))
        return Part(
            field=name,
            file_name=None if file_name is None else _text(file_name),
            media_type=media_type.decode("latin-1"),
            chunks=self._chunks(),
        )

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            kind, data = await self._next()
            if kind != "data":
                return
            yield data

    async def _next(self) -> _Event:
        while not self._events:
            try:
                chunk = await anext(self._body)
            except StopAsyncIteration as error:
                raise _broken("truncated", "the body ends before its last boundary") from error
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise _broken("malformed", str(error)) from error
        return self._events.popleft()

    def _on(self, kind: str) -> Callable[[bytes, int, int], None]:
        def take(data: bytes, start: int, end: int) -> None:
            self._events.append((kind, data[start:end]))

        return take


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken("malformed", "a part's header is not UTF-8") from error


def _broken(reason: str, detail: str) -> InvalidField:
    return InvalidField("body", reason=reason, detail=detail)
