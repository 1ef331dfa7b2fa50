"""The page of one asset: what it shows, and from where."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import PHONE, Register, Watched
from tests.browser.files import CONTRACT, glb, png
from tests.platform import deal
from tests.service import AUTHORIZED

pytestmark = pytest.mark.needs("chromium", "anvil", "node")

Open = Callable[..., Watched]


def test_asset__product__model_in_3d_and_picture_from_checked_bytes(
    register: Register, open_page: Open
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/assets/{register.product['tokenId']}")
    viewer = page.page.locator("model-viewer")
    viewer.scroll_into_view_if_needed()
    page.page.wait_for_selector("model-viewer[data-shown]", timeout=60_000)
    for shown, data in ((viewer, glb()), (page.page.locator(".stage img:not(.preview)"), png())):
        address = shown.get_attribute("src")
        assert address is not None
        assert address.startswith("blob:")
        script = "async (address) => (await (await fetch(address)).blob()).size"
        assert page.page.evaluate(script, address) == len(data)
    assert page.page.locator("figure[data-state=checked]").count() == 2
    assert page.page.evaluate("document.querySelector('.stage img').naturalWidth") == 64
    assert _colours_of(page, "model-viewer") > 8


def test_asset__store_gives_other_bytes__nothing_of_them_is_shown(
    register: Register, open_page: Open
) -> None:
    page = open_page()
    cids = {document["cid"]: document["size"] for document in register.product["documents"]}
    for cid, size in cids.items():
        page.page.route(
            f"**/v1/content/{cid}", lambda route, _, n=size: route.fulfill(body=bytes(n))
        )
    page.open(f"{register.service.url}/assets/{register.product['tokenId']}")
    for figure in range(2):
        page.page.locator("figure[data-state=corrupt]").nth(figure).wait_for()
    assert page.page.locator(".stage img, model-viewer").count() == 0


def test_asset__deal__sealed_and_its_history_told(register: Register, open_page: Open) -> None:
    page = open_page(locale="en")
    page.open(f"{register.service.url}/assets/{register.deal['tokenId']}")
    assert page.page.locator(".answer").get_attribute("data-verdict") == "AUTHENTIC"
    assert page.page.locator(".badge[data-open=false]").inner_text() == "Sealed"
    assert "model-viewer.js" not in " ".join(request.url for request in page.requests)
    record = page.page.locator(".timeline li[data-kind=issued]")
    assert register.deal["transaction"]["hash"] == record.locator("code.short").last.get_attribute(
        "title"
    )
    assert "Test platform" in record.inner_text()
    assert register.deal["documents"][0]["name"] not in page.page.content()


@pytest.mark.parametrize(("language", "word"), [("en", "Erased"), ("ko", "삭제됨")])
def test_asset__erased_deal__says_so_and_who_kept_it_still_proves_it(
    register: Register,
    open_page: Open,
    file_of: Callable[[bytes, str], Path],
    language: str,
    word: str,
) -> None:
    files = [("contract.pdf", CONTRACT, "application/pdf")]
    erased = register.service.issue("deals", "deal", deal(), files=files)
    address = f"{register.service.url}/v1/assets/{erased['tokenId']}/erasure"
    asked = {"by": "dpo", "reason": "request 12"}
    code = httpx.post(address, json=asked, headers=AUTHORIZED).json()["code"]
    confirmed = {"by": "registrar", "code": code}
    httpx.post(f"{address}/confirmation", json=confirmed, headers=AUTHORIZED).raise_for_status()
    page = open_page(locale=language)
    page.open(f"{register.service.url}/assets/{erased['tokenId']}")
    assert page.page.locator(".answer").get_attribute("data-verdict") == "AUTHENTIC"
    assert page.page.locator(".badge[data-open=false]").inner_text() == word
    assert page.page.locator("[data-erased] time").is_visible()
    page.open(f"{register.service.url}/verify#{erased['links']['verify'].partition('#')[2]}")
    page.drop(file_of(CONTRACT, "kept.pdf"))
    assert page.verdict() == "AUTHENTIC"


def test_asset__any_way_to_name_the_token__the_same_page(
    register: Register, open_page: Open
) -> None:
    token = register.product["tokenId"]
    for name in (token, str(int(token, 16)), register.product["asset"]):
        page = open_page()
        page.open(f"{register.service.url}/assets/{name}")
        assert page.page.locator(".asset-name").inner_text()


def test_asset__nothing_there__said_calmly(register: Register, open_page: Open) -> None:
    page = open_page()
    page.page.goto(f"{register.service.url}/assets/0x{'0' * 63}1")
    page.page.wait_for_selector("body[data-state=missing]")
    assert page.page.locator(".answer").get_attribute("data-tone") == "neutral"
    page.forgive("Failed to load resource")


def test_asset__rpc_away__shown_as_told_and_not_called_false(
    register: Register, open_page: Open
) -> None:
    page = open_page()
    page.page.route(f"{register.node.url}/**", lambda route: route.abort())
    page.open(f"{register.service.url}/assets/{register.deal['tokenId']}")
    assert page.page.locator(".answer").get_attribute("data-verdict") == "UNVERIFIABLE"
    assert page.page.locator(".certificate .note").is_visible()
    page.forgive("Failed to load resource")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_asset__phone__fits(register: Register, open_page: Open, language: str) -> None:
    page = open_page(viewport=PHONE)
    page.open(f"{register.service.url}/assets/{register.product['tokenId']}?lang={language}")
    page.page.click("summary")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_asset__printed__whole_hashes_and_no_buttons(register: Register, open_page: Open) -> None:
    page = open_page()
    page.open(f"{register.service.url}/assets/{register.deal['tokenId']}")
    page.page.emulate_media(media="print")
    transaction = page.page.locator(f"code.whole:text-is('{register.deal['transaction']['hash']}')")
    assert transaction.is_visible()
    assert page.page.locator("button:visible").count() == 0


def test_asset__reduced_motion__nothing_moves(register: Register, open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    page.open(f"{register.service.url}/assets/{register.deal['tokenId']}")
    running = page.page.evaluate("document.getAnimations().length")
    assert running == 0


def _colours_of(page: Watched, selector: str) -> int:
    """How many colours a canvas shows: one or two mean that nothing was drawn."""
    return int(
        page.page.evaluate(
            """async (selector) => {
              const viewer = document.querySelector(selector);
              await new Promise((done) => setTimeout(done, 500));
              const blob = await viewer.toBlob({ idealAspect: true });
              const bitmap = await createImageBitmap(blob);
              const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
              const context = canvas.getContext("2d");
              context.drawImage(bitmap, 0, 0);
              const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
              const seen = new Set();
              for (let i = 0; i < data.length; i += 4) {
                seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
              }
              return seen.size;
            }""",
            selector,
        )
    )
