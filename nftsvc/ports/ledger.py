"""The service's own durable memory."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Self

from nftsvc.core.assets import Failure, Issuance, KeptDocument
from nftsvc.core.cid import Cid
from nftsvc.core.history import Block, RecordEvent
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.transaction import Attempt, Lane, Receipt, WrittenTransaction
from nftsvc.core.types import (
    Address,
    AssetId,
    AssetKind,
    BatchId,
    BlockNumber,
    Digest,
    IssuanceId,
    Nonce,
    TokenId,
)
from nftsvc.ports.accepting import Accepting
from nftsvc.ports.anchoring import Anchoring
from nftsvc.ports.leases import Fence


class Ledger(Accepting, Anchoring):
    """The service's own durable memory. Raises `LedgerUnavailable`.

    Each method is one transaction: it happens wholly or not at all.
    """

    @abstractmethod
    async def start(self) -> None:
        """Connect, and bring the schema to this version."""

    @abstractmethod
    async def stop(self) -> None:
        """Give back the connections."""

    @abstractmethod
    def fenced(self, fence: Fence) -> Self:
        """The same ledger, which writes only while `fence` is held.

        Each of its transactions that write raises `LeaseLost` otherwise, and writes nothing.
        """

    # issuances

    @abstractmethod
    async def issuance(self, issuance: IssuanceId) -> Issuance | None:
        """One issuance with all its changes."""

    @abstractmethod
    async def issuance_of(self, asset: AssetId) -> Issuance | None:
        """The issuance that made an asset, where it was this service."""

    @abstractmethod
    async def versions_of(self, asset: AssetId) -> tuple[Issuance, ...]:
        """The issuances of an asset and of its later versions, in their order; also failed ones."""

    @abstractmethod
    async def advance(
        self,
        issuances: Collection[IssuanceId],
        *,
        current: IssuanceStatus,
        to: IssuanceStatus,
        at: datetime,
        cause: str,
    ) -> int:
        """Move those that stand at `current`; leave the others alone. Gives how many moved."""

    @abstractmethod
    async def fail(self, issuance: IssuanceId, *, failure: Failure, at: datetime) -> None:
        """End an issuance for good; one that has ended stays as it is."""

    # batches

    @abstractmethod
    async def unassigned(self) -> Mapping[tuple[AssetKind, Way], tuple[int, ...]]:
        """How many issuances of a kind and a way wait for a batch: a number for each issuer."""

    @abstractmethod
    async def assign(
        self, kind: AssetKind, *, most: int, at: datetime, way: Way = Way.TOKEN
    ) -> BatchId | None:
        """Put the oldest issuances of a way that have no batch into a new one; None if none."""

    @abstractmethod
    async def open_batches(self) -> tuple[BatchId, ...]:
        """The batches that are not finished, oldest first."""

    @abstractmethod
    async def members(self, batch: BatchId, *, contents: bool = False) -> tuple[Issuance, ...]:
        """The issuances of a batch, in the order of their acceptance.

        Without what is sealed and their changes, which their journey does not need, and with
        manifest and documents only where their `contents` are asked for: they are read by the
        thousand.
        """

    @abstractmethod
    async def statuses(self, batch: BatchId) -> dict[IssuanceId, IssuanceStatus]:
        """How far each issuance of a batch is."""

    @abstractmethod
    async def release(self, issuances: Collection[IssuanceId]) -> None:
        """Take issuances that were not submitted out of their batch, for another one."""

    @abstractmethod
    async def finish(self, batch: BatchId) -> None:
        """Nothing is left to do for the batch."""

    # transactions

    @abstractmethod
    async def write(
        self,
        batch: BatchId,
        issuances: Collection[IssuanceId],
        *,
        sender: Address,
        least_nonce: Nonce,
        at: datetime,
        sign: Callable[[Nonce], Awaitable[Attempt]],
    ) -> WrittenTransaction:
        """Take the lane's next nonce, sign, and keep the bytes, before anything is sent.

        The issuances become submitted in the same transaction. `least_nonce` is what the chain
        says. Where the batch has a transaction already, that one is given and nothing is signed.
        """

    @abstractmethod
    async def replace(
        self, transaction: WrittenTransaction, *, attempt: Attempt, at: datetime
    ) -> WrittenTransaction:
        """Keep another attempt at the same nonce, before it is sent.

        Where somebody else has added one meanwhile, nothing is kept. Gives what is written now.
        """

    @abstractmethod
    async def written(self, batch: BatchId) -> WrittenTransaction | None:
        """The transaction that carries a batch."""

    @abstractmethod
    async def abandon(self, transaction: WrittenTransaction) -> int:
        """Give up a transaction whose nonce is used for good, by another one or in vain.

        Its bytes and hashes stay on record; `write` gives the batch a new one. Gives how many of
        the batch's transactions were in a block and are given up.
        """

    @abstractmethod
    async def fill(
        self,
        sender: Address,
        *,
        nonce: Nonce,
        at: datetime,
        sign: Callable[[Nonce], Awaitable[Attempt]],
    ) -> BatchId | None:
        """Write a transaction for a gap, as a batch without issuances, before it is sent.

        None, and nothing is signed, where the nonce is no gap of the lane.
        """

    @abstractmethod
    async def lane(self, sender: Address, *, used: Nonce) -> Lane | None:
        """How the sender's lane stands where the chain has used the nonces below `used`."""

    @abstractmethod
    async def adopt(self, issuance: IssuanceId, *, record: RecordEvent, at: datetime) -> None:
        """End an issuance as finalized: a final block holds its token, by `record`."""

    @abstractmethod
    async def mined(self, batch: BatchId, *, receipt: Receipt | None) -> None:
        """Note the block that holds the batch's transaction, None where no block does now."""

    # what the chain says

    @abstractmethod
    async def followed(self) -> Block | None:
        """The newest block whose records are in the ledger."""

    @abstractmethod
    async def followed_below(self, number: BlockNumber) -> Block | None:
        """The newest followed block below this number, where one is kept."""

    @abstractmethod
    async def follow(
        self, blocks: Sequence[Block], events: Sequence[RecordEvent], *, finalized: BlockNumber
    ) -> None:
        """Add blocks with their records, and note what is final.

        The hashes of blocks well below `finalized` are forgotten, their records kept.
        """

    @abstractmethod
    async def rewind(self, to: BlockNumber) -> None:
        """Forget all blocks beyond `to`, with their records."""

    @abstractmethod
    async def finalized(self) -> BlockNumber | None:
        """The highest block number that was ever seen final."""

    @abstractmethod
    async def records(
        self,
        token_id: TokenId,
        *,
        contract: Address | None,
        after: tuple[BlockNumber, int] | None,
        limit: int,
    ) -> tuple[RecordEvent, ...]:
        """Records of a token in the chain's order, from behind (block, log index) `after`."""

    # documents

    @abstractmethod
    async def assets_with(self, document: Digest) -> tuple[AssetId, ...]:
        """The assets that have a public document with this sha256."""

    @abstractmethod
    async def document(self, cid: Cid) -> KeptDocument | None:
        """A document of ours by its CID."""

    @abstractmethod
    async def is_manifest(self, digest: Digest) -> bool:
        """Whether the digest is that of a manifest of ours."""
