"""The content store's honest twin in memory, with faults that can be switched on."""

from dataclasses import dataclass, field
from enum import StrEnum

from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentMissing, ContentUnavailable, DiskFull
from nftsvc.core.unixfs import Block, cid_of_bytes
from nftsvc.ports import BlockReader, CheckedStore, Upload


class StoreFault(StrEnum):
    """What can be wrong with a store."""

    AWAY = "away"
    FULL = "full"
    OTHER_CID = "answers with another CID"
    OTHER_BYTES = "gives other bytes"
    TRUNCATED = "gives blocks cut short"
    BLOCK_LOST = "has lost a block after it was stored"
    HALF_TAKEN = "answers before it has all the bytes"


@dataclass
class MemoryStore(CheckedStore):
    """Blocks in a dictionary. `fault` is None for a store that does what it says."""

    fault: StoreFault | None = None
    blocks: dict[Cid, bytes] = field(default_factory=dict)
    roots: set[Cid] = field(default_factory=set)
    name: str = "memory"

    async def _put(self, upload: Upload) -> Cid:
        self._answer()
        if self.fault is StoreFault.FULL:
            raise DiskFull("no room in memory")
        if self.fault is StoreFault.HALF_TAKEN:
            return cid_of_bytes(b"")
        taken: list[Block] = [block async for block in upload.blocks()]
        if self.fault is StoreFault.OTHER_CID:
            return cid_of_bytes(b"something else")
        self.blocks |= {block.cid: block.data for block in taken}
        if self.fault is StoreFault.BLOCK_LOST:
            del self.blocks[taken[0].cid]
        self.roots.add(upload.root)
        return upload.root

    async def _open(self, cid: Cid) -> BlockReader:
        self._answer()
        if cid not in self.roots:
            raise ContentMissing(str(cid), store=self.name)
        return _MemoryReader(self)

    async def has(self, cid: Cid) -> bool:
        self._answer()
        return cid in self.roots

    async def remove(self, cid: Cid) -> None:
        self._answer()
        self.roots.discard(cid)

    async def close(self) -> None:
        """Nothing is held."""

    def _answer(self) -> None:
        if self.fault is StoreFault.AWAY:
            raise ContentUnavailable("the memory store is away")


@dataclass
class _MemoryReader:
    store: MemoryStore

    async def block(self, cid: Cid) -> bytes:
        data = self.store.blocks.get(cid)
        if data is None:
            raise ContentMissing(str(cid), store=self.store.name)
        match self.store.fault:
            case StoreFault.OTHER_BYTES:
                return bytes([data[0] ^ 1]) + data[1:] if data else b"x"
            case StoreFault.TRUNCATED:
                return data[:-1]
            case _:
                return data

    async def close(self) -> None:
        """Nothing is held."""
