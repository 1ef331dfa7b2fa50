"""Anchors: thousands of deals under one Merkle root, tokens claimed on demand."""

from typing import Any, Final

from fastapi import APIRouter, Response

from nftsvc.flows.views import AnchorView
from nftsvc.web import schemas
from nftsvc.web.dependencies import App, Authorized
from nftsvc.web.routes.issuances import failure_of, transaction_of

router = APIRouter(prefix="/v1", tags=["anchors"], dependencies=[Authorized])

_PROBLEM: Final = {"model": schemas.Problem}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {401: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM}


@router.put(
    "/anchors/{id}",
    response_model=schemas.Anchor,
    responses={401: _PROBLEM, 422: _PROBLEM},
    summary="Open an anchor",
)
async def put_anchor(id: str, response: Response, application: App) -> schemas.Anchor:
    """The caller names it. Fill it with `POST /v1/deals:batch?anchor=...`, then seal it."""
    return _shown(await application.open_anchor(id), response)


@router.get(
    "/anchors/{id}",
    response_model=schemas.Anchor,
    responses={401: _PROBLEM, 404: _PROBLEM},
    summary="How far an anchor is",
)
async def get_anchor(id: str, response: Response, application: App) -> schemas.Anchor:
    """`finalized` and `failed` are ends."""
    return _shown(await application.anchor(id), response)


@router.post(
    "/anchors/{id}:seal",
    status_code=202,
    response_model=schemas.Anchor,
    responses=_RESPONSES,
    summary="Anchor what came in",
)
async def seal_anchor(id: str, response: Response, application: App) -> schemas.Anchor:
    """Takes no further items; once all are stored, one transaction anchors their root."""
    return _shown(await application.seal_anchor(id), response)


def _shown(view: AnchorView, response: Response) -> schemas.Anchor:
    response.headers["Cache-Control"] = "no-store"
    return schemas.Anchor(
        id=view.id,
        status=view.status or ("sealed" if view.sealed else "open"),
        items=view.leaves,
        root=f"0x{view.root.hex()}" if view.root is not None else None,
        events=[schemas.StatusEvent(status=e.status, at=e.at, cause=e.cause) for e in view.events],
        transaction=transaction_of(view.transaction),
        error=failure_of(view.error),
    )
