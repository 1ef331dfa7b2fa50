"""Stores of content."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeAlias, TypeVar

from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt
from nftsvc.core.unixfs import CHUNK_BYTES, UnixfsBuilder, UntrueBlock, read_file, read_path
from nftsvc.core.unixfs import Block as UnixfsBlock

AT_ONCE: Final = 4
"""How many contents of one call are under way at a time, where each is a file of its own."""

_PROBE: Final = Cid.of_block(b"")
"""Asked for to see whether a store answers; whether it has it does not matter."""

Source: TypeAlias = AsyncIterable[bytes] | bytes
"""Bytes to be stored: as they come, or all of them."""

T = TypeVar("T")
R = TypeVar("R")


class Upload:
    """Bytes on their way into a store, hashed as they pass.

    A store takes `chunks` or `blocks`, to the end, or `only_block` where there is one; `root` is
    then what we computed. `label` tells an operator of the store what they belong to.
    """

    def __init__(self, source: Source, *, label: str = "") -> None:
        self.label = label
        self._source = source
        self._builder = UnixfsBuilder()
        self._root: Cid | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        async for data in self._pieces():
            for _ in self._builder.feed(data):
                pass
            yield data
        for _ in self._builder.finish():
            pass
        self._root = self._builder.root

    async def blocks(self) -> AsyncIterator[UnixfsBlock]:
        """The file's blocks, children first and the root last."""
        async for data in self._pieces():
            for block in self._builder.feed(data):
                yield block
        for block in self._builder.finish():
            yield block
        self._root = self._builder.root

    def only_block(self) -> UnixfsBlock | None:
        """The one block that it is, where all of it was given at once and that is known."""
        if not isinstance(self._source, bytes) or len(self._source) > CHUNK_BYTES:
            return None
        self._root = Cid.of_block(self._source)
        return UnixfsBlock(self._root, self._source)

    @property
    def root(self) -> Cid:
        """The CID that the bytes have. Raises `ValueError` before the end."""
        if self._root is None:
            raise ValueError("the bytes have not ended")
        return self._root

    async def _pieces(self) -> AsyncIterator[bytes]:
        if isinstance(self._source, bytes):
            yield self._source
            return
        async for data in self._source:
            yield data


class BlockReader(Protocol):
    """Blocks of one content in a store, unchecked."""

    async def block(self, cid: Cid) -> bytes:
        """One block. Raises `ContentMissing`, `ContentUnavailable`."""

    async def close(self) -> None:
        """Give back what is held open."""


class ContentStore(ABC):
    """Keeps content under its CID (UnixFS, CIDv1, raw leaves)."""

    name: str

    @property
    def replicas(self) -> "tuple[ContentStore, ...]":
        """The independent stores that it consists of."""
        return (self,)

    async def put(self, source: Source, *, label: str = "") -> Cid:
        """Store the bytes durably; gives the CID that we computed of them.

        `label` is for the store's operator to see, where it can be shown. Raises
        `ContentCorrupt` where the store names another CID, `ContentUnavailable`, `DiskFull`.
        The same content twice is stored once.
        """
        (cid,) = await self.put_many([source], labels=[label])
        return cid

    @abstractmethod
    async def put_many(self, sources: Sequence[Source], *, labels: Sequence[str] = ()) -> list[Cid]:
        """Store several contents durably; gives their CIDs in the order of `sources`.

        Raises as `put`, at the first that fails: others of them may be stored by then.
        """

    @abstractmethod
    def read(self, cid: Cid) -> AsyncIterator[bytes]:
        """The bytes of a content, each block compared with its CID before it is given.

        Raises `ContentMissing`, `ContentCorrupt`, `ContentUnavailable`.
        """

    async def verify(self, cid: Cid) -> int:
        """Read all of it back and check it; gives its size in bytes. Raises as `read`."""
        size = 0
        async for data in self.read(cid):
            size += len(data)
        return size

    async def verify_many(self, cids: Sequence[Cid]) -> list[int]:
        """Read several contents back and check them; gives their sizes. Raises as `read`."""
        return await bounded(self.verify, cids, at_once=AT_ONCE)

    @abstractmethod
    async def spot_check(self, cid: Cid, *, choose: Callable[[int], int]) -> list[Cid]:
        """Fetch the blocks from the root down to one leaf, and check them; gives their names.

        `choose(n)` says which of `n` children to go to, from 0. Raises as `read`.
        """

    @abstractmethod
    async def remove(self, cid: Cid) -> None:
        """Forget a content: `has` and `read` know it no more, and its bytes are given up.

        Bytes that another content shares stay. Nothing happens where it is not kept. Raises
        `ContentUnavailable`, `DiskFull`.
        """

    @abstractmethod
    async def has(self, cid: Cid) -> bool:
        """Whether the store says that it keeps the content. Raises `ContentUnavailable`."""

    async def ping(self) -> None:
        """Raises `ContentUnavailable` where it cannot be asked now."""
        await self.has(_PROBE)

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""


class CheckedStore(ContentStore):
    """A store that is never believed: the adapter moves bytes and blocks, and they are checked."""

    async def put(self, source: Source, *, label: str = "") -> Cid:
        upload = Upload(source, label=label)
        return self._checked(upload, await self._put(upload))

    async def put_many(self, sources: Sequence[Source], *, labels: Sequence[str] = ()) -> list[Cid]:
        uploads = [
            Upload(source, label=label)
            for source, label in zip(sources, labels or [""] * len(sources), strict=True)
        ]
        claims = await self._put_many(uploads)
        return [
            self._checked(upload, claimed) for upload, claimed in zip(uploads, claims, strict=True)
        ]

    async def read(self, cid: Cid) -> AsyncIterator[bytes]:
        async with self._blocks_of(cid) as block_of:
            async for data in read_file(cid, block_of):
                yield data

    async def spot_check(self, cid: Cid, *, choose: Callable[[int], int]) -> list[Cid]:
        async with self._blocks_of(cid) as block_of:
            return await read_path(cid, block_of, choose=choose)

    @asynccontextmanager
    async def _blocks_of(self, cid: Cid) -> AsyncIterator[Callable[[Cid], Awaitable[bytes]]]:
        reader = await self._open(cid)
        try:
            yield reader.block
        except UntrueBlock as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        finally:
            await reader.close()

    def _checked(self, upload: Upload, claimed: Cid) -> Cid:
        try:
            root = upload.root
        except ValueError as error:
            raise ContentCorrupt(
                str(claimed), store=self.name, detail="an answer before it had all the bytes"
            ) from error
        if claimed != root:
            raise ContentCorrupt(str(root), store=self.name, detail=f"the CID {claimed}")
        return root

    async def _put_many(self, uploads: Sequence[Upload]) -> list[Cid]:
        return await bounded(self._put, uploads, at_once=AT_ONCE)

    @abstractmethod
    async def _put(self, upload: Upload) -> Cid: ...
    @abstractmethod
    async def _open(self, cid: Cid) -> BlockReader: ...


async def bounded(
    work: Callable[[T], Awaitable[R]], items: Sequence[T], *, at_once: int
) -> list[R]:
    """`work` done on all `items`, `at_once` of them at a time; results in their order.

    The first error ends the others.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for position, item in waiting:
            results[position] = await work(item)

    workers = [asyncio.ensure_future(worker()) for _ in range(min(at_once, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[position] for position in range(len(items))]
