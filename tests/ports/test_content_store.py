"""One suite for every content store: the twin in memory, the embedded one, a real Kubo."""

import asyncio
import hashlib
import io
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.adapters.kubo_store import KuboStore
from nftsvc.adapters.memory_store import MemoryStore, StoreFault
from nftsvc.adapters.replicated_store import ReplicatedStore
from nftsvc.adapters.stores import open_store
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    DiskFull,
    NftsvcError,
)
from nftsvc.core.unixfs import CHUNK_BYTES, cid_of_bytes, cid_of_stream
from nftsvc.ports import ContentStore
from tests.kubo import KuboNode, new_node

SIZES = [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]


def content(size: int, *, seed: int = 0) -> bytes:
    return hashlib.shake_128(b"content" + seed.to_bytes(8, "big")).digest(size)


async def stream(data: bytes, *, step: int = 100_003) -> AsyncIterator[bytes]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


async def all_of(store: ContentStore, cid: Cid) -> bytes:
    return b"".join([chunk async for chunk in store.read(cid)])


@pytest.fixture(
    params=[
        "memory",
        "embedded",
        pytest.param("kubo", marks=pytest.mark.needs("kubo")),
        pytest.param("s3", marks=pytest.mark.needs("versitygw")),
        pytest.param("replicas", marks=pytest.mark.needs("kubo")),
    ]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ContentStore]:
    match request.param:
        case "memory":
            made: ContentStore = MemoryStore()
        case "embedded":
            made = EmbeddedStore(tmp_path / "store")
        case "s3":
            made = open_store(request.getfixturevalue("s3").line, folder=tmp_path)
        case kind:
            node: KuboNode = request.getfixturevalue("kubo")
            made = KuboStore(node.url, bearer_file=node.bearer_file)
            if kind == "replicas":
                own = EmbeddedStore(tmp_path / "store")
                made = ReplicatedStore([own, MemoryStore(), made], wanted=3)
    yield made
    await made.close()


@pytest.mark.parametrize("size", SIZES)
async def test_store__content_of_any_size__comes_back_under_its_cid(
    store: ContentStore, size: int
) -> None:
    data = content(size)
    cid = await store.put(stream(data))
    assert cid == cid_of_bytes(data)
    assert await store.has(cid)
    assert await all_of(store, cid) == data
    assert await store.verify(cid) == size


async def test_store__the_same_content_twice__is_one_content(store: ContentStore) -> None:
    data = content(CHUNK_BYTES * 2, seed=7)
    assert await store.put(stream(data)) == await store.put(stream(data, step=977))
    assert await all_of(store, cid_of_bytes(data)) == data


async def test_store__content_of_equal_chunks__comes_back_whole(store: ContentStore) -> None:
    data = bytes(CHUNK_BYTES * 3 + 5)
    assert await all_of(store, await store.put(stream(data))) == data


async def test_store__many_at_once__come_back_under_their_cids(store: ContentStore) -> None:
    datas = [content(size, seed=size) for size in SIZES] * 2
    cids = await store.put_many([stream(data) for data in datas])
    assert cids == [cid_of_bytes(data) for data in datas]
    assert await store.verify_many(cids) == SIZES * 2
    assert await store.put_many([]) == []


async def test_store__spot_check__goes_from_the_root_to_a_leaf(store: ContentStore) -> None:
    cid = await store.put(stream(content(CHUNK_BYTES * 3, seed=17)))
    asked = []

    def choose(count: int) -> int:
        asked.append(count)
        return count - 1

    path = await store.spot_check(cid, choose=choose)
    assert (path[0], len(path), asked) == (cid, 2, [3])
    assert path[1] == cid_of_bytes(content(CHUNK_BYTES * 3, seed=17)[2 * CHUNK_BYTES :])
    with pytest.raises(ContentMissing):
        await store.spot_check(cid_of_bytes(content(64, seed=998)), choose=choose)


async def test_store__removed_content__is_missing_and_others_stay(store: ContentStore) -> None:
    gone = await store.put(stream(content(CHUNK_BYTES * 2 + 3, seed=21)))
    small = await store.put_many([stream(content(90, seed=seed)) for seed in (22, 23, 24)])
    for cid in (gone, small[1], small[1]):
        await store.remove(cid)
    for cid in (gone, small[1]):
        assert not await store.has(cid)
        with pytest.raises(ContentMissing):
            await store.verify(cid)
    assert await store.verify_many([small[0], small[2]]) == [90, 90]
    assert await store.put(stream(content(90, seed=23))) == small[1]
    assert await store.verify(small[1]) == 90


async def test_store__unknown_cid__is_missing_and_not_unavailable(store: ContentStore) -> None:
    cid = cid_of_bytes(content(64, seed=999))
    assert not await store.has(cid)
    with pytest.raises(ContentMissing):
        await store.verify(cid)


async def test_store__source_that_breaks_off__leaves_nothing(store: ContentStore) -> None:
    data = content(CHUNK_BYTES * 2, seed=11)

    async def broken() -> AsyncIterator[bytes]:
        yield data
        raise ConnectionResetError

    with pytest.raises((ConnectionResetError, ContentUnavailable)):
        await store.put(broken())
    assert not await store.has(cid_of_bytes(data))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (StoreFault.AWAY, ContentUnavailable),
        (StoreFault.FULL, DiskFull),
        (StoreFault.OTHER_CID, ContentCorrupt),
        (StoreFault.HALF_TAKEN, ContentCorrupt),
    ],
)
async def test_put__faulty_store__is_a_typed_error(
    fault: StoreFault, error: type[NftsvcError]
) -> None:
    with pytest.raises(error):
        await MemoryStore(fault=fault).put(stream(content(1000)))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (StoreFault.AWAY, ContentUnavailable),
        (StoreFault.OTHER_BYTES, ContentCorrupt),
        (StoreFault.TRUNCATED, ContentCorrupt),
        (StoreFault.BLOCK_LOST, ContentMissing),
    ],
)
async def test_verify__store_that_turned_faulty__is_a_typed_error(
    fault: StoreFault, error: type[NftsvcError]
) -> None:
    store = MemoryStore(fault=fault if fault is StoreFault.BLOCK_LOST else None)
    cid = await store.put(stream(content(CHUNK_BYTES * 2)))
    store.fault = fault
    with pytest.raises(error):
        await store.verify(cid)


@pytest.mark.parametrize("place", ["header", "middle", "cut", "empty"])
async def test_embedded__damaged_file__is_never_given_as_good(tmp_path: Path, place: str) -> None:
    store = EmbeddedStore(tmp_path)
    cid = await store.put(stream(content(CHUNK_BYTES * 2)))
    path = store.path_of(cid)
    data = bytearray(path.read_bytes())
    match place:
        case "header":
            data[20] ^= 1
        case "middle":
            data[len(data) // 2] ^= 1
        case "cut":
            del data[-1:]
        case _:
            data.clear()
    path.write_bytes(data)
    with pytest.raises((ContentCorrupt, ContentMissing)):
        await store.verify(cid)


@pytest.mark.needs("kubo")
async def test_embedded__its_file__is_what_ipfs_imports(tmp_path: Path, kubo: KuboNode) -> None:
    store = EmbeddedStore(tmp_path)
    data = content(CHUNK_BYTES * 3 + 1, seed=3)
    cid = await store.put(stream(data))
    kubo.ipfs("dag", "import", str(store.path_of(cid)))
    assert kubo.ipfs("cat", str(cid)) == data


@pytest.mark.needs("kubo")
@pytest.mark.parametrize("version", [0, 1])
def test_cid__of_boundary_and_random_sizes__is_what_kubo_gives(
    kubo: KuboNode, version: int
) -> None:
    sizes = [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 174 * CHUNK_BYTES, 174 * CHUNK_BYTES + 1]
    seeded = random.Random(20261122)
    sizes += [seeded.randrange(4 * CHUNK_BYTES) for _ in range(6)]
    options = [f"--cid-version={version}", f"--raw-leaves={'true' if version else 'false'}"]
    for size in sizes:
        data = content(size, seed=size)
        told = kubo.ipfs(
            "add", "--only-hash", "--quieter", "--chunker=size-262144", "--max-file-links=174",
            *options, stdin=data,
        )  # fmt: skip
        assert told.decode().strip() == str(cid_of_stream(io.BytesIO(data), version=version))


@pytest.mark.needs("kubo")
async def test_kubo__wrong_token__is_unavailable_and_not_missing(
    kubo: KuboNode, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("not the token")
    store = KuboStore(kubo.url, bearer_file=tmp_path / "token")
    try:
        with pytest.raises(ContentUnavailable, match="403"):
            await store.put(stream(b"x"))
    finally:
        await store.close()


@pytest.mark.needs("kubo")
async def test_kubo__killed_and_started_again__keeps_what_it_acknowledged(tmp_path: Path) -> None:
    node = new_node(tmp_path)
    node.start()
    store = KuboStore(node.url, bearer_file=node.bearer_file)
    try:
        cid = await store.put(stream(content(CHUNK_BYTES + 9, seed=5)))
        node.kill()
        with pytest.raises(ContentUnavailable):
            await store.verify(cid)
        node.start()
        assert await store.verify(cid) == CHUNK_BYTES + 9
    finally:
        await store.close()
        node.kill()


@pytest.mark.needs("kubo")
async def test_kubo__killed_during_an_add__takes_it_again_once_it_is_back(tmp_path: Path) -> None:
    node = new_node(tmp_path)
    node.start()
    store = KuboStore(node.url, bearer_file=node.bearer_file)
    data = content(CHUNK_BYTES * 40, seed=6)

    async def cut_short() -> AsyncIterator[bytes]:
        yield data[: CHUNK_BYTES * 30]
        await asyncio.to_thread(node.kill)
        yield data[CHUNK_BYTES * 30 :]

    try:
        with pytest.raises(ContentUnavailable):
            await store.put(cut_short())
        node.start()
        assert not await store.has(cid_of_bytes(data))
        cid = await store.put(stream(data), label="the second time")
        assert await store.verify(cid) == len(data)
        assert (await store.pins())[cid] == "the second time"
    finally:
        await store.close()
        node.kill()


@pytest.mark.needs("kubo")
async def test_kubo__basic_authentication__is_taken_and_another_refused(
    kubo: KuboNode, tmp_path: Path
) -> None:
    for name, secret in (("right", f"operator:{kubo.bearer}"), ("wrong", "operator:else")):
        (tmp_path / name).write_text(secret)
        line = f"kubo+{kubo.url}?basic_file={tmp_path}/{name}"
        store = open_store(line, folder=tmp_path)
        try:
            if name == "right":
                assert await store.verify(await store.put(stream(b"by name and password"))) == 20
            else:
                with pytest.raises(ContentUnavailable, match="403"):
                    await store.ping()
        finally:
            await store.close()


@pytest.mark.needs("kubo")
@pytest.mark.filterwarnings("ignore::FutureWarning:urllib3")
async def test_ipfshttpclient__and_our_store__read_what_the_other_pinned(kubo: KuboNode) -> None:
    import ipfshttpclient

    address = "/ip4/127.0.0.1/tcp/" + kubo.url.rpartition(":")[2]
    headers = {"Authorization": f"Bearer {kubo.bearer}"}
    ours = KuboStore(kubo.url, bearer_file=kubo.bearer_file)
    data = content(CHUNK_BYTES * 2 + 1, seed=13)
    try:
        with ipfshttpclient.Client(address, headers=headers) as theirs:
            cid = await ours.put(stream(data))
            assert theirs.cat(str(cid)) == data
            assert str(cid) in theirs.pin.ls(type="recursive")["Keys"]
            other = content(CHUNK_BYTES + 5, seed=14)
            added = theirs.add(io.BytesIO(other), raw_leaves=True, cid_version=1)
            named = Cid.parse(added["Hash"])
            assert named == cid_of_bytes(other)
            assert await all_of(ours, named) == other
    finally:
        await ours.close()
