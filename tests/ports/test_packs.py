"""Small contents that share a file: durable together, found again whatever was lost."""

import asyncio
import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.core import car
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt, ContentMissing, ContentUnavailable
from nftsvc.core.unixfs import CHUNK_BYTES, cid_of_bytes
from tests.kubo import KuboNode

PROCESS = """
import asyncio, hashlib, sys
from pathlib import Path
from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.core.cid import Cid
from nftsvc.core.errors import DiskFull

def content(name):
    return hashlib.shake_128(str(name).encode()).digest(200)

async def stream(data):
    yield data

store = EmbeddedStore(Path(sys.argv[1]))
"""
WRITER = (
    PROCESS
    + """
async def main():
    number = 0
    while True:
        names = range(number, number + 50)
        cids = await store.put_many([stream(content(name)) for name in names])
        print(*cids, flush=True)
        number += 50
asyncio.run(main())
"""
)
RIVAL = (
    PROCESS
    + """
async def main():
    sys.stdin.readline()
    for number in range(20):
        names = range(number * 5, number * 5 + 10)
        for cid in await store.put_many([stream(content(name)) for name in names]):
            await store.verify(cid)
asyncio.run(main())
"""
)
REMOVER = (
    PROCESS
    + """
async def main():
    sys.stdin.readline()
    for cid in sys.argv[2:]:
        await store.remove(Cid.parse(cid))
asyncio.run(main())
"""
)
SMALL_DISK = (
    PROCESS
    + """
import os, resource
async def main():
    for limit in map(int, sys.argv[2:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            await store.put_many([stream(content(name)) for name in range(20)])
            word = "kept"
        except DiskFull:
            word = "full"
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        await store.close()
        print(limit, word, len(list(EmbeddedStore(Path(sys.argv[1])).contents())))
        await store.close()
        for path in Path(sys.argv[1]).rglob("*"):
            if path.is_file():
                path.unlink()
asyncio.run(main())
"""
)


def content(name: object, size: int = 200) -> bytes:
    return hashlib.shake_128(str(name).encode()).digest(size)


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def packed(store: EmbeddedStore, names: Iterable[object]) -> list[Cid]:
    return await store.put_many([stream(content(name)) for name in names])


def packs_of(root: Path) -> list[Path]:
    return sorted(root.glob("packs/*.car"))


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path)
    yield store
    await store.close()


async def all_whole(root: Path, cids: Iterable[Cid]) -> None:
    store = EmbeddedStore(root)
    try:
        await store.verify_many([*cids])
    finally:
        await store.close()


async def test_put_many__small_and_large__share_one_pack_and_have_files_of_their_own(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    sizes = [0, 1, 200, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
    datas = [content(size, size) for size in sizes]
    cids = await store.put_many([stream(data) for data in datas])
    assert cids == [cid_of_bytes(data) for data in datas]
    (pack,) = packs_of(tmp_path)
    with pack.open("rb") as file:
        assert set(car.read_roots(file)) == set(cids[:5])
    assert [store.path_of(cid).exists() for cid in cids] == [False] * 5 + [True] * 2
    for cid, data in zip(cids, datas, strict=True):
        assert await store.has(cid)
        assert b"".join([chunk async for chunk in store.read(cid)]) == data
    assert await store.verify_many(cids) == sizes
    assert set(store.contents()) == set(cids)


def said_before_the_kill(root: Path, seconds: float) -> str:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, root], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(seconds)
        writer.kill()
        return first + writer.stdout.read()


async def test_put_many__two_thousand_small_ones__are_one_file(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = await packed(store, range(2000))
    assert len(packs_of(tmp_path)) == 1
    await all_whole(tmp_path, cids)


async def test_put_many__more_than_a_pack_holds__is_several(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    datas = [content(number, CHUNK_BYTES) for number in range(130)]
    cids = await store.put_many([stream(data) for data in datas])
    assert [path.stat().st_size < 17 * 2**20 for path in packs_of(tmp_path)] == [True] * 3
    await all_whole(tmp_path, cids)


async def test_put__many_that_arrive_together__share_few_files(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = await asyncio.gather(*(store.put(stream(content(n))) for n in range(500)))
    assert len(files_of(tmp_path)) < 20
    await all_whole(tmp_path, cids)


async def test_put__one_of_those_together_is_cancelled__keeps_the_others(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    puts = [asyncio.create_task(store.put(stream(content(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    puts[7].cancel()
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    cids = [outcome for outcome in outcomes if isinstance(outcome, Cid)]
    assert len(cids) >= 49
    await all_whole(tmp_path, cids)


async def test_put_many__what_is_kept_already__is_not_written_again(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await store.put(stream(content("alone")))
    await packed(store, range(10))
    before = {path: path.read_bytes() for path in packs_of(tmp_path)}
    await packed(store, ["alone", *range(10), *range(10)])
    assert {path: path.read_bytes() for path in packs_of(tmp_path)} == before


async def test_put_many__over_damaged_ones__has_them_whole_again(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = [*await packed(store, range(5)), await store.put(stream(content("alone")))]
    (pack,) = packs_of(tmp_path)
    data = bytearray(pack.read_bytes())
    data[-10] ^= 1
    pack.write_bytes(data)
    store.path_of(cids[-1]).write_bytes(b"rot")
    with pytest.raises(ContentCorrupt):
        await store.verify_many(cids)
    await packed(store, [*range(5), "alone"])
    await all_whole(tmp_path, cids)


async def test_put_many__source_that_breaks_off__leaves_the_packs_alone(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put_many([stream(b"whole"), broken()])
    assert packs_of(tmp_path) == []


@pytest.mark.parametrize("loss", ["gone", "behind", "garbage", "other rows"])
async def test_packs__index_lost_or_wrong__is_made_again(tmp_path: Path, loss: str) -> None:
    store = EmbeddedStore(tmp_path)
    cids = await packed(store, range(30))
    await store.close()
    index = tmp_path / "packs.sqlite"
    match loss:
        case "gone":
            index.unlink()
        case "behind":
            behind = index.read_bytes()
            cids += await packed(store, range(30, 60))
            await store.close()
            index.write_bytes(behind)
        case "garbage":
            index.write_bytes(os.urandom(index.stat().st_size))
        case _:
            with sqlite3.connect(index) as rows:
                rows.execute("UPDATE entries SET start = start + 1")
            rows.close()
            EmbeddedStore(tmp_path).mend_packs()
    await all_whole(tmp_path, cids)


async def test_packs__index_lost_under_a_running_store__finds_what_comes_after(
    tmp_path: Path,
) -> None:
    one, other = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
    await packed(one, range(10))
    (tmp_path / "packs.sqlite").write_bytes(b"rot" * 5000)
    later = await packed(other, range(10, 20))
    await one.verify_many(later)
    await one.close()
    await other.close()


@pytest.mark.parametrize("seed", range(4))
async def test_put_many__killed_while_it_writes__keeps_all_it_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    said = await asyncio.to_thread(
        said_before_the_kill, tmp_path, random.Random(seed).uniform(0.0, 0.3)
    )
    lines = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
    await all_whole(tmp_path, [Cid.parse(word) for line in lines for word in line.split()])
    store = EmbeddedStore(tmp_path)
    assert store.unreadable() == []
    await all_whole(tmp_path, store.contents())
    assert list((tmp_path / "incoming").iterdir()) == []
    await store.close()


async def test_put_many__disk_full_at_any_byte__keeps_all_or_nothing_and_says_so(
    tmp_path: Path,
) -> None:
    limits = [*range(0, 9000, 397), *range(9000, 120_000, 5003), 2_000_000]
    said = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", SMALL_DISK, tmp_path / "small", *map(str, limits)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in said.stdout.splitlines()]
    assert [int(row[0]) for row in rows] == limits
    assert {tuple(row[1:]) for row in rows} == {("full", "0"), ("kept", "20")}
    assert rows[-1][1] == "kept"


async def processes(code: str, words: list[list[str]]) -> list[str]:
    pipe = asyncio.subprocess.PIPE
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, *arguments, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for arguments in words
    ]
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
    return [error.decode() for _, error in said]


async def test_packs__three_processes_with_the_same_contents__all_keep_them(
    tmp_path: Path,
) -> None:
    assert await processes(RIVAL, [[str(tmp_path)]] * 3) == [""] * 3
    store = EmbeddedStore(tmp_path)
    cids = {cid_of_bytes(content(name)) for name in range(105)}
    assert set(store.contents()) == cids
    store.mend_packs()
    await store.close()
    await all_whole(tmp_path, cids)


async def test_remove__packed_and_alone__are_gone_with_their_bytes_for_good(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = [*await packed(store, range(10)), await store.put(stream(content("alone")))]
    gone, staying = {cids[3], cids[10]}, set(cids) - {cids[3], cids[10]}
    for cid in gone:
        await store.remove(cid)
        await store.remove(cid)
        assert not await store.has(cid)
        with pytest.raises(ContentMissing):
            await store.verify(cid)
    (tmp_path / "packs.sqlite").unlink()
    again = EmbeddedStore(tmp_path)
    assert set(again.contents()) == staying
    await again.close()
    await all_whole(tmp_path, staying)
    kept = b"".join(path.read_bytes() for path in files_of(tmp_path))
    assert content(3) not in kept
    assert content("alone") not in kept
    assert content(4) in kept


async def test_remove__by_two_processes_from_one_pack__loses_and_revives_nothing(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = await packed(store, range(40))
    parts = [[str(tmp_path), *map(str, cids[start:30:3])] for start in range(3)]
    assert await processes(REMOVER, parts) == [""] * 3
    assert set(store.contents()) == set(cids[30:])
    await all_whole(tmp_path, cids[30:])
    again = EmbeddedStore(tmp_path)
    again.mend_packs()
    assert set(again.contents()) == set(cids[30:])
    await again.close()


async def test_remove__killed_between_the_new_pack_and_the_old__is_done_again(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = await packed(store, range(10))
    (old,) = packs_of(tmp_path)
    before = old.read_bytes()
    await store.remove(cids[0])
    old.write_bytes(before)
    again = EmbeddedStore(tmp_path)
    await all_whole(tmp_path, cids)
    await again.remove(cids[0])
    again.mend_packs()
    assert set(again.contents()) == set(cids[1:])
    assert len(packs_of(tmp_path)) == 1
    await again.close()


async def test_mend_packs__archive_without_a_readable_header__is_set_aside(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = await packed(store, range(10))
    await packed(store, range(10, 20))
    whole = next(p for p in packs_of(tmp_path) if content(0) in p.read_bytes())
    (other,) = set(packs_of(tmp_path)) - {whole}
    other.write_bytes(b"\xff" + other.read_bytes()[1:])
    await store.close()
    (tmp_path / "packs.sqlite").unlink()
    assert store.unreadable() == [other]
    (aside,) = store.mend_packs()
    assert aside.parent == tmp_path / "damaged"
    assert store.unreadable() == []
    await all_whole(tmp_path, cids)


async def test_packs__archive_cut_off__says_which_contents_are_damaged(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cids = await packed(store, range(10))
    (pack,) = packs_of(tmp_path)
    pack.write_bytes(pack.read_bytes()[:-300])
    store.mend_packs()
    found = []
    for cid in store.contents():
        try:
            await store.verify(cid)
        except ContentCorrupt:
            found.append(cid)
    assert set(found) == set(cids[8:])


async def test_packs__folder_that_cannot_be_used__is_unavailable(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    (tmp_path / "packs.sqlite").mkdir()
    (tmp_path / "packs").mkdir()
    with pytest.raises(ContentUnavailable):
        await packed(store, range(3))


@pytest.mark.needs("kubo")
async def test_packs__their_files__are_what_ipfs_imports(
    store: EmbeddedStore, tmp_path: Path, kubo: KuboNode
) -> None:
    cids = await packed(store, [f"for ipfs {number}" for number in range(300)])
    (pack,) = packs_of(tmp_path)
    kubo.ipfs("dag", "import", str(pack))
    assert kubo.ipfs("cat", str(cids[299])) == content("for ipfs 299")
    assert str(cids[7]).encode() in kubo.ipfs("pin", "ls", "--type=recursive", "--quiet")
