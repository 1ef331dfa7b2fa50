"""What a verifier starts from: whom this register recognises, and where the chain is asked."""

from fastapi import APIRouter

from nftsvc.web import schemas
from nftsvc.web.dependencies import App

router = APIRouter(prefix="/v1", tags=["trust"])


@router.get(
    "/trust",
    response_model=schemas.Trust,
    response_model_exclude_none=True,
    summary="The issuers that this register recognises",
)
async def get_trust(application: App) -> schemas.Trust:
    """A verifier may bring its own list instead."""
    return schemas.Trust.model_validate(application.trust())


@router.get("/chains", response_model=schemas.Chains, summary="Where a verifier asks the chain")
async def get_chains(application: App) -> schemas.Chains:
    """The RPC endpoints, and how many of them must agree."""
    return schemas.Chains.model_validate(application.chains())
