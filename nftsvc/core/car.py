"""CARv1, the archive that every IPFS tool imports: a header with the roots, then blocks.

Follows the IPLD CARv1 specification; roots of CIDv1, every CID of sha2-256.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from nftsvc.core.cid import Cid
from nftsvc.core.dagpb import varint
from nftsvc.core.errors import InvalidCid
from nftsvc.core.unixfs import MAX_BLOCK_BYTES, Block

_CID_BYTES: Final = 36
_LENGTH_BYTES: Final = 10
# DAG-CBOR: {"roots": [42(h'00' + CID), ...], "version": 1}
_BEFORE_ROOTS: Final = b"\xa2\x65roots"
_BEFORE_ROOT: Final = b"\xd8\x2a\x58\x25\x00"
_AFTER_ROOTS: Final = b"\x67version\x01"
_ROOT_BYTES: Final = len(_BEFORE_ROOT) + _CID_BYTES
_ARRAY: Final = 0x80
HEADER_BYTES: Final = 1 + len(_BEFORE_ROOTS) + 1 + _ROOT_BYTES + len(_AFTER_ROOTS)
MAX_ROOTS: Final = 0xFFFF
_MAX_HEADER_BYTES: Final = HEADER_BYTES + 8 + MAX_ROOTS * _ROOT_BYTES


class MalformedCar(ValueError):
    """Bytes that are not such an archive."""


def header(root: Cid) -> bytes:
    """The first bytes of an archive of one content.

    Always `HEADER_BYTES` long, so it can be written last.
    """
    return header_of([root])


def header_of(roots: Sequence[Cid]) -> bytes:
    """The first bytes of an archive of several contents, at most `MAX_ROOTS`."""
    named = b"".join(_BEFORE_ROOT + bytes(root.upgraded()) for root in roots)
    body = _BEFORE_ROOTS + _array(len(roots)) + named + _AFTER_ROOTS
    return varint(len(body)) + body


def section(block: Block) -> bytes:
    """One block as it stands in the archive."""
    name = bytes(block.cid)
    return varint(len(name) + len(block.data)) + name + block.data


def read_root(source: BinaryIO) -> Cid:
    """Read the header of an archive of one content. Raises `MalformedCar`."""
    roots = read_roots(source)
    if len(roots) != 1:
        raise MalformedCar(f"{len(roots)} roots where one is expected")
    return roots[0]


def read_roots(source: BinaryIO) -> list[Cid]:
    """Read the header. Raises `MalformedCar`."""
    begin = source.tell()
    length, prefix = _length(source.read(_LENGTH_BYTES))
    if prefix is None or length > _MAX_HEADER_BYTES:
        raise MalformedCar("the header has no length, or one that no header needs")
    source.seek(begin + prefix)
    body = source.read(length)
    end = len(body) - len(_AFTER_ROOTS)
    count = end // _ROOT_BYTES
    start = end - count * _ROOT_BYTES
    try:
        roots = [
            Cid.from_bytes(body[place + len(_BEFORE_ROOT) : place + _ROOT_BYTES])
            for place in range(start, end, _ROOT_BYTES)
        ]
    except InvalidCid as error:
        raise MalformedCar(f"no CID in the header: {error}") from error
    if not roots or header_of(roots) != varint(length) + body:
        raise MalformedCar("the header is not that of a CARv1")
    return roots


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
        head = source.read(_LENGTH_BYTES + _CID_BYTES)
        length, begin = _length(head[:_LENGTH_BYTES])
        if begin is None:
            raise MalformedCar(f"no length at byte {position}")
        name = head[begin : begin + _CID_BYTES]
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


def _array(count: int) -> bytes:
    """The head of a DAG-CBOR array, in its one shortest form."""
    if count < 24:
        return bytes((_ARRAY | count,))
    if count <= 0xFF:
        return bytes((_ARRAY | 24, count))
    if count <= MAX_ROOTS:
        return bytes((_ARRAY | 25,)) + count.to_bytes(2, "big")
    raise ValueError(f"more than {MAX_ROOTS} roots")


def _length(data: bytes) -> tuple[int, int | None]:
    value = 0
    for position, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, position + 1
    return 0, None
