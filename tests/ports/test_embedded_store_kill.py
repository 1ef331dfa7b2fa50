"""kill -9 at any moment: what was acknowledged is there, what was not is not half there."""

import asyncio
import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.core.cid import Cid

WRITER = """
import asyncio, hashlib, sys
from pathlib import Path
from nftsvc.adapters.embedded_store import EmbeddedStore

async def one(data):
    for start in range(0, len(data), 65536):
        yield data[start:start + 65536]

async def main():
    store = EmbeddedStore(Path(sys.argv[1]))
    number = 0
    while True:
        number += 1
        size = (number * 7919) % 700_000
        cid = await store.put(one(hashlib.shake_128(str(number).encode()).digest(size)))
        print(number, size, cid, flush=True)

asyncio.run(main())
"""


def written_before_the_kill(root: Path, seconds: float) -> list[list[str]]:
    """Let a writer write, kill it `seconds` after its first word, and give what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(seconds)
        writer.kill()
        said = first + writer.stdout.read()
    return [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]


@pytest.mark.parametrize("seed", range(6))
async def test_embedded__killed_while_it_writes__keeps_all_it_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    root = tmp_path / "store"
    acknowledged = await asyncio.to_thread(
        written_before_the_kill, root, random.Random(seed).uniform(0.0, 0.25)
    )
    assert acknowledged
    store = EmbeddedStore(root)
    for number, size, cid in acknowledged:
        data = b"".join([chunk async for chunk in store.read(Cid.parse(cid))])
        assert data == hashlib.shake_128(number.encode()).digest(int(size))
    # Whatever else has a name is whole too, and nothing is left over.
    for path in root.glob("??/*.car"):
        await store.verify(Cid.parse(path.stem))
    assert not list((root / "incoming").iterdir())
