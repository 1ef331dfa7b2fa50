"""Health: whether the process works, and whether its parts answer."""

from fastapi import APIRouter, Response

from nftsvc.web import schemas
from nftsvc.web.dependencies import App

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=schemas.Health, summary="Whether the process works")
async def get_health(response: Response, application: App) -> schemas.Health:
    """503 means: restart it."""
    health = await application.health()
    response.headers["Cache-Control"] = "no-store"
    if not health.alive:
        response.status_code = 503
    return schemas.Health(status="ok" if health.alive else "failing")


@router.get("/readyz", response_model=schemas.Readiness, summary="Whether the parts answer")
async def get_readiness(response: Response, application: App) -> schemas.Readiness:
    """503 means: send no requests here now. Each part is `ok` or the code of its error."""
    readiness = await application.readiness()
    response.headers["Cache-Control"] = "no-store"
    if not readiness.ready:
        response.status_code = 503
    return schemas.Readiness(
        status="ok" if readiness.ready else "failing", parts=dict(readiness.parts)
    )
