"""The pages. They hold words only; what they show is gathered and checked in the browser."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nftsvc.core.errors import NftsvcError
from nftsvc.web.dependencies import App
from nftsvc.web.language import language_of, translator

router = APIRouter(include_in_schema=False)

_PAGES: Final = Path(__file__).parents[1] / "pages"
_STATIC: Final = Path(__file__).parents[1] / "static"
LINK_SECONDS: Final = 1.0
_SHARED_PAGES: Final = ("dom", "text", "particulars", "report")


@router.get("/")
async def home(request: Request) -> HTMLResponse:
    """What this is, and where to drop a file."""
    return _page(request, "home.html", title="home.title", script="verify.js", robots="index")


@router.get("/verify")
async def verify(request: Request) -> HTMLResponse:
    """The verdict on one file; the link's data stays behind the `#`."""
    return _page(request, "verify.html", title="verify.title", script="verify.js")


@router.get("/assets/{token:path}")
async def asset(request: Request, token: str, application: App) -> HTMLResponse:
    """One asset: its record, its documents, its history."""
    return _page(
        request,
        "asset.html",
        title="asset.title",
        script="asset.js",
        token=token,
        preview=await _preview_of(application, token),
    )


@router.get("/favicon.ico")
async def favicon() -> RedirectResponse:
    """For browsers that ask before they read the page."""
    return RedirectResponse("/static/icon.svg", status_code=308)


def _page(
    request: Request,
    template: str,
    *,
    title: str,
    script: str,
    robots: str = "noindex",
    token: str = "",
    preview: str = "",
) -> HTMLResponse:
    language = language_of(request)
    html = (
        _environment()
        .get_template(template)
        .render(
            language=language.value,
            t=translator(language),
            title=title,
            script=script,
            robots=robots,
            token=token,
            preview=preview,
            modules=_modules(),
        )
    )
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": request.app.state.page_policy,
            "Content-Language": language.value,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Language, Cookie",
        },
    )


async def _preview_of(application: App, token: str) -> str:
    """The address of a public asset's preview, for whoever shows links; the page waits for none."""
    try:
        async with asyncio.timeout(LINK_SECONDS):
            view = await application.asset(token)
    except (NftsvcError, TimeoutError):
        return ""
    shows = isinstance(view.manifest, dict) and {"image", "animation_url"} & view.manifest.keys()
    base = application.settings.public_url.rstrip("/")
    return f"{base}/v1/assets/0x{view.asset.token_id:064x}/preview" if shows else ""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


@cache
def _modules() -> tuple[str, ...]:
    """What every page imports anyway, so that a slow phone asks for all of it at once."""
    shared = [*sorted((_STATIC / "verify").glob("*.js")), _STATIC / "vendor" / "hashes.js"]
    shared += [
        _STATIC / "pages" / f"{name}.js" for name in ("dom", "text", "particulars", "report")
    ]
    return tuple(str(path.relative_to(_STATIC)) for path in shared if path.name != "hash-worker.js")
