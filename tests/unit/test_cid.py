"""CIDs and UnixFS: the golden vectors, and everything that is not the canonical spelling."""

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.cid import Cid
from nftsvc.core.errors import InvalidCid
from nftsvc.core.types import Digest
from nftsvc.core.unixfs import (
    CHUNK_BYTES,
    Block,
    UnixfsBuilder,
    UntrueBlock,
    cid_of_bytes,
    cid_of_stream,
    read_file,
)

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "unixfs-cid.json").read_text()
)["vectors"]


def content(size: int) -> bytes:
    return hashlib.shake_128(b"nftsvc").digest(size)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(v["size"]))
def test_cid__golden_vector__agrees_in_both_versions(vector: dict[str, Any]) -> None:
    data = content(vector["size"])
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    assert str(cid_of_stream(io.BytesIO(data))) == vector["cid_v1"]
    assert str(cid_of_stream(io.BytesIO(data), version=0)) == vector["cid_v0"]


@given(st.lists(st.integers(0, CHUNK_BYTES * 2), max_size=6))
def test_builder__fed_in_any_steps__gives_the_same_root(steps: list[int]) -> None:
    data = content(sum(steps))
    builder, place = UnixfsBuilder(), 0
    for step in steps:
        for _ in builder.feed(data[place : place + step]):
            pass
        place += step
    for _ in builder.finish():
        pass
    assert builder.root == cid_of_bytes(data)


@given(st.binary(min_size=32, max_size=32))
def test_cid__every_spelling__reads_back(digest: bytes) -> None:
    cid = Cid.raw(Digest(digest))
    assert Cid.parse(cid.base32()) == Cid.parse(cid.base16()) == Cid.from_bytes(bytes(cid)) == cid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Qm",
        "bafkrei",
        "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv",
        "f01551220" + "AB" * 32,
        "f01551120" + "ab" * 20,
        "f01701221" + "ab" * 33,
        "zQmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
        "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQ0",
        "b" + "a" * 500,
    ],
)
def test_parse__other_spellings__are_refused(text: str) -> None:
    with pytest.raises(InvalidCid):
        Cid.parse(text)


def blocks_of(data: bytes, *, version: int = 1) -> tuple[Cid, dict[Cid, bytes]]:
    builder = UnixfsBuilder(version=version)
    made = [*builder.feed(data), *builder.finish()]
    return builder.root, {block.cid: block.data for block in made}


async def read(root: Cid, block_of: Callable[[Cid], bytes]) -> bytes:
    async def get(cid: Cid) -> bytes:
        return block_of(cid)

    return b"".join([data async for data in read_file(root, get)])


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 175 * CHUNK_BYTES + 1])
async def test_read_file__true_blocks__gives_the_bytes(size: int, version: int) -> None:
    data = content(size)
    root, blocks = blocks_of(data, version=version)
    assert await read(root, blocks.__getitem__) == data


async def test_read_file__any_block_changed__gives_none_of_its_bytes() -> None:
    root, blocks = blocks_of(content(3 * CHUNK_BYTES))
    for victim in blocks:
        changed = blocks | {victim: blocks[victim][:-1] + b"!"}
        with pytest.raises(UntrueBlock):
            await read(root, changed.__getitem__)


@given(st.binary(max_size=200))
async def test_read_file__any_bytes_as_a_node__are_read_or_refused(data: bytes) -> None:
    from nftsvc.core.cid import Codec

    block = Block(Cid.of_block(data, codec=Codec.DAG_PB), data)
    with contextlib.suppress(UntrueBlock, KeyError):
        await read(block.cid, {block.cid: data}.__getitem__)
