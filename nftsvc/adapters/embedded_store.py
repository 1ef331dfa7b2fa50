"""The store that comes with the service: CARv1 files on the local disk.

A content has a file of its own; small ones that arrive together share a pack. A file is written
under another name, made durable, renamed, and the folder is made durable last.
"""

import asyncio
import contextlib
import errno
import os
import sqlite3
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Self

from nftsvc.adapters.incoming import Incoming, sync_folder
from nftsvc.adapters.packs import MOST_BYTES, Packs
from nftsvc.core import car
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    DiskFull,
    InvalidMedia,
    NftsvcError,
)
from nftsvc.core.unixfs import CHUNK_BYTES, Block, UntrueBlock, read_file
from nftsvc.ports import BlockReader, CheckedStore, Upload, bounded

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_INDEX: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)
_SMALL_AT_ONCE: Final = 8
_LARGE_AT_ONCE: Final = 4
_MOST_TOGETHER: Final = 4096
_TOGETHER_BYTES: Final = 4 * 1024 * 1024
"""So much of a larger content is written, or read, at once: a thread for each block costs more."""


class EmbeddedStore(CheckedStore):
    """CAR files below `root`, in 256 folders by the last byte of their digest, and `packs`.

    A content is small where it is one block (256 KiB); nothing else is packed.
    """

    def __init__(self, root: Path, *, name: str = "embedded") -> None:
        self.name = name
        self._root = root
        self._incoming = Incoming(root / "incoming")
        self._packs = Packs(root, incoming=self._incoming)
        self._waiting: deque[tuple[Block, asyncio.Future[None]]] = deque()
        self._keeper: asyncio.Task[None] | None = None
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        try:
            self._incoming.open()
        except OSError as error:
            raise ContentUnavailable(f"cannot open {root}: {error.strerror}") from error

    async def take(self, archive: Path) -> list[Cid]:
        """Keep the contents of a CARv1, its blocks in any order; gives its roots.

        Only blocks of those contents are taken, each compared with its CID. Raises
        `InvalidMedia` where it is no such archive, `ContentCorrupt` and `ContentMissing` for its
        blocks, `ContentUnavailable` and `DiskFull` for what cannot be read or written.
        """
        reader = await asyncio.to_thread(_from_outside, archive)
        try:
            for root in reader.roots:
                await self._take(root, reader)
        except UntrueBlock as error:
            raise ContentCorrupt(str(archive), store=str(archive), detail=str(error)) from error
        finally:
            await reader.close()
        return reader.roots

    async def _take(self, root: Cid, reader: "_CarReader") -> None:
        taken: set[Cid] = set()
        async with self._writing() as writing:

            async def block(cid: Cid) -> bytes:
                data = await reader.block(cid)
                if cid not in taken and cid.matches(data):
                    taken.add(cid)
                    await asyncio.to_thread(writing.write, car.section(Block(cid, data)))
                return data

            async for _ in read_file(root, block):
                pass
            await asyncio.to_thread(self._settle, writing, root)

    def contents(self) -> Iterator[Cid]:
        """Everything that has a name here, whole or not."""
        with _in_our_words("list"):
            for path in sorted(self._root.glob("??/b*.car")):
                yield Cid.parse(path.stem)
            for cid in self._packs.contents():
                if not self.path_of(cid).exists():
                    yield cid

    def unreadable(self) -> list[Path]:
        """Packs that do not even say what they hold."""
        with _in_our_words("list"):
            return self._packs.unreadable()

    async def archive(self, cid: Cid) -> AsyncIterator[bytes]:
        """A content as a CARv1 of its own, each block checked. Raises as `read`."""
        yield car.header(cid)
        reader = await self._open(cid)
        given: set[Cid] = set()
        blocks: list[Block] = []

        async def block(name: Cid) -> bytes:
            data = await reader.block(name)
            if name not in given:
                given.add(name)
                blocks.append(Block(name, data))
            return data

        try:
            # A block is in `blocks` before it is checked, and is given after.
            async for _ in read_file(cid, block):
                for kept in blocks:
                    yield car.section(kept)
                blocks.clear()
            for kept in blocks:
                yield car.section(kept)
        except UntrueBlock as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        finally:
            await reader.close()

    def set_aside(self, cid: Cid) -> Path:
        """Take the name from a damaged content, which is missing then; gives its new place."""
        place = self._aside(str(cid.upgraded()))
        with _in_our_words("set aside"):
            packed = self._packs.read(cid)
            if packed is not None:
                place.write_bytes(car.header(cid) + car.section(Block(cid.upgraded(), packed)))
                self._packs.remove(cid)
            if self.path_of(cid).exists():
                self.path_of(cid).rename(place)
            sync_folder(place.parent)
        return place

    def mend_packs(self) -> list[Path]:
        """Make the index of the packs anew, remove those that hold nothing any more, and set
        aside those that do not say what they hold; gives these.
        """
        with _in_our_words("mend"):
            self._packs.rebuild()
            aside = []
            for path in self._packs.unreadable():
                aside.append(self._aside(path.stem))
                path.rename(aside[-1])
            self._packs.compact()
        return aside

    async def remove(self, cid: Cid) -> None:
        await asyncio.to_thread(self._remove, cid)

    def _remove(self, cid: Cid) -> None:
        path = self.path_of(cid)
        with _in_our_words("remove"):
            if path.exists():
                path.unlink(missing_ok=True)
                sync_folder(path.parent)
            self._packs.remove(cid)

    def _aside(self, name: str) -> Path:
        place = self._root / "damaged" / f"{name}.{uuid.uuid4().hex[:8]}.car"
        place.parent.mkdir(exist_ok=True)
        return place

    async def _put(self, upload: Upload) -> Cid:
        small = await self._take_in(upload)
        if small is not None:
            await self._keep_with_others(small)
        return upload.root

    async def _put_many(self, uploads: Sequence[Upload]) -> list[Cid]:
        group = _Group()

        async def add(block: Block | None) -> None:
            nonlocal group
            if block is not None:
                group.add(block)
                if group.is_full:
                    full, group = group, _Group()
                    await asyncio.to_thread(self._keep, full.blocks)

        async def one(upload: Upload) -> None:
            await add(await self._take_in(upload))

        longer = []
        for upload in uploads:
            block = upload.only_block()
            if block is None:
                longer.append(upload)
            await add(block)
        await bounded(one, longer, at_once=_SMALL_AT_ONCE)
        await asyncio.to_thread(self._keep, group.blocks)
        return [upload.root for upload in uploads]

    async def verify_many(self, cids: Sequence[Cid]) -> list[int]:
        with _in_our_words("read"):
            sizes = await asyncio.to_thread(self._sound, cids)
        left = [cid for cid in dict.fromkeys(cids) if cid not in sizes]
        alone = await bounded(self.verify, left, at_once=_SMALL_AT_ONCE)
        sizes.update(zip(left, alone, strict=True))
        return [sizes[cid] for cid in cids]

    async def _take_in(self, upload: Upload) -> Block | None:
        """Keep a content in a file of its own, or give the one block that it is."""
        if (only := upload.only_block()) is not None:
            return only
        blocks = upload.blocks()
        first = await anext(blocks)
        second = await anext(blocks, None)
        if second is None:
            return first
        async with self._large, self._writing() as writing:
            async with _WritingBehind(writing) as behind:
                await behind.write(car.section(first))
                await behind.write(car.section(second))
                async for block in blocks:
                    await behind.write(car.section(block))
            await asyncio.to_thread(self._settle, writing, upload.root)
        return None

    async def _keep_with_others(self, block: Block) -> None:
        """Durable with all that arrives while those before are made durable."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((block, kept))
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep_waiting())
        await kept

    async def _keep_waiting(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            group = _Group()
            told: list[asyncio.Future[None]] = []
            while self._waiting and not group.is_full:
                block, kept = self._waiting.popleft()
                group.add(block)
                told.append(kept)
            keeping = asyncio.to_thread(self._keep, group.blocks)
            (outcome,) = await asyncio.gather(keeping, return_exceptions=True)
            for kept in told:
                if kept.cancelled():
                    continue
                if isinstance(outcome, BaseException):
                    kept.set_exception(outcome)
                else:
                    kept.set_result(None)

    def _keep(self, blocks: Sequence[Block]) -> None:
        """Make small contents durable: what is not kept whole already, in one file."""
        with _in_our_words("write"):
            new = []
            asked = {block.cid: block for block in blocks}
            kept = self._packs.sound(asked.keys())
            for cid, block in asked.items():
                if self._stands_alone(cid):
                    # A pack beside a damaged file of its own would not be read.
                    self._keep_alone(block)
                elif cid not in kept:
                    new.append(block)
            if len(new) == 1:
                self._keep_alone(new[0])
            elif new:
                self._packs.write(new)

    def _sound(self, cids: Sequence[Cid]) -> dict[Cid, int]:
        """The sizes of those that are read from packs and are whole."""
        return self._packs.sound([cid for cid in cids if not self._stands_alone(cid)])

    def _stands_alone(self, cid: Cid) -> bool:
        return os.path.exists(self._file_of(cid))  # noqa: PTH110 - asked for every content

    def _keep_alone(self, block: Block) -> None:
        file = self._begin()
        try:
            file.write(car.section(block))
            self._settle(file, block.cid)
        finally:
            self._incoming.discard(file)

    @contextlib.asynccontextmanager
    async def _writing(self) -> AsyncIterator[BinaryIO]:
        """A file without a name yet; without a trace where it is left unsettled."""
        with _in_our_words("write"):
            writing = await asyncio.to_thread(self._begin)
            try:
                yield writing
            finally:
                await asyncio.to_thread(self._incoming.discard, writing)

    async def _open(self, cid: Cid) -> BlockReader:
        with _in_our_words(f"read {cid}"):
            reader = await asyncio.to_thread(self._find, cid)
        if reader is None:
            raise ContentMissing(str(cid), store=self.name)
        return reader

    def _find(self, cid: Cid) -> "BlockReader | None":
        try:
            reader = _CarReader(self.path_of(cid), store=self.name)
        except FileNotFoundError:
            packed = self._packs.read(cid)
            return _BlockInHand(packed) if packed is not None else None
        except car.MalformedCar as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        if reader.roots != [cid.upgraded()]:
            reader.shut()
            named = ", ".join(map(str, reader.roots))
            raise ContentCorrupt(str(cid), store=self.name, detail=f"the file of {named}")
        return reader

    async def has(self, cid: Cid) -> bool:
        with _in_our_words("look"):
            return await asyncio.to_thread(
                lambda: self.path_of(cid).is_file() or self._packs.has(cid)
            )

    async def close(self) -> None:
        self._packs.close()

    def path_of(self, cid: Cid) -> Path:
        """The CAR file that a content has where it is alone; what `ipfs dag import` takes."""
        return Path(self._file_of(cid))

    def _file_of(self, cid: Cid) -> str:
        name = cid.upgraded()
        return f"{self._root}/{name.digest[-1]:02x}/{name}.car"

    def _begin(self) -> BinaryIO:
        file = self._incoming.begin()
        file.write(bytes(car.HEADER_BYTES))
        return file

    def _settle(self, file: BinaryIO, root: Cid) -> None:
        file.seek(0)
        file.write(car.header(root))
        self._incoming.settle(file, self.path_of(root))


@dataclass(slots=True)
class _Group:
    """Small contents that are made durable together."""

    blocks: list[Block] = field(default_factory=list)
    size: int = 0

    def add(self, block: Block) -> None:
        self.blocks.append(block)
        self.size += len(block.data)

    @property
    def is_full(self) -> bool:
        return len(self.blocks) >= _MOST_TOGETHER or self.size > MOST_BYTES - CHUNK_BYTES


class _WritingBehind:
    """Writes to a file in a thread, some blocks at a time, while the next ones are made."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self._flush()
        if self._writing is not None:
            # What is being written is waited for in any case: the file is closed next.
            (outcome,) = await asyncio.gather(self._writing, return_exceptions=True)
            if kind is None and outcome is not None:
                raise outcome

    async def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= _TOGETHER_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        if self._writing is not None:
            await self._writing
        data, self._waiting, self._size = self._waiting, [], 0
        self._writing = asyncio.create_task(asyncio.to_thread(self._file.writelines, data))


class _BlockInHand:
    """The one block of a packed content, as it was found."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def block(self, cid: Cid) -> bytes:  # noqa: ARG002 - it has no other
        return self._data

    async def close(self) -> None:
        """Nothing is held open."""


class _CarReader:
    """One CAR file; the places of its blocks are read once, their bytes when asked for."""

    def __init__(self, path: Path, *, store: str) -> None:
        self._store = store
        self._file = path.open("rb", buffering=0)
        self._ahead, self._ahead_from = b"", 0
        try:
            self.roots = car.read_roots(self._file)
            self._places = {cid: place for cid, *place in car.index(self._file)}
        except BaseException:
            self._file.close()
            raise

    async def block(self, cid: Cid) -> bytes:
        place = self._places.get(cid)
        if place is None:
            raise ContentMissing(str(cid), store=self._store)
        start, size = place
        try:
            if not self._is_ahead(start, size):
                await asyncio.to_thread(self._read_ahead, start, size)
        except OSError as error:
            raise ContentUnavailable(f"cannot read {cid}: {error.strerror}") from error
        begin = start - self._ahead_from
        return self._ahead[begin : begin + size]

    async def close(self) -> None:
        self.shut()

    def shut(self) -> None:
        self._file.close()

    def _is_ahead(self, start: int, size: int) -> bool:
        return self._ahead_from <= start and start + size <= self._ahead_from + len(self._ahead)

    def _read_ahead(self, start: int, size: int) -> None:
        """This block, and those that lie behind it: they are asked for next."""
        self._ahead = os.pread(self._file.fileno(), max(size, _TOGETHER_BYTES), start)
        self._ahead_from = start


def _from_outside(archive: Path) -> _CarReader:
    try:
        return _CarReader(archive, store=str(archive))
    except car.MalformedCar as error:
        raise InvalidMedia(f"{archive}: {error}", declared="application/vnd.ipld.car") from error
    except OSError as error:
        raise ContentUnavailable(f"cannot read {archive}: {error.strerror}") from error


@contextlib.contextmanager
def _in_our_words(doing: str) -> Iterator[None]:
    """The disk's errors as errors of ours; `doing` says what cannot be done."""
    try:
        yield
    except NftsvcError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull("no room in the content store") from error
        raise ContentUnavailable(f"cannot {doing}: {error.strerror}") from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in _FULL_INDEX:
            raise DiskFull("no room for the index of the content store") from error
        raise ContentUnavailable(f"cannot {doing}: the index of the packs: {error}") from error
