"""The S3 store against a real server that is away, forgets, or gives other bytes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nftsvc.adapters.s3_store import S3Store
from nftsvc.adapters.stores import open_store
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt, ContentMissing, ContentUnavailable, Misconfigured
from nftsvc.core.unixfs import CHUNK_BYTES, cid_of_bytes
from nftsvc.ports import ContentStore
from tests.s3 import S3Server, new_server

pytestmark = pytest.mark.needs("versitygw")


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


def opened(server: S3Server, folder: Path) -> ContentStore:
    return open_store(server.line, folder=folder)


async def test_s3__content_of_several_parts__is_plain_bytes_with_a_label(
    s3: S3Server, tmp_path: Path
) -> None:
    data = os.urandom(CHUNK_BYTES * 180 + 5)
    store = opened(s3, tmp_path)
    cid = await store.put(stream(data), label="export-contract 0x01 document 0")
    assert s3.object(str(cid)).read_bytes() == data
    assert await store.verify(cid) == len(data)
    path = await store.spot_check(cid, choose=lambda count: count - 1)
    assert path[-1] == cid_of_bytes(data[180 * CHUNK_BYTES :])
    kept = os.getxattr(s3.object(str(cid)), "user.metadata")
    assert json.loads(kept) == {"label": "export-contract 0x01 document 0"}


@pytest.mark.parametrize("size", [1000, CHUNK_BYTES * 20])
@pytest.mark.parametrize("fault", ["lost", "changed", "cut", "longer", "emptied"])
async def test_s3__object_lost_or_changed__is_never_given_as_good(
    s3: S3Server, tmp_path: Path, size: int, fault: str
) -> None:
    store = opened(s3, tmp_path)
    cid = await store.put(stream(os.urandom(size)))
    file = s3.object(str(cid))
    data = file.read_bytes()
    match fault:
        case "lost":
            file.unlink()
        case "changed":
            file.write_bytes(data[: size // 2] + b"!" + data[size // 2 + 1 :])
        case "cut":
            file.write_bytes(data[:-1])
        case "longer" if size == 1000:
            file.write_bytes(data + b"!")
        case "emptied":
            file.write_bytes(b"")
        case _:
            file.write_bytes(b"!" + data)
    with pytest.raises((ContentCorrupt, ContentMissing)):
        await store.verify(cid)


@pytest.mark.parametrize("fault", ["lost", "changed", "another"])
async def test_s3__tree_lost_or_changed__is_never_given_as_good(
    s3: S3Server, tmp_path: Path, fault: str
) -> None:
    store = opened(s3, tmp_path)
    cid = await store.put(stream(os.urandom(CHUNK_BYTES * 3)))
    other = await store.put(stream(os.urandom(CHUNK_BYTES * 3)))
    tree = s3.object(f"{cid}.tree")
    match fault:
        case "lost":
            tree.unlink()
        case "changed":
            tree.write_bytes(tree.read_bytes()[:-7] + b"!" + tree.read_bytes()[-6:])
        case _:
            tree.write_bytes(s3.object(f"{other}.tree").read_bytes())
    with pytest.raises((ContentCorrupt, ContentMissing)):
        await store.verify(cid)


async def test_s3__no_such_bucket_or_a_wrong_key__is_unavailable_and_not_missing(
    s3: S3Server, tmp_path: Path
) -> None:
    cid = cid_of_bytes(b"nowhere")
    nowhere = open_store(s3.line.replace("/evidence/", "/other-bucket/"), folder=tmp_path)
    (tmp_path / "key").write_text("somebody:else")
    stranger = S3Store(s3.url, bucket="evidence", key_file=tmp_path / "key")
    for store in (nowhere, stranger):
        for asking in (store.has(cid), store.verify(cid), store.put(stream(b"x")), store.ping()):
            with pytest.raises(ContentUnavailable):
                await asking


async def test_s3__server_killed_and_started_again__keeps_what_it_acknowledged(
    tmp_path: Path,
) -> None:
    server = new_server(tmp_path)
    server.start()
    store = opened(server, tmp_path)
    kept = await store.put(stream(os.urandom(CHUNK_BYTES * 40)))
    sending = asyncio.create_task(store.put(endless(server)))
    with pytest.raises(ContentUnavailable):
        await sending
    with pytest.raises(ContentUnavailable):
        await store.verify(kept)
    server.start()
    try:
        assert await store.verify(kept) == CHUNK_BYTES * 40
        objects = [path.name for path in server.object("").iterdir() if path.is_file()]
        assert set(objects) == {str(kept), f"{kept}.tree"}
    finally:
        server.kill()


async def endless(server: S3Server) -> AsyncIterator[bytes]:
    yield os.urandom(CHUNK_BYTES * 40)
    await asyncio.to_thread(server.kill)


async def test_s3__server_that_trickles__ends_in_time(tmp_path: Path) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _ in range(600):
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.05)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side had enough
        finally:
            writer.transport.abort()

    (tmp_path / "key").write_text("a:b")
    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        store = S3Store(url, bucket="b", key_file=tmp_path / "key", whole_seconds=0.5)
        with pytest.raises(ContentUnavailable):
            await store.get(str(Cid.of_block(b"")), start=0, size=1000)


@pytest.mark.parametrize("rest", ["", "/", "/bucket", "/bucket?key_file=/none"])
def test_s3__line_without_bucket_or_key__is_misconfigured(rest: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        open_store(f"s3+http://127.0.0.1:1{rest}", folder=tmp_path)
