"""Issuing: deals and contents come in, issuances are followed to their end."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Annotated, Any, Final

import segno
from fastapi import APIRouter, Header, Request, Response

from nftsvc.core.assets import Failure, TransactionSeen
from nftsvc.core.errors import Erased, InvalidField, NotFound
from nftsvc.core.types import AssetKind, IssuanceId
from nftsvc.flows.intake import Part
from nftsvc.flows.views import IssuanceView, LeafView
from nftsvc.web import schemas
from nftsvc.web.dependencies import App, Authorized
from nftsvc.web.limits import bounded_body
from nftsvc.web.multipart import boundary_of, parts

router = APIRouter(prefix="/v1", tags=["issuances"], dependencies=[Authorized])

_MAX_KEY: Final = 255
_PROBLEM: Final = {"model": schemas.Problem}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {**_PROBLEM, "description": "The JSON part cannot be read."},
    401: {**_PROBLEM, "description": "No valid API token."},
    408: {**_PROBLEM, "description": "The body did not end in time."},
    409: {**_PROBLEM, "description": "The same Idempotency-Key is being answered right now."},
    413: {**_PROBLEM, "description": "A file or the body is too large."},
    422: {**_PROBLEM, "description": "A field, a file or the Idempotency-Key is not valid."},
    429: {**_PROBLEM, "description": "Too much waits already; ask again after Retry-After."},
    503: {**_PROBLEM, "description": "Could not be stored now; ask again after Retry-After."},
}
_EXPORTER: Final = {
    "name": "달구벌유체기계 주식회사",
    "nameEnglish": "Dalgubeol Fluid Machinery Co., Ltd.",
    "country": "KR",
    "businessRegistrationNumber": "504-81-12346",
}
DEAL_EXAMPLE: Final = {
    "contractNumber": "DGB-2026-1102",
    "contractDate": "2026-11-02",
    "exporter": _EXPORTER,
    "buyer": {"name": "Nordmole Wassertechnik GmbH", "country": "DE"},
    "incoterm": {"code": "CIF", "place": "Hamburg"},
    "currency": "USD",
    "amount": "128400.00",
    "goods": [
        {
            "description": "End-suction centrifugal pump DGP-80",
            "hsCode": "8413.70",
            "quantity": "12",
            "unit": "C62",
        }
    ],
    "programmeYear": 2026,
}
CONTENT_EXAMPLE: Final = {
    "name": "편흡입 원심펌프 DGP-80",
    "nameEnglish": "DGP-80 end-suction centrifugal pump",
    "description": "15 kW end-suction centrifugal pump on a common base plate.",
    "company": _EXPORTER,
    "programmeYear": 2026,
    "hsCode": "8413.70",
}


def _schema(part: str, example: object, files: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [part, files],
        "properties": {
            part: {"type": "object", "examples": [example]},
            files: {"type": "array", "items": {"type": "string", "format": "binary"}},
        },
    }


def _body(part: str, example: object, files: str) -> dict[str, Any]:
    schema = _schema(part, example, files)
    encoding = {part: {"contentType": "application/json"}}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
        }
    }


_Key = Annotated[
    str | None,
    Header(
        description="Chosen by the caller, once for each request it wants answered once.",
        examples=["deal-DGB-2026-1102"],
    ),
]


@router.post(
    "/deals",
    status_code=202,
    response_model=schemas.Issuance,
    responses=_REFUSALS,
    summary="Issue the token of a closed deal",
    openapi_extra=_body("deal", DEAL_EXAMPLE, "document"),
)
async def post_deal(request: Request, application: App, idempotency_key: _Key = None) -> Response:
    """One JSON part `deal` and one or more files `document`; the files are encrypted."""
    return await _accept(AssetKind.EXPORT_CONTRACT, request, application, idempotency_key)


@router.post(
    "/contents",
    status_code=202,
    response_model=schemas.Issuance,
    responses=_REFUSALS,
    summary="Issue the token of product content",
    openapi_extra=_body("content", CONTENT_EXAMPLE, "file"),
)
async def post_content(
    request: Request, application: App, idempotency_key: _Key = None
) -> Response:
    """One JSON part `content` and one or more files `file`; the files are public."""
    return await _accept(AssetKind.PRODUCT_CONTENT, request, application, idempotency_key)


@router.post(
    "/assets/{token:path}/versions",
    status_code=202,
    response_model=schemas.Issuance,
    responses=_REFUSALS
    | {
        404: {**_PROBLEM, "description": "No such asset, or none of this service."},
        409: {**_PROBLEM, "description": "The asset takes no further version, or none now."},
        410: {**_PROBLEM, "description": "The asset was erased."},
    },
    summary="Amend an asset: its next version under the same token",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "oneOf": [
                            _schema("deal", DEAL_EXAMPLE, "document"),
                            _schema("content", CONTENT_EXAMPLE, "file"),
                        ]
                    }
                }
            },
        }
    },
)
async def post_version(
    token: str, request: Request, application: App, idempotency_key: _Key = None
) -> Response:
    """All of the new version, in the parts that its first one had; the older ones stay provable.

    `token` as 0x and 64 hex digits, as a number, or as CAIP-19. The holder stays who it is.
    """
    key = _checked(idempotency_key)
    view = await application.amend(token, key=key, parts=_parts(request, application))
    return _accepted(view, application)


@router.get(
    "/issuances/{id}",
    response_model=schemas.Issuance,
    responses={401: _PROBLEM, 404: _PROBLEM},
    summary="How far an issuance is",
)
async def get_issuance(id: str, response: Response, application: App) -> schemas.Issuance:
    """`finalized` and `failed` are ends; every change before is in `events`."""
    response.headers["Cache-Control"] = "no-store"
    return _issuance(await application.issuance(IssuanceId(id)), application)


@router.get(
    "/issuances/{id}/qr.svg",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {}}},
        401: _PROBLEM,
        404: _PROBLEM,
        410: _PROBLEM,
    },
    summary="The verification link as a QR code",
)
async def get_issuance_qr(id: str, application: App) -> Response:
    """The link is a secret of whoever holds the documents: so is its picture."""
    view = await application.issuance(IssuanceId(id))
    if view.erased_at is not None:
        raise Erased("the asset's key was destroyed, and what opens its link with it")
    if view.verify_link is None:
        raise NotFound("no token can be verified before it is claimed")
    return qr_response(view.verify_link, cache="no-store")


def qr_response(text: str, *, cache: str) -> Response:
    """`text` as a QR code, error correction M, in SVG."""
    picture = BytesIO()
    segno.make_qr(text, error="m").save(picture, kind="svg", scale=4, border=2)
    return Response(
        picture.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": cache}
    )


@router.post(
    "/issuances/{id}:claim",
    status_code=202,
    response_model=schemas.Issuance,
    responses={401: _PROBLEM, 404: _PROBLEM, 422: _PROBLEM},
    summary="Issue the token of an anchored document",
)
async def post_claim(id: str, response: Response, application: App) -> schemas.Issuance:
    """Its anchor must be final. May be repeated: there is one token at most."""
    response.headers["Cache-Control"] = "no-store"
    return _issuance(await application.claim(IssuanceId(id)), application)


@router.get(
    "/issuances/{id}/proof",
    response_model=schemas.Proof,
    responses={401: _PROBLEM, 404: _PROBLEM},
    summary="What proves that an anchor holds the document",
)
async def get_proof(id: str, application: App) -> schemas.Proof:
    """Keep it: with it the token can be claimed without this service."""
    claim = await application.proof(IssuanceId(id))
    return schemas.Proof(
        issuer=claim.issuer,
        root=f"0x{claim.root.hex()}",
        holder=claim.leaf.holder,
        digest=f"0x{claim.leaf.digest.hex()}",
        proof=[f"0x{node.hex()}" for node in claim.proof],
    )


def links_of(view: IssuanceView, base: str) -> dict[str, str | None]:
    """Where to go on from an issuance; `base` is the service's address without a slash behind."""
    token = f"0x{view.asset.token_id:064x}"
    return {
        "verify": view.verify_link,
        "asset": f"{base}/assets/{token}",
        "history": f"{base}/v1/assets/{token}/history",
    }


async def _accept(kind: AssetKind, request: Request, application: App, key: str | None) -> Response:
    checked = _checked(key)
    view = await application.accept(kind, key=checked, parts=_parts(request, application))
    return _accepted(view, application)


def _checked(key: str | None) -> str:
    if key is None or not 0 < len(key) <= _MAX_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidField(
            "Idempotency-Key",
            reason="missing" if not key else "not-a-key",
            detail=f"expected 1 to {_MAX_KEY} printable ASCII characters",
        )
    return key


def _parts(request: Request, application: App) -> AsyncIterator[Part]:
    boundary = boundary_of(request.headers.get("content-type", ""))
    settings = application.settings
    body = bounded_body(request, most=settings.max_body_bytes, seconds=settings.body_seconds)
    return parts(body, boundary=boundary)


def _accepted(view: IssuanceView, application: App) -> Response:
    # Written here: FastAPI would look through it all once more.
    return Response(
        _issuance(view, application).model_dump_json(by_alias=True),
        status_code=202,
        media_type="application/json",
        headers={"Location": f"/v1/issuances/{view.id}", "Cache-Control": "no-store"},
    )


def _issuance(view: IssuanceView, application: App) -> schemas.Issuance:
    token = f"0x{view.asset.token_id:064x}"
    base = application.settings.public_url.rstrip("/")
    return schemas.Issuance(
        id=view.id,
        kind=view.kind,
        status=view.status,
        asset=str(view.asset),
        token_id=token,
        version=view.version,
        manifest_cid=view.manifest_cid,
        accepted_at=view.accepted_at,
        events=[schemas.StatusEvent(status=e.status, at=e.at, cause=e.cause) for e in view.events],
        transaction=transaction_of(view.transaction),
        error=failure_of(view.error),
        erased_at=view.erased_at,
        links=schemas.IssuanceLinks(**links_of(view, base)),
        documents=[
            schemas.IssuedDocument(name=d.name, cid=d.cid, size=d.size) for d in view.documents
        ],
        leaf=_leaf(view.leaf) if view.leaf else None,
    )


def transaction_of(seen: TransactionSeen | None) -> schemas.Transaction | None:
    """The transaction that carries something, where there is one."""
    if seen is None:
        return None
    return schemas.Transaction(hash=seen.transaction_hash, block_number=seen.block_number)


def failure_of(failure: Failure | None) -> schemas.Failure | None:
    """Why something failed, where it did."""
    return schemas.Failure(code=failure.code, detail=failure.detail) if failure else None


def _leaf(leaf: LeafView) -> schemas.Leaf:
    claim = None
    if leaf.claim is not None:
        claim = schemas.LeafClaim(
            status=leaf.claim,
            transaction=transaction_of(leaf.claim_transaction),
            error=failure_of(leaf.claim_error),
        )
    root = f"0x{leaf.root.hex()}" if leaf.root is not None else None
    return schemas.Leaf(anchor=leaf.anchor, root=root, claim=claim)
