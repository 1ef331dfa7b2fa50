"""Product content on a running service: what is taken, how it is given, how it is previewed."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from chain.local.node import LocalNode
from tests.browser.files import glb, png
from tests.chains import deploy
from tests.platform import deal, pdf, platform, product
from tests.ports.test_previews import bomb
from tests.service import Service

pytestmark = pytest.mark.needs("anvil")

SAMPLES = Path(__file__).parents[2] / "scripts/samples"
SCRIPT = b"<script>alert(document.domain)</script>"
HTML = b"<!doctype html>" + SCRIPT
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>"
PICTURE, MODEL = png(), glb()
BOMB = bomb(100_000, 100_000)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with (
        LocalNode("anvil", block_seconds=1) as node,
        Service(platform(tmp_path_factory.mktemp("content"), node, deploy(node))) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def shown(service: Service) -> dict[str, Any]:
    files = [
        ("pump.glb", (SAMPLES / "product.glb").read_bytes(), "model/gltf-binary"),
        ("pump.png", (SAMPLES / "product.png").read_bytes(), "image/png"),
    ]
    return service.issue("contents", "content", product(), files=files)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(HTML, "image/png", id="HTML as PNG"),
        pytest.param(SVG, "image/png", id="SVG as PNG"),
        pytest.param(HTML, "image/jpeg", id="HTML as JPEG"),
        pytest.param(SVG, "image/webp", id="SVG as WebP"),
        pytest.param(HTML, "model/gltf-binary", id="HTML as GLB"),
        pytest.param(HTML, "video/mp4", id="HTML as MP4"),
        pytest.param(HTML, "text/html", id="HTML as itself"),
        pytest.param(SVG, "image/svg+xml", id="SVG as itself"),
        pytest.param(PICTURE + HTML, "image/png", id="PNG with HTML behind"),
        pytest.param(PICTURE + MODEL, "image/png", id="PNG with a GLB behind"),
        pytest.param(MODEL + HTML, "model/gltf-binary", id="GLB with HTML behind"),
        pytest.param(pdf("x") + HTML, "application/pdf", id="PDF with HTML behind"),
        pytest.param(b"\xff\xd8\xff\xe0" + HTML, "image/jpeg", id="JPEG's beginning before HTML"),
        pytest.param(HTML + PICTURE, "image/png", id="PNG behind HTML"),
        pytest.param(PICTURE, "image/jpeg", id="PNG as JPEG"),
    ],
)
def test_contents__not_what_its_type_says__refused(
    service: Service, data: bytes, media_type: str
) -> None:
    key = f"hostile-{time.monotonic_ns()}"
    answer = service.post(
        "contents", "content", product(), files=[("a.png", data, media_type)], key=key
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-media")


def test_content__markup_inside_a_true_jpeg__can_run_nowhere(service: Service) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", comment=HTML)
    assert SCRIPT in file.getvalue()
    issued = service.issue(
        "contents", "content", product(), files=[("a.jpg", file.getvalue(), "image/jpeg")]
    )
    answer = httpx.get(f"{service.url}/v1/content/{issued['documents'][0]['cid']}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
    preview = httpx.get(f"{service.url}/v1/assets/{issued['tokenId']}/preview", timeout=60)
    assert preview.status_code == 200
    assert SCRIPT not in preview.content


@pytest.mark.parametrize(
    ("given", "status"),
    [('"{cid}"', 304), ('W/"{cid}"', 304), ('"other", "{cid}"', 304), ("*", 304), ('"x"', 200)],
)
def test_content__if_none_match__as_the_standard_says(
    service: Service, shown: dict[str, Any], given: str, status: int
) -> None:
    cid = shown["documents"][1]["cid"]
    for method in ("GET", "HEAD"):
        headers = {"If-None-Match": given.format(cid=cid), "Range": "bytes=0-0"}
        answer = httpx.request(method, f"{service.url}/v1/content/{cid}", headers=headers)
        partial = 206 if method == "GET" else 200
        assert answer.status_code == (partial if status == 200 else 304)
        assert answer.headers["etag"] == f'"{cid}"'


def test_content__head__the_headers_of_get_and_no_bytes(
    service: Service, shown: dict[str, Any]
) -> None:
    address = f"{service.url}/v1/content/{shown['documents'][0]['cid']}"
    head, whole = httpx.head(address), httpx.get(address)
    assert head.content == b""
    differing = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in differing} == {
        k: v for k, v in whole.headers.items() if k not in differing
    }


def test_content__ranges_over_block_borders__the_same_bytes(
    service: Service, shown: dict[str, Any]
) -> None:
    data = (SAMPLES / "product.glb").read_bytes()
    address = f"{service.url}/v1/content/{shown['documents'][0]['cid']}"
    border = 262_144
    for first, last in (
        (border - 1, border),
        (border, border),
        (0, border - 1),
        (border - 9, 2**60),
    ):
        answer = httpx.get(address, headers={"Range": f"bytes={first}-{last}"})
        assert (answer.status_code, answer.content) == (206, data[first : last + 1])
    huge = "9" * 5000
    assert httpx.get(address, headers={"Range": f"bytes={huge}-"}).status_code == 200
    outside = httpx.get(address, headers={"Range": "bytes=-0"})
    assert outside.status_code == 416


def test_preview__picture_and_model__marked_as_derived(
    service: Service, shown: dict[str, Any]
) -> None:
    model, picture = (document["cid"] for document in shown["documents"])
    address = f"{service.url}/v1/assets/{shown['tokenId']}/preview"
    answer = httpx.get(address, timeout=60)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["nftsvc-preview-of"] == picture
    assert answer.headers["link"] == f'</v1/content/{picture}>; rel="original"'
    assert "immutable" not in answer.headers["cache-control"]
    assert "sandbox" in answer.headers["content-security-policy"]
    with Image.open(io.BytesIO(answer.content), formats=["JPEG"]) as small:
        assert max(small.size) == 800
    again = httpx.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    manifest = httpx.get(f"{service.url}/v1/assets/{shown['tokenId']}").json()["manifest"]
    assert {d["cid"] for d in manifest["documents"]} == {model, picture}
    page = httpx.get(f"{service.url}/assets/{shown['tokenId']}").text
    assert f'<meta property="og:image" content="{address}">' in page


@pytest.mark.needs("renderer")
def test_preview__model_by_its_cid__its_poster(service: Service, shown: dict[str, Any]) -> None:
    model = shown["documents"][0]["cid"]
    address = f"{service.url}/v1/assets/{shown['tokenId']}/preview"
    answer = httpx.get(address, params={"document": model}, timeout=60)
    assert (answer.status_code, answer.headers["nftsvc-preview-of"]) == (200, model)
    with Image.open(io.BytesIO(answer.content), formats=["JPEG"]) as poster:
        assert poster.size == (800, 600)


def test_preview__sealed_or_elsewhere__not_found(service: Service, shown: dict[str, Any]) -> None:
    files = [("계약서.pdf", pdf("sealed"), "application/pdf")]
    sealed = service.issue("deals", "deal", deal(), files=files)
    base = f"{service.url}/v1/assets"
    other = shown["documents"][0]["cid"]
    for address, status in (
        (f"{base}/{sealed['tokenId']}/preview", 404),
        (f"{base}/{sealed['tokenId']}/preview?document={other}", 404),
        (f"{base}/{shown['tokenId']}/preview?document=nothing", 400),
        (f"{base}/0x{'0' * 64}/preview", 404),
        (f"{base}/xyz/preview", 422),
    ):
        assert httpx.get(address).status_code == status, address
    assert "og:image" not in httpx.get(f"{service.url}/assets/{sealed['tokenId']}").text


def test_preview__bomb__none_while_others_are_served(service: Service) -> None:
    files = [("bomb.png", BOMB, "image/png")]
    issued = service.issue("contents", "content", product(), files=files)
    address = f"{service.url}/v1/assets/{issued['tokenId']}/preview"
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(address, timeout=90)))
    before = _resident(service.pid)
    asking.start()
    while asking.is_alive():
        assert httpx.get(f"{service.url}/healthz", timeout=10).status_code == 200
    assert [answer.status_code for answer in answers] == [404]
    assert _resident(service.pid) - before < 64 * 1024


def _resident(pid: int) -> int:
    """KiB of memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
