"""Stores of content."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt
from nftsvc.core.unixfs import Block as UnixfsBlock
from nftsvc.core.unixfs import UnixfsBuilder, UntrueBlock, read_file


class Upload:
    """Bytes on their way into a store, hashed as they pass.

    A store takes either `chunks` or `blocks`, to the end; `root` is then what we computed.
    """

    def __init__(self, source: AsyncIterable[bytes]) -> None:
        self._source = source
        self._builder = UnixfsBuilder()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        async for data in self._source:
            for _ in self._builder.feed(data):
                pass
            yield data
        for _ in self._builder.finish():
            pass

    async def blocks(self) -> AsyncIterator[UnixfsBlock]:
        """The file's blocks, children first and the root last."""
        async for data in self._source:
            for block in self._builder.feed(data):
                yield block
        for block in self._builder.finish():
            yield block

    @property
    def root(self) -> Cid:
        """The CID that the bytes have. Raises `ValueError` before the end."""
        return self._builder.root


class BlockReader(Protocol):
    """Blocks of one content in a store, unchecked."""

    async def block(self, cid: Cid) -> bytes:
        """One block. Raises `ContentMissing`, `ContentUnavailable`."""

    async def close(self) -> None:
        """Give back what is held open."""


class ContentStore(ABC):
    """Keeps content under its CID (UnixFS, CIDv1, raw leaves). It is never believed."""

    name: str

    async def put(self, source: AsyncIterable[bytes]) -> Cid:
        """Store the bytes durably; gives the CID that we computed of them.

        Raises `ContentCorrupt` where the store names another CID, `ContentUnavailable`,
        `DiskFull`. The same content twice is stored once.
        """
        upload = Upload(source)
        claimed = await self._put(upload)
        try:
            root = upload.root
        except ValueError as error:
            raise ContentCorrupt(
                str(claimed), store=self.name, detail="an answer before it had all the bytes"
            ) from error
        if claimed != root:
            raise ContentCorrupt(str(root), store=self.name, detail=f"the CID {claimed}")
        return root

    async def read(self, cid: Cid) -> AsyncIterator[bytes]:
        """The bytes of a content, each block compared with its CID before it is given.

        Raises `ContentMissing`, `ContentCorrupt`, `ContentUnavailable`.
        """
        reader = await self._open(cid)
        try:
            async for data in read_file(cid, reader.block):
                yield data
        except UntrueBlock as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        finally:
            await reader.close()

    async def verify(self, cid: Cid) -> int:
        """Read all of it back and check it; gives its size in bytes. Raises as `read`."""
        size = 0
        async for data in self.read(cid):
            size += len(data)
        return size

    @abstractmethod
    async def has(self, cid: Cid) -> bool:
        """Whether the store says that it keeps the content. Raises `ContentUnavailable`."""

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""

    @abstractmethod
    async def _put(self, upload: Upload) -> Cid: ...
    @abstractmethod
    async def _open(self, cid: Cid) -> BlockReader: ...
