"""Several stores as one, each of them wrong in every way that a store can be."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nftsvc.adapters.memory_store import MemoryStore, StoreFault
from nftsvc.adapters.replicated_store import ReplicatedStore
from nftsvc.adapters.stores import open_store, open_stores
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    DiskFull,
    Misconfigured,
    NftsvcError,
    TooFewReplicas,
)
from nftsvc.core.unixfs import CHUNK_BYTES, cid_of_bytes
from nftsvc.ports import ContentStore
from tests.ports.test_kubo_store_faults import ADDED, FOREVER, PINNED, answer, lying
from tests.ports.test_kubo_store_faults import DATA as ANSWERED

DATA = bytes(range(256)) * 3000
CID = cid_of_bytes(DATA)


async def stream(data: bytes = DATA) -> AsyncIterator[bytes]:
    yield data


async def all_of(store: ContentStore, cid: Cid = CID) -> bytes:
    return b"".join([chunk async for chunk in store.read(cid)])


def stores(count: int) -> list[MemoryStore]:
    return [MemoryStore(name=f"store {number}") for number in range(count)]


async def put_and_verified(store: ContentStore) -> Cid:
    cid = await store.put(stream())
    await store.verify(cid)
    return cid


async def test_put__all_answer__all_keep_it() -> None:
    parts = stores(3)
    assert await put_and_verified(ReplicatedStore(parts, wanted=2)) == CID
    for part in parts:
        assert await part.verify(CID) == len(DATA)


@pytest.mark.parametrize("fault", StoreFault)
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_put__one_of_three_is_faulty__two_are_enough_and_three_are_not(
    fault: StoreFault, place: int
) -> None:
    parts = stores(3)
    parts[place].fault = fault
    strict, enough = ReplicatedStore(parts, wanted=3), ReplicatedStore(parts, wanted=2)
    for _ in range(2):
        with pytest.raises(NftsvcError) as refused:
            await put_and_verified(strict)
        assert isinstance(refused.value, TooFewReplicas | ContentCorrupt | DiskFull) or (
            fault is StoreFault.AWAY and isinstance(refused.value, ContentUnavailable)
        )
    try:
        await put_and_verified(enough)
    except NftsvcError:
        # The first in line was the faulty one; a source can be read only once.
        assert place == 0
        await put_and_verified(enough)
    assert await all_of(enough) == DATA
    parts[place].fault = None
    assert await put_and_verified(strict) == CID


async def test_put__fewer_than_wanted__says_which_store_lacks_it_and_why() -> None:
    parts = stores(3)
    parts[1].fault, parts[2].fault = StoreFault.AWAY, StoreFault.FULL
    with pytest.raises(TooFewReplicas, match="1 of 2") as refused:
        await ReplicatedStore(parts, wanted=2).put(stream())
    assert (refused.value.wanted, refused.value.have) == (2, 1)
    assert isinstance(refused.value.lacking["store 1"], ContentUnavailable)
    assert isinstance(refused.value.lacking["store 2"], DiskFull)
    assert "store 2: no room in memory (disk-full)" in str(refused.value)


@pytest.mark.parametrize(
    "fault",
    [
        StoreFault.AWAY,
        StoreFault.OTHER_BYTES,
        StoreFault.TRUNCATED,
    ],
)
async def test_read__first_store_fails__another_gives_every_byte_once(fault: StoreFault) -> None:
    parts = stores(2)
    both = ReplicatedStore(parts, wanted=2)
    await both.put(stream())
    parts[0].fault = fault
    assert await all_of(both) == DATA
    assert await both.has(CID)
    with pytest.raises(TooFewReplicas):
        await both.verify(CID)


@pytest.mark.parametrize("lost", range(4))
async def test_read__store_breaks_off_in_the_middle__another_goes_on(lost: int) -> None:
    parts = stores(2)
    both = ReplicatedStore(parts, wanted=2)
    data = b"".join(bytes([number]) * CHUNK_BYTES for number in range(4))
    cid = await both.put(stream(data))
    del parts[0].blocks[cid_of_bytes(bytes([lost]) * CHUNK_BYTES)]
    assert await all_of(both, cid) == data


async def test_read__nobody_has_it__is_missing_only_where_all_could_be_asked() -> None:
    parts = stores(2)
    both = ReplicatedStore(parts, wanted=1)
    with pytest.raises(ContentMissing):
        await all_of(both)
    assert not await both.has(CID)
    parts[1].fault = StoreFault.AWAY
    with pytest.raises(ContentUnavailable):
        await all_of(both)
    with pytest.raises(ContentUnavailable):
        await both.has(CID)


async def test_ping__enough_answer__is_well() -> None:
    parts = stores(3)
    parts[2].fault = StoreFault.AWAY
    await ReplicatedStore(parts, wanted=2).ping()
    with pytest.raises(TooFewReplicas):
        await ReplicatedStore(parts, wanted=3).ping()


async def test_remove__one_store_away__removes_elsewhere_and_says_so() -> None:
    parts = stores(2)
    both = ReplicatedStore(parts, wanted=2)
    await both.put(stream())
    parts[0].fault = StoreFault.AWAY
    with pytest.raises(ContentUnavailable):
        await both.remove(CID)
    assert not await parts[1].has(CID)


async def test_put__a_store_that_just_failed__is_not_waited_for_where_others_are_enough() -> None:
    parts = [Counting(name=f"store {number}") for number in range(3)]
    both = ReplicatedStore(parts, wanted=2)
    parts[2].fault = StoreFault.AWAY
    await both.put(stream())
    asked = parts[2].asked
    for _ in range(3):
        await put_and_verified(both)
    assert parts[2].asked == asked


@pytest.mark.parametrize("command", ["add", "pin_ls", "block_get"])
async def test_put__one_store_never_ends_its_answer__is_waited_for_once_and_does_without_it(
    command: str,
) -> None:
    trickle = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + FOREVER
    told = {"add": ADDED, "pin_ls": PINNED, "block_get": answer(ANSWERED)} | {command: trickle}
    async with lying(**told) as (_, endless):
        parts = stores(2)
        enough = ReplicatedStore([*parts, endless], wanted=2)
        cid = await enough.put(stream(ANSWERED))
        await enough.verify(cid)
        began = time.monotonic()
        await enough.put(stream(ANSWERED))
        await enough.verify(cid)
        assert time.monotonic() - began < 0.5, "it was asked again"
        all_three = ReplicatedStore([*parts, endless], wanted=3)
        with pytest.raises(TooFewReplicas):
            await all_three.verify(await all_three.put(stream(ANSWERED)))


class Counting(MemoryStore):
    asked: int = 0

    def _answer(self) -> None:
        self.asked += 1
        super()._answer()


@pytest.mark.parametrize(
    "line",
    [
        "floppy",
        "kubo",
        "kubo+",
        "kubo+http://",
        "kubo+http://127.0.0.1:5001?colour=red",
        "kubo+http://user:hunter2@127.0.0.1:5001",
        "kubo+http://127.0.0.1:5001?bearer_file=/none",
        "embedded:relative",
    ],
)
def test_open_store__line_that_names_none__is_misconfigured_and_keeps_its_secret(
    line: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_store(line, folder=tmp_path)
    assert "hunter2" not in str(refused.value)


async def test_open_stores__several_lines__are_replicas_with_names(tmp_path: Path) -> None:
    (tmp_path / "basic").write_text("user:password")
    lines = (
        "embedded",
        f"embedded:{tmp_path}/second",
        f"kubo+http://127.0.0.1:5001?basic_file={tmp_path}/basic",
    )
    store = open_stores(lines, folder=tmp_path / "first", wanted=2)
    assert [replica.name for replica in store.replicas] == [
        "embedded",
        f"embedded:{tmp_path}/second",
        "kubo 127.0.0.1:5001",
    ]
    await store.close()
    with pytest.raises(Misconfigured, match="REPLICAS"):
        open_stores(lines, folder=tmp_path / "first", wanted=4)
    with pytest.raises(Misconfigured, match="twice"):
        open_stores(("embedded", "embedded"), folder=tmp_path / "first", wanted=1)
    alone = open_stores(("embedded",), folder=tmp_path / "first", wanted=1)
    assert alone.replicas == (alone,)
