"""A content store in a bucket of S3-compatible object storage.

A content is one object with its plain bytes, named for its CID; where it is more than one block,
a second object, `<cid>.tree`, is a CARv1 of the nodes above its leaves. A name is known only when
all bytes are: they wait in a temporary file, so an upload that breaks off leaves nothing.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store as Bucket

from nftsvc.core import car
from nftsvc.core.cid import Cid, Codec
from nftsvc.core.dagpb import MalformedNode, decode
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    DiskFull,
    Misconfigured,
)
from nftsvc.core.unixfs import CHUNK_BYTES, MAX_BLOCK_BYTES, Block
from nftsvc.ports import BlockReader, CheckedStore, Upload

_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_PART_BYTES: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 2
_WINDOW_BYTES: Final = 16 * CHUNK_BYTES
_SLOWEST: Final = 1024 * 1024
"""A body that goes more slowly is given up: bytes for each second."""


class S3Store(CheckedStore):
    """The bucket `bucket` at `endpoint`, below `prefix`.

    `key_file` holds the access key and the secret, `access:secret`. A request may take
    `whole_seconds`, and a second more for each MiB.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        bucket: str,
        prefix: str = "",
        region: str = "us-east-1",
        key_file: Path,
        name: str = "s3",
        whole_seconds: float = 60.0,
    ) -> None:
        self.name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._whole_seconds = whole_seconds
        try:
            access, _, secret = key_file.read_text("utf-8").strip().partition(":")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"cannot read the key of the bucket from {key_file}") from error
        try:
            self._bucket = Bucket(
                bucket,
                endpoint=endpoint,
                region=region,
                access_key_id=access,
                secret_access_key=secret,
                virtual_hosted_style_request=False,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=5),
                    "timeout": timedelta(seconds=whole_seconds),
                },
                # Whoever waits for the content tries again, with more patience.
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=10)},
            )
        except (BaseError, ValueError) as error:
            raise Misconfigured(f"the bucket {bucket} cannot be used: {error}") from error

    async def has(self, cid: Cid) -> bool:
        return await self._size(self._key(cid)) is not None

    async def remove(self, cid: Cid) -> None:
        async with self._asking(f"remove {cid}"):
            try:
                await obstore.delete_async(self._bucket, [self._key(cid), self._tree_key(cid)])
            except (NotFoundError, FileNotFoundError):
                await self._find_bucket()

    async def close(self) -> None:
        """Connections are kept by no one."""

    async def get(self, key: str, *, start: int, size: int) -> bytes:
        """Up to `size` bytes of an object. Raises `ContentMissing`, `ContentUnavailable`."""
        if not size:
            return b""
        async with self._asking(f"get {key}", size=size):
            try:
                result = await obstore.get_async(
                    self._bucket, key, options={"range": (start, start + size)}
                )
                return bytes(await result.bytes_async())
            except (NotFoundError, FileNotFoundError) as error:
                await self._find_bucket()
                raise ContentMissing(key, store=self.name) from error

    async def _put(self, upload: Upload) -> Cid:
        nodes: list[Block] = []
        size = 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as waiting:
            async for block in upload.blocks():
                if block.cid.codec is Codec.RAW:
                    size += len(block.data)
                    await _write(waiting, block.data)
                else:
                    nodes.append(block)
            waiting.seek(0)
            root = upload.root
            # The tree first: a content is there once its bytes have their name.
            if nodes:
                tree = car.header(root) + b"".join(map(car.section, nodes))
                await self._send(self._tree_key(root), io.BytesIO(tree), len(tree), upload.label)
            await self._send(self._key(root), waiting, size, upload.label)
        return root

    async def _send(self, key: str, data: IO[bytes], size: int, label: str) -> None:
        async with self._asking(f"put {key}", size=size):
            await obstore.put_async(
                self._bucket,
                key,
                data.read() if size <= _PART_BYTES else _parts(data),
                attributes={"label": label} if label else None,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
                use_multipart=size > _PART_BYTES,
            )

    async def _open(self, cid: Cid) -> BlockReader:
        size = await self._size(self._key(cid))
        if size is None:
            raise ContentMissing(str(cid), store=self.name)
        if cid.codec is Codec.RAW:
            # More than a block is fetched of what is more than one, and is untrue then.
            return _Leaves(self, self._key(cid), {cid: (0, min(size, MAX_BLOCK_BYTES + 1))}, {})
        try:
            nodes = _nodes(await self._tree(cid))
            places = _places(cid.upgraded(), nodes)
        except (car.MalformedCar, MalformedNode) as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        if size != (stated := decode(nodes[cid.upgraded()]).file_size):
            detail = f"{size} bytes where {stated} are stated"
            raise ContentCorrupt(str(cid), store=self.name, detail=detail)
        return _Leaves(self, self._key(cid), places, nodes)

    async def _tree(self, cid: Cid) -> bytes:
        size = await self._size(self._tree_key(cid))
        if size is None:
            raise ContentMissing(str(cid), store=self.name)
        return await self.get(self._tree_key(cid), start=0, size=size)

    async def _size(self, key: str) -> int | None:
        async with self._asking(f"look for {key}"):
            try:
                return (await obstore.head_async(self._bucket, key))["size"]
            except (NotFoundError, FileNotFoundError):
                await self._find_bucket()
                return None

    async def _find_bucket(self) -> None:
        """No object of that name, or no bucket? Raises `ContentUnavailable` for the latter."""
        try:
            async for _ in obstore.list(self._bucket, self._prefix or None, chunk_size=1):
                return
        except (BaseError, FileNotFoundError) as error:
            raise ContentUnavailable(f"{self.name}: no such bucket: {_brief(error)}") from error

    def _key(self, cid: Cid) -> str:
        return f"{self._prefix}{cid.upgraded()}"

    def _tree_key(self, cid: Cid) -> str:
        return f"{self._key(cid)}.tree"

    @asynccontextmanager
    async def _asking(self, what: str, *, size: int = 0) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._whole_seconds + size / _SLOWEST):
                yield
        except TimeoutError as error:  # which is an OSError too
            raise ContentUnavailable(f"{self.name} did not finish {what} in time") from error
        except (BaseError, OSError) as error:
            raise ContentUnavailable(f"{self.name}: {what}: {_brief(error)}") from error


class _Leaves:
    """The blocks of one content; those that follow each other are fetched by the window."""

    def __init__(
        self,
        store: S3Store,
        key: str,
        places: dict[Cid, tuple[int, int]],
        nodes: dict[Cid, bytes],
    ) -> None:
        self._store = store
        self._key = key
        self._places = places
        self._nodes = nodes
        self._window = b""
        self._start = 0

    async def block(self, cid: Cid) -> bytes:
        node = self._nodes.get(cid)
        if node is not None:
            return node
        place = self._places.get(cid)
        if place is None:
            raise ContentMissing(str(cid), store=self._store.name)
        start, size = place
        end = self._start + len(self._window)
        if not self._start <= start <= start + size <= end:
            wanted = max(size, _WINDOW_BYTES) if start == end and start else size
            self._window = await self._store.get(self._key, start=start, size=wanted)
            self._start = start
        begin = start - self._start
        return self._window[begin : begin + size]

    async def close(self) -> None:
        """Nothing is held open between windows."""


def _nodes(tree: bytes) -> dict[Cid, bytes]:
    source = io.BytesIO(tree)
    car.read_root(source)
    return {cid: tree[start : start + size] for cid, start, size in car.index(source)}


def _places(root: Cid, nodes: dict[Cid, bytes]) -> dict[Cid, tuple[int, int]]:
    """Where in the file each leaf stands. Raises `MalformedNode`."""
    places: dict[Cid, tuple[int, int]] = {}
    position = 0
    waiting: list[tuple[Cid, int]] = [(root, 0)]
    while waiting:
        cid, size = waiting.pop()
        if cid.codec is Codec.RAW:
            places.setdefault(cid, (position, size))
            position += size
        elif cid not in nodes:
            raise MalformedNode(f"the tree lacks {cid}")
        elif len(waiting) > MAX_BLOCK_BYTES:
            raise MalformedNode("a tree that does not end")
        else:
            links = decode(nodes[cid]).links
            waiting += [(link.cid, link.file_size) for link in reversed(links)]
    return places


async def _write(sink: tempfile.SpooledTemporaryFile[bytes], data: bytes) -> None:
    try:
        await asyncio.to_thread(sink.write, data)
    except OSError as error:
        raise DiskFull(f"no room for an upload that waits: {error.strerror}") from error


async def _parts(data: IO[bytes]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(data.read, _PART_BYTES):
        yield part


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300]
