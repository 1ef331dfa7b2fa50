"""Media types told from the bytes, and checked against what was declared.

Read are the parts of each format that say where it begins and ends: a file that was cut off,
glued to something else or given another name does not pass. What a renderer would find wrong
inside is for the renderer.
"""

import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

from nftsvc.core import canonical
from nftsvc.core.errors import InvalidJson, InvalidMedia

PDF: Final = "application/pdf"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
WEBP: Final = "image/webp"
GLB: Final = "model/gltf-binary"
MP4: Final = "video/mp4"
ENDINGS: Final = {
    ".pdf": PDF,
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
    ".glb": GLB,
    ".mp4": MP4,
}
"""The media type that a file's name tells, by its end in lower case."""

_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_MAX_PNG_CHUNK: Final = 2**31 - 1
_PDF_TAIL: Final = 2048
_PDF_END: Final = re.compile(rb"startxref\s+(\d{1,19})\s+%%EOF[\s\0]*\Z")
_READ: Final = 1024 * 1024
_MAX_SCENE_BYTES: Final = 16 * 1024 * 1024
# A file of nothing but the smallest chunks would keep a worker busy for minutes.
_MAX_CHUNKS: Final = 500_000


class _Fault(ValueError):
    pass


def media_type_of(head: bytes) -> str | None:
    """The media type that the first bytes (16 are enough) belong to, None for none of ours."""
    signatures = (
        (head.startswith(b"%PDF-"), PDF),
        (head.startswith(_PNG_MAGIC), PNG),
        (head.startswith(b"\xff\xd8\xff"), JPEG),
        (head[:4] == b"RIFF" and head[8:12] == b"WEBP", WEBP),
        (head.startswith(b"glTF"), GLB),
        (head[4:8] == b"ftyp", MP4),
    )
    return next((media_type for fits, media_type in signatures if fits), None)


def check_media(file: BinaryIO, *, declared: str, path: str = "") -> None:
    """Compare a seekable file with its declared media type.

    Raises `InvalidMedia` for an unknown type, for bytes of another type, and for a file that
    its own format says is cut off or followed by something else.
    """
    check = _CHECKS.get(declared)
    if check is None:
        known = ", ".join(_CHECKS)
        raise InvalidMedia(f"not one of {known}", declared=declared, path=path)
    file.seek(0)
    found = media_type_of(file.read(16))
    if found != declared:
        detail = f"the bytes are {found}" if found else f"the bytes are no {declared}"
        raise InvalidMedia(detail, declared=declared, path=path)
    try:
        check(file, file.seek(0, io.SEEK_END))
    except (_Fault, struct.error) as error:
        raise InvalidMedia(str(error), declared=declared, path=path) from error


def _check_pdf(file: BinaryIO, size: int) -> None:
    file.seek(0)
    head = file.read(8)
    if not (head[5:6] in b"12" and head[6:7] == b"." and head[7:8].isdigit()):
        raise _Fault("no PDF version behind %PDF-")
    file.seek(max(0, size - _PDF_TAIL))
    tail = file.read(_PDF_TAIL)
    end = _PDF_END.search(tail)
    if end is None:
        raise _Fault("the PDF has no end: it was cut off, or something follows it")
    if int(end[1]) >= size:
        raise _Fault("the PDF's cross-reference table lies behind its end")


def _check_png(file: BinaryIO, size: int) -> None:
    position, kinds = len(_PNG_MAGIC), set[bytes]()
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            raise _Fault("the PNG ends before its IEND chunk")
        length, kind = struct.unpack(">I4s", head)
        if length > _MAX_PNG_CHUNK or position + 12 + length > size:
            raise _Fault(f"the PNG's {kind!r} chunk is cut off")
        if not kinds:
            _check_ihdr(kind, file.read(length) if length <= _READ else b"")
            file.seek(position + 8)
        checksum = zlib.crc32(kind)
        left = length
        while left:
            data = file.read(min(left, _READ))
            checksum = zlib.crc32(data, checksum)
            left -= len(data)
        if struct.unpack(">I", file.read(4))[0] != checksum:
            raise _Fault(f"the PNG's {kind!r} chunk has a wrong checksum")
        position += 12 + length
        kinds.add(kind)
        if kind == b"IEND":
            break
    else:
        raise _Fault(f"the PNG has more than {_MAX_CHUNKS} chunks")
    if position != size:
        raise _Fault("something follows the PNG")
    if b"IDAT" not in kinds:
        raise _Fault("the PNG holds no picture")


def _check_ihdr(kind: bytes, data: bytes) -> None:
    if kind != b"IHDR" or len(data) != 13:
        raise _Fault("the PNG does not begin with IHDR")
    width, height = struct.unpack(">II", data[:8])
    if not (0 < width <= _MAX_PNG_CHUNK and 0 < height <= _MAX_PNG_CHUNK):
        raise _Fault(f"the PNG states {width} x {height} pixels")


def _check_jpeg(file: BinaryIO, size: int) -> None:
    file.seek(max(0, size - 2))
    if file.read(2) != b"\xff\xd9":
        raise _Fault("the JPEG has no end marker: it was cut off, or something follows it")


def _check_webp(file: BinaryIO, size: int) -> None:
    file.seek(4)
    (length,) = struct.unpack("<I", file.read(4))
    if length + 8 != size:
        raise _Fault(f"the WebP states {length + 8} bytes and has {size}")


def _check_glb(file: BinaryIO, size: int) -> None:
    file.seek(0)
    _, version, length = struct.unpack("<4sII", file.read(12))
    if version != 2:
        raise _Fault(f"glTF version {version} is not 2")
    if length != size:
        raise _Fault(f"the GLB states {length} bytes and has {size}")
    position, number = 12, 0
    while position < size:
        file.seek(position)
        chunk, kind = struct.unpack("<I4s", file.read(8))
        if chunk % 4 or position + 8 + chunk > size:
            raise _Fault("a chunk of the GLB is cut off or not aligned")
        if (number == 0) != (kind == b"JSON"):
            raise _Fault("the GLB's first chunk, and only that, is JSON")
        if number == 0 and chunk > _MAX_SCENE_BYTES:
            raise _Fault(f"the GLB's scene is over {_MAX_SCENE_BYTES} bytes")
        if number == 0:
            _check_gltf(file.read(chunk))
        position, number = position + 8 + chunk, number + 1
        if number > _MAX_CHUNKS:
            raise _Fault(f"the GLB has more than {_MAX_CHUNKS} chunks")
    if number == 0:
        raise _Fault("the GLB holds no scene")


def _check_gltf(data: bytes) -> None:
    try:
        canonical.refuse_depth(data)
        scene = json.loads(data)
    except (ValueError, InvalidJson) as error:
        raise _Fault("the GLB's scene is not JSON") from error
    if not isinstance(scene, dict) or not isinstance(scene.get("asset"), dict):
        raise _Fault("the GLB's scene has no asset")
    if not re.fullmatch(r"2\.\d+", str(scene["asset"].get("version"))):
        raise _Fault("the GLB's scene is not glTF 2")
    for kind in ("buffers", "images"):
        items = scene.get(kind, [])
        if not isinstance(items, list):
            raise _Fault(f"the GLB's {kind} are no list")
        for item in items:
            uri = item.get("uri", "data:") if isinstance(item, dict) else ""
            if not isinstance(uri, str) or not uri.startswith("data:"):
                raise _Fault("the GLB loads parts from elsewhere: they would not be anchored")


def _check_mp4(file: BinaryIO, size: int) -> None:
    position, number = 0, 0
    while position < size:
        number += 1
        if number > _MAX_CHUNKS:
            raise _Fault(f"the MP4 has more than {_MAX_CHUNKS} boxes")
        file.seek(position)
        head = file.read(16)
        (length,) = struct.unpack(">I", head[:4])
        if length == 1:
            (length,) = struct.unpack(">Q", head[8:16])
        elif length == 0:
            return
        if length < 8 or position + length > size:
            raise _Fault("a box of the MP4 is cut off")
        position += length


_CHECKS: Final[Mapping[str, Callable[[BinaryIO, int], None]]] = MappingProxyType(
    {
        PDF: _check_pdf,
        PNG: _check_png,
        JPEG: _check_jpeg,
        WEBP: _check_webp,
        GLB: _check_glb,
        MP4: _check_mp4,
    }
)
