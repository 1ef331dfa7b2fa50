"""Thousands of deals or contents in one request, answered item by item."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from nftsvc.core.errors import NftsvcError
from nftsvc.core.types import AssetKind
from nftsvc.flows.views import IssuanceView
from nftsvc.web import schemas
from nftsvc.web.dependencies import App, Authorized
from nftsvc.web.limits import bounded_body
from nftsvc.web.ndjson import MEDIA_TYPES, check_ndjson, lines
from nftsvc.web.problems import problem_of
from nftsvc.web.routes.issuances import CONTENT_EXAMPLE, DEAL_EXAMPLE, links_of

router = APIRouter(prefix="/v1", tags=["issuances"], dependencies=[Authorized])

_Anchor = Annotated[
    str | None,
    Query(description="An open anchor: the items become its leaves instead of tokens."),
]
_NDJSON: Final = MEDIA_TYPES[0]
_PROBLEM: Final = {"model": schemas.Problem}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One line for each item, in their order.",
        "content": {_NDJSON: {"schema": {"$ref": "#/components/schemas/BatchAnswer"}}},
        "model": schemas.BatchAnswer,
    },
    401: {**_PROBLEM, "description": "No valid API token."},
    408: {**_PROBLEM, "description": "The body did not end in time."},
    413: {**_PROBLEM, "description": "The body is too large."},
    422: {**_PROBLEM, "description": "Another content type, or a body that breaks off."},
    429: {**_PROBLEM, "description": "Too much waits already; ask again after Retry-After."},
}


def _body(noun: str, example: object, files: str, name: str, media_type: str) -> dict[str, Any]:
    file = {
        "type": "object",
        "required": ["name", "mediaType", "base64"],
        "properties": {
            "name": {"type": "string", "examples": [name]},
            "mediaType": {"type": "string", "examples": [media_type]},
            "base64": {"type": "string", "contentEncoding": "base64"},
        },
    }
    item = {
        "type": "object",
        "description": "One line. Repeating a request gives each key the answer it had.",
        "required": ["idempotencyKey", noun, files],
        "properties": {
            "idempotencyKey": {"type": "string", "maxLength": 200, "examples": ["row-1"]},
            noun: {"type": "object", "examples": [example]},
            files: {"type": "array", "minItems": 1, "items": file},
        },
    }
    return {"requestBody": {"required": True, "content": {_NDJSON: {"schema": item}}}}


@router.post(
    "/deals:batch",
    response_class=Response,
    responses=_RESPONSES,
    summary="Issue the tokens of many closed deals",
    openapi_extra=_body("deal", DEAL_EXAMPLE, "documents", "contract.pdf", "application/pdf"),
)
async def post_deals(request: Request, application: App, anchor: _Anchor = None) -> Response:
    """NDJSON: each line a deal with its documents in base64; they are encrypted.

    An item that is refused does not sink the others. After a break, send the same again.
    """
    return await _accept(AssetKind.EXPORT_CONTRACT, request, application, anchor)


@router.post(
    "/contents:batch",
    response_class=Response,
    responses=_RESPONSES,
    summary="Issue the tokens of many product contents",
    openapi_extra=_body("content", CONTENT_EXAMPLE, "files", "pump.png", "image/png"),
)
async def post_contents(request: Request, application: App) -> Response:
    """NDJSON: each line product content with its files in base64; they are public."""
    return await _accept(AssetKind.PRODUCT_CONTENT, request, application, None)


async def _accept(
    kind: AssetKind, request: Request, application: App, anchor: str | None
) -> Response:
    check_ndjson(request.headers.get("content-type", ""))
    settings = application.settings
    body = bounded_body(request, most=settings.max_body_bytes, seconds=settings.body_seconds)
    items = lines(body, longest=settings.max_item_bytes)
    outcomes = application.accept_batch(kind, items, anchor=anchor)
    base = settings.public_url.rstrip("/")
    # Answered when all of it was read: a client that does not read while it sends would block.
    answers = [line async for line in _answers(outcomes, base)]
    return Response(b"".join(answers), media_type=_NDJSON, headers={"Cache-Control": "no-store"})


async def _answers(
    outcomes: AsyncIterator[tuple[str | None, IssuanceView | NftsvcError]], base: str
) -> AsyncIterator[bytes]:
    index = 0
    async for key, outcome in outcomes:
        answer: dict[str, Any] = {"index": index, "idempotencyKey": key}
        if isinstance(outcome, NftsvcError):
            problem = problem_of(outcome)
            answer |= {"status": problem.status, "problem": problem.model_dump()}
        else:
            answer |= {"status": 202, "issuance": _issuance(outcome, base)}
        yield orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)
        index += 1


def _issuance(view: IssuanceView, base: str) -> dict[str, Any]:
    """`schemas.BatchIssuance`, without the price of a model for each of thousands."""
    return {
        "id": view.id,
        "status": view.status.value,
        "asset": str(view.asset),
        "tokenId": f"0x{view.asset.token_id:064x}",
        "manifestCid": view.manifest_cid,
        "links": links_of(view, base),
    }
