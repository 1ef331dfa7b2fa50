"""A folder on disk and the CID that `ipfs add -r` gives it."""

from pathlib import Path
from typing import BinaryIO, Final

from nftsvc.core.cid import Cid, Codec
from nftsvc.core.dagpb import Link, encode_directory
from nftsvc.core.errors import ContentUnavailable, InvalidField, TooLarge
from nftsvc.core.unixfs import UnixfsBuilder

# From here on Kubo spreads a directory over several blocks (HAMT), which is not done here.
MAX_DIRECTORY_BYTES: Final = 256 * 1024
_READ_BYTES: Final = 1024 * 1024


def cid_of_folder(folder: Path, *, version: int = 1) -> Cid:
    """The CID of a folder with all that is in it, hidden files left out as Kubo does.

    Raises `TooLarge` for a directory that one block does not hold, `InvalidField` for a link
    or a special file and for a name that is not UTF-8, `ContentUnavailable` where it cannot be
    read.
    """
    try:
        return _directory(folder, version).cid
    except OSError as error:
        raise ContentUnavailable(f"cannot read {error.filename}: {error.strerror}") from error


def _directory(folder: Path, version: int) -> Link:
    entries = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        link = _entry(path, version)
        entries.append((path.name, link.cid, link.dag_size))
    block = encode_directory(entries)
    if len(block) >= MAX_DIRECTORY_BYTES:
        raise TooLarge(str(folder), limit=MAX_DIRECTORY_BYTES)
    cid = Cid.of_block(block, codec=Codec.DAG_PB, version=version)
    return Link(cid, 0, len(block) + sum(size for _, _, size in entries))


def _entry(path: Path, version: int) -> Link:
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        name = ascii(str(path))
        raise InvalidField(name, reason="not-utf-8", detail="a name not in UTF-8") from error
    if path.is_dir() and not path.is_symlink():
        return _directory(path, version)
    if path.is_symlink() or not path.is_file():
        raise InvalidField(str(path), reason="not-a-file", detail="neither a file nor a folder")
    with path.open("rb") as source:
        return _file(source, version)


def _file(source: BinaryIO, version: int) -> Link:
    builder = UnixfsBuilder(version=version)
    while data := source.read(_READ_BYTES):
        for _ in builder.feed(data):
            pass
    for _ in builder.finish():
        pass
    return builder.link
