"""Previews in a folder, each drawn once by a process of its own with bounded memory and time."""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog

from nftsvc.adapters import preview_process
from nftsvc.adapters.held_folder import HeldFolder, sweep
from nftsvc.core.cid import Cid
from nftsvc.core.errors import DiskFull, Unavailable
from nftsvc.ports import Previews

WALL_SECONDS: Final = 40.0
SOURCE_BYTES: Final = 128 * 1024 * 1024
MOST_WAITING: Final = 16
MOST_REMEMBERED: Final = 10_000
_DRAWING: Final = "drawing-"

_log = structlog.get_logger(__name__)


class PreviewFolder(Previews):
    """Files below `root`, named by CID. One is drawn at a time.

    What could not be drawn is remembered until the service ends.
    """

    def __init__(self, root: Path, *, wall_seconds: float = WALL_SECONDS) -> None:
        self._root = root
        self._wall_seconds = wall_seconds
        self._drawing = asyncio.Lock()
        self._waiting = 0
        self._undrawable: dict[Cid, None] = {}
        self._swept = False

    async def preview(
        self, cid: Cid, *, media_type: str, chunks: AsyncIterator[bytes]
    ) -> bytes | None:
        kept = self._root / f"{cid.base32()}.jpg"
        if (found := await asyncio.to_thread(_read, kept)) is not None:
            return found
        if cid in self._undrawable or media_type not in preview_process.TYPES:
            return None
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too many previews are being drawn", retry_after=5)
        self._waiting += 1
        try:
            async with self._drawing:
                if cid in self._undrawable:
                    return None
                if (found := await asyncio.to_thread(_read, kept)) is not None:
                    return found
                drawn = await self._draw(cid, media_type, chunks, kept)
        finally:
            self._waiting -= 1
        if drawn is None:
            if len(self._undrawable) >= MOST_REMEMBERED:
                del self._undrawable[next(iter(self._undrawable))]
            self._undrawable[cid] = None
        return drawn

    async def _draw(
        self, cid: Cid, media_type: str, chunks: AsyncIterator[bytes], kept: Path
    ) -> bytes | None:
        try:
            held = await asyncio.to_thread(self._new_folder)
        except OSError as error:
            raise DiskFull(f"no room for previews: {error.strerror}") from error
        folder = held.path
        try:
            source, target = folder / "source.glb", folder / "preview.jpg"
            if not await _write(source, chunks):
                return None
            status = await self._run(folder, source, media_type, target)
            drawn = await asyncio.to_thread(_read, target) if status == 0 else None
            if drawn is None:
                _log.warning("preview-refused", cid=str(cid), media_type=media_type, status=status)
                return None
            await asyncio.to_thread(target.replace, kept)
            return drawn
        finally:
            await asyncio.to_thread(held.remove)

    def _new_folder(self) -> HeldFolder:
        """Where one is drawn; the first time, what killed processes left is removed."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._swept:
            sweep(self._root.glob(f"{_DRAWING}*"))
            self._swept = True
        return HeldFolder.make(self._root / f"{_DRAWING}{uuid.uuid4().hex}")

    async def _run(self, folder: Path, source: Path, media_type: str, target: Path) -> int:
        """The child's exit status. It inherits no environment, so no secret's path either."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-m", preview_process.__name__, str(source), media_type, str(target)),
            cwd=folder,
            env={
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "LIBGL_ALWAYS_SOFTWARE": "1",
                "LP_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "MESA_SHADER_CACHE_DISABLE": "1",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._wall_seconds):
                return await child.wait()
        except TimeoutError:
            return -signal.SIGKILL
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                await child.wait()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


async def _write(path: Path, chunks: AsyncIterator[bytes]) -> bool:
    """False where the file is more than is drawn."""
    size = 0
    try:
        with path.open("xb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > SOURCE_BYTES:
                    return False
                await asyncio.to_thread(file.write, chunk)
    except OSError as error:
        raise DiskFull(f"no room for previews: {error.strerror}") from error
    return True
