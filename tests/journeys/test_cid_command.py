"""`nftsvc cid` beside a real Kubo: files, standard input and folders of any size."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nftsvc.adapters.folder import cid_of_folder
from nftsvc.core.unixfs import CHUNK_BYTES, MAX_LINKS, cid_of_bytes
from tests.kubo import KuboNode

NFTSVC: Final = str(Path(sys.executable).with_name("nftsvc"))
ADD: Final = ("add", "--only-hash", "--quieter", "--chunker=size-262144", "--max-file-links=174")
EDGES: Final = [
    edge + step
    for edge in (CHUNK_BYTES, 2 * CHUNK_BYTES, MAX_LINKS * CHUNK_BYTES)
    for step in (-1, 0, 1)
]

pytestmark = pytest.mark.needs("kubo")


def content(size: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(b"cid" + seed.to_bytes(8, "big")).digest(size)


def said(*arguments: object, stdin: bytes | None = None) -> str:
    done = subprocess.run(
        [NFTSVC, "cid", *map(str, arguments)], input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def told(kubo: KuboNode, *options: str, stdin: bytes | None = None) -> str:
    lines = kubo.ipfs(*ADD, *options, stdin=stdin).decode().split()
    return lines[-1]


@given(size=st.one_of(st.sampled_from([0, 1, *EDGES]), st.integers(0, 6 * CHUNK_BYTES)))
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_cid__of_any_size__is_kubos(kubo: KuboNode, size: int) -> None:
    data = content(size, seed=size)
    assert told(kubo, "--cid-version=1", "--raw-leaves", stdin=data) == str(cid_of_bytes(data))


@pytest.mark.parametrize("size", [0, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_cid_command__standard_input_and_file__are_kubos(
    kubo: KuboNode, tmp_path: Path, size: int
) -> None:
    data = content(size)
    (tmp_path / "file").write_bytes(data)
    new = told(kubo, "--cid-version=1", "--raw-leaves", stdin=data)
    old = told(kubo, "--cid-version=0", "--raw-leaves=false", stdin=data)
    assert [said("-", stdin=data), said("-", "--v0", stdin=data)] == [new, old]
    assert [said(tmp_path / "file"), said(tmp_path / "file", "--v0")] == [new, old]


@pytest.mark.parametrize("seed", range(3))
def test_cid_command__random_folder__is_kubos(kubo: KuboNode, tmp_path: Path, seed: int) -> None:
    seeded = random.Random(seed)
    folder = tmp_path / "folder"
    for number in range(seeded.randrange(1, 30)):
        path = folder.joinpath(*seeded.choices(["가", "b", "c d"], k=seeded.randrange(3)))
        path.mkdir(parents=True, exist_ok=True)
        size = seeded.choice([0, 5, CHUNK_BYTES + 1, seeded.randrange(3 * CHUNK_BYTES)])
        (path / f"file {number}").write_bytes(content(size, seed=number))
    new = told(kubo, "-r", "--cid-version=1", "--raw-leaves", str(folder))
    assert said(folder) == new == str(cid_of_folder(folder, version=1))
    assert said(folder, "--v0") == told(kubo, "-r", "--cid-version=0", str(folder))
