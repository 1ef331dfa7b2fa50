"""Media types by the bytes: what is cut off, glued on or renamed does not pass."""

import io
import json
import struct
import zlib

import pytest

from nftsvc.core.errors import InvalidMedia
from nftsvc.core.media import GLB, JPEG, MP4, PDF, PNG, WEBP, check_media, media_type_of


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def glb(scene: object, *, extra: bytes = b"") -> bytes:
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + extra
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


A_IHDR = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
A_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + A_IHDR
    + png_chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + png_chunk(b"IEND", b"")
)
A_PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n"
A_GLB = glb({"asset": {"version": "2.0"}}, extra=struct.pack("<I4s", 4, b"BIN\0") + b"1234")
A_WEBP = b"RIFF" + struct.pack("<I", 12) + b"WEBPVP8 " + bytes(0) + b"\0\0\0\0"
A_JPEG = b"\xff\xd8\xff\xe0" + bytes(20) + b"\xff\xd9"
AN_MP4 = struct.pack(">I", 16) + b"ftypisom" + bytes(4) + struct.pack(">I", 8) + b"mdat"
GOOD = {PNG: A_PNG, PDF: A_PDF, GLB: A_GLB, WEBP: A_WEBP, JPEG: A_JPEG, MP4: AN_MP4}


def check(data: bytes, declared: str) -> None:
    check_media(io.BytesIO(data), declared=declared, path="files[0]")


@pytest.mark.parametrize("media_type", GOOD)
def test_check__whole_file__passes(media_type: str) -> None:
    check(GOOD[media_type], media_type)
    assert media_type_of(GOOD[media_type][:16]) == media_type


@pytest.mark.parametrize("media_type", GOOD)
@pytest.mark.parametrize("declared", GOOD)
def test_check__under_another_type__is_refused(media_type: str, declared: str) -> None:
    if media_type != declared:
        with pytest.raises(InvalidMedia):
            check(GOOD[media_type], declared)


@pytest.mark.parametrize("media_type", GOOD)
def test_check__cut_off_anywhere__is_refused(media_type: str) -> None:
    data = GOOD[media_type]
    # A PDF's last line break is not part of it, and a JPEG's middle is not read.
    for length in (0, 1, 4, 8, len(data) // 2, len(data) - 2):
        with pytest.raises(InvalidMedia):
            check(data[:length], media_type)


@pytest.mark.parametrize("media_type", GOOD)
def test_check__followed_by_something__is_refused(media_type: str) -> None:
    with pytest.raises(InvalidMedia):
        check(GOOD[media_type] + b"<script>alert(1)</script>", media_type)


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (A_PNG.replace(b"IDAT", b"IDAX"), PNG),
        (A_PNG[:8] + A_IHDR + png_chunk(b"IEND", b""), PNG),
        (A_PNG[:8] + png_chunk(b"IHDR", bytes(13)) + A_PNG[33:], PNG),
        (A_PNG[:8] + png_chunk(b"IHDR", b"short") + A_PNG[33:], PNG),
        (A_PNG[:8] + A_PNG[33:], PNG),
        (A_PDF.replace(b"startxref\n9", b"startxref\n900"), PDF),
        (A_PDF.replace(b"startxref\n9", b"startxref"), PDF),
        (glb({"asset": {"version": "2.0"}, "buffers": 5}), GLB),
        (glb({"asset": {"version": "2.0"}, "images": {"uri": "data:"}}), GLB),
        (glb({"asset": {"version": "2.0"}, "images": None}), GLB),
        (glb({"asset": {"version": "1.0"}}), GLB),
        (glb({"asset": {"version": 2}}), GLB),
        (A_PNG[:-6] + b"\0" + A_PNG[-5:], PNG),
        (b"%PDF-x.y startxref %%EOF", PDF),
        (b"hello %PDF-1.7 startxref %%EOF", PDF),
        (
            glb(
                {
                    "asset": {"version": "2.0"},
                    "buffers": [{"uri": "https://elsewhere.example/x.bin"}],
                }
            ),
            GLB,
        ),
        (glb({"asset": {"version": "2.0"}, "images": ["x"]}), GLB),
        (glb({}), GLB),
        (struct.pack("<4sII", b"glTF", 1, len(A_GLB)) + A_GLB[12:], GLB),
        (struct.pack("<4sII", b"glTF", 2, 12), GLB),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"<html></html>", "text/html"),
    ],
)
def test_check__bytes_that_contradict_the_type__are_refused(data: bytes, declared: str) -> None:
    with pytest.raises(InvalidMedia) as refused:
        check(data, declared)
    assert refused.value.path == "files[0]"


def test_check__scene_nested_a_million_deep__is_refused_and_survived() -> None:
    text = b"[" * 1_000_000
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    with pytest.raises(InvalidMedia):
        check(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks, GLB)


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (A_PNG[:33] + png_chunk(b"teXt", b"") * 600_000 + A_PNG[33:], PNG),
        (AN_MP4 + struct.pack(">I4s", 8, b"free") * 600_000, MP4),
        (glb({"asset": {"version": "2.0"}}, extra=struct.pack("<I4s", 0, b"BIN\0") * 600_000), GLB),
    ],
    ids=["png", "mp4", "glb"],
)
def test_check__nothing_but_tiny_parts__is_refused(data: bytes, declared: str) -> None:
    with pytest.raises(InvalidMedia, match="more than"):
        check(data, declared)


def test_check__scene_larger_than_any_scene__is_refused_unread() -> None:
    with pytest.raises(InvalidMedia, match="over"):
        check(glb({"asset": {"version": "2.0"}, "extras": "x" * (16 * 1024 * 1024)}), GLB)
