"""One asset on its way through the service: what is kept of it, and of its documents."""

from dataclasses import dataclass, field
from datetime import datetime

from nftsvc.core.cid import Cid
from nftsvc.core.issuance import IssuanceStatus, StatusChange, Way
from nftsvc.core.keys import AssetKey
from nftsvc.core.moving import moves
from nftsvc.core.types import (
    Address,
    AnchorId,
    AssetId,
    AssetKind,
    BatchId,
    BlockNumber,
    Digest,
    IssuanceId,
    TransactionHash,
    digest_of,
)


@moves
@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document as it lies in the store. `name` and `sha256` only where they are public."""

    cid: Cid
    size: int
    media_type: str
    name: str | None
    sha256: Digest | None


@moves
@dataclass(frozen=True, slots=True)
class Envelope:
    """An asset's key, sealed to one recipient."""

    recipient: str
    sealed: bytes = field(repr=False)


@moves
@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is small enough to be written down with its request; as it will be kept."""

    position: int
    data: bytes = field(repr=False)


@moves
@dataclass(frozen=True, slots=True)
class IssuanceRequest:
    """All of an accepted request, fixed for ever: no retry can make another token of it.

    `private` holds the file names, salts and disclosures, sealed to the asset's key;
    `fingerprint` tells whether a repeated request is the same one. `issuer` is the key that the
    manifest names and that issues the token. Files that are not `held` lie in
    the spool. `identity` is the asset's key in the clear, until it is under `key`; the ledger never
    sees it. From `version` 2 on it amends the token of `asset`.
    """

    issuance: IssuanceId
    idempotency_key: str
    fingerprint: bytes
    asset: AssetId
    kind: AssetKind
    holder: Address
    manifest: bytes = field(repr=False)
    accepted_at: datetime
    documents: tuple[KeptDocument, ...]
    private: bytes = field(repr=False)
    envelopes: tuple[Envelope, ...]
    issuer: Address
    held: tuple[HeldFile, ...] = ()
    identity: str | None = field(default=None, repr=False)
    key: AssetKey | None = None
    anchor: AnchorId | None = None
    version: int = 1

    @property
    def way(self) -> Way:
        """How it comes on the chain."""
        if self.version > 1:
            return Way.AMEND
        return Way.TOKEN if self.anchor is None else Way.LEAF


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an issuance failed: a permanent code, and the facts."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class TransactionSeen:
    """The transaction that carries an issuance, and its block once it has one."""

    transaction_hash: TransactionHash
    block_number: BlockNumber | None


@dataclass(frozen=True, slots=True)
class Issuance:
    """One issuance as the ledger holds it: of an asset, or of a later version of one.

    `amended` is the digest that a later version anchors.
    """

    issuance: IssuanceId
    asset: AssetId
    kind: AssetKind
    holder: Address
    issuer: Address
    status: IssuanceStatus
    accepted_at: datetime
    manifest: bytes = field(repr=False)
    documents: tuple[KeptDocument, ...]
    private: bytes = field(repr=False)
    envelopes: tuple[Envelope, ...]
    changes: tuple[StatusChange, ...]
    key: AssetKey | None = None
    erased_at: datetime | None = None
    batch: BatchId | None = None
    transaction: TransactionSeen | None = None
    failure: Failure | None = None
    way: Way = Way.TOKEN
    anchor: AnchorId | None = None
    version: int = 1
    amended: Digest | None = None

    @property
    def digest(self) -> Digest:
        """What is anchored: of a first version it is the token's id, of an anchor its root."""
        return self.amended or digest_of(self.asset.token_id)
