"""The embedded store on a full disk, beside another process, and after a killed writer."""

import asyncio
import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.core.errors import ContentUnavailable, DiskFull
from nftsvc.core.unixfs import CHUNK_BYTES, cid_of_bytes

SMALL_DISK = """
import asyncio, hashlib, os, resource, sys
from pathlib import Path
from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.core.errors import DiskFull

store, size = EmbeddedStore(Path(sys.argv[1])), int(sys.argv[2])
data = hashlib.shake_128(b"full").digest(size)

async def stream():
    yield data

async def main():
    for limit in map(int, sys.argv[3:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            await store.put(stream())
        except DiskFull:
            word = "full"
        else:
            word = "kept"
        names = [p for p in Path(sys.argv[1]).rglob("*") if p.is_file()]
        print(limit, word, len(names), len(os.listdir("/proc/self/fd")))
        for name in names:
            name.unlink()

asyncio.run(main())
"""
RIVAL = """
import asyncio, hashlib, sys
from pathlib import Path
from nftsvc.adapters.embedded_store import EmbeddedStore

async def stream(number):
    yield hashlib.shake_128(str(number).encode()).digest(3000)

async def main():
    sys.stdin.readline()
    for number in range(100):
        for _ in range(10):
            store = EmbeddedStore(Path(sys.argv[1]))  # sweeps while the rival writes
        print(await store.put(stream(number)))

asyncio.run(main())
"""


def content(size: int, *, seed: bytes = b"full") -> bytes:
    return hashlib.shake_128(seed).digest(size)


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def file_size(tmp_path: Path, data: bytes) -> int:
    store = EmbeddedStore(tmp_path / "roomy")
    return store.path_of(await store.put(stream(data))).stat().st_size


@pytest.mark.parametrize(("size", "step"), [(300, 1), (2 * CHUNK_BYTES + 9, 30_011)])
async def test_embedded__disk_full_at_any_byte__keeps_nothing_and_says_so(
    tmp_path: Path, size: int, step: int
) -> None:
    needed = await file_size(tmp_path, content(size))
    limits = [*range(0, needed, step), needed - 1, needed]
    said = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SMALL_DISK, tmp_path / "small", str(size), *map(str, limits)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in said.stdout.splitlines()]
    assert [int(row[0]) for row in rows] == limits
    assert {tuple(row[1:3]) for row in rows[:-1]} == {("full", "0")}
    assert rows[-1][1:3] == ["kept", "1"]
    assert len({row[3] for row in rows}) == 1, "an open file was left behind"


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.needs("small disk")
async def test_embedded__small_disk__gives_the_room_back_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="700k") as disk:
        store = EmbeddedStore(disk / "store")
        kept = await store.put(stream(content(1000)))
        before = os.statvfs(disk).f_bfree
        for _ in range(3):
            with pytest.raises(DiskFull):
                await store.put(stream(content(3 * CHUNK_BYTES)))
            assert os.statvfs(disk).f_bfree == before
        assert files_of(disk) == [store.path_of(kept)]
        assert await store.verify(kept) == 1000
        fitting = await store.put(stream(content(CHUNK_BYTES + 1)))
        assert await store.verify(fitting) == CHUNK_BYTES + 1


async def test_embedded__three_processes_with_one_content__all_keep_it(tmp_path: Path) -> None:
    root = tmp_path / "store"
    pipe = asyncio.subprocess.PIPE
    rivals = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", RIVAL, root, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(3)
    ]
    said = await asyncio.gather(*(rival.communicate(b"go\n") for rival in rivals))
    assert [error.decode() for _, error in said] == [""] * 3
    assert len({out for out, _ in said}) == 1
    store = EmbeddedStore(root)
    for number in range(100):
        cid = cid_of_bytes(content(3000, seed=str(number).encode()))
        assert await store.verify(cid) == 3000
    assert len(files_of(root)) == 100


async def test_embedded__many_puts_of_one_content_at_once__keep_one(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    data = content(100_000)
    cids = await asyncio.gather(*(store.put(stream(data)) for _ in range(16)))
    assert set(cids) == {cid_of_bytes(data)}
    assert files_of(tmp_path) == [store.path_of(cids[0])]


async def test_embedded__opened_while_another_writes__leaves_the_writer_alone(
    tmp_path: Path,
) -> None:
    data = content(CHUNK_BYTES * 4)
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield data[: CHUNK_BYTES * 2 + 1]
        yield data[CHUNK_BYTES * 2 + 1 : CHUNK_BYTES * 3 + 1]
        under_way.set()
        await go_on.wait()
        yield data[CHUNK_BYTES * 3 + 1 :]

    store = EmbeddedStore(tmp_path)
    writing = asyncio.create_task(store.put(slow()))
    await under_way.wait()
    leftover = tmp_path / "incoming" / "of-a-killed-writer"
    leftover.write_bytes(b"half")
    again = EmbeddedStore(tmp_path)
    assert not leftover.exists()
    assert len(files_of(tmp_path)) == 1
    go_on.set()
    assert await again.verify(await writing) == len(data)


async def test_embedded__cancelled_put__leaves_nothing(tmp_path: Path) -> None:
    under_way = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield content(CHUNK_BYTES * 3)
        yield b"more"
        under_way.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(EmbeddedStore(tmp_path).put(endless()))
    await under_way.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert files_of(tmp_path) == []


async def test_embedded__damaged_content_put_again__is_whole_again(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    cid = await store.put(stream(content(5000)))
    store.path_of(cid).write_bytes(b"rot")
    assert await store.put(stream(content(5000))) == cid
    assert await store.verify(cid) == 5000


async def test_embedded__out_of_open_files__is_unavailable_and_not_missing(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    cid = await store.put(stream(content(5000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    await asyncio.to_thread(lambda: None)  # the thread that the store will need exists now
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(ContentUnavailable):
            await store.verify(cid)
        with pytest.raises(ContentUnavailable):
            await store.put(stream(b"other"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await store.verify(cid) == 5000


def test_embedded__root_that_is_a_file__is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(ContentUnavailable):
        EmbeddedStore(tmp_path / "store")
