"""Files on their way to a name: written under another, made durable, renamed, the folder last.

Whatever moment the power goes, a name is there with all its bytes or not at all, and what is
left over of a write is swept up at the next start.
"""

import contextlib
import fcntl
import os
import uuid
from pathlib import Path
from typing import BinaryIO


class Incoming:
    """The folder of files that have no name yet; writers in several processes share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._durable_folders: set[Path] = set()

    def open(self) -> None:
        """Make the folder, and remove what killed writers left in it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            # Gone: settled under its own name, or swept by another process.
            # Locked: another process is writing it right now.
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def begin(self) -> BinaryIO:
        """A new file. It must be given to `discard` in the end, settled or not."""
        while True:
            file = (self._folder / uuid.uuid4().hex).open("xb")
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another process's sweep may have come between the name and the lock.
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()

    def settle(self, file: BinaryIO, path: Path) -> None:
        """Make what was written durable under the name `path`."""
        file.flush()
        os.fsync(file.fileno())
        # That the folder is there does not say that whoever made it has made it durable.
        if path.parent not in self._durable_folders:
            path.parent.mkdir(exist_ok=True)
            sync_folder(path.parent.parent)
            self._durable_folders.add(path.parent)
        Path(file.name).rename(path)
        sync_folder(path.parent)

    def discard(self, file: BinaryIO) -> None:
        """Close what was written; its first name is gone already where it was settled."""
        # What was buffered may not fit on the disk either: it is thrown away, not flushed.
        with contextlib.suppress(OSError):
            file.close()
        Path(file.name).unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
