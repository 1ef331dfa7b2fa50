"""UnixFS files: bytes to blocks as Kubo makes them, and blocks back to bytes, checked.

One set of parameters, stated and never defaulted: sha2-256, chunks of 262,144 bytes, a
balanced tree of at most 174 links a node; raw leaves under CIDv1, dag-pb leaves under CIDv0.
Memory does not grow with the size of the file beyond 174 links for each level of the tree.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from nftsvc.core.cid import Cid, Codec
from nftsvc.core.dagpb import Link, MalformedNode, decode, encode_inner, encode_leaf

CHUNK_BYTES: Final = 262_144
MAX_LINKS: Final = 174
MAX_DEPTH: Final = 8
MAX_BLOCK_BYTES: Final = 2 * 1024 * 1024
_READ_BYTES: Final = 4 * CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class Block:
    """One block and its name."""

    cid: Cid
    data: bytes


class UnixfsBuilder:
    """Turns a stream of bytes into blocks: children always before the node that names them."""

    def __init__(self, *, version: int = 1) -> None:
        self._version = version
        self._pending = bytearray()
        self._levels: list[list[Link]] = []
        self._root: Link | None = None
        self._leaves = 0
        self.size = 0

    def feed(self, data: bytes) -> Iterator[Block]:
        """Take `data`; gives the blocks that are complete. Consume it before feeding more."""
        self.size += len(data)
        # A full chunk is held back until more comes: the last one may be the only one.
        if len(self._pending) + len(data) <= CHUNK_BYTES:
            self._pending += data
            return
        start = CHUNK_BYTES - len(self._pending)
        yield from self._leaf(bytes(self._pending) + data[:start])
        while len(data) - start > CHUNK_BYTES:
            yield from self._leaf(data[start : start + CHUNK_BYTES])
            start += CHUNK_BYTES
        self._pending[:] = data[start:]

    def finish(self) -> Iterator[Block]:
        """The rest of the blocks, the root last."""
        if self._pending or not self._leaves:
            yield from self._leaf(bytes(self._pending))
            self._pending.clear()
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            yield from self._join(level)
            level += 1
        self._root = self._levels[level][0]

    @property
    def root(self) -> Cid:
        """The CID of the file, once `finish` was consumed."""
        return self.link.cid

    @property
    def link(self) -> Link:
        """The file as its directory names it, once `finish` was consumed."""
        if self._root is None:
            raise ValueError("the file is not finished")
        return self._root

    def _leaf(self, data: bytes) -> Iterator[Block]:
        self._leaves += 1
        block = data if self._version else encode_leaf(data)
        codec = Codec.RAW if self._version else Codec.DAG_PB
        cid = Cid.of_block(block, codec=codec, version=self._version)
        yield Block(cid, block)
        yield from self._add(0, Link(cid, len(data), len(block)))

    def _add(self, level: int, link: Link) -> Iterator[Block]:
        if level == len(self._levels):
            self._levels.append([])
        if len(self._levels[level]) == MAX_LINKS:
            yield from self._join(level)
        self._levels[level].append(link)

    def _join(self, level: int) -> Iterator[Block]:
        links = self._levels[level]
        block = encode_inner(links)
        cid = Cid.of_block(block, codec=Codec.DAG_PB, version=self._version)
        size = sum(link.file_size for link in links)
        dag_size = len(block) + sum(link.dag_size for link in links)
        links.clear()
        yield Block(cid, block)
        yield from self._add(level + 1, Link(cid, size, dag_size))


def cid_of_stream(
    source: BinaryIO, *, version: int = 1, on_progress: Callable[[int], None] | None = None
) -> Cid:
    """The CID that Kubo gives the rest of `source`; `on_progress` is told the bytes read."""
    builder = UnixfsBuilder(version=version)
    while data := source.read(_READ_BYTES):
        for _ in builder.feed(data):
            pass
        if on_progress is not None:
            on_progress(builder.size)
    for _ in builder.finish():
        pass
    return builder.root


def cid_of_bytes(data: bytes, *, version: int = 1) -> Cid:
    """The CID that Kubo gives a file with these bytes."""
    if version and len(data) <= CHUNK_BYTES:
        return Cid.of_block(data)
    builder = UnixfsBuilder(version=version)
    for _ in builder.feed(data):
        pass
    for _ in builder.finish():
        pass
    return builder.root


class UntrueBlock(ValueError):
    """A store gave bytes that are not the block that was asked for."""


async def read_file(root: Cid, block_of: Callable[[Cid], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """The bytes of a file, each block compared with its CID before any of it is given.

    Raises `UntrueBlock` for other bytes, for nodes that are malformed or state sizes that
    their children have not, and for trees deeper than any file needs.
    """
    # Links still to read, the next one last; a node's place is taken by its children.
    waiting: list[tuple[Cid, int | None, int]] = [(root, None, 0)]
    while waiting:
        cid, size, depth = waiting.pop()
        content, links = await _node(cid, block_of, size=size, depth=depth)
        if content:
            yield content
        waiting += [(link.cid, link.file_size, depth + 1) for link in reversed(links)]


async def read_path(
    root: Cid, block_of: Callable[[Cid], Awaitable[bytes]], *, choose: Callable[[int], int]
) -> list[Cid]:
    """The names of the blocks from the root down to one leaf, each checked as in `read_file`.

    `choose(n)` says which of `n` children to go to, from 0. Raises `UntrueBlock`.
    """
    path: list[Cid] = []
    cid, size = root, None
    while True:
        _, links = await _node(cid, block_of, size=size, depth=len(path))
        path.append(cid)
        if not links:
            return path
        link = links[choose(len(links))]
        cid, size = link.cid, link.file_size


async def _node(
    cid: Cid, block_of: Callable[[Cid], Awaitable[bytes]], *, size: int | None, depth: int
) -> tuple[bytes, tuple[Link, ...]]:
    """One block, checked: the bytes of file in it, and its children."""
    data = await block_of(cid)
    if len(data) > MAX_BLOCK_BYTES or not cid.matches(data):
        raise UntrueBlock(f"other bytes for {cid}")
    content, links = _parts(cid, data)
    stated = len(content) + sum(link.file_size for link in links)
    if size is not None and stated != size:
        raise UntrueBlock(f"{cid} holds {stated} bytes of file where {size} were stated")
    if links and depth == MAX_DEPTH:
        raise UntrueBlock(f"a tree deeper than {MAX_DEPTH} levels")
    return content, links


def _parts(cid: Cid, data: bytes) -> tuple[bytes, tuple[Link, ...]]:
    """The bytes of file in a block, and its children."""
    if cid.codec is Codec.RAW:
        return data, ()
    try:
        node = decode(data)
    except MalformedNode as error:
        raise UntrueBlock(f"{cid}: {error}") from error
    return node.data, node.links
