"""Errors as RFC 9457 problems: a permanent `code`, and the path of the field at fault."""

from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nftsvc.core import errors
from nftsvc.web.schemas import FieldError, Problem

_log = structlog.get_logger(__name__)

# The first class that fits decides.
_STATUS: Final[tuple[tuple[type[errors.NftsvcError], HTTPStatus], ...]] = (
    (errors.InvalidJson, HTTPStatus.BAD_REQUEST),
    (errors.InvalidCid, HTTPStatus.BAD_REQUEST),
    (errors.TooLarge, HTTPStatus(413)),
    (errors.TooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (errors.IdempotencyKeyBusy, HTTPStatus.CONFLICT),
    (errors.NotAmendable, HTTPStatus.CONFLICT),
    (errors.Unauthorized, HTTPStatus.UNAUTHORIZED),
    (errors.Erased, HTTPStatus.GONE),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.ContentMissing, HTTPStatus.NOT_FOUND),
    (errors.Refused, HTTPStatus(422)),
    (errors.Overloaded, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.Contradiction, HTTPStatus.BAD_GATEWAY),
)
_HTTP_CODES: Final = {404: "not-found", 405: "method-not-allowed"}
_TITLES: Final = {
    "invalid-field": "A field is not valid",
    "invalid-json": "The JSON cannot be read unambiguously",
    "invalid-media": "A file is not what its media type says",
    "too-large": "Too large",
    "too-slow": "The body did not end in time",
    "invalid-cid": "Not a content identifier",
    "invalid-link": "Not a verification link",
    "idempotency-key-reused": "The Idempotency-Key was used with another body",
    "idempotency-key-busy": "The Idempotency-Key is in use right now",
    "unauthorized": "A valid API token is needed",
    "not-found": "Nothing here has that name",
    "content-missing": "The content is not in the store",
    "disk-full": "No room left to store the request",
    "erased": "The asset's key was destroyed",
    "not-amendable": "The asset takes no further version now",
    "not-erasable": "The erasure cannot be done like this",
    "overloaded": "More waits already than may",
    "internal": "The service failed",
}


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of ours, of the framework and of Python as a problem."""
    app.exception_handler(errors.NftsvcError)(_of_ours)
    app.exception_handler(RequestValidationError)(_of_validation)
    app.exception_handler(HTTPException)(_of_http)
    app.add_exception_handler(Exception, _of_surprise)


def problem(error: errors.NftsvcError) -> Response:
    """One of our errors as a response."""
    headers = {}
    if isinstance(error, errors.Unavailable | errors.IdempotencyKeyBusy):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooLarge | errors.TooSlow | errors.Overloaded):
        headers["Connection"] = "close"
    return _answer(problem_of(error), headers=headers)


def problem_of(error: errors.NftsvcError) -> Problem:
    """One of our errors as a problem, wherever it is shown."""
    status = next((s for kind, s in _STATUS if isinstance(error, kind)), None)
    if status is None:
        _log.error("request-failed", code=error.code, error=str(error))
        return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, error.code, "The service failed.")
    fields = []
    path = getattr(error, "path", "")
    if path:
        reason = getattr(error, "reason", error.code)
        fields = [FieldError(path=path, reason=reason, detail=getattr(error, "detail", str(error)))]
    return _problem(status, error.code, str(error), fields=fields)


async def _of_ours(_: Request, error: errors.NftsvcError) -> Response:
    return problem(error)


async def _of_validation(_: Request, error: RequestValidationError) -> Response:
    fields = [_field_error(found) for found in error.errors()]
    detail = f"{fields[0].path}: {fields[0].detail}"
    return _answer(_problem(HTTPStatus(422), "invalid-field", detail, fields=fields))


def _field_error(found: dict[str, Any]) -> FieldError:
    where, *path = found["loc"]
    return FieldError(
        path=".".join(map(str, path)) or str(where),
        reason=str(found["type"]).replace("_", "-"),
        detail=str(found["msg"]),
    )


async def _of_http(_: Request, error: HTTPException) -> Response:
    code = _HTTP_CODES.get(error.status_code, "refused")
    found = _problem(HTTPStatus(error.status_code), code, str(error.detail))
    return _answer(found, headers=dict(error.headers or {}))


async def _of_surprise(_: Request, error: Exception) -> Response:
    _log.error("request-failed", code="internal", exc_info=error)
    return _answer(_problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The service failed."))


def _problem(
    status: HTTPStatus, code: str, detail: str, *, fields: list[FieldError] | None = None
) -> Problem:
    return Problem(
        type=f"urn:nftsvc:problem:{code}",
        title=_TITLES.get(code, status.phrase),
        status=status,
        detail=detail,
        code=code,
        errors=fields or [],
    )


def _answer(body: Problem, *, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(
        body.model_dump(),
        status_code=body.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
