"""dag-pb nodes with UnixFS data: encoding as Kubo does it, and strict decoding.

Follows the dag-pb and UnixFS 1.0 specifications of IPLD and IPFS.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nftsvc.core.cid import Cid
from nftsvc.core.errors import InvalidCid

_RAW_TYPE: Final = 0
_FILE_TYPE: Final = 2
_VARINT_LIMIT: Final = 2**63


class MalformedNode(ValueError):
    """Bytes that are no dag-pb node of a UnixFS file. Never leaves core as it is."""


@dataclass(frozen=True, slots=True)
class Link:
    """A child in a file: its CID, the bytes of file under it, the bytes of blocks under it."""

    cid: Cid
    file_size: int
    dag_size: int


@dataclass(frozen=True, slots=True)
class FileNode:
    """One decoded node: bytes of its own (first), then its children in order."""

    data: bytes
    links: tuple[Link, ...]

    @property
    def file_size(self) -> int:
        """Bytes of file in the node and under it."""
        return len(self.data) + sum(link.file_size for link in self.links)


def varint(value: int) -> bytes:
    """Unsigned LEB128, as protobuf and CAR write lengths."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_leaf(data: bytes) -> bytes:
    """A UnixFS file node that carries its bytes itself (the form before raw leaves)."""
    inner = b"\x08\x02"
    if data:
        inner += b"\x12" + varint(len(data)) + data
    inner += b"\x18" + varint(len(data))
    return b"\x0a" + varint(len(inner)) + inner


def encode_inner(links: Sequence[Link]) -> bytes:
    """A UnixFS file node that only joins its children."""
    out = bytearray()
    inner = bytearray(b"\x08\x02\x18" + varint(sum(link.file_size for link in links)))
    for link in links:
        name = bytes(link.cid)
        body = b"\x0a" + varint(len(name)) + name + b"\x12\x00\x18" + varint(link.dag_size)
        out += b"\x12" + varint(len(body)) + body
        inner += b"\x20" + varint(link.file_size)
    return bytes(out + b"\x0a" + varint(len(inner)) + inner)


def encode_directory(entries: Sequence[tuple[str, Cid, int]]) -> bytes:
    """A UnixFS directory of (name, CID, bytes of blocks under it), in the order of the names."""
    out = bytearray()
    for name, cid, dag_size in sorted(entries, key=lambda entry: entry[0].encode()):
        target, spelled = bytes(cid), name.encode()
        body = b"\x0a" + varint(len(target)) + target
        body += b"\x12" + varint(len(spelled)) + spelled + b"\x18" + varint(dag_size)
        out += b"\x12" + varint(len(body)) + body
    return bytes(out + b"\x0a\x02\x08\x01")


def decode(block: bytes) -> FileNode:
    """Read a node of a UnixFS file. Raises `MalformedNode`.

    1. Known fields only, each of its wire type, no field of one message twice.
    2. The type is file (or raw, which old leaves carry).
    3. As many block sizes as links, none of them zero, and together with the node's own bytes
       they are the file size that the node states.
    """
    links: list[tuple[Cid, int]] = []
    payload: bytes | None = None
    for field, value in _fields(block):
        if field == 2 and isinstance(value, bytes) and payload is None:
            links.append(_decode_link(value))
        elif field == 1 and isinstance(value, bytes) and payload is None:
            payload = value
        else:
            raise MalformedNode(f"unexpected field {field} in a node")
    if payload is None:
        raise MalformedNode("a node without UnixFS data")
    kind, data, size, sizes = _decode_unixfs(payload)
    if kind not in (_RAW_TYPE, _FILE_TYPE):
        raise MalformedNode(f"UnixFS type {kind} is not a file")
    if len(sizes) != len(links):
        raise MalformedNode(f"{len(links)} links and {len(sizes)} block sizes")
    if 0 in sizes:
        raise MalformedNode("a link to no bytes at all")
    if size is None:
        size = len(data) if not sizes else None
    if size != len(data) + sum(sizes):
        raise MalformedNode("the stated file size is not the sum of its parts")
    joined = zip(links, sizes, strict=True)
    return FileNode(data, tuple(Link(cid, part, dag) for (cid, dag), part in joined))


def _decode_link(body: bytes) -> tuple[Cid, int]:
    seen: dict[int, bytes | int] = {}
    for field, value in _fields(body):
        if field in seen or field not in (1, 2, 3) or isinstance(value, int) != (field == 3):
            raise MalformedNode(f"unexpected field {field} in a link")
        seen[field] = value
    name, size = seen.get(1), seen.get(3, 0)
    if not isinstance(name, bytes) or not isinstance(size, int):
        raise MalformedNode("a link without a CID")
    try:
        return Cid.from_bytes(name), size
    except InvalidCid as error:
        raise MalformedNode(f"a link that cannot be read: {error}") from error


def _decode_unixfs(payload: bytes) -> tuple[int | None, bytes, int | None, list[int]]:
    kind: int | None = None
    data: bytes | None = None
    size: int | None = None
    sizes: list[int] = []
    for field, value in _fields(payload):
        if field == 1 and isinstance(value, int) and kind is None:
            kind = value
        elif field == 2 and isinstance(value, bytes) and data is None:
            data = value
        elif field == 3 and isinstance(value, int) and size is None:
            size = value
        elif field == 4 and isinstance(value, int):
            sizes.append(value)
        elif (field, type(value)) in ((7, int), (8, bytes)):
            continue  # mode and time, which say nothing of the bytes
        else:
            raise MalformedNode(f"unexpected field {field} in UnixFS data")
    return kind, data or b"", size, sizes


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2:
            end = position + value
            if end > len(data):
                raise MalformedNode("a field longer than its message")
            yield key >> 3, data[position:end]
            position = end
        else:
            raise MalformedNode(f"wire type {key & 7} does not occur in dag-pb")


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise MalformedNode("a number that does not end")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if value >= _VARINT_LIMIT or (byte == 0 and shift > 7):
        raise MalformedNode("a number out of range, or with needless bytes")
    return value, position
