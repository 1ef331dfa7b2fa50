"""How the content stores stand, for the platform."""

from fastapi import APIRouter

from nftsvc.web import schemas
from nftsvc.web.dependencies import App, Authorized

router = APIRouter(prefix="/v1", tags=["stores"], dependencies=[Authorized])


@router.get("/stores", response_model=schemas.Stores, summary="How the content stores stand")
async def get_stores(application: App) -> schemas.Stores:
    """Audits by store, and the contents that too few stores had when they were last looked at."""
    return schemas.Stores.of(await application.stores())
