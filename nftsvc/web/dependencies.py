"""What routes are given: the application, and the proof that the caller may write."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from nftsvc.core.errors import NftsvcError
from nftsvc.core.types import AssetId, AssetKind, Digest, IssuanceId
from nftsvc.flows.batch import Line
from nftsvc.flows.intake import Part
from nftsvc.flows.store_audit import StoreReport
from nftsvc.flows.views import AssetView, Content, HistoryPage, IssuanceView

_BEARER = HTTPBearer(auto_error=False, description="An API token of the platform.")


class Limits(Protocol):
    """The settings that bound a request. Bytes and seconds."""

    @property
    def max_body_bytes(self) -> int: ...
    @property
    def max_item_bytes(self) -> int: ...
    @property
    def body_seconds(self) -> float: ...
    @property
    def public_url(self) -> str: ...


class Application(Protocol):
    """What the HTTP side needs; `bootstrap` gives it."""

    @property
    def settings(self) -> Limits: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def authorize(self, token: str | None, /) -> None: ...
    async def accept(
        self, kind: AssetKind, /, *, key: str, parts: AsyncIterator[Part]
    ) -> IssuanceView: ...
    def accept_batch(
        self, kind: AssetKind, lines: AsyncIterator[Line], /
    ) -> AsyncIterator[tuple[str | None, IssuanceView | NftsvcError]]: ...
    async def issuance(self, id: IssuanceId, /) -> IssuanceView: ...
    async def asset(self, token: str, /) -> AssetView: ...
    async def history(
        self, token: str, /, *, cursor: str | None = None, limit: int = 50
    ) -> HistoryPage: ...
    async def find_by_hash(self, digest: Digest, /) -> tuple[AssetId, ...]: ...
    async def content(self, cid: str, /) -> Content: ...
    async def stores(self) -> StoreReport: ...
    def trust(self) -> Any: ...
    def chains(self) -> Any: ...
    async def health(self) -> Any: ...
    async def readiness(self) -> Any: ...


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


App = Annotated[Application, Depends(_application)]


def _authorized(
    application: App,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> None:
    application.authorize(credentials.credentials if credentials else None)


Authorized = Depends(_authorized)
