"""The store that comes with the service: one CARv1 file for each content, on the local disk.

A file is written under a name of its own, made durable, and only then given the name of its
CID; the folder is made durable last. Whatever moment the power goes, a name is there with all
its bytes or not at all, and what is left over of a write is swept up at the next start.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final

from nftsvc.core import car
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    DiskFull,
    InvalidMedia,
)
from nftsvc.core.unixfs import Block, UntrueBlock, read_file
from nftsvc.ports import BlockReader, ContentStore, Upload

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class EmbeddedStore(ContentStore):
    """CAR files below `root`, in 256 folders by the last byte of their digest."""

    name = "embedded"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._durable_folders: set[Path] = set()
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep()
        except OSError as error:
            raise ContentUnavailable(f"cannot open {root}: {error.strerror}") from error

    async def take(self, archive: Path) -> Cid:
        """Keep the content of a CARv1 with one root, its blocks in any order; gives the root.

        Only blocks of that content are taken, each compared with its CID. Raises `InvalidMedia`
        where it is no such archive, `ContentCorrupt` and `ContentMissing` for its blocks,
        `ContentUnavailable` and `DiskFull` for what cannot be read or written.
        """
        reader = await asyncio.to_thread(_from_outside, archive)
        taken: set[Cid] = set()
        try:
            async with self._writing() as writing:

                async def block(cid: Cid) -> bytes:
                    data = await reader.block(cid)
                    if cid not in taken and cid.matches(data):
                        taken.add(cid)
                        await asyncio.to_thread(writing.write, car.section(Block(cid, data)))
                    return data

                async for _ in read_file(reader.root, block):
                    pass
                await asyncio.to_thread(self._settle, writing, reader.root)
        except UntrueBlock as error:
            raise ContentCorrupt(str(reader.root), store=str(archive), detail=str(error)) from error
        finally:
            await reader.close()
        return reader.root

    def contents(self) -> list[Cid]:
        """Everything that has a name here, whole or not, in the order of the files."""
        return [Cid.parse(path.stem) for path in sorted(self._root.glob("??/b*.car"))]

    def set_aside(self, cid: Cid) -> Path:
        """Take the name from a damaged content, which is missing then; gives its new place."""
        place = self._root / "damaged" / f"{cid.upgraded()}.{uuid.uuid4().hex[:8]}.car"
        place.parent.mkdir(exist_ok=True)
        self.path_of(cid).rename(place)
        _sync_folder(place.parent)
        return place

    async def _put(self, upload: Upload) -> Cid:
        async with self._writing() as writing:
            async for block in upload.blocks():
                await asyncio.to_thread(writing.write, car.section(block))
            await asyncio.to_thread(self._settle, writing, upload.root)
        return upload.root

    @contextlib.asynccontextmanager
    async def _writing(self) -> AsyncIterator[BinaryIO]:
        """A file without a name yet; without a trace where it is left unsettled."""
        try:
            writing = await asyncio.to_thread(self._begin)
            try:
                yield writing
            finally:
                await asyncio.to_thread(_discard, writing)
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull("no room in the content store") from error
            raise ContentUnavailable(f"cannot write: {error.strerror}") from error

    async def _open(self, cid: Cid) -> BlockReader:
        path = self.path_of(cid)
        try:
            reader = await asyncio.to_thread(_CarReader, path, store=self.name)
        except FileNotFoundError as error:
            raise ContentMissing(str(cid), store=self.name) from error
        except car.MalformedCar as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        except OSError as error:
            raise ContentUnavailable(f"cannot read {cid}: {error.strerror}") from error
        if reader.root != cid.upgraded():
            await reader.close()
            raise ContentCorrupt(str(cid), store=self.name, detail=f"the file of {reader.root}")
        return reader

    async def has(self, cid: Cid) -> bool:
        return await asyncio.to_thread(self.path_of(cid).is_file)

    async def close(self) -> None:
        """Nothing is kept open."""

    def path_of(self, cid: Cid) -> Path:
        """The CAR file of a content; what `ipfs dag import` takes."""
        name = cid.upgraded()
        return self._root / f"{name.digest[-1]:02x}" / f"{name}.car"

    def _begin(self) -> BinaryIO:
        while True:
            file = (self._incoming / uuid.uuid4().hex).open("xb")
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another process's sweep may have come between the name and the lock.
            if os.fstat(file.fileno()).st_nlink:
                break
            file.close()
        file.write(bytes(car.HEADER_BYTES))
        return file

    def _settle(self, file: BinaryIO, root: Cid) -> None:
        file.seek(0)
        file.write(car.header(root))
        file.flush()
        os.fsync(file.fileno())
        path = self.path_of(root)
        # That the folder is there does not say that whoever made it has made it durable.
        if path.parent not in self._durable_folders:
            path.parent.mkdir(exist_ok=True)
            _sync_folder(self._root)
            self._durable_folders.add(path.parent)
        Path(file.name).rename(path)
        _sync_folder(path.parent)

    def _sweep(self) -> None:
        for path in self._incoming.iterdir():
            # Gone: settled under its own name, or swept by another process.
            # Locked: another process is writing it right now.
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


class _CarReader:
    """One CAR file; the places of its blocks are read once, their bytes when asked for."""

    def __init__(self, path: Path, *, store: str) -> None:
        self._store = store
        self._file = path.open("rb")
        try:
            self.root = car.read_root(self._file)
            self._places = {cid: place for cid, *place in car.index(self._file)}
        except BaseException:
            self._file.close()
            raise

    async def block(self, cid: Cid) -> bytes:
        place = self._places.get(cid)
        if place is None:
            raise ContentMissing(str(cid), store=self._store)
        try:
            return await asyncio.to_thread(self._read, *place)
        except OSError as error:
            raise ContentUnavailable(f"cannot read {cid}: {error.strerror}") from error

    async def close(self) -> None:
        self._file.close()

    def _read(self, start: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, start)


def _from_outside(archive: Path) -> _CarReader:
    try:
        return _CarReader(archive, store=str(archive))
    except car.MalformedCar as error:
        raise InvalidMedia(f"{archive}: {error}", declared="application/vnd.ipld.car") from error
    except OSError as error:
        raise ContentUnavailable(f"cannot read {archive}: {error.strerror}") from error


def _discard(file: BinaryIO) -> None:
    """Close what was written; its first name is gone already where it was settled."""
    # What was buffered may not fit on the disk either: it is thrown away, not flushed.
    with contextlib.suppress(OSError):
        file.close()
    Path(file.name).unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
