"""Security headers: nothing from elsewhere, nothing told to others, no frames."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# sha256 of the style sheet that model-viewer 4.4.0 puts into its shadow root.
MODEL_VIEWER_STYLE: Final = "'sha256-PXtZZkJMMyc18o/DN1ZEFOJ2qEGq95IQbVaJFMOXOb0='"

COMMON: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "microphone=(), payment=(), usb=()"
    ),
}
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
CONTENT_POLICY: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


def page_policy(rpc_urls: Iterable[str]) -> str:
    """The Content-Security-Policy of pages and scripts, with the RPC endpoints they may ask."""
    origins = sorted({_origin(url) for url in rpc_urls})
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            f"style-src 'self' {MODEL_VIEWER_STYLE}",
            "img-src 'self' blob: data:",
            " ".join(["connect-src 'self' blob:", *origins]),
            "worker-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


class SecurityHeaders:
    """Puts the common headers on every answer, and the API's policy where none is set."""

    def __init__(self, app: ASGIApp, *, pages: str) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in COMMON.items():
                    headers.setdefault(name, value)
                # A worker's own policy comes with its script, not from the page.
                headers.setdefault("Content-Security-Policy", self._pages if static else API_POLICY)
                if static:
                    headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
