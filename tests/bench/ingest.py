"""How fast content comes in, beside sha256sum, age and `ipfs add` on the same files.

`store`: sha256, CID, a durable write into the embedded store, and all of it read back. `sealed`:
the service's whole way of a confidential document. Its intake hashes it, checks its type, encrypts
it (small ones in memory, others into the spool, which is made durable) and computes its CID; then
it is stored as above. Files of one group are stored as the contents of one batch. Each row runs in
a process of its own; its memory is the growth of the largest resident size over the start.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.adapters.spool import FolderSpool
from nftsvc.core.cid import Cid
from nftsvc.core.media import PDF
from nftsvc.flows.intake import Intake, Meter, Part, SmallFile, take_small
from nftsvc.flows.requests import new_issuance
from nftsvc.ports import Source
from tests import parts
from tests.kubo import new_node

MIB: Final = 1024 * 1024
MOST: Final = 20 * 1024 * MIB
HEAD: Final = b"%PDF-1.7\n"
TAIL: Final = b"startxref\n0\n%%EOF\n"
TOGETHER: Final = 512
SLOWEST: Final = ("sha256sum", "age", "ipfs add")


async def bytes_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as source:
        while data := source.read(MIB):
            yield data


async def hashed(path: Path) -> AsyncIterator[bytes]:
    digest = hashlib.sha256()
    async for data in bytes_of(path):
        digest.update(data)
        yield data


async def store(paths: list[Path], kept: EmbeddedStore, _: Path) -> None:
    await kept.verify_many(await kept.put_many([hashed(path) for path in paths]))


async def sealed(paths: list[Path], kept: EmbeddedStore, scratch: Path) -> None:
    sealer, spool = AgeSealer(), FolderSpool(scratch / "spool")
    taken: dict[Cid, Source] = {}
    issuances = []
    for path in paths:
        issuance, recipient = new_issuance(datetime.now(UTC)), sealer.new_key().recipient
        issuances.append(issuance)
        async with spool.stage(issuance) as staging:
            intake = Intake(
                staging=staging,
                sealer=sealer,
                recipient=recipient,
                limit=MOST,
                meter=Meter(MOST),
            )
            document = await intake.take(
                Part("document", path.name, PDF, bytes_of(path)), position=0
            )
            if isinstance(document, SmallFile):
                document, stored = take_small(document, sealer=sealer, recipient=recipient)
                taken[document.cid] = stored
            else:
                taken[document.cid] = spool.read(issuance, 0)
            await staging.commit()
    found = await kept.put_many(list(taken.values()))
    assert found == list(taken), "the store names other bytes"
    await kept.verify_many(found)
    await spool.discard(issuances)


async def age(paths: list[Path], _: EmbeddedStore, scratch: Path) -> None:
    import pyrage

    for path in paths:
        target = scratch / f"{path.name}.age"
        recipient = pyrage.x25519.Identity.generate().to_public()
        pyrage.encrypt_file(str(path), str(target), [recipient])
        target.unlink()


WAYS: Final = {"store": store, "sealed": sealed, "age": age}


async def one_way(name: str, files: list[Path], scratch: Path) -> dict[str, float]:
    kept = EmbeddedStore(scratch / "store")
    before, began = resident(), time.perf_counter()
    for start in range(0, len(files), TOGETHER):
        await WAYS[name](files[start : start + TOGETHER], kept, scratch)
    seconds = time.perf_counter() - began
    await kept.close()
    return {"seconds": seconds, "growth_mib": (resident() - before) / 1024}


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def ours(name: str, folder: Path, top: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=top) as scratch:
        words = [sys.executable, "-m", "tests.bench.ingest", "--way", name, str(folder), scratch]
        return dict(json.loads(subprocess.run(words, check=True, capture_output=True).stdout))


def timed(words: list[str | Path], environment: dict[str, str] | None = None) -> dict[str, float]:
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, env=environment)
    return {"seconds": time.perf_counter() - began}


def measure(size: int, count: int, top: Path) -> dict[str, dict[str, float]]:
    folder = top / f"{count}x{size}"
    folder.mkdir()
    for number in range(count):
        with (folder / str(number)).open("wb") as file:
            file.write(HEAD)
            for start in range(len(HEAD), size - len(TAIL), MIB):
                file.write(os.urandom(min(MIB, size - len(TAIL) - start)))
            file.write(TAIL)
    files = sorted(folder.iterdir())
    rows = {"sha256sum": timed(["sha256sum", *files])}
    rows |= {name: ours(name, folder, top) for name in WAYS}
    if parts.find("kubo"):
        with tempfile.TemporaryDirectory(dir=top) as repo:
            node = new_node(Path(repo))
            add: list[str | Path] = [
                node.binary,
                "add",
                "-r",
                "--quieter",
                "--cid-version=1",
                folder,
            ]
            rows["ipfs add"] = timed(add, {"IPFS_PATH": str(node.repo)})
    for path in files:
        path.unlink()
    slowest = max(rows[name]["seconds"] for name in SLOWEST if name in rows)
    for row in rows.values():
        row["mib_per_s"] = size * count / MIB / row["seconds"]
        row["files_per_s"] = count / row["seconds"]
        row["of_slowest"] = slowest / row["seconds"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="without the 1 GB")
    parser.add_argument("--files", type=int, default=10_000, help="how many small files")
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        name, folder, scratch = chosen.way
        files = sorted(Path(folder).iterdir())
        sys.stdout.write(json.dumps(asyncio.run(one_way(name, files, Path(scratch)))))
        return
    sizes = [(1000, 1), (MIB, 1), (100 * MIB, 1), (1000, chosen.files)]
    if not chosen.quick:
        sizes.append((1024 * MIB, 1))
    found = {}
    with tempfile.TemporaryDirectory(dir=parts.ROOT, prefix=".bench-") as top:
        for size, count in sizes:
            rows = found[f"{count} x {size}"] = measure(size, count, Path(top))
            if not chosen.json:
                show(f"{count} x {size} bytes", rows)
    if chosen.json:
        sys.stdout.write(json.dumps(found) + "\n")


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    lines = [title]
    for name, row in rows.items():
        growth = f"{row['growth_mib']:8.1f} MiB more memory" if "growth_mib" in row else ""
        lines.append(
            f"  {name:<10}{row['seconds']:9.3f} s{row['mib_per_s']:9.1f} MiB/s"
            f"{row['files_per_s']:9.0f} files/s{row['of_slowest']:8.2f} x slowest{growth}"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
