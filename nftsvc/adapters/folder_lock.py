"""A folder that one process works in: held by the kernel, and let go with the process."""

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Final

from nftsvc.core.errors import Misconfigured

PATIENCE_SECONDS: Final = 20.0
"""How long a process that is being replaced has for its end."""
_LOOK_SECONDS: Final = 0.1


class FolderLock:
    """The lock on `folder`. A process that dies, however it dies, does not hold it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "worker.lock"
        self._handle: int | None = None

    async def take(self, *, patience: float = PATIENCE_SECONDS) -> None:
        """Hold the folder. Raises `Misconfigured` where another process holds it for long."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = asyncio.get_running_loop().time() + patience
        while not _locked(handle):
            if asyncio.get_running_loop().time() > deadline:
                os.close(handle)
                raise Misconfigured(
                    f"another worker works in {self._path.parent}: many workers need PostgreSQL "
                    "(NFTSVC_DATABASE_URL)"
                )
            await asyncio.sleep(_LOOK_SECONDS)
        self._handle = handle

    def release(self) -> None:
        """Let the folder go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
