"""A running service, as a verifier uses it: a source of bytes that are checked, and of hints."""

import httpx

from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentMissing, ContentUnavailable, InvalidField
from nftsvc.core.manifest import MAX_BYTES
from nftsvc.core.types import AssetId, Digest


class Gateway:
    """The service at `url`. Nothing it says is believed."""

    def __init__(self, url: str, *, timeout: float = 15.0) -> None:
        self._url = url
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def manifest(self, digest: Digest) -> bytes:
        """Bytes that are said to have this sha256.

        Raises `ContentMissing`, `ContentUnavailable`.
        """
        cid = Cid.raw(digest)
        data = bytearray()
        try:
            async with self._http.stream("GET", f"/v1/content/{cid}") as response:
                self._check(response, cid)
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > MAX_BYTES:
                        raise ContentUnavailable(f"{self._url} sent more than a manifest holds")
        except httpx.HTTPError as error:
            raise ContentUnavailable(f"{self._url} did not answer: {error}") from error
        return bytes(data)

    async def assets_with(self, document: Digest) -> tuple[AssetId, ...]:
        """Assets that are said to have this public document. Raises `ContentUnavailable`."""
        try:
            response = await self._http.get("/v1/documents", params={"sha256": document.hex()})
            response.raise_for_status()
            return tuple(AssetId.parse(str(text)) for text in response.json()["assets"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError, InvalidField) as error:
            raise ContentUnavailable(f"{self._url} did not answer: {error}") from error

    def _check(self, response: httpx.Response, cid: Cid) -> None:
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ContentMissing(str(cid), store=self._url)
        if response.status_code != httpx.codes.OK:
            raise ContentUnavailable(f"{self._url} answered {response.status_code}")
