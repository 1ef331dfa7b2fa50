"""The pinning store: two real Kubos, one of them behind a service of the standard API."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nftsvc.adapters.kubo_store import KuboStore
from nftsvc.adapters.pinning_store import PinningStore
from nftsvc.adapters.stores import open_store
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    Misconfigured,
    NftsvcError,
)
from nftsvc.core.unixfs import CHUNK_BYTES
from tests.kubo import KuboNode, new_node
from tests.pinning import TOKEN, PinningService, pinning_service

pytestmark = pytest.mark.needs("kubo")


@dataclass(frozen=True, slots=True)
class World:
    ours: KuboNode
    theirs: KuboNode
    service: PinningService
    token_file: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    nodes = [new_node(tmp_path_factory.mktemp(name), gateway=True) for name in ("ours", "theirs")]
    token_file = tmp_path_factory.mktemp("token") / "token"
    token_file.write_text(TOKEN)
    try:
        for node in nodes:
            node.start()
        with pinning_service(nodes[1]) as service:
            yield World(nodes[0], nodes[1], service, token_file)
    finally:
        for node in nodes:
            node.kill()


@pytest.fixture
async def store(world: World) -> AsyncIterator[PinningStore]:
    world.service.fault = None
    store = PinningStore(
        world.service.url,
        token_file=world.token_file,
        origin=KuboStore(world.ours.url, bearer_file=world.ours.bearer_file),
        gateway=world.theirs.gateway or "",
        whole_seconds=30.0,
        patience_seconds=60.0,
    )
    yield store
    await store.close()
    assert world.service.refused == []


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_pinning__content__is_fetched_by_the_service_and_read_back_from_it(
    world: World, store: PinningStore
) -> None:
    # No empty one: Kubo's bitswap does not bring an empty block to another node.
    datas = [os.urandom(CHUNK_BYTES * 5 + 1), os.urandom(1), os.urandom(900)]
    cids = await store.put_many([stream(data) for data in datas], labels=["one", "two", "three"])
    assert await store.verify_many(cids) == [len(data) for data in datas]
    assert world.theirs.ipfs("cat", str(cids[0])) == datas[0]
    names = {pin["pin"]["name"] for pin in world.service.pins.values()}
    assert {"one", "two", "three"} <= names
    before = len(world.service.pins)
    assert await store.put(stream(datas[0])) == cids[0]
    assert len(world.service.pins) == before
    assert len(await store.spot_check(cids[0], choose=lambda count: count - 1)) == 2


async def test_pinning__removed__is_gone_from_service_and_origin(
    world: World, store: PinningStore
) -> None:
    cid = await store.put(stream(os.urandom(5000)))
    await store.remove(cid)
    await store.remove(cid)
    assert not await store.has(cid)
    with pytest.raises(ContentMissing):
        await store.verify(cid)
    for node in (world.ours, world.theirs):
        assert str(cid).encode() not in node.ipfs("pin", "ls", "--type=recursive")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("other cid", ContentCorrupt),
        ("fails", ContentUnavailable),
        ("hangs", ContentUnavailable),
        ("trickles", ContentUnavailable),
        ("no json", ContentUnavailable),
    ],
)
async def test_put__service_that_fails_or_lies__is_a_typed_error(
    world: World, store: PinningStore, fault: str, error: type[NftsvcError]
) -> None:
    world.service.fault = fault
    store._patience_seconds = 1.0
    if fault == "trickles":
        store._whole_seconds = 1.0
    with pytest.raises(error):
        await store.put(stream(os.urandom(100)))


async def test_verify__service_says_pinned_and_has_nothing__is_missing(
    world: World, store: PinningStore
) -> None:
    world.service.fault = "forgets"
    cid = await store.put(stream(os.urandom(100)))
    assert await store.has(cid)
    with pytest.raises((ContentMissing, ContentUnavailable)):
        await store.verify(cid)


async def test_pinning__wrong_token_or_nobody_there__is_unavailable_and_not_missing(
    world: World, store: PinningStore, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("another")
    line = (
        f"pinning+{world.service.url}?token_file={tmp_path}/token&gateway={world.theirs.gateway}"
        f"&kubo={world.ours.url}&bearer_file={world.ours.bearer_file}"
    )
    away = line.replace(world.service.url, "http://127.0.0.1:1/psa")
    for wrong in (line, away):
        stranger = open_store(wrong, folder=tmp_path)
        for asking in (stranger.put(stream(b"x")), stranger.ping()):
            with pytest.raises(ContentUnavailable):
                await asking
        await stranger.close()


def test_ipfs_pin_remote__as_another_client__agrees_with_the_service(
    world: World,
) -> None:
    world.service.fault = None
    cid = world.ours.ipfs("add", "--quieter", "--cid-version=1", stdin=os.urandom(3000))
    named = cid.decode().strip()
    world.ours.ipfs("pin", "remote", "service", "add", "svc", world.service.url, TOKEN)
    world.ours.ipfs("pin", "remote", "add", "--service=svc", "--name=theirs", named)
    listed = world.ours.ipfs("pin", "remote", "ls", "--service=svc", f"--cid={named}").decode()
    assert listed.split() == [named, "pinned", "theirs"]
    assert named.encode() in world.theirs.ipfs("pin", "ls", "--type=recursive")
    world.ours.ipfs("pin", "remote", "rm", "--service=svc", f"--cid={named}")
    assert world.ours.ipfs("pin", "remote", "ls", "--service=svc", f"--cid={named}") == b""
    assert world.service.refused == []


@pytest.mark.parametrize("options", ["", "?gateway=http://127.0.0.1:1", "?token_file=/none"])
def test_pinning__line_that_lacks_something__is_misconfigured(options: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="kubo"):
        open_store(f"pinning+https://127.0.0.1{options}", folder=tmp_path)
