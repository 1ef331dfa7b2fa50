"""Memory does not grow with what is stored: many at once, small ones and large ones."""

import subprocess
import sys
from pathlib import Path
from typing import Final

MOST_MIB: Final = 64
GROWTH: Final = """
import asyncio, os, resource, sys
from pathlib import Path
from nftsvc.adapters.embedded_store import EmbeddedStore

MIB = 1024 * 1024

async def stream(size):
    for start in range(0, size, MIB):
        yield os.urandom(min(MIB, size - start))

def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

async def main():
    store = EmbeddedStore(Path(sys.argv[1]))
    await store.verify_many(await store.put_many([stream(1000) for _ in range(10)]))
    before = resident()
    sizes = [12 * MIB if number % 2 else 200_000 for number in range(80)]
    assert await store.verify_many(await store.put_many([*map(stream, sizes)])) == sizes
    await store.close()
    print(resident() - before)

asyncio.run(main())
"""


def test_embedded__eighty_contents_of_half_a_gigabyte__grow_memory_by_little(
    tmp_path: Path,
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", GROWTH, tmp_path], capture_output=True, text=True, check=True
    )
    assert float(told.stdout) < MOST_MIB
