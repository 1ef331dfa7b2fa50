"""Content by its CID: verified bytes, sandboxed, the same for ever."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse

from nftsvc.core.cid import Cid
from nftsvc.web import schemas
from nftsvc.web.dependencies import App
from nftsvc.web.headers import CONTENT_POLICY

router = APIRouter(prefix="/v1/content", tags=["content"])

_RANGE: Final = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_ENDINGS: Final = {
    "application/json": "json",
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "model/gltf-binary": "glb",
    "video/mp4": "mp4",
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The bytes."},
    206: {"content": {"application/octet-stream": {}}, "description": "The range asked for."},
    304: {"description": "The caller has these bytes: they never change."},
    416: {"description": "The range lies outside."},
    400: {"model": schemas.Problem},
    404: {"model": schemas.Problem},
    502: {"model": schemas.Problem, "description": "The store gave other bytes."},
    503: {"model": schemas.Problem},
}


@router.api_route(
    "/{cid}",
    methods=["GET", "HEAD"],
    response_class=Response,
    responses=_RESPONSES,
    operation_id="get_content",
    summary="Content by its CID",
)
async def get_content(
    cid: str,
    request: Request,
    application: App,
    range: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Any form of the CID is understood. The bytes are checked before they are given."""
    tag = f'"{Cid.parse(cid).base32()}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Security-Policy": CONTENT_POLICY,
        "Accept-Ranges": "bytes",
    }
    if if_none_match is not None and tag in re.split(r",\s*", if_none_match.replace("W/", "")):
        return Response(status_code=304, headers=headers)
    content = await application.content(cid)
    if if_none_match is not None and if_none_match.strip() == "*":
        return Response(status_code=304, headers=headers)
    ending = _ENDINGS.get(content.media_type, "bin")
    headers["Content-Disposition"] = f'attachment; filename="{content.cid}.{ending}"'
    wanted = _wanted(range, size=content.size) if if_range in (None, tag) else None
    if wanted == "outside":
        headers["Content-Range"] = f"bytes */{content.size}"
        return Response(status_code=416, headers=headers)
    first, end = wanted if isinstance(wanted, tuple) else (0, content.size)
    headers["Content-Length"] = str(end - first)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{content.size}"
    if request.method == "HEAD":
        return Response(media_type=content.media_type, headers=headers)
    return StreamingResponse(
        _cut(content.chunks, first=first, end=end),
        status_code=200 if wanted is None else 206,
        media_type=content.media_type,
        headers=headers,
    )


def _wanted(header: str | None, *, size: int) -> tuple[int, int] | str | None:
    """The half-open range that is asked for; None for all, "outside" where it holds no byte."""
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    return (start, end) if start < end else "outside"


async def _cut(chunks: AsyncIterator[bytes], *, first: int, end: int) -> AsyncIterator[bytes]:
    at = 0
    async for chunk in chunks:
        piece = chunk[max(0, first - at) : max(0, end - at)]
        at += len(chunk)
        if piece:
            yield piece
        if at >= end:
            return
