"""Shares as slots of small files: made together, destroyed one by one where they lie.

The place of a share is `<file>/<slot>`; a destroyed slot holds zeros, and a file of nothing else
is removed. Overwriting reaches the bytes on disks and file systems that write in place; see the
page on confidentiality for the others.
"""

import asyncio
import os
import re
import secrets
from pathlib import Path
from typing import Final

from nftsvc.core.errors import DiskFull, KeyCustodyUnavailable, KeyDestroyed
from nftsvc.core.keys import SHARE_BYTES, Share, SharePlace
from nftsvc.ports import KeyShares

_PLACE: Final = re.compile(r"([0-9a-f]{32})/(0|[1-9][0-9]{0,5})")
_NOTHING: Final = bytes(SHARE_BYTES)


class ShareFolder(KeyShares):
    """Shares in files below `root`, two characters of their name each a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def create(self, count: int) -> tuple[Share, ...]:
        return await asyncio.to_thread(self._create, count)

    async def read(self, place: SharePlace) -> bytes:
        return await asyncio.to_thread(self._read, place)

    async def destroy(self, place: SharePlace) -> None:
        await asyncio.to_thread(self._destroy, place)

    def _create(self, count: int) -> tuple[Share, ...]:
        name = secrets.token_hex(16)
        own = tuple(
            Share(SharePlace(f"{name}/{slot}"), secrets.token_bytes(SHARE_BYTES))
            for slot in range(count)
        )
        path = self._path(name)
        try:
            new = not path.parent.exists()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(b"".join(share.secret for share in own))
                file.flush()
                os.fsync(file.fileno())
            _sync(path.parent)
            if new:
                _sync(self._root)
        except OSError as error:
            raise DiskFull(f"no room for a key's share: {error.strerror}") from error
        return own

    def _read(self, place: SharePlace) -> bytes:
        name, slot = _parts(place)
        try:
            with self._path(name).open("rb") as file:
                file.seek(slot * SHARE_BYTES)
                secret = file.read(SHARE_BYTES)
        except FileNotFoundError as error:
            raise KeyDestroyed(place) from error
        except OSError as error:
            raise KeyCustodyUnavailable(f"cannot read a share: {error.strerror}") from error
        if len(secret) != SHARE_BYTES or secret == _NOTHING:
            raise KeyDestroyed(place)
        return secret

    def _destroy(self, place: SharePlace) -> None:
        name, slot = _parts(place)
        path = self._path(name)
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return
        except OSError as error:
            raise KeyCustodyUnavailable(f"cannot destroy a share: {error.strerror}") from error
        try:
            os.pwrite(handle, _NOTHING, slot * SHARE_BYTES)
            os.fsync(handle)
            size = os.fstat(handle).st_size
            empty = not any(os.pread(handle, size, 0))
        except OSError as error:
            raise KeyCustodyUnavailable(f"cannot destroy a share: {error.strerror}") from error
        finally:
            os.close(handle)
        if empty:
            path.unlink(missing_ok=True)
            _sync(path.parent)

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name


def _parts(place: SharePlace) -> tuple[str, int]:
    found = _PLACE.fullmatch(place)
    if found is None:
        raise KeyDestroyed(place)
    return found[1], int(found[2])


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
