"""The process that draws one preview: `python -m nftsvc.adapters.preview_process FILE TYPE TO`.

A decoder of what strangers sent may need any memory and any time. So it gets a process of its
own, which takes its limits before it opens the file, and writes a picture or ends without one.
"""

import resource
import sys
import warnings
from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
PICTURE_MEMORY: Final = 768 * MEBIBYTE
MODEL_MEMORY: Final = 2048 * MEBIBYTE
"""Address space in bytes. The software renderer maps 1.1 GiB before it draws anything."""
CPU_SECONDS: Final = 20
OUTPUT_BYTES: Final = 8 * MEBIBYTE
MAX_PIXELS: Final = 64 * 1000 * 1000
LONGEST_SIDE: Final = 800
BACKGROUND: Final = (243, 245, 248)
_FORMATS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_MODEL: Final = "model/gltf-binary"
TYPES: Final = frozenset({*_FORMATS, _MODEL})


def main(source: Path, media_type: str, target: Path) -> int:
    """0 where `target` was written."""
    limit_this_process(PICTURE_MEMORY if media_type in _FORMATS else MODEL_MEMORY)
    warnings.simplefilter("error")
    try:
        if media_type in _FORMATS:
            draw_picture(source, target, form=_FORMATS[media_type])
        else:
            draw_model(source, target)
    except Exception as error:  # noqa: BLE001 - whatever a decoder raises: there is no preview
        print(f"{type(error).__name__}: {error}"[:500], file=sys.stderr)  # noqa: T201
        return 1
    return 0


def limit_this_process(memory: int) -> None:
    """Bounds on memory, time, output, open files and core dumps; none can be raised again."""
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def draw_picture(source: Path, target: Path, *, form: str) -> None:
    """The picture, upright and small, without its metadata."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - after the limits

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(source, formats=[form]) as opened:
        opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        picture = ImageOps.exif_transpose(opened).convert("RGBA")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    flat = Image.new("RGB", picture.size, BACKGROUND)
    flat.paste(picture, mask=picture)
    flat.save(target, "JPEG", quality=85)


def draw_model(source: Path, target: Path) -> None:
    """The 3D model from where the page's viewer shows it first."""
    import f3d  # noqa: PLC0415 - after the limits, and an extra
    from PIL import Image  # noqa: PLC0415

    f3d.Engine.autoload_plugins()
    engine = f3d.Engine.create(offscreen=True)
    engine.window.size = (LONGEST_SIDE, LONGEST_SIDE * 3 // 4)
    engine.options.update(
        {
            "scene.up_direction": "+Y",
            "render.background.color": tuple(part / 255 for part in BACKGROUND),
            "render.effect.tone_mapping": True,
            "render.light.intensity": 1.2,
        }
    )
    engine.scene.add(str(source))
    camera = engine.window.camera
    camera.azimuth(35)
    camera.elevation(18)
    camera.reset_to_bounds()
    drawn = engine.window.render_to_image()
    picture = Image.frombytes("RGB", (drawn.width, drawn.height), drawn.content).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    )
    if picture.getcolors(maxcolors=1) is not None:
        raise ValueError("the model shows nothing")
    picture.save(target, "JPEG", quality=85)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
