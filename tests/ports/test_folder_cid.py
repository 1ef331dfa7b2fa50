"""The CIDs of folders, as the real Kubo gives them."""

import os
from pathlib import Path

import pytest

from nftsvc.adapters.folder import cid_of_folder
from nftsvc.core.errors import InvalidField, NftsvcError, TooLarge
from nftsvc.core.unixfs import CHUNK_BYTES
from tests.kubo import KuboNode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nested, empty, in Korean, with names whose order depends on how one compares."""
    top = tmp_path / "top"
    for name in ("empty", "b/c/d", "계약서", "Z", ".hidden-folder"):
        (top / name).mkdir(parents=True)
    sizes = {
        "a": 0,
        "a-b": 1,
        "a.txt": 100,
        "B": CHUNK_BYTES,
        "b/c/d/large": 180 * CHUNK_BYTES + 3,
        "계약서/수출.pdf": CHUNK_BYTES + 1,
        "\U0001f4e6": 5,
        "\uffee": 6,
        ".hidden": 7,
        ".hidden-folder/x": 8,
        "Z/name with spaces": 9,
    }
    for name, size in sizes.items():
        (top / name).write_bytes(name.encode() * (size // 100 + 1))
        os.truncate(top / name, size)
    return top


@pytest.mark.needs("kubo")
@pytest.mark.parametrize("version", [0, 1])
def test_folder__of_all_kinds__has_the_cid_that_kubo_gives(
    folder: Path, kubo: KuboNode, version: int
) -> None:
    told = kubo.ipfs(
        *("add", "-r", "--only-hash", "--quieter", f"--cid-version={version}"),
        *(f"--raw-leaves={'true' if version else 'false'}", "--chunker=size-262144"),
        *("--max-file-links=174", str(folder)),
    )
    assert str(cid_of_folder(folder, version=version)) == told.decode().strip()


@pytest.mark.needs("kubo")
def test_folder__up_to_the_largest__is_as_kubo_or_refused(tmp_path: Path, kubo: KuboNode) -> None:
    refused = 0
    for count in (2900, 3060, 3090, 3500):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:042d}").touch()
        options = ("--cid-version=1", "--raw-leaves", "--only-hash", "--quieter")
        told = kubo.ipfs("add", "-r", *options, str(folder)).decode().strip()
        try:
            assert str(cid_of_folder(folder)) == told
        except TooLarge:
            refused += 1
    assert 1 <= refused <= 3


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "name"])
def test_folder__with_what_is_no_file__is_refused(tmp_path: Path, kind: str) -> None:
    match kind:
        case "link":
            (tmp_path / "x").symlink_to(__file__)
        case "link to a folder":
            (tmp_path / "x").symlink_to(tmp_path)
        case "pipe":
            os.mkfifo(tmp_path / "x")
        case _:
            (tmp_path / os.fsdecode(b"\xff")).touch()
    with pytest.raises(InvalidField) as raised:
        cid_of_folder(tmp_path)
    assert isinstance(raised.value, NftsvcError)
