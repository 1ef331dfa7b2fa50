"""A headless Chromium in front of a real service, chain and store; it watches what pages ask."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from chain.local.node import LocalNode
from tests import parts
from tests.browser.files import CONTRACT, glb, png
from tests.chains import deploy
from tests.platform import Platform, deal, platform, product
from tests.service import Service

FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
DRAWN_LATE = "rAF timed out in updateSource"
"""What the model viewer says, and goes on, where a busy machine is slow to draw."""
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Register:
    """A running service that has issued a deal and a product."""

    service: Service
    node: LocalNode
    deal: dict[str, Any]
    product: dict[str, Any]

    @property
    def fragment(self) -> str:
        """What the buyer's link to the deal carries, with its `#`."""
        return "#" + str(self.deal["links"]["verify"]).partition("#")[2]


@dataclass(slots=True)
class Watched:
    """A page, and everything it asked for or complained about."""

    page: Page
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def forgive(self, *beginnings: str) -> None:
        """Drop complaints about what the test itself broke."""
        self.complaints[:] = [c for c in self.complaints if not c.startswith(beginnings)]

    def drop(self, path: Path) -> None:
        """Drop a file on the page, as a hand with a mouse does."""
        session = self.page.context.new_cdp_session(self.page)
        where = {"x": 200, "y": 300}
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for step in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": step, **where, "data": data})
        session.detach()

    def verdict(self) -> str | None:
        """The verdict, once it is there."""
        self.page.wait_for_selector("body:is([data-state=judged], [data-state=not-found])")
        return self.page.locator(".answer").get_attribute("data-verdict")

    def code(self, check: str) -> str | None:
        """The code that a check ended with."""
        return self.page.locator(f"[data-check={check}]").get_attribute("data-code")

    def open(self, address: str) -> None:
        """Go there, and wait until the page works."""
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready], body[data-state=known]")

    def hosts(self) -> set[str]:
        """The network addresses that were asked."""
        parts = [urlsplit(request.url) for request in self.requests]
        return {part.netloc for part in parts if part.scheme not in ("blob", "data")}


@pytest.fixture(scope="session")
def register_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield new_platform(tmp_path_factory.mktemp("register"), node)


@pytest.fixture(scope="session")
def register(register_platform: Platform) -> Iterator[Register]:
    with Service(register_platform) as service:
        yield issued(service, register_platform.node)


def new_platform(folder: Path, node: LocalNode) -> Platform:
    """The contracts on `node`, and a platform that uses them."""
    # While a browser is open, Playwright's own loop runs in this thread.
    with ThreadPoolExecutor() as threads:
        return platform(folder, node, threads.submit(deploy, node).result())


def issued(service: Service, node: LocalNode) -> Register:
    """Issue the deal and the product that the pages show."""
    contract = ("수출계약서.pdf", CONTRACT, "application/pdf")
    model = ("hb-500.glb", glb(), "model/gltf-binary")
    picture = ("hb-500.png", png(), "image/png")
    return Register(
        service,
        node,
        service.issue("deals", "deal", deal(), files=[contract]),
        service.issue("contents", "content", product(), files=[model, picture]),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(parts.find("chromium")), args=FLAGS
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Opens pages, and fails the test where one of them complained."""
    opened: list[Watched] = []

    def open_(*, viewport: dict[str, int] = DESKTOP, **options: Any) -> Watched:
        context = browser.new_context(
            viewport={"width": viewport["width"], "height": viewport["height"]}, **options
        )
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request))  # noqa: PLW0108
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on(
            "console",
            lambda message: (
                watched.complaints.append(message.text)
                if message.type in ("error", "warning") and message.text != DRAWN_LATE
                else None
            ),
        )
        opened.append(watched)
        return watched

    yield open_
    for watched in opened:
        watched.page.context.close()
    complaints = [complaint for watched in opened for complaint in watched.complaints]
    assert complaints == []


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[[bytes, str], Path]:
    """Bytes as a file that can be dropped."""

    def write(data: bytes, name: str) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write
