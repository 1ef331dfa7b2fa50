"""Assets: what the chain says of a token, and what happened to it."""

import hashlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response

from nftsvc.core.history import RecordEvent
from nftsvc.web import schemas
from nftsvc.web.dependencies import App
from nftsvc.web.headers import CONTENT_POLICY
from nftsvc.web.routes.issuances import qr_response

router = APIRouter(prefix="/v1/assets", tags=["assets"])

_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.Problem} for code in (404, 422, 503)
}


@router.get(
    "/{token:path}/history",
    response_model=schemas.History,
    response_model_exclude_none=False,
    responses=_PROBLEMS,
    summary="What happened to an asset",
)
async def get_history(
    token: str,
    response: Response,
    application: App,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> schemas.History:
    """Oldest first. `token` as for the asset itself; `cursor` is the `next` of the page before."""
    response.headers["Cache-Control"] = "no-cache"
    page = await application.history(token, cursor=cursor, limit=limit)
    return schemas.History(
        items=[_item(found.record, at=found.at, finality=found.finality) for found in page.items],
        next=page.next,
    )


@router.get(
    "/{token:path}/qr.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}, **_PROBLEMS},
    summary="The address of the asset's page as a QR code",
)
async def get_qr(token: str, application: App) -> Response:
    """Holds nothing that opens a sealed document."""
    view = await application.asset(token)
    base = application.settings.public_url.rstrip("/")
    address = f"{base}/assets/0x{view.asset.token_id:064x}"
    return qr_response(address, cache="public, max-age=3600")


@router.get(
    "/{token:path}/preview",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The preview, at most 800 pixels."},
        304: {"description": "The caller has this preview."},
        **_PROBLEMS,
    },
    summary="A small picture of what an asset shows",
)
async def get_preview(
    token: str,
    application: App,
    document: Annotated[
        str | None, Query(description="CID of one of the asset's pictures or models.")
    ] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Drawn by this service and anchored nowhere: it proves nothing, and may look different
    tomorrow. `Nftsvc-Preview-Of` names the content that it was drawn from.
    """
    found = await application.preview(token, document=document)
    tag = f'"{hashlib.sha256(found.jpeg).hexdigest()}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=3600",
        "Content-Security-Policy": CONTENT_POLICY,
        "Content-Disposition": f'inline; filename="preview-of-{found.of}.jpg"',
        "Link": f'</v1/content/{found.of}>; rel="original"',
        "Nftsvc-Preview-Of": str(found.of),
    }
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(found.jpeg, media_type="image/jpeg", headers=headers)


@router.get(
    "/{token:path}",
    response_model=schemas.Asset,
    responses=_PROBLEMS,
    summary="One asset as the chain has it",
)
async def get_asset(token: str, response: Response, application: App) -> schemas.Asset:
    """`token` is 0x and 64 hex digits, a decimal number, or the CAIP-19 asset id."""
    response.headers["Cache-Control"] = "no-cache"
    view = await application.asset(token)
    return schemas.Asset(
        asset=str(view.asset),
        token_id=f"0x{view.asset.token_id:064x}",
        kind=view.kind,
        status=view.status,
        version=view.version,
        holder=view.holder,
        issuer=view.issuer,
        issued_at=view.issued_at,
        digest=view.digest.hex(),
        manifest_cid=view.manifest_cid,
        manifest=view.manifest,
        block=schemas.BlockRef(number=view.block.number, hash=view.block.hash),
        finality=view.finality,
        erased_at=view.erased_at,
    )


def _item(record: RecordEvent, **rest: Any) -> schemas.HistoryItem:
    return schemas.HistoryItem(
        kind=record.kind,
        block=schemas.BlockRef(number=record.block_number, hash=record.block_hash),
        transaction=record.transaction,
        log_index=record.log_index,
        actor=record.actor,
        from_=record.holder_from,
        to=record.holder_to,
        digest=record.digest.hex() if record.digest is not None else None,
        version=record.version,
        status=record.status,
        previous_block=record.previous_block,
        **rest,
    )
