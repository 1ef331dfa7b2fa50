"""How the service stands: for operators as JSON, for Prometheus as metrics."""

from fastapi import APIRouter, Response

from nftsvc.web import schemas
from nftsvc.web.dependencies import App, Authorized
from nftsvc.web.metrics import MEDIA_TYPE, exposition
from nftsvc.web.status_schemas import Status

router = APIRouter(tags=["health"])


@router.get(
    "/v1/status",
    response_model=Status,
    dependencies=[Authorized],
    responses={401: {"model": schemas.Problem}},
    summary="How the service stands",
)
async def get_status(response: Response, application: App) -> Status:
    """Queue, lanes, chain, workers and alarms of all processes together."""
    response.headers["Cache-Control"] = "no-store"
    return Status.of(await application.status())


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    summary="The same for Prometheus",
)
async def get_metrics(application: App) -> Response:
    """Nothing in it is secret; whoever may reach this address may read it."""
    headers = {"Cache-Control": "no-store"}
    return Response(exposition(await application.status()), media_type=MEDIA_TYPE, headers=headers)
