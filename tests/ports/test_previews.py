"""Previews of what strangers made, drawn within limits by a process of its own."""

import asyncio
import io
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from nftsvc.adapters import preview_process
from nftsvc.adapters.preview_folder import PreviewFolder
from nftsvc.core.errors import ContentUnavailable, Unavailable
from nftsvc.core.unixfs import cid_of_bytes
from tests.browser.files import glb, png
from tests.platform import chunks

SAMPLES = Path(__file__).parents[2] / "scripts/samples"
PNG, GLB = "image/png", "model/gltf-binary"


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def bomb(width: int, height: int) -> bytes:
    """A PNG of some kilobytes that unpacks into width x height pixels of one bit."""
    packer, row, packed = zlib.compressobj(9), bytes(1 + (width + 7) // 8), bytearray()
    for _ in range(min(height, 20_000)):
        packed += packer.compress(row)
    packed += packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = _chunk(b"IHDR", head) + _chunk(b"IDAT", bytes(packed)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def changed_glb(**changed: object) -> bytes:
    """The cube with other values in its first accessor."""
    data = glb()
    (length,) = struct.unpack("<I", data[12:16])
    scene = json.loads(data[20 : 20 + length])
    scene["accessors"][0].update(changed)
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    rest = struct.pack("<I4s", len(text), b"JSON") + text + data[20 + length :]
    return struct.pack("<4sII", b"glTF", 2, 12 + len(rest)) + rest


async def _preview(folder: PreviewFolder, data: bytes, media_type: str) -> bytes | None:
    return await folder.preview(cid_of_bytes(data), media_type=media_type, chunks=chunks(data))


def _left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _picture(jpeg: bytes | None) -> Image.Image:
    assert jpeg is not None
    picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    picture.load()
    return picture


async def test_preview__sample_picture__small_and_alike(tmp_path: Path) -> None:
    data = (SAMPLES / "product.png").read_bytes()
    small = _picture(await _preview(PreviewFolder(tmp_path), data, PNG))
    assert max(small.size) == 800
    with Image.open(io.BytesIO(data)) as whole:
        assert abs(small.width / small.height - whole.width / whole.height) < 0.01
        expected = whole.convert("RGB").resize((8, 8), Image.Resampling.BOX)
    found = small.resize((8, 8), Image.Resampling.BOX)
    pairs = zip(found.tobytes(), expected.tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) < 16


@pytest.mark.needs("renderer")
async def test_preview__sample_model__drawn_with_its_colours(tmp_path: Path) -> None:
    data = (SAMPLES / "product.glb").read_bytes()
    poster = _picture(await _preview(PreviewFolder(tmp_path), data, GLB))
    assert poster.size == (800, 600)
    background = preview_process.BACKGROUND
    pixels = poster.tobytes()
    shades = {pixels[at : at + 3] for at in range(0, len(pixels), 3)}
    assert len(shades) > 200
    corner = poster.getpixel((2, 2))
    assert isinstance(corner, tuple)
    assert all(abs(a - b) < 8 for a, b in zip(corner, background, strict=True))
    # The base plate of the pump is dark and below, the air above it is not.
    assert sum(pixels[-150 * 2400 :]) < sum(pixels[: 150 * 2400])


async def test_preview__rotated_photograph__upright_and_without_its_metadata(
    tmp_path: Path,
) -> None:
    photograph, exif = Image.new("RGB", (40, 20), (200, 10, 10)), Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at the factory of 한빛정밀"
    file = io.BytesIO()
    photograph.save(file, "JPEG", exif=exif)
    small = _picture(await _preview(PreviewFolder(tmp_path), file.getvalue(), "image/jpeg"))
    assert small.size == (20, 40)
    assert dict(small.getexif()) == {}


async def test_preview__asked_again_after_a_restart__not_drawn_again(tmp_path: Path) -> None:
    data = (SAMPLES / "product.png").read_bytes()
    first = await _preview(PreviewFolder(tmp_path), data, PNG)

    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("the content was read again")
        yield b""

    again = await PreviewFolder(tmp_path).preview(
        cid_of_bytes(data), media_type=PNG, chunks=untouched()
    )
    assert again == first
    assert len(_left_in(tmp_path)) == 1


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(bomb(100_000, 100_000), PNG, id="picture of 10^10 pixels"),
        pytest.param(bomb(9_000, 9_000), PNG, id="picture over the limit"),
        pytest.param(bomb(64, 64)[:48], PNG, id="picture cut off"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", PNG, id="SVG called PNG"),
        pytest.param(b"<!doctype html><script>1</script>", "image/webp", id="HTML called WebP"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0", "image/jpeg", id="PostScript called JPEG"),
        pytest.param(glb()[:200], GLB, id="model cut off"),
        pytest.param(changed_glb(count=2**31 - 1), GLB, id="model of 2^31 points"),
        pytest.param(changed_glb(count=2**53), GLB, id="model of 2^53 points"),
        pytest.param(changed_glb(count=-1), GLB, id="model of -1 points"),
        pytest.param(changed_glb(bufferView=99), GLB, id="model whose points are nowhere"),
        pytest.param(b"%PDF-1.7\n", "application/pdf", id="no picture at all"),
    ],
)
async def test_preview__hostile_file__none_and_nothing_left(
    tmp_path: Path, data: bytes, media_type: str
) -> None:
    began = time.monotonic()
    assert await _preview(PreviewFolder(tmp_path), data, media_type) is None
    assert time.monotonic() - began < 60
    assert _left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "media_type", "limit"),
    [
        pytest.param(
            bomb(100_000, 100_000), PNG, preview_process.PICTURE_MEMORY, id="picture of 10^10"
        ),
        pytest.param(bomb(7_900, 7_900), PNG, preview_process.PICTURE_MEMORY, id="just allowed"),
        pytest.param(
            changed_glb(count=2**31 - 1), GLB, preview_process.MODEL_MEMORY, id="2^31 points"
        ),
    ],
)
def test_process__bomb__peak_memory_below_its_limit(
    tmp_path: Path, data: bytes, media_type: str, limit: int
) -> None:
    source = tmp_path / "source.glb"
    source.write_bytes(data)
    command = [sys.executable, "-I", "-m", preview_process.__name__]
    child = subprocess.Popen(
        [*command, str(source), media_type, str(tmp_path / "preview.jpg")],
        env={"HOME": str(tmp_path), "LP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert used.ru_maxrss * 1024 < limit
    assert used.ru_utime + used.ru_stime <= preview_process.CPU_SECONDS + 1


def test_process__asks_for_more_than_its_limits__gets_neither_memory_nor_time() -> None:
    grab = (
        "import resource\n"
        "from nftsvc.adapters.preview_process import PICTURE_MEMORY, limit_this_process\n"
        "limit_this_process(PICTURE_MEMORY)\n"
        "try:\n    bytearray(PICTURE_MEMORY)\nexcept MemoryError:\n    print('refused')\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU))\n"
    )
    ran = subprocess.run([sys.executable, "-c", grab], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["refused", str((20, 20))]


async def test_preview__service_was_killed_while_it_drew__what_it_left_is_swept(
    tmp_path: Path,
) -> None:
    left = tmp_path / "drawing-by-another"
    script = (
        "import sys, time; from pathlib import Path\n"
        "from nftsvc.adapters.held_folder import HeldFolder\n"
        "held = HeldFolder.make(Path(sys.argv[1])); print('ready', flush=True); time.sleep(600)"
    )
    another = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, left), stdout=subprocess.PIPE
    )
    try:
        assert another.stdout is not None
        assert await another.stdout.readline() == b"ready\n"
        assert await _preview(PreviewFolder(tmp_path), png(), "image/png")
        assert left.is_dir()
    finally:
        another.kill()
        await another.communicate()
    again = io.BytesIO()
    Image.new("RGB", (9, 9)).save(again, "PNG")
    assert await _preview(PreviewFolder(tmp_path), again.getvalue(), "image/png")
    assert not left.exists()


async def test_preview__takes_too_long__killed_and_the_loop_goes_on(tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path, wall_seconds=0.05)
    data = (SAMPLES / "product.png").read_bytes()
    drawing = asyncio.create_task(_preview(folder, data, PNG))
    longest = 0.0
    while not drawing.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began)
    assert await drawing is None
    assert longest < 2
    assert _left_in(tmp_path) == []


async def test_preview__content_cannot_be_read__told_and_asked_again_later(tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path)
    data = (SAMPLES / "product.png").read_bytes()

    async def away() -> AsyncIterator[bytes]:
        yield data[:1000]
        raise ContentUnavailable("the store is away")

    with pytest.raises(ContentUnavailable):
        await folder.preview(cid_of_bytes(data), media_type=PNG, chunks=away())
    assert await _preview(folder, data, PNG) is not None


async def test_preview__crowd_of_different_files__those_behind_are_sent_away(
    tmp_path: Path,
) -> None:
    folder = PreviewFolder(tmp_path)
    files = [b"no picture %d" % number for number in range(20)]
    answers = await asyncio.gather(
        *(_preview(folder, data, PNG) for data in files), return_exceptions=True
    )
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 4
    assert sum(answer is None for answer in answers) == 16
