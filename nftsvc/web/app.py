"""The HTTP application: routes, pages, limits and headers around one `Application`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from nftsvc.core.errors import Misconfigured
from nftsvc.web.dependencies import Application
from nftsvc.web.headers import SecurityHeaders, page_policy
from nftsvc.web.problems import add_problem_handlers
from nftsvc.web.routes import (
    anchors,
    assets,
    batches,
    content,
    documents,
    health,
    issuances,
    keys,
    pages,
    status,
    stores,
    trust,
)

STATIC: Final = Path(__file__).parent / "static"

_DESCRIPTION: Final = """\
Anchors export contracts and product content as ERC-721 tokens, and lets anyone verify them.

Errors are RFC 9457 problems with a permanent `code`. Requests that write, and what only the
platform may see, need `Authorization: Bearer <API token>`; everything else is public.
"""


def create_app(application: Application) -> FastAPI:
    """The ASGI application; its lifespan starts and stops `application`.

    Raises `Misconfigured` where the pages' modules were not built.
    """
    if not (STATIC / "vendor" / "hashes.js").is_file():
        raise Misconfigured("the pages' modules are missing: run scripts/build-web")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await application.start()
        try:
            yield
        finally:
            await application.stop()

    policy = page_policy(url for chain in application.chains()["chains"] for url in chain["rpc"])
    app = FastAPI(
        title="nftsvc",
        version=version("nftsvc"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.application = application
    app.state.page_policy = policy
    for noun in (
        anchors,
        batches,
        issuances,
        keys,
        assets,
        documents,
        content,
        trust,
        stores,
        status,
        health,
        pages,
    ):
        app.include_router(noun.router)
    app.mount("/static", GZipMiddleware(StaticFiles(directory=STATIC)), name="static")
    app.add_middleware(SecurityHeaders, pages=policy)
    add_problem_handlers(app)
    return app
