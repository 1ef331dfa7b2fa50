"""A content store behind the IPFS Pinning Service API, version 1.0.0.

A pinning service takes names, not bytes: it fetches the content from a Kubo node of ours, its
origin, and what it keeps is read back through a gateway that is not ours.

    1  the bytes go to the origin, which must be reachable for the service
    2  POST /pins with the origin's addresses; the origin connects to the service's delegates
    3  GET /pins/{requestid} until it says pinned, or failed, or patience ends
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from nftsvc.adapters.http_answers import read_body, retry_after, secret_of
from nftsvc.adapters.kubo_store import KuboStore
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    InvalidCid,
    Misconfigured,
)
from nftsvc.core.unixfs import MAX_BLOCK_BYTES
from nftsvc.ports import BlockReader, CheckedStore, Upload

_ANSWER_BYTES: Final = 4 * 1024 * 1024
_NAME_LETTERS: Final = 255
_MOST_ORIGINS: Final = 20
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 10.0
_EVERY_STATUS: Final = "queued,pinning,pinned,failed"


class PinningStore(CheckedStore):
    """The service at `endpoint`, with its token in `token_file`.

    `origin` has the bytes for it to fetch; `gateway` gives single blocks (a trustless gateway,
    `/ipfs/{cid}?format=raw`). A request may take `whole_seconds`, a pin `patience_seconds`.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        token_file: Path,
        origin: KuboStore,
        gateway: str,
        name: str = "pinning",
        whole_seconds: float = 30.0,
        patience_seconds: float = 600.0,
    ) -> None:
        self.name = name
        self._origin = origin
        self._whole_seconds = whole_seconds
        self._patience_seconds = patience_seconds
        self._endpoint = endpoint.rstrip("/")
        self._gateway = gateway.rstrip("/")
        self._authorization = f"Bearer {secret_of(token_file, who=name)}"
        try:
            httpx.URL(self._endpoint)
            httpx.URL(self._gateway)
        except httpx.InvalidURL as error:
            raise Misconfigured(f"the address of {name} is none: {error}") from error
        self._http = httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(whole_seconds, connect=5.0),
        )

    async def close(self) -> None:
        await self._http.aclose()
        await self._origin.close()

    async def has(self, cid: Cid) -> bool:
        return bool(await self._pins(cid, status="pinned"))

    async def remove(self, cid: Cid) -> None:
        for pin in await self._pins(cid, status=_EVERY_STATUS):
            await self._ask("DELETE", f"/pins/{quote(_text(pin, 'requestid'), safe='')}")
        await self._origin.remove(cid)

    async def block(self, cid: Cid) -> bytes:
        """One block, as the gateway gives it."""
        status, headers, body = await self._send(
            httpx.Request(
                "GET",
                f"{self._gateway}/ipfs/{cid.upgraded()}",
                params={"format": "raw"},
                headers={"Accept": "application/vnd.ipld.raw", "Accept-Encoding": "identity"},
            ),
            most=MAX_BLOCK_BYTES,
        )
        if status == 200:
            return body
        if status in (404, 410):
            raise ContentMissing(str(cid), store=self.name)
        raise ContentUnavailable(
            f"the gateway of {self.name} answered {status}",
            retry_after=retry_after(headers.get("Retry-After", "")),
        )

    async def _put(self, upload: Upload) -> Cid:
        cid = await self._origin.put(upload.chunks(), label=upload.label)
        await self._pin(cid, label=upload.label)
        return cid

    async def _open(self, cid: Cid) -> BlockReader:
        if not await self.has(cid):
            raise ContentMissing(str(cid), store=self.name)
        return _GatewayReader(self)

    async def _pin(self, cid: Cid, *, label: str) -> None:
        if await self.has(cid):
            return
        wanted: dict[str, Any] = {"cid": str(cid)}
        if label:
            wanted["name"] = label[:_NAME_LETTERS]
        origins = await self._origin.addresses()
        if origins:
            wanted["origins"] = origins[:_MOST_ORIGINS]
        pin = await self._ask("POST", "/pins", json=wanted)
        for delegate in _delegates(pin):
            await self._origin.connect(delegate)
        pause = _FIRST_PAUSE
        try:
            async with asyncio.timeout(self._patience_seconds):
                while not self._is_pinned(pin, cid):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    request = quote(_text(pin, "requestid"), safe="")
                    pin = await self._ask("GET", f"/pins/{request}")
        except TimeoutError as error:
            raise ContentUnavailable(f"{self.name} has not pinned {cid} in time") from error

    def _is_pinned(self, pin: Any, cid: Cid) -> bool:
        named = _cid(pin)
        if named != cid:
            raise ContentCorrupt(str(cid), store=self.name, detail=f"a pin of {named}")
        match _text(pin, "status"):
            case "pinned":
                return True
            case "queued" | "pinning":
                return False
            case other:
                raise ContentUnavailable(f"{self.name} says {other} of {cid}: {_details(pin)}")

    async def _pins(self, cid: Cid, *, status: str) -> list[Any]:
        answer = await self._ask(
            "GET", "/pins", params={"cid": str(cid.upgraded()), "status": status, "limit": "1000"}
        )
        try:
            return [pin for pin in answer["results"] if _cid(pin) == cid.upgraded()]
        except (KeyError, TypeError) as error:
            raise ContentUnavailable(f"{self.name} listed no pins") from error

    async def _ask(
        self, method: str, path: str, *, json: Any = None, params: dict[str, str] | None = None
    ) -> Any:
        request = httpx.Request(
            method,
            f"{self._endpoint}{path}",
            params=params,
            json=json,
            headers={"Authorization": self._authorization, "Accept-Encoding": "identity"},
        )
        status, headers, body = await self._send(request, most=_ANSWER_BYTES)
        if status == (200 if method == "GET" else 202):
            return _parsed(body) if body else None
        if method == "DELETE" and status == 404:
            return None
        raise ContentUnavailable(
            f"{self.name} answered {status}: {body[:300]!r}",
            retry_after=retry_after(headers.get("Retry-After", "")),
        )

    async def _send(self, request: httpx.Request, *, most: int) -> tuple[int, httpx.Headers, bytes]:
        try:
            async with asyncio.timeout(self._whole_seconds):
                response = await self._http.send(request, stream=True)
                try:
                    body = await read_body(response, most=most, who=self.name)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ContentUnavailable(f"{self.name} did not answer in time") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise ContentUnavailable(f"{self.name} did not answer: {why}") from error
        return response.status_code, response.headers, body


class _GatewayReader:
    def __init__(self, store: PinningStore) -> None:
        self._store = store

    async def block(self, cid: Cid) -> bytes:
        return await self._store.block(cid)

    async def close(self) -> None:
        """Nothing is held open between blocks."""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContentUnavailable(f"the pinning service answered no JSON: {body[:300]!r}") from error


def _text(pin: Any, key: str) -> str:
    value = pin.get(key) if isinstance(pin, dict) else None
    if not isinstance(value, str) or not value:
        raise ContentUnavailable(f"the pinning service told no {key}")
    return value


def _cid(pin: Any) -> Cid:
    inner = pin.get("pin") if isinstance(pin, dict) else None
    try:
        return Cid.parse(_text(inner, "cid")).upgraded()
    except InvalidCid as error:
        raise ContentUnavailable("the pinning service named no CID") from error


def _delegates(pin: Any) -> list[str]:
    delegates = pin.get("delegates") if isinstance(pin, dict) else None
    if not isinstance(delegates, list):
        return []
    return [address for address in delegates[:_MOST_ORIGINS] if isinstance(address, str)]


def _details(pin: dict[str, Any]) -> str:
    info = pin.get("info")
    return str(info.get("status_details", ""))[:300] if isinstance(info, dict) else ""
