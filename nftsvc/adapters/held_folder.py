"""Folders that belong to somebody for a while: what is used is told from what a kill left.

A lock says so, not an age: clocks jump. The kernel lets go of it with whatever process held it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Self


class HeldFolder:
    """A new folder at `path`, held until `let_go`; also under another name that it is given."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make it, for its owner alone. Raises `OSError`."""
        while True:
            path.mkdir(parents=True, mode=0o700)
            try:
                handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Another process's sweep may have come between the name and the lock.
            if os.fstat(handle).st_nlink:
                return cls(path, handle)
            os.close(handle)

    def let_go(self) -> None:
        """Whoever sweeps may have it."""
        os.close(self._handle)

    def remove(self) -> None:
        """Remove it with all that is in it, and let go."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.let_go()


def is_held(path: Path) -> bool:
    """Whether somebody holds the folder, or that cannot be told."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def sweep(folders: Iterable[Path]) -> None:
    """Remove those that nobody holds."""
    for path in folders:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(handle)
