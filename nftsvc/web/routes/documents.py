"""Public documents, found by their hash."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from nftsvc.core.types import Digest
from nftsvc.web import schemas
from nftsvc.web.dependencies import App

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_RESPONSES: dict[int | str, dict[str, Any]] = {422: {"model": schemas.Problem}}


@router.get(
    "", response_model=schemas.Documents, responses=_RESPONSES, summary="Find a public document"
)
async def find_documents(
    application: App,
    sha256: Annotated[str, Query(pattern="^[0-9a-f]{64}$", examples=["ce" * 32])],
) -> schemas.Documents:
    """The assets that hold the file with this sha256. Sealed documents are never found."""
    found = await application.find_by_hash(Digest(bytes.fromhex(sha256)))
    return schemas.Documents(assets=[str(asset) for asset in found])
