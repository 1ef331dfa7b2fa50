"""Reading: one asset, its history, the assets of a document, and content by its CID."""

from datetime import UTC, datetime
from typing import Final

from nftsvc.core import canonical
from nftsvc.core.asset_head import AssetHead
from nftsvc.core.cid import Cid
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import ContentMissing, InvalidField, NotFound
from nftsvc.core.history import Finality
from nftsvc.core.types import (
    Address,
    AssetId,
    AssetKind,
    BlockNumber,
    Digest,
    TokenId,
)
from nftsvc.flows.follow import Follower
from nftsvc.flows.views import AssetView, BlockRef, Content, HistoryItem, HistoryPage
from nftsvc.ports import ContentStore, Ledger

MOST_ITEMS: Final = 200
MOST_RECORDS: Final = 10_000
OCTETS: Final = "application/octet-stream"


class ReadFlow:
    """Reads what was followed into the ledger; content comes from the store, checked."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        contents: ContentStore,
        follower: Follower,
        deployment: Deployment,
    ) -> None:
        self._ledger = ledger
        self._contents = contents
        self._follower = follower
        self._deployment = deployment

    async def asset(self, token: str) -> AssetView:
        """One asset. Raises `InvalidField`, `NotFound`, and what the store raises."""
        asset, kind, head = await self.standing(token)
        cid = Cid.raw(head.digest)
        return AssetView(
            asset=asset,
            kind=kind,
            status=head.status,
            version=head.version,
            holder=head.holder,
            issuer=head.issuer,
            issued_at=_time(head.issued_at) if head.issued_at is not None else None,
            digest=head.digest,
            manifest_cid=str(cid),
            manifest=canonical.parse(await self.manifest(head.digest)),
            block=BlockRef(head.block_number, head.block_hash),
            finality=await self._finality(head.block_number),
        )

    async def standing(self, token: str) -> tuple[AssetId, AssetKind, AssetHead]:
        """An asset as its records leave it. Raises `InvalidField`, `NotFound`."""
        token_id, contract = self._resolve(token)
        head = await self._head(token_id, contract)
        kind = self._deployment.kind_of(head.contract) if head is not None else None
        if head is None or kind is None:
            raise NotFound("the chain holds no record of this token")
        return AssetId(self._deployment.chain_id, head.contract, token_id), kind, head

    def named(self, token: str) -> tuple[AssetId, ...]:
        """The assets that may be meant, whether they are there or not. Raises `InvalidField`."""
        token_id, contract = self._resolve(token)
        ours = [deployed.address for deployed in self._deployment.contracts.values()]
        chain_id = self._deployment.chain_id
        return tuple(AssetId(chain_id, c, token_id) for c in ours if contract in (None, c))

    async def head(self, asset: AssetId) -> AssetHead | None:
        """How an asset's records leave it; None where none was followed yet."""
        return await self._head(asset.token_id, asset.contract)

    async def _head(self, token_id: TokenId, contract: Address | None) -> AssetHead | None:
        return AssetHead.of(
            await self._ledger.records(token_id, contract=contract, after=None, limit=MOST_RECORDS)
        )

    async def manifest(self, digest: Digest) -> bytes:
        """The manifest with this sha256. Raises what the store raises."""
        return b"".join([chunk async for chunk in self._contents.read(Cid.raw(digest))])

    async def history(
        self, token: str, *, cursor: str | None = None, limit: int = 50
    ) -> HistoryPage:
        """A page of an asset's records. Raises `InvalidField`, `NotFound`."""
        if not 1 <= limit <= MOST_ITEMS:
            raise InvalidField("limit", reason="out-of-range", detail=f"expected 1 to {MOST_ITEMS}")
        token_id, contract = self._resolve(token)
        after = _read_cursor(cursor) if cursor is not None else None
        records = await self._ledger.records(
            token_id, contract=contract, after=after, limit=limit + 1
        )
        if not records and cursor is None:
            raise NotFound("the chain holds no record of this token")
        shown = records[:limit]
        following = (
            f"{shown[-1].block_number}-{shown[-1].log_index}" if len(records) > limit else None
        )
        items = [
            HistoryItem(r, await self._finality(r.block_number), _time(r.timestamp)) for r in shown
        ]
        return HistoryPage(tuple(items), following)

    async def find_by_hash(self, digest: Digest) -> tuple[AssetId, ...]:
        """The assets with a public document of this sha256: a hint, for `verify` to check."""
        return await self._ledger.assets_with(digest)

    async def content(self, text: str) -> Content:
        """A document or manifest of ours. Raises `InvalidCid`, `NotFound`."""
        cid = Cid.parse(text).upgraded()
        document = await self._ledger.document(cid)
        if document is not None:
            size = document.size
            # What is sealed is bytes to everyone without the key.
            media_type = document.media_type if document.sha256 is not None else OCTETS
        elif await self._ledger.is_manifest(cid.digest):
            media_type = "application/json"
            size = await self._size(cid)
        else:
            raise NotFound("this is no content of an asset of ours")
        if not await self._contents.has(cid):
            raise NotFound("the content is not stored yet")
        return Content(str(cid), size, media_type, self._contents.read(cid))

    async def _size(self, cid: Cid) -> int:
        try:
            return await self._contents.verify(cid)
        except ContentMissing as error:
            raise NotFound("the content is not stored yet") from error

    async def _finality(self, number: BlockNumber) -> Finality:
        heads = self._follower.heads
        if heads is not None:
            return heads.finality_of(number)
        finalized = await self._ledger.finalized()
        known = finalized is not None and number <= finalized
        return Finality.FINALIZED if known else Finality.LATEST

    def _resolve(self, token: str) -> tuple[TokenId, Address | None]:
        if token.startswith("eip155:"):
            asset = AssetId.parse(token, path="token")
            if asset.chain_id != self._deployment.chain_id:
                raise NotFound(f"the assets here live on eip155:{self._deployment.chain_id}")
            return asset.token_id, asset.contract
        if token.startswith("0x") and len(token) == 66:
            try:
                return TokenId(int(token, 16)), None
            except ValueError:
                pass
        elif token.isascii() and token.isdigit() and len(token) <= 78 and int(token) < 2**256:
            return TokenId(int(token)), None
        raise InvalidField(
            "token",
            reason="not-a-token",
            detail="expected 0x and 64 hex digits, a number or CAIP-19",
        )


class StoredManifests:
    """Manifests from our own content store, for the verify flow."""

    def __init__(self, contents: ContentStore) -> None:
        self._contents = contents

    async def manifest(self, digest: Digest) -> bytes:
        """The bytes with this sha256. Raises as `ContentStore.read`."""
        return b"".join([chunk async for chunk in self._contents.read(Cid.raw(digest))])


def _read_cursor(cursor: str) -> tuple[BlockNumber, int]:
    number, _, index = cursor.partition("-")
    if not (number.isdigit() and index.isdigit() and cursor.isascii() and len(cursor) <= 40):
        raise InvalidField("cursor", reason="not-a-cursor", detail="expected a cursor of ours")
    return BlockNumber(int(number)), int(index)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
