"""Speaks to a running service over its HTTP API, as the command line and scripts do."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from nftsvc.core.errors import NftsvcError, Unavailable

POLL_SECONDS: Final = 0.4
TERMINAL: Final = frozenset({"finalized", "failed"})


class ServiceRefused(NftsvcError):
    """The service answered with a problem (RFC 9457)."""

    code = "service-refused"

    def __init__(self, problem: dict[str, Any], *, status: int) -> None:
        self.problem = problem
        self.status = status
        self.problem_code = str(problem.get("code", "unknown"))
        faults = [
            f"{error.get('path', '')}: {error.get('detail', '')}"
            for error in problem.get("errors", ())
        ]
        sentence = str(problem.get("detail") or problem.get("title") or "no detail")
        super().__init__("; ".join(faults) or sentence)


class ServiceClient:
    """One service at `url`; `token` is the API token, needed for issuing only."""

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 30.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def issue(
        self,
        what: str,
        request: bytes,
        documents: Sequence[tuple[Path, str]],
        *,
        idempotency_key: str | None = None,
        amends: str | None = None,
    ) -> dict[str, Any]:
        """Post a deal (`deals`) or product content (`contents`) with its files, once.

        With `amends`, a token, it becomes that asset's next version. `documents` are (path,
        media type). The same key is sent again where the answer was lost, so that a retry can
        never issue twice.
        """
        key = idempotency_key or secrets.token_urlsafe(24)
        path = f"/v1/{what}" if amends is None else f"/v1/assets/{amends}/versions"
        part, file_part = ("deal", "document") if what == "deals" else ("content", "file")
        for attempt in range(5):
            files = [(part, (f"{part}.json", request, "application/json"))]
            opened = [path.open("rb") for path, _ in documents]
            try:
                streams = [
                    (file_part, (path.name, stream, media_type))
                    for (path, media_type), stream in zip(documents, opened, strict=True)
                ]
                response = await self._send(
                    self._http.build_request(
                        "POST",
                        path,
                        files=[*files, *streams],
                        headers={"Idempotency-Key": key},
                    )
                )
            except Unavailable as away:
                if attempt == 4:
                    raise
                await asyncio.sleep(away.retry_after)
                continue
            finally:
                for stream in opened:
                    stream.close()
            return _json(response)
        raise AssertionError("unreachable")

    async def batch(
        self, what: str, body: bytes, *, anchor: str | None = None
    ) -> list[dict[str, Any]]:
        """Post many deals (`deals`) or contents as NDJSON; the answers, in the order of the lines.

        May be repeated after `Unavailable`: each line has its own key.
        """
        response = await self._send(
            self._http.build_request(
                "POST",
                f"/v1/{what}:batch",
                content=body,
                params={"anchor": anchor} if anchor else {},
                headers={"Content-Type": "application/x-ndjson"},
            )
        )
        try:
            return [json.loads(line) for line in response.content.splitlines()]
        except ValueError as error:
            raise Unavailable("the service did not answer with lines of JSON") from error

    async def open_anchor(self, anchor: str) -> dict[str, Any]:
        """Begin an anchor, or find it."""
        return _json(await self._send(self._http.build_request("PUT", f"/v1/anchors/{anchor}")))

    async def seal_anchor(self, anchor: str) -> dict[str, Any]:
        """Have what came in anchored."""
        path = f"/v1/anchors/{anchor}:seal"
        return _json(await self._send(self._http.build_request("POST", path)))

    async def claim(self, issuance_id: str) -> dict[str, Any]:
        """Have the token of an anchored issuance issued."""
        path = f"/v1/issuances/{issuance_id}:claim"
        return _json(await self._send(self._http.build_request("POST", path)))

    async def follow_anchor(self, anchor: str) -> AsyncIterator[dict[str, Any]]:
        """The anchor each time that its status changed, until it has ended."""
        seen = None
        while True:
            found = await self.get(f"/v1/anchors/{anchor}")
            if found["status"] != seen:
                seen = found["status"]
                yield found
            if seen in TERMINAL:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def follow_claim(self, issuance_id: str) -> AsyncIterator[dict[str, Any]]:
        """The issuance each time that its claim has got further, until that has ended."""
        seen = None
        while True:
            issuance = await self.get(f"/v1/issuances/{issuance_id}")
            status = ((issuance.get("leaf") or {}).get("claim") or {}).get("status")
            if status != seen:
                seen = status
                yield issuance
            if seen in TERMINAL:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def follow(self, issuance_id: str) -> AsyncIterator[dict[str, Any]]:
        """The issuance each time that it changed, until it has ended."""
        seen = -1
        while True:
            issuance = await self.get(f"/v1/issuances/{issuance_id}")
            if len(issuance["events"]) != seen:
                seen = len(issuance["events"])
                yield issuance
            if issuance["status"] in TERMINAL:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def history(self, token: str) -> list[dict[str, Any]]:
        """Every record of one asset, oldest first, through all pages."""
        records: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            query = {"cursor": cursor} if cursor else {}
            page = await self.get(f"/v1/assets/{token}/history", **query)
            records += page["items"]
            cursor = page["next"]
            if cursor is None:
                return records

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET a JSON object."""
        return _json(await self._send(self._http.build_request("GET", path, params=query)))

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST a JSON object, get one."""
        return _json(await self._send(self._http.build_request("POST", path, json=body)))

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._http.send(request)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the service did not answer: {_why(error)}", retry_after=1
            ) from error
        if response.status_code in (409, 429, 503):
            wait = response.headers.get("Retry-After", "1")
            raise Unavailable(_detail(response), retry_after=int(wait) if wait.isdecimal() else 1)
        if response.is_error:
            raise ServiceRefused(_problem(response), status=response.status_code)
        return response


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError as error:
        raise Unavailable("the service did not answer with JSON") from error
    if not isinstance(value, dict):
        raise Unavailable("the service did not answer with an object")
    return value


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        return _json(response)
    except Unavailable:
        return {"title": f"HTTP {response.status_code}"}


def _detail(response: httpx.Response) -> str:
    problem = _problem(response)
    return str(problem.get("detail") or problem.get("title"))


def _why(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
