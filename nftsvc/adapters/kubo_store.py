"""The content store over the RPC of a Kubo node.

Every parameter that decides a CID is sent, never left to a default that changes between
versions. What Kubo says comes back as bytes or lines that are compared with what was computed
here, and it names a CID before it has pinned it: an error that it can only tell after its 200
(in the stream, or in a trailer) shows as an answer that is missing or untrue, or as content
that is not among the pins.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx

from nftsvc.adapters.http_answers import read_body, retry_after, secret_of
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentMissing, ContentUnavailable, InvalidCid, Misconfigured
from nftsvc.core.unixfs import CHUNK_BYTES, MAX_BLOCK_BYTES, MAX_LINKS
from nftsvc.ports import BlockReader, CheckedStore, Upload

_log = logging.getLogger(__name__)

_ADD: Final = {
    "cid-version": "1",
    "raw-leaves": "true",
    "hash": "sha2-256",
    "chunker": f"size-{CHUNK_BYTES}",
    "max-file-links": str(MAX_LINKS),
    "trickle": "false",
    "inline": "false",
    "nocopy": "false",
    "wrap-with-directory": "false",
    "preserve-mode": "false",
    "preserve-mtime": "false",
    "pin": "true",
    "progress": "false",
    "quieter": "true",
}
_ANSWER_BYTES: Final = 64 * 1024
_MOST_PINS_BYTES: Final = 256 * 1024 * 1024
_NOT_THERE: Final = ("not pinned", "ipld: could not find")
# A body that is sent more slowly than this is given up: bytes for each second.
_SLOWEST: Final = 1024 * 1024


class KuboStore(CheckedStore):
    """One Kubo node at `url`.

    Its `API.Authorizations` are met by `bearer_file` (a token) or `basic_file` (`user:password`).
    `silence_seconds` may pass between two bytes, `whole_seconds` over a whole request, and a
    second more for each MiB that is sent. What it pins bears the label of the content.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "kubo",
        bearer_file: Path | None = None,
        basic_file: Path | None = None,
        silence_seconds: float = 30.0,
        whole_seconds: float = 120.0,
    ) -> None:
        self.name = name
        headers = {"Accept-Encoding": "identity"}
        auth = None
        if bearer_file is not None:
            headers["Authorization"] = f"Bearer {secret_of(bearer_file, who=name)}"
        elif basic_file is not None:
            user, _, password = secret_of(basic_file, who=name).partition(":")
            auth = httpx.BasicAuth(user, password)
        try:
            self._http = httpx.AsyncClient(
                base_url=url,
                headers=headers,
                auth=auth,
                timeout=httpx.Timeout(silence_seconds, connect=5.0),
            )
        except httpx.InvalidURL as error:
            raise Misconfigured(f"the address of Kubo is none: {error}") from error
        self._whole_seconds = whole_seconds

    async def close(self) -> None:
        await self._http.aclose()

    async def has(self, cid: Cid) -> bool:
        try:
            answer = await self._ask("pin/ls", {"arg": str(cid), "type": "recursive"})
        except ContentMissing:
            return False
        try:
            return any(Cid.parse(key).upgraded() == cid.upgraded() for key in _json(answer)["Keys"])
        except (KeyError, TypeError, InvalidCid) as error:
            raise ContentUnavailable(f"Kubo listed no pins: {answer[:300]!r}") from error

    async def pins(self) -> dict[Cid, str]:
        """Everything that is pinned whole, with the label that it bears; "" for none."""
        answer = await self._ask(
            "pin/ls",
            {"type": "recursive", "names": "true", "stream": "true"},
            most=_MOST_PINS_BYTES,
        )
        try:
            pins = [json.loads(line) for line in answer.splitlines()]
            return {Cid.parse(pin["Cid"]).upgraded(): pin.get("Name", "") for pin in pins}
        except (ValueError, KeyError, TypeError, AttributeError, InvalidCid) as error:
            raise ContentUnavailable(f"Kubo listed no pins: {answer[:300]!r}") from error

    async def addresses(self) -> list[str]:
        """Where other nodes find this one, as multiaddresses."""
        answer = _json(await self._ask("id", {}))
        addresses = answer.get("Addresses") if isinstance(answer, dict) else None
        # A node that announces no address names itself alone.
        return [str(a) for a in addresses or () if not str(a).startswith("/p2p/")]

    async def connect(self, address: str) -> None:
        """Try to reach another node; it may as well reach this one."""
        try:
            await self._ask("swarm/connect", {"arg": address})
        except (ContentUnavailable, ContentMissing) as error:
            _log.info("%s does not reach %s: %s", self.name, address, error)

    async def remove(self, cid: Cid) -> None:
        """Unpin it and let Kubo collect what no pin holds. Slow: it looks at every block."""
        try:
            await self._ask("pin/rm", {"arg": str(cid), "recursive": "true"})
        except ContentMissing:
            return
        answer = await self._ask("repo/gc", {"quiet": "true", "silent": "true"})
        if b"Error" in answer:
            raise ContentUnavailable(f"Kubo could not collect: {answer[:300]!r}")

    async def _put(self, upload: Upload) -> Cid:
        boundary = secrets.token_hex(16)
        answer = await self._ask(
            "add",
            _ADD | ({"pin-name": upload.label} if upload.label else {}),
            content=_multipart(upload, boundary=boundary),
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        claimed = _named(answer)
        if not await self.has(claimed):
            raise ContentUnavailable(f"Kubo named {claimed} and has not pinned it")
        return claimed

    async def _open(self, cid: Cid) -> BlockReader:  # noqa: ARG002 - Kubo has no state per content
        return _KuboReader(self)

    async def block(self, cid: Cid) -> bytes:
        """One block that the node itself has; other nodes are not asked."""
        arguments = {"arg": str(cid), "offline": "true"}
        return await self._ask("block/get", arguments, most=MAX_BLOCK_BYTES)

    async def _ask(
        self,
        command: str,
        arguments: dict[str, str],
        *,
        content: AsyncIterable[bytes] | None = None,
        content_type: str | None = None,
        most: int = _ANSWER_BYTES,
    ) -> bytes:
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            # The silence timeout does not end a stream that trickles; this one does.
            async with asyncio.timeout(self._whole_seconds) as limit:
                request = self._http.build_request(
                    "POST",
                    f"/api/v0/{command}",
                    params=arguments,
                    content=_prolonging(content, limit) if content else None,
                    headers=headers,
                )
                response = await self._http.send(request, stream=True)
                try:
                    body = await read_body(response, most=most, who="Kubo")
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ContentUnavailable(f"Kubo did not finish {command} in time") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise ContentUnavailable(f"Kubo did not answer {command}: {why}") from error
        if response.status_code == 200:
            return body
        message = body.decode("utf-8", "replace").strip()[:300]
        if response.status_code == 500 and any(phrase in message for phrase in _NOT_THERE):
            raise ContentMissing(arguments.get("arg", "?"), store=self.name)
        raise ContentUnavailable(
            f"Kubo answered {response.status_code}: {message}",
            retry_after=retry_after(response.headers.get("Retry-After", "")),
        )


class _KuboReader:
    def __init__(self, store: KuboStore) -> None:
        self._store = store

    async def block(self, cid: Cid) -> bytes:
        return await self._store.block(cid)

    async def close(self) -> None:
        """Nothing is held open between blocks."""


def _named(answer: bytes) -> Cid:
    """The CID in the last line of an answer to `add`."""
    lines = answer.splitlines() or [b""]
    try:
        return Cid.parse(_json(lines[-1])["Hash"])
    except (KeyError, TypeError, AttributeError, InvalidCid) as error:
        raise ContentUnavailable(f"Kubo named no CID: {answer[:300]!r}") from error


def _json(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ContentUnavailable(f"Kubo answered no JSON: {answer[:300]!r}") from error


async def _prolonging(
    content: AsyncIterable[bytes], limit: asyncio.Timeout
) -> AsyncIterator[bytes]:
    """`content`, with a second more for each `_SLOWEST` bytes that are sent."""
    async for data in content:
        yield data
        deadline = limit.when()
        if deadline is not None:
            limit.reschedule(deadline + len(data) / _SLOWEST)


async def _multipart(upload: Upload, *, boundary: str) -> AsyncIterator[bytes]:
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="content"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    yield head.encode()
    async for chunk in upload.chunks():
        yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()
