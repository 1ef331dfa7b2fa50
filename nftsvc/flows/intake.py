"""One file on its way in: hashed, checked, encrypted where it must be, in one pass.

A small one stays in memory as it is, to be drafted with its request; others go to the spool.
"""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Final

from nftsvc.core.cid import Cid
from nftsvc.core.drafting import DEAL_MEDIA, PRODUCT_MEDIA, TakenDocument
from nftsvc.core.errors import InvalidField, InvalidMedia, TooLarge
from nftsvc.core.fields import check_file_name
from nftsvc.core.media import check_media
from nftsvc.core.moving import moves
from nftsvc.core.types import Digest
from nftsvc.core.unixfs import UnixfsBuilder, cid_of_bytes
from nftsvc.ports import ByteSink, Sealer, Staging

HEAD_BYTES: Final = 64
TAIL_BYTES: Final = 4096
SMALL_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart request. `field` is its name, `chunks` are its bytes."""

    field: str
    file_name: str | None
    media_type: str
    chunks: AsyncIterator[bytes]


class Fingerprint:
    """What makes two requests the same: their JSON, and each file's name, type and bytes."""

    def __init__(self, kind: str) -> None:
        self._hash = hashlib.sha256()
        self.add(kind.encode())

    def add(self, part: bytes) -> None:
        """Take one more part, whatever it holds."""
        self._hash.update(len(part).to_bytes(8, "big") + part)

    def digest(self) -> bytes:
        """32 bytes."""
        return self._hash.digest()


class Meter:
    """Counts the bytes of a body. `limit` in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def take(self, count: int) -> None:
        """Raises `TooLarge` where the body is over its limit."""
        self._left -= count
        if self._left < 0:
            raise TooLarge("body", limit=self._limit)


async def read_small(part: Part, *, limit: int, meter: Meter) -> bytes:
    """A part that is small enough for memory. Raises `TooLarge`."""
    data = bytearray()
    async for chunk in part.chunks:
        meter.take(len(chunk))
        data += chunk
        if len(data) > limit:
            raise TooLarge(part.field, limit=limit)
    return bytes(data)


async def hash_only(part: Part, *, limit: int, meter: Meter) -> Digest:
    """The sha256 of a file that is not kept: its request was answered before."""
    digest, size = hashlib.sha256(), 0
    async for chunk in part.chunks:
        meter.take(len(chunk))
        size += len(chunk)
        if size > limit:
            raise TooLarge(part.field, limit=limit)
        digest.update(chunk)
    return Digest(digest.digest())


def media_type_of(text: str, *, path: str, public: bool) -> str:
    """The media type without its parameters. Raises `InvalidMedia` where it is not taken."""
    media_type = text.partition(";")[0].strip().lower()
    allowed = PRODUCT_MEDIA if public else DEAL_MEDIA
    if media_type not in allowed:
        known = ", ".join(sorted(allowed))
        raise InvalidMedia(f"expected one of {known}", declared=media_type, path=path)
    return media_type


@moves
@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file that is in memory as a whole, as it was sent. `path` is its place in the request."""

    name: str
    media_type: str
    path: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> Digest:
        """Of the bytes as they were sent."""
        return Digest(hashlib.sha256(self.data).digest())


def take_small(
    file: SmallFile, *, sealer: Sealer, recipient: str | None
) -> tuple[TakenDocument, bytes]:
    """What is known of a file in memory, and its bytes as kept. Raises `InvalidMedia`."""
    check_media(io.BytesIO(file.data), declared=file.media_type, path=file.path)
    stored = file.data if recipient is None else sealer.seal(file.data, recipient=recipient)
    taken = TakenDocument(
        name=file.name,
        media_type=file.media_type,
        size=len(file.data),
        sha256=file.sha256,
        cid=cid_of_bytes(stored),
        stored_size=len(stored),
    )
    return taken, stored


async def _resumed(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk


class Intake:
    """Takes in one file of a request. `recipient` is the asset's key, None for a public file."""

    def __init__(
        self, *, staging: Staging, sealer: Sealer, recipient: str | None, limit: int, meter: Meter
    ) -> None:
        self._staging = staging
        self._sealer = sealer
        self._recipient = recipient
        self._limit = limit
        self._meter = meter

    async def take(self, part: Part, *, position: int) -> TakenDocument | SmallFile:
        """Raises `InvalidField`, `InvalidMedia`, `TooLarge` or `DiskFull`, each with its path."""
        path = f"{part.field}[{position}]"
        name = part.file_name or ""
        check_file_name(name, path=f"{path}.filename")
        media_type = media_type_of(part.media_type, path=path, public=self._recipient is None)
        head, ended = await self._head(part, path)
        if ended:
            if not head:
                raise InvalidField(path, reason="empty", detail="the file is empty")
            return SmallFile(name, media_type, path, head)
        part = replace(part, chunks=_resumed(head, part.chunks))
        kept = _Kept(self._staging.create(position))
        clear = _Clear()
        if self._recipient is None:
            await self._take_public(part, clear, kept, path)
        else:
            await self._take_sealed(part, clear, kept, path, self._recipient)
        kept.finish()
        if self._recipient is None:
            with self._staging.look_into(position) as file:
                await asyncio.to_thread(check_media, file, declared=media_type, path=path)
        else:
            with clear.window() as ends:
                check_media(ends, declared=media_type, path=path)
        return TakenDocument(
            name=name,
            media_type=media_type,
            size=clear.size,
            sha256=clear.digest(),
            cid=kept.cid,
            stored_size=kept.size,
        )

    async def _head(self, part: Part, path: str) -> tuple[bytes, bool]:
        """The beginning of a file, and whether that is all of it."""
        head = bytearray()
        async for chunk in part.chunks:
            self._meter.take(len(chunk))
            head += chunk
            if len(head) > self._limit:
                raise TooLarge(path, limit=self._limit)
            if len(head) > SMALL_BYTES:
                return bytes(head), False
        return bytes(head), True

    async def _take_public(self, part: Part, clear: "_Clear", kept: "_Kept", path: str) -> None:
        async for chunk in part.chunks:
            self._count(clear, chunk, path)
            await asyncio.to_thread(kept.write, chunk)

    async def _take_sealed(
        self, part: Part, clear: "_Clear", kept: "_Kept", path: str, recipient: str
    ) -> None:
        stream = self._sealer.stream(recipient, sink=kept)
        try:
            async for chunk in part.chunks:
                self._count(clear, chunk, path)
                await stream.feed(chunk)
            await stream.end()
        except BaseException:
            await stream.abort()
            raise

    def _count(self, clear: "_Clear", chunk: bytes, path: str) -> None:
        if clear.size:  # the head was counted when it was read
            self._meter.take(len(chunk))
        clear.add(chunk)
        if clear.size > self._limit:
            raise TooLarge(path, limit=self._limit)


class _Clear:
    """What is remembered of a file's clear bytes: size, hash, beginning and end."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._head = b""
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._hash.update(chunk)
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + chunk)[:HEAD_BYTES]
        self._tail = (self._tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]

    def digest(self) -> Digest:
        return Digest(self._hash.digest())

    def window(self) -> "_Ends":
        return _Ends(self._head, self._tail, size=self.size)


class _Kept:
    """What is kept of a file: spooled, and named by its CID."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._builder = UnixfsBuilder()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._sink.write(data)
        self.size += len(data)
        for _ in self._builder.feed(data):
            pass
        return len(data)

    def finish(self) -> None:
        for _ in self._builder.finish():
            pass

    @property
    def cid(self) -> Cid:
        return self._builder.root


class _Ends(io.BytesIO):
    """A file of which only the two ends are there: enough to check the formats of a deal."""

    def __init__(self, head: bytes, tail: bytes, *, size: int) -> None:
        super().__init__()
        self._head, self._tail, self._size, self._at = head, tail, size, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        start, tail_from = self._at, self._size - len(self._tail)
        if start >= tail_from:
            data = self._tail[start - tail_from : end - tail_from]
        elif end <= len(self._head):
            data = self._head[start:end]
        else:
            raise ValueError("the middle of the file was not kept")
        self._at = max(start, end)
        return data
