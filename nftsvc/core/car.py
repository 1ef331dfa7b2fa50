"""CARv1, the archive that every IPFS tool imports: a header with the root, then blocks.

Follows the IPLD CARv1 specification; one root of CIDv1, every CID of sha2-256.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

from nftsvc.core.cid import Cid
from nftsvc.core.dagpb import varint
from nftsvc.core.errors import InvalidCid
from nftsvc.core.unixfs import MAX_BLOCK_BYTES, Block

_CID_BYTES: Final = 36
# DAG-CBOR: {"roots": [42(h'00' + CID)], "version": 1}
_BEFORE_ROOT: Final = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00"
_AFTER_ROOT: Final = b"\x67version\x01"
HEADER_BYTES: Final = 1 + len(_BEFORE_ROOT) + _CID_BYTES + len(_AFTER_ROOT)


class MalformedCar(ValueError):
    """Bytes that are not such an archive."""


def header(root: Cid) -> bytes:
    """The archive's first bytes. Always `HEADER_BYTES` long, so it can be written last."""
    body = _BEFORE_ROOT + bytes(root.upgraded()) + _AFTER_ROOT
    return varint(len(body)) + body


def section(block: Block) -> bytes:
    """One block as it stands in the archive."""
    name = bytes(block.cid)
    return varint(len(name) + len(block.data)) + name + block.data


def read_root(source: BinaryIO) -> Cid:
    """Read the header. Raises `MalformedCar`."""
    data = source.read(HEADER_BYTES)
    found = data[1 + len(_BEFORE_ROOT) :][:_CID_BYTES]
    try:
        root = Cid.from_bytes(found)
    except InvalidCid as error:
        raise MalformedCar(f"no CID in the header: {error}") from error
    if header(root) != data:
        raise MalformedCar("the header is not that of a CARv1 with one root")
    return root


def index(source: BinaryIO) -> Iterator[tuple[Cid, int, int]]:
    """After the header: each block's CID, the place of its bytes, and their number.

    Reads the names only and skips the bytes. Raises `MalformedCar`, also for a last block
    that is cut off.
    """
    position = source.tell()
    source.seek(0, 2)
    end = source.tell()
    while position < end:
        source.seek(position)
        length, begin = _length(source.read(10))
        if begin is None:
            raise MalformedCar(f"no length at byte {position}")
        source.seek(position + begin)
        name = source.read(_CID_BYTES)
        try:
            cid = Cid.from_bytes(name[:34] if name[:2] == b"\x12\x20" else name)
        except InvalidCid as error:
            raise MalformedCar(f"no CID at byte {position}: {error}") from error
        size = length - len(bytes(cid))
        start = position + begin + len(bytes(cid))
        if not 0 <= size <= MAX_BLOCK_BYTES or start + size > end:
            raise MalformedCar(f"the block at byte {position} is cut off or too large")
        yield cid, start, size
        position = start + size


def _length(data: bytes) -> tuple[int, int | None]:
    value = 0
    for position, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, position + 1
    return 0, None
