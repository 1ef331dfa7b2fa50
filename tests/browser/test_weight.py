"""What a slow phone has to load before it can verify."""

import gzip
from collections.abc import Callable

import httpx
import pytest

from tests.browser.conftest import Register, Watched
from tests.browser.files import glb

pytestmark = pytest.mark.needs("chromium", "anvil", "node")

MOST_BYTES = 60 * 1024


def test_verify__everything_it_runs__under_60_kb_compressed(
    register: Register, open_page: Callable[..., Watched]
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify")
    page.page.set_input_files(
        "#file", {"name": "model.glb", "mimeType": "model/gltf-binary", "buffer": glb()}
    )
    assert page.verdict() == "AUTHENTIC"
    loaded = {r.url for r in page.requests if "/static/" in r.url or "/verify" in r.url}
    assert any(url.endswith("/vendor/streaming.js") for url in loaded)
    sizes = {url: len(gzip.compress(httpx.get(url).content)) for url in sorted(loaded)}
    assert sum(sizes.values()) < MOST_BYTES, sizes
