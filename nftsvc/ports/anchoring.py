"""The part of the ledger that anchors are kept in."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from nftsvc.core.anchors import Anchor, Claim
from nftsvc.core.assets import Issuance
from nftsvc.core.issuance import Way
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.types import Address, AnchorId, AssetId, AssetKind, BatchId, IssuanceId


class Anchoring(ABC):
    """Anchors with their leaves and trees. Raises `LedgerUnavailable`.

    Each method is one transaction: it happens wholly or not at all.
    """

    @abstractmethod
    async def open_anchor(self, anchor: AnchorId, *, at: datetime) -> None:
        """Begin an anchor; nothing happens where it is there."""

    @abstractmethod
    async def anchor(self, anchor: AnchorId) -> Anchor | None:
        """One anchor. What the chain holds of it is the issuance with its id."""

    @abstractmethod
    async def seal_anchor(self, anchor: AnchorId, *, at: datetime) -> None:
        """Take no further leaves; nothing happens where it is sealed."""

    @abstractmethod
    async def unrooted(self) -> Sequence[AnchorId]:
        """Sealed anchors that have no root yet, and whose leaves are all stored."""

    @abstractmethod
    async def leaves_of(self, anchor: AnchorId) -> bytes:
        """The leaves of an anchor that did not fail, packed, in the order of their acceptance."""

    @abstractmethod
    async def root_anchor(
        self,
        anchor: AnchorId,
        *,
        kind: AssetKind,
        asset: AssetId,
        issuer: Address,
        root: MerkleRoot,
        nodes: bytes,
        at: datetime,
    ) -> None:
        """Keep the tree, and write the anchor down as an issuance to be sent.

        Nothing happens where that was done. `asset` is the root in the place of a token's id.
        """

    @abstractmethod
    async def claim_of(self, issuance: IssuanceId) -> Claim | None:
        """What claims the token of a leaf; None before its anchor has a root."""

    @abstractmethod
    async def begin_claim(self, issuance: IssuanceId) -> bool:
        """Send a leaf the way of a claim; False where it is no leaf that waits for one."""

    @abstractmethod
    async def way_of(self, batch: BatchId) -> Way:
        """The way that the members of a batch go."""

    @abstractmethod
    async def issuance_of_anchor(self, anchor: AnchorId) -> Issuance | None:
        """How far an anchor's transaction is; None before it has a root."""
