"""What is shown of issuances, assets and their history."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from nftsvc.core.assets import Failure, TransactionSeen
from nftsvc.core.canonical import Json
from nftsvc.core.history import Finality, RecordEvent
from nftsvc.core.issuance import IssuanceStatus, StatusChange
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.types import (
    Address,
    AnchorId,
    AssetId,
    AssetKind,
    BlockHash,
    BlockNumber,
    Digest,
    IssuanceId,
    TokenStatus,
)


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One document. `size` in bytes as it is kept, which is encrypted where confidential."""

    name: str
    cid: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class AnchorView:
    """An anchor as its own page shows it.

    `status` and `root` are there once it was sealed and all its leaves are stored.
    """

    id: AnchorId
    sealed: bool
    leaves: int
    root: MerkleRoot | None
    status: IssuanceStatus | None
    events: tuple[StatusChange, ...]
    transaction: TransactionSeen | None
    error: Failure | None


@dataclass(frozen=True, slots=True)
class LeafView:
    """The anchor that an issuance is a leaf of, and how far its claim is where there is one."""

    anchor: AnchorId
    root: MerkleRoot | None
    claim: IssuanceStatus | None
    claim_transaction: TransactionSeen | None
    claim_error: Failure | None


@dataclass(frozen=True, slots=True)
class IssuanceView:
    """One issuance. `verify_link` holds the salts: it is for the parties alone.

    Where the asset's key was destroyed (`erased_at`), link and documents show what is public.
    A leaf's status is that of its anchor, and it has no link while there is no token to verify.
    """

    id: IssuanceId
    kind: AssetKind
    status: IssuanceStatus
    asset: AssetId
    version: int
    manifest_cid: str
    accepted_at: datetime
    events: tuple[StatusChange, ...]
    transaction: TransactionSeen | None
    error: Failure | None
    erased_at: datetime | None
    verify_link: str | None = field(repr=False)
    documents: tuple[DocumentView, ...]
    leaf: LeafView | None = None


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block by number and hash."""

    number: BlockNumber
    hash: BlockHash


@dataclass(frozen=True, slots=True)
class AssetView:
    """Where an asset stands, by the newest record that the chain holds of it.

    `issuer` and `issued_at` are None where it was revoked before it was ever claimed;
    `erased_at` says when its key was destroyed, where this service did that.
    """

    asset: AssetId
    kind: AssetKind
    status: TokenStatus
    version: int
    holder: Address
    issuer: Address | None
    issued_at: datetime | None
    digest: Digest
    manifest_cid: str
    manifest: Json
    block: BlockRef
    finality: Finality
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One record of an asset, and how firmly the chain holds it."""

    record: RecordEvent
    finality: Finality
    at: datetime


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Records in the chain's order; `next` is the cursor of the page behind, None at the end."""

    items: tuple[HistoryItem, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """A content of ours. `chunks` are compared with the CID before they are given."""

    cid: str
    size: int
    media_type: str
    chunks: AsyncIterator[bytes]
