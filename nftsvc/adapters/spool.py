"""The spool as a folder: one sub-folder per issuance, made durable before it has its name.

Whoever takes a request in holds its folder until the request is accepted or given up: what nobody
holds was left behind by a kill, or belongs to an issuance that the ledger knows.
"""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

from nftsvc.adapters.held_folder import HeldFolder, is_held, sweep
from nftsvc.core.errors import ContentMissing, DiskFull
from nftsvc.core.types import IssuanceId
from nftsvc.ports import ByteSink, Spool, Staging

CHUNK_BYTES: Final = 1024 * 1024
_INCOMING: Final = ".incoming"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})

T = TypeVar("T")


class FolderSpool(Spool):
    """Files below `root`. What lies in `.incoming` was never accepted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def stage(self, issuance: IssuanceId) -> Staging:
        return _FolderStaging(self._incoming / issuance, self._root / issuance)

    async def read(self, issuance: IssuanceId, position: int) -> AsyncIterator[bytes]:
        path = self._root / issuance / str(position)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError as error:
            raise ContentMissing(f"{issuance}/{position}", store="the spool") from error
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk
        finally:
            file.close()

    async def discard(self, issuances: Collection[IssuanceId]) -> None:
        await asyncio.to_thread(self._discard, issuances)

    def _discard(self, issuances: Collection[IssuanceId]) -> None:
        for issuance in issuances:
            folder = self._root / issuance
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)

    async def left_behind(self) -> frozenset[IssuanceId]:
        return await asyncio.to_thread(self._left_behind)

    def _left_behind(self) -> frozenset[IssuanceId]:
        sweep(self._incoming.iterdir())
        return frozenset(
            IssuanceId(folder.name)
            for folder in self._root.iterdir()
            if folder != self._incoming and not is_held(folder)
        )


class _SpoolFile:
    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = _on_disk(lambda: path.open("xb"))

    def write(self, data: bytes) -> int:
        return _on_disk(lambda: self._file.write(data))

    def flush(self) -> None:
        _on_disk(self._file.flush)

    def settle(self) -> None:
        self.flush()
        _on_disk(lambda: os.fsync(self._file.fileno()))
        self._file.close()

    def close(self) -> None:
        try:
            self._file.close()
        except OSError:
            # The buffered rest does not fit either; the folder is removed whole.
            return


class _FolderStaging:
    def __init__(self, incoming: Path, final: Path) -> None:
        self._incoming = incoming
        self._final = final
        self._files: dict[int, _SpoolFile] = {}
        self._held: HeldFolder | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        if self._held is not None:
            await asyncio.to_thread(self._held.remove)

    def create(self, position: int) -> ByteSink:
        if self._held is None:
            self._held = _on_disk(lambda: HeldFolder.make(self._incoming))
        file = _SpoolFile(self._incoming / str(position))
        self._files[position] = file
        return file

    def look_into(self, position: int) -> BinaryIO:
        self._files[position].flush()
        return (self._incoming / str(position)).open("rb")

    async def commit(self) -> None:
        if self._files:
            await asyncio.to_thread(self._commit)

    def _commit(self) -> None:
        for file in self._files.values():
            file.settle()
        _sync_folder(self._incoming)
        _on_disk(lambda: self._incoming.rename(self._final))
        _sync_folder(self._final.parent)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _on_disk(lambda: os.fsync(handle))
    finally:
        os.close(handle)


def _on_disk(work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"no room in the spool: {error.strerror}") from error
        raise
