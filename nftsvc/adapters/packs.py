"""Small contents that were stored together: CARv1 archives of several roots, and their index.

The archives are the truth. The index, in SQLite, says which of them holds a content and where;
it is made again from their names and headers where it is lost, and caught up with them where
another process, or a kill between the two, left it behind.
"""

import contextlib
import fcntl
import os
import sqlite3
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from nftsvc.adapters.incoming import Incoming, sync_folder
from nftsvc.core import car
from nftsvc.core.cid import Cid, Codec
from nftsvc.core.types import Digest
from nftsvc.core.unixfs import Block

MOST_BYTES: Final = 16 * 1024 * 1024
"""How much a pack holds; it is built in memory, and written anew when one content leaves it."""

_BUSY_SECONDS: Final = 30.0
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS packs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS entries (
  digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_by_pack ON entries (pack);
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Place:
    pack: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class _Entry:
    digest: Digest
    start: int
    size: int


class Packs:
    """The archives in `root/packs`. Every content in them is one raw block.

    Raises `OSError` and `sqlite3.Error` for the disk; what is read is unchecked.
    """

    def __init__(self, root: Path, *, incoming: Incoming) -> None:
        self._folder = root / "packs"
        self._index_path = root / "packs.sqlite"
        self._incoming = incoming
        self._index: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._followed: int | None = None

    def close(self) -> None:
        """Let go of the index; it is opened again when it is needed."""
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None

    def write(self, blocks: Sequence[Block]) -> None:
        """Keep new contents in one archive, durably."""
        self._write(blocks, instead_of=None)

    def read(self, cid: Cid) -> bytes | None:
        """The bytes that stand where the content should; None where it is not kept."""
        while (place := self._place(cid)) is not None:
            try:
                with self._path_of(place.pack).open("rb") as file:
                    return os.pread(file.fileno(), place.size, place.start)
            except FileNotFoundError:
                # Written anew by another process, without this content or with it.
                self._ask(self._follow)
        return None

    def has(self, cid: Cid) -> bool:
        """Whether the content is kept, whole or not."""
        return self._place(cid) is not None

    def sound(self, cids: Collection[Cid]) -> dict[Cid, int]:
        """The sizes of those of `cids` whose bytes were read here and are theirs."""
        wanted = [cid for cid in cids if cid.codec is Codec.RAW]
        places = self._ask(lambda index: _find_all(index, wanted))
        if places is not None and len(places) < len(wanted) and self._is_behind():
            self._ask(self._follow)
            places = self._ask(lambda index: _find_all(index, wanted))
        by_pack = defaultdict[str, list[tuple[Cid, _Place]]](list)
        for cid, place in (places or {}).items():
            by_pack[place.pack].append((cid, place))
        found: dict[Cid, int] = {}
        for pack, kept in by_pack.items():
            # Written anew by another process: it is found when it is asked for alone.
            with contextlib.suppress(FileNotFoundError), self._path_of(pack).open("rb") as file:
                for cid, place in kept:
                    if cid.matches(os.pread(file.fileno(), place.size, place.start)):
                        found[cid] = place.size
        return found

    def contents(self) -> Iterator[Cid]:
        """Everything that is kept, whole or not."""
        last = b""
        self._ask(self._follow)
        while digests := self._digests(after=last):
            for digest in digests:
                yield Cid.raw(digest)
            last = digests[-1]

    def remove(self, cid: Cid) -> None:
        """Write the content's archive anew without it."""
        while (place := self._place(cid)) is not None:
            try:
                file = self._path_of(place.pack).open("rb")
            except FileNotFoundError:
                self._ask(self._follow)
                continue
            with file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Another process may have written it anew before the lock was ours.
                if os.fstat(file.fileno()).st_nlink:
                    self._rewrite(place.pack, file.fileno(), without=cid.digest)

    def rebuild(self) -> None:
        """Make the index anew from the archives."""
        with self._lock:
            self._discard_index()
            self._ask(self._follow)

    def compact(self) -> int:
        """Remove archives that hold nothing any more, as others have it; gives how many."""
        self._ask(self._follow)
        dead = self._ask(
            lambda index: index.execute(
                "SELECT name FROM packs WHERE id NOT IN (SELECT pack FROM entries)"
            ).fetchall()
        )
        for (name,) in dead or ():
            self._path_of(name).unlink(missing_ok=True)
        self._ask(self._follow)
        return len(dead or ())

    def unreadable(self) -> list[Path]:
        """The archives whose header cannot be read: nobody knows what they held."""
        self._ask(self._follow)
        known = set(self._ask(_names) or ())
        return sorted(path for path in self._folder.glob("*.car") if path.stem not in known)

    def _path_of(self, name: str) -> Path:
        return self._folder / f"{name}.car"

    def _write(self, blocks: Sequence[Block], *, instead_of: str | None) -> None:
        name = uuid.uuid4().hex
        path = self._path_of(name)
        file = self._incoming.begin()
        try:
            head = car.header_of([block.cid for block in blocks])
            file.write(head)
            entries, position = [], len(head)
            for block in blocks:
                section = car.section(block)
                file.write(section)
                position += len(section)
                size = len(block.data)
                entries.append(_Entry(block.cid.digest, position - size, size))
            self._incoming.settle(file, path)
        finally:
            self._incoming.discard(file)
        try:
            self._ask(lambda index: _enter(index, name, entries, instead_of=instead_of))
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._followed = self._folder.stat().st_mtime_ns

    def _rewrite(self, name: str, file: int, *, without: Digest) -> None:
        staying = [
            Block(Cid.raw(entry.digest), os.pread(file, entry.size, entry.start))
            for entry in self._ask(lambda index: _entries_of(index, name)) or ()
            if entry.digest != without
        ]
        if staying:
            self._write(staying, instead_of=name)
        # The name goes first: an archive that the index does not know would be taken in again.
        self._path_of(name).unlink()
        sync_folder(self._folder)
        self._ask(lambda index: _drop(index, [name]))

    def _place(self, cid: Cid) -> _Place | None:
        if cid.codec is not Codec.RAW:
            return None
        place = self._ask(lambda index: _find(index, cid.digest))
        if place is None and self._is_behind():
            self._ask(self._follow)
            place = self._ask(lambda index: _find(index, cid.digest))
        return place

    def _digests(self, *, after: bytes) -> list[Digest]:
        query = "SELECT digest FROM entries WHERE digest > ? ORDER BY digest LIMIT 1000"
        rows = self._ask(lambda index: index.execute(query, (after,)).fetchall())
        return [Digest(digest) for (digest,) in rows or ()]

    def _is_behind(self) -> bool:
        return self._folder.is_dir() and self._folder.stat().st_mtime_ns != self._followed

    def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """`work` on the index; None where nothing was ever packed."""
        with self._lock:
            try:
                index = self._opened()
                return work(index) if index is not None else None
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in _BROKEN:
                    raise
                self._discard_index()
                index = self._opened()
                return work(index) if index is not None else None

    def _opened(self) -> sqlite3.Connection | None:
        if self._index is None and self._folder.is_dir():
            index = sqlite3.connect(
                self._index_path,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                index.execute("PRAGMA journal_mode=WAL")
                # Rows that a power cut takes are read again from the archives.
                index.execute("PRAGMA synchronous=NORMAL")
                index.executescript(_SCHEMA)
                self._follow(index)
            except BaseException:
                index.close()
                raise
            self._index = index
        return self._index

    def _discard_index(self) -> None:
        self.close()
        for ending in ("", "-wal", "-shm"):
            self._index_path.with_name(self._index_path.name + ending).unlink(missing_ok=True)

    def _follow(self, index: sqlite3.Connection) -> None:
        """Catch up with the archives that are there."""
        followed = self._folder.stat().st_mtime_ns
        known = set(_names(index))
        there = {path.stem: path for path in self._folder.glob("*.car")}
        _drop(index, sorted(known - there.keys()))
        if new := there.keys() - known:
            # Whoever gave them their names may not have come to make these durable.
            sync_folder(self._folder)
            for name in sorted(new, key=lambda name: _age(there[name])):
                with contextlib.suppress(FileNotFoundError, car.MalformedCar):
                    _enter(index, name, _scan(there[name]), instead_of=None)
        self._followed = followed


def _scan(path: Path) -> list[_Entry]:
    """What the header of an archive names, and where it stands: nowhere, behind a damage."""
    with path.open("rb") as file:
        roots = car.read_roots(file)
        found = {}
        with contextlib.suppress(car.MalformedCar):
            for cid, start, size in car.index(file):
                found[cid.digest] = (start, size)
    return [_Entry(root.digest, *found.get(root.digest, (0, 0))) for root in roots]


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _names(index: sqlite3.Connection) -> list[str]:
    return [name for (name,) in index.execute("SELECT name FROM packs")]


def _find(index: sqlite3.Connection, digest: Digest) -> _Place | None:
    row = index.execute(
        "SELECT name, start, size FROM entries JOIN packs ON packs.id = pack WHERE digest = ?",
        (digest,),
    ).fetchone()
    return _Place(*row) if row is not None else None


def _find_all(index: sqlite3.Connection, cids: Iterable[Cid]) -> dict[Cid, _Place]:
    found = ((cid, _find(index, cid.digest)) for cid in cids)
    return {cid: place for cid, place in found if place is not None}


def _entries_of(index: sqlite3.Connection, name: str) -> list[_Entry]:
    rows = index.execute(
        "SELECT digest, start, size FROM entries JOIN packs ON packs.id = pack WHERE name = ?"
        " ORDER BY start",
        (name,),
    )
    return [_Entry(Digest(digest), start, size) for digest, start, size in rows]


def _enter(
    index: sqlite3.Connection, name: str, entries: Sequence[_Entry], *, instead_of: str | None
) -> None:
    """Note where contents stand: anew, or only those that stood in the pack `instead_of`."""
    with _transaction(index):
        index.execute("INSERT OR IGNORE INTO packs (name) VALUES (?)", (name,))
        index.executemany(
            "INSERT INTO entries SELECT ?2, id, ?3, ?4 FROM packs WHERE name = ?1"
            " ON CONFLICT (digest) DO UPDATE"
            " SET pack = excluded.pack, start = excluded.start, size = excluded.size"
            " WHERE ?5 IS NULL OR entries.pack = (SELECT id FROM packs WHERE name = ?5)",
            [(name, e.digest, e.start, e.size, instead_of) for e in entries],
        )


def _drop(index: sqlite3.Connection, names: Sequence[str]) -> None:
    if not names:
        return
    with _transaction(index):
        for name in names:
            index.execute(
                "DELETE FROM entries WHERE pack = (SELECT id FROM packs WHERE name = ?)", (name,)
            )
            index.execute("DELETE FROM packs WHERE name = ?", (name,))


@contextlib.contextmanager
def _transaction(index: sqlite3.Connection) -> Iterator[None]:
    index.execute("BEGIN IMMEDIATE")
    try:
        yield
        index.execute("COMMIT")
    except BaseException:
        if index.in_transaction:
            index.execute("ROLLBACK")
        raise
