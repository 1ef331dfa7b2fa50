"""The content store over the RPC of a Kubo node.

Every parameter that decides a CID is sent, never left to a default that changes between
versions. What Kubo says comes back as bytes or lines that are compared with what was computed
here, so an error that it can only tell after its 200 (in the stream, or in a trailer) shows
as an answer that is missing or untrue.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx

from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentMissing, ContentUnavailable, InvalidCid
from nftsvc.core.unixfs import CHUNK_BYTES, MAX_BLOCK_BYTES, MAX_LINKS
from nftsvc.ports import BlockReader, ContentStore, Upload

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
_NOT_THERE: Final = ("not pinned", "not found", "could not find")


class KuboStore(ContentStore):
    """One Kubo node at `url`. `bearer_file` holds the token of its `API.Authorizations`."""

    name = "kubo"

    def __init__(
        self,
        url: str,
        *,
        bearer_file: Path | None = None,
        silence_seconds: float = 30.0,
        whole_seconds: float = 600.0,
    ) -> None:
        headers = {}
        if bearer_file is not None:
            headers["Authorization"] = f"Bearer {bearer_file.read_text('utf-8').strip()}"
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=httpx.Timeout(silence_seconds, connect=5.0)
        )
        self._whole_seconds = whole_seconds

    async def close(self) -> None:
        await self._http.aclose()

    async def has(self, cid: Cid) -> bool:
        try:
            await self._ask("pin/ls", {"arg": str(cid), "type": "recursive"})
        except ContentMissing:
            return False
        return True

    async def _put(self, upload: Upload) -> Cid:
        boundary = secrets.token_hex(16)
        answer = await self._ask(
            "add",
            _ADD,
            content=_multipart(upload, boundary=boundary),
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        return _named(answer)

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
        content: AsyncIterator[bytes] | None = None,
        content_type: str | None = None,
        most: int = _ANSWER_BYTES,
    ) -> bytes:
        headers = {"Content-Type": content_type} if content_type else {}
        request = self._http.build_request(
            "POST", f"/api/v0/{command}", params=arguments, content=content, headers=headers
        )
        try:
            # The silence timeout does not end a stream that trickles; this one does.
            async with asyncio.timeout(self._whole_seconds):
                response = await self._http.send(request, stream=True)
                try:
                    return self._answer(response.status_code, await _read(response, most), request)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise ContentUnavailable(f"Kubo did not finish {command} in time") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise ContentUnavailable(f"Kubo did not answer {command}: {why}") from error

    def _answer(self, status: int, body: bytes, request: httpx.Request) -> bytes:
        if status == 200:
            return body
        message = body.decode("utf-8", "replace").strip()[:300]
        if status == 500 and any(phrase in message for phrase in _NOT_THERE):
            raise ContentMissing(request.url.params.get("arg", "?"), store=self.name)
        raise ContentUnavailable(f"Kubo answered {status}: {message}")


class _KuboReader:
    def __init__(self, store: KuboStore) -> None:
        self._store = store

    async def block(self, cid: Cid) -> bytes:
        return await self._store.block(cid)

    async def close(self) -> None:
        """Nothing is held open between blocks."""


def _named(answer: bytes) -> Cid:
    """The CID in the last line of an answer to `add`."""
    try:
        last = json.loads(answer.splitlines()[-1])
        return Cid.parse(last["Hash"])
    except (IndexError, ValueError, KeyError, TypeError, InvalidCid) as error:
        raise ContentUnavailable(f"Kubo named no CID: {answer[:300]!r}") from error


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


async def _read(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for data in response.aiter_bytes():
        body += data
        if len(body) > most:
            raise ContentUnavailable(f"Kubo answered more than {most} bytes")
    return bytes(body)
