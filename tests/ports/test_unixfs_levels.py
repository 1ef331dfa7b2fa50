"""Trees of one, two and three levels of links: the same CIDs from us and from a real Kubo.

How a tree grows depends on the number of chunks alone, so small chunks show it: at the real
size of a chunk, two full levels would be 7.9 GB.
"""

import hashlib
import io
import random

import pytest

from nftsvc.core import unixfs
from nftsvc.core.cid import Cid
from nftsvc.core.unixfs import MAX_LINKS, UnixfsBuilder, cid_of_stream, read_file
from tests.kubo import KuboNode

CHUNK = 64
ONE_LEVEL = MAX_LINKS * CHUNK
TWO_LEVELS = MAX_LINKS * ONE_LEVEL
SEEDED = random.Random(20261122)
SIZES = [size + step for size in (CHUNK, ONE_LEVEL, TWO_LEVELS) for step in (-1, 0, 1)] + [
    2 * TWO_LEVELS + 7,
    *(SEEDED.randrange(TWO_LEVELS + 5 * ONE_LEVEL) for _ in range(5)),
]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unixfs, "CHUNK_BYTES", CHUNK)


def content(size: int) -> bytes:
    return hashlib.shake_128(b"levels").digest(size)


@pytest.mark.needs("kubo")
@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", SIZES)
def test_cid__on_each_side_of_a_full_level__is_what_kubo_gives(
    kubo: KuboNode, size: int, version: int
) -> None:
    told = kubo.ipfs(
        "add", "--only-hash", "--quieter", f"--chunker=size-{CHUNK}", "--max-file-links=174",
        f"--cid-version={version}", f"--raw-leaves={'true' if version else 'false'}",
        stdin=content(size),
    )  # fmt: skip
    assert told.decode().strip() == str(cid_of_stream(io.BytesIO(content(size)), version=version))


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("size", SIZES)
async def test_read__tree_of_any_depth__gives_the_bytes_in_order(size: int, version: int) -> None:
    data, blocks = content(size), dict[Cid, bytes]()
    builder = UnixfsBuilder(version=version)
    for block in (*builder.feed(data), *builder.finish()):
        blocks[block.cid] = block.data

    async def block_of(cid: Cid) -> bytes:
        return blocks[cid]

    assert b"".join([part async for part in read_file(builder.root, block_of)]) == data
