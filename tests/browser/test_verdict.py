"""A person drops a real file and reads the verdict."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import FileChooser, Route

from chain.local.node import LocalNode
from tests.browser.conftest import PHONE, Register, Watched, issued, new_platform
from tests.browser.files import CONTRACT, glb, one_byte_changed
from tests.service import AUTHORIZED, Service

pytestmark = pytest.mark.needs("chromium", "anvil", "node")

Open = Callable[..., Watched]
File = Callable[[bytes, str], Path]


def test_verify__untouched_file_dropped__authentic(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "AUTHENTIC"
    assert page.page.locator("[data-result=valid]").count() == 8


def test_verify__one_byte_changed__mismatch(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(one_byte_changed(CONTRACT), "수출계약서.pdf"))
    assert page.verdict() == "MISMATCH"
    assert page.code("document-matches") == "differs"


def test_home__public_file_dropped_without_a_link__found_by_its_hash(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/")
    page.drop(file_of(glb(), "model.glb"))
    assert page.verdict() == "AUTHENTIC"


def test_home__sealed_file_without_its_link__not_called_fake_and_the_link_settles_it(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "NOT_FOUND"
    page.page.fill("#link", f"  {register.deal['links']['verify']} ")
    page.page.press("#link", "Enter")
    page.page.wait_for_selector("[data-verdict=AUTHENTIC]")


def test_verify__disclosed_fields_dropped__those_are_proven_and_the_rest_said_closed(
    register: Register, open_page: Open, file_of: File
) -> None:
    address = f"{register.service.url}/v1/assets/{register.deal['tokenId']}/disclosures"
    body = {"fields": ["amount", "exporter.country"]}
    shown = httpx.post(address, json=body, headers=AUTHORIZED).content
    page = open_page()
    page.open(f"{register.service.url}/verify")
    page.drop(file_of(shown, "bank.json"))
    assert page.verdict() == "AUTHENTIC"
    assert page.code("fields-proven") == "proven"
    section = page.page.locator(".disclosed")
    assert section.locator("dt").all_inner_texts() == ["amount", "exporter.country"]
    assert section.locator("dd").all_inner_texts() == ["128400.00", "KR"]
    assert section.locator(".note").is_visible()


def test_verify__link_without_its_salts__could_not_check(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify#a={register.deal['asset']}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "UNVERIFIABLE"
    assert page.code("document-matches") == "salt-missing"


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_verify__link_cut_off__said_before_any_file_is_asked_for(
    register: Register, open_page: Open, cut: int
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify{register.fragment[:-cut]}")
    assert page.page.locator("#link-error").is_visible()
    assert page.page.locator("#link-given").is_hidden()


def test_verify__unknown_token__unknown(register: Register, open_page: Open, file_of: File) -> None:
    page = open_page()
    asset = register.deal["asset"].rpartition("/")[0] + "/12345"
    page.open(f"{register.service.url}/verify#a={asset}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "UNKNOWN"


def test_verify__rpc_killed__could_not_check(
    tmp_path: Path, open_page: Open, file_of: File
) -> None:
    with (
        LocalNode("anvil", block_seconds=1) as node,
        Service(new_platform(tmp_path / "service", node)) as service,
    ):
        register = issued(service, node)
        page = open_page()
        page.open(f"{service.url}/verify{register.fragment}")
        node.kill()
        page.drop(file_of(one_byte_changed(CONTRACT), "수출계약서.pdf"))
        assert page.verdict() == "UNVERIFIABLE"
        assert page.code("chain-answers") == "too-few-endpoints"
        page.forgive("Failed to load resource")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, ""),
        (500, ""),
        (200, ""),
        (200, "<html>please log in</html>"),
        (200, '{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit"}}'),
        (200, '{"jsonrpc":"2.0","id":1,"result":null}'),
        (200, '{"jsonrpc":"2.0","id":1,"result":"0x"}'),
        (200, "[]"),
        (200, "null"),
    ],
)
def test_verify__rpc_answers_rubbish__could_not_check(
    register: Register, open_page: Open, file_of: File, status: int, body: str
) -> None:
    page = open_page()
    page.page.route(f"{register.node.url}/**", lambda route: _answer(route, status, body))
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "UNVERIFIABLE"
    page.forgive("Failed to load resource")


def test_verify__rpc_hangs__could_not_check_within_its_time(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify{register.fragment}")
    os.kill(register.node.pid, signal.SIGSTOP)
    try:
        page.drop(file_of(CONTRACT, "수출계약서.pdf"))
        page.page.wait_for_selector("body[data-state=judged]", timeout=15_000)
    finally:
        os.kill(register.node.pid, signal.SIGCONT)
    assert page.verdict() == "UNVERIFIABLE"


def test_verify__service_gives_another_manifest__could_not_check(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.page.route("**/v1/content/*", lambda route: route.fulfill(status=200, body="{}"))
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "UNVERIFIABLE"
    assert page.code("manifest-intact") == "content-corrupt"


def test_verify__service_lists_no_issuer__could_not_check(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.page.route("**/v1/trust", lambda route: route.fulfill(status=503, body=""))
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    assert page.verdict() == "UNVERIFIABLE"
    assert page.code("issuer-trusted") == "no-trust-list"
    page.forgive("Failed to load resource")


def test_verify__any_run__nothing_from_elsewhere_and_the_fragment_stays(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    page.verdict()
    ours = {url.removeprefix("http://") for url in (register.service.url, register.node.url)}
    assert page.hosts() <= ours
    salts = register.fragment.partition("&s=")[2].split(".")
    for request in page.requests:
        told = (
            request.url.partition("#")[0] + (request.post_data or "") + json.dumps(request.headers)
        )
        assert not any(salt in told for salt in salts)
        assert "계약" not in told


def test_verify__keyboard_only__from_the_link_to_the_facts(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    keyboard = page.page.keyboard
    # Listened to from the start: a listener that comes with the key press may come after it.
    choosers: list[FileChooser] = []
    page.page.on("filechooser", lambda chooser: choosers.append(chooser))  # noqa: PLW0108
    page.open(f"{register.service.url}/verify?lang=en{register.fragment}")
    for _ in range(30):
        keyboard.press("Tab")
        if page.page.evaluate("document.activeElement.id") == "file":
            break
    assert page.page.evaluate("document.activeElement.id") == "file"
    for _ in range(20):
        keyboard.press("Enter")
        page.page.wait_for_timeout(250)
        if choosers:
            break
    choosers[0].set_files(file_of(CONTRACT, "contract.pdf"))
    assert page.verdict() == "AUTHENTIC"
    page.page.wait_for_function("document.activeElement.textContent === 'Authentic'")
    keyboard.press("Tab")
    page.page.wait_for_function("document.activeElement.localName === 'summary'")
    keyboard.press("Enter")
    page.page.wait_for_selector("details.technical[open]")
    outline = page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_verify__language_switched_after_the_verdict__same_verdict_in_other_words(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page(locale="ko-KR")
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    page.verdict()
    assert page.page.locator("h1.word").inner_text() == "진본"
    page.page.click("a[data-language=en]")
    page.page.wait_for_selector("h1.word:text-is('Authentic')")
    assert page.page.url.endswith(register.fragment)
    assert page.page.evaluate("document.documentElement.lang") == "en"
    page.page.reload()
    assert page.page.title() == "Check a document"


def test_verify__verdict__spoken_to_screen_readers(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page(locale="en")
    page.open(f"{register.service.url}/verify{register.fragment}")
    page.drop(file_of(one_byte_changed(CONTRACT), "contract.pdf"))
    page.verdict()
    status = page.page.locator("[role=status]")
    assert status.get_attribute("aria-live") == "polite"
    assert status.inner_text().startswith("Not the original.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_verify__phone__fits_and_can_be_hit_with_a_thumb(
    register: Register, open_page: Open, file_of: File, language: str, scheme: str
) -> None:
    page = open_page(viewport=PHONE, color_scheme=scheme, has_touch=True)
    page.open(f"{register.service.url}/verify?lang={language}{register.fragment}")
    page.drop(file_of(CONTRACT, "수출계약서.pdf"))
    page.verdict()
    page.page.click("summary")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.page.evaluate(
        """[...document.querySelectorAll("a, button, summary, input:not([type=file])")]
           .filter((target) => target.checkVisibility() && !target.classList.contains("skip"))
           .filter((target) => Math.min(target.offsetWidth, target.offsetHeight) < 44)
           .map((target) => target.outerHTML)"""
    )
    assert small == []


def test_verify__big_file__shows_progress_and_does_not_freeze(
    register: Register, open_page: Open, file_of: File
) -> None:
    page = open_page()
    page.open(f"{register.service.url}/")
    page.page.evaluate(
        """() => {
          window.shares = []; window.longest = 0; let before = performance.now();
          const watch = (now) => {
            window.longest = Math.max(window.longest, now - before); before = now;
            const bar = document.querySelector("progress");
            if (bar?.hasAttribute("value")) window.shares.push(bar.value);
            requestAnimationFrame(watch);
          };
          requestAnimationFrame(watch);
        }"""
    )
    page.drop(file_of(b"PK" + bytes(200_000_000), "big.bin"))
    assert page.verdict() == "NOT_FOUND"
    shares = page.page.evaluate("window.shares")
    assert any(0.1 < share < 0.9 for share in shares)
    assert shares == sorted(shares)
    assert page.page.evaluate("window.longest") < 500


def _answer(route: Route, status: int, body: str) -> None:
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
    route.fulfill(status=status, headers=headers, content_type="application/json", body=body)
