"""Handing on and erasing: fields as a file, keys for further parties, the end of a key."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import Field

from nftsvc.core.disclosure import read_paths
from nftsvc.core.keys import Erasure
from nftsvc.web import schemas
from nftsvc.web.dependencies import App, Authorized

router = APIRouter(prefix="/v1/assets", tags=["keys"], dependencies=[Authorized])

_PROBLEM: Final = {"model": schemas.Problem}
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    401: {**_PROBLEM, "description": "No valid API token."},
    404: {**_PROBLEM, "description": "No such asset, or all of it is public."},
    410: {**_PROBLEM, "description": "The asset's key was destroyed."},
    422: {**_PROBLEM, "description": "A field is not valid, or `not-erasable` like this."},
    503: {**_PROBLEM, "description": "Could not be done now; ask again after Retry-After."},
}


class Fields(schemas.Schema):
    """The fields that shall be shown."""

    fields: Annotated[list[str], Field(min_length=1, max_length=200, examples=[["amount"]])]


class Recipient(schemas.Schema):
    """Who shall be able to open the documents."""

    recipient: Annotated[
        str,
        Field(
            max_length=4096,
            examples=["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
        ),
    ]


class ErasureRequest(schemas.Schema):
    """Who wants it, and why; both stay on record, so name no person in the reason."""

    by: Annotated[str, Field(max_length=120, examples=["data protection office"])]
    reason: Annotated[str, Field(max_length=200, examples=["request 2026-118"])]


class ErasureConfirmation(schemas.Schema):
    """Who confirms, with the code of the request."""

    by: Annotated[str, Field(max_length=120, examples=["registrar"])]
    code: Annotated[str, Field(max_length=80, examples=["5f1d3c0a9e8b7d6c5a40"])]


@router.post(
    "/{token:path}/disclosures",
    response_model=schemas.DisclosureFile,
    responses=_PROBLEMS,
    summary="Some fields of a deal, as a file that proves them",
)
async def post_disclosures(
    token: str, body: Fields, response: Response, application: App
) -> schemas.DisclosureFile:
    """Paths such as `amount`, `exporter.country`, `goods[0].hsCode`; nothing else is told."""
    response.headers["Cache-Control"] = "no-store"
    paths = read_paths(",".join(body.fields))
    file = await application.disclose(token, paths)
    return schemas.DisclosureFile.model_validate(file.to_json())


@router.post(
    "/{token:path}/envelopes",
    response_model=schemas.EnvelopeFile,
    responses=_PROBLEMS,
    summary="The asset's key for one more party",
)
async def post_envelope(
    token: str, body: Recipient, response: Response, application: App
) -> schemas.EnvelopeFile:
    """The same recipient gets the same envelope. What was anchored is not touched."""
    response.headers["Cache-Control"] = "no-store"
    file = await application.grant(token, recipient=body.recipient)
    return schemas.EnvelopeFile.model_validate(file.to_json())


@router.post(
    "/{token:path}/erasure/confirmation",
    response_model=schemas.Erasure,
    responses=_PROBLEMS,
    summary="Destroy an asset's key for good: the second step",
)
async def post_erasure_confirmation(
    token: str, body: ErasureConfirmation, response: Response, application: App
) -> schemas.Erasure:
    """Cannot be undone. Repeating it gives the same answer."""
    response.headers["Cache-Control"] = "no-store"
    return _erasure(await application.confirm_erasure(token, by=body.by, code=body.code))


@router.post(
    "/{token:path}/erasure",
    status_code=202,
    response_model=schemas.Erasure,
    responses=_PROBLEMS,
    summary="Ask for an asset's key to be destroyed: the first step",
)
async def post_erasure(
    token: str, body: ErasureRequest, response: Response, application: App
) -> schemas.Erasure:
    """Nothing is touched; the answer holds the code that confirms it."""
    response.headers["Cache-Control"] = "no-store"
    erasure = await application.request_erasure(token, by=body.by, reason=body.reason)
    return _erasure(erasure, code=erasure.code)


@router.get(
    "/{token:path}/erasure",
    response_model=schemas.Erasure,
    responses=_PROBLEMS,
    summary="How far an erasure is",
)
async def get_erasure(token: str, response: Response, application: App) -> schemas.Erasure:
    """Who asked, who confirmed, and when."""
    response.headers["Cache-Control"] = "no-store"
    return _erasure(await application.erasure(token))


def _erasure(erasure: Erasure, *, code: str | None = None) -> schemas.Erasure:
    return schemas.Erasure(
        requested_at=erasure.requested_at,
        requested_by=erasure.requested_by,
        reason=erasure.reason,
        code=code if erasure.confirmed_at is None else None,
        confirm_from=erasure.confirm_from,
        confirmed_at=erasure.confirmed_at,
        confirmed_by=erasure.confirmed_by,
        finished_at=erasure.finished_at,
    )
