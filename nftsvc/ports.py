"""The seams: everything outside the core, as the flows see it.

Where the other end can lie, the public method checks and the adapter fills the `_hook`.
Every port raises errors of `core.errors` only.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from eth_hash.auto import keccak

from nftsvc.core.assets import Failure, Issuance, IssuanceRequest, KeptDocument
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ChainUnavailable,
    ContentCorrupt,
    TransactionRefused,
    WrongChain,
)
from nftsvc.core.history import Block, Heads, RecordEvent
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.transaction import (
    TRANSACTION_GAS_CAP,
    Attempt,
    Call,
    Fees,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
    WrittenTransaction,
)
from nftsvc.core.types import (
    Address,
    AssetId,
    AssetKind,
    BatchId,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    Gas,
    IssuanceId,
    Nonce,
    TokenId,
    TransactionHash,
)
from nftsvc.core.unixfs import Block as UnixfsBlock
from nftsvc.core.unixfs import UnixfsBuilder, UntrueBlock, read_file
from nftsvc.core.verify import RecordAtBlock, TokenRecord


class Clock(Protocol):
    """The time, and the waiting for it."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class Chain(ABC):
    """One view of one chain. Raises `ChainUnavailable` where it cannot be asked."""

    def __init__(self, endpoint: str, *, chain_id: ChainId) -> None:
        self.endpoint = endpoint
        self.chain_id = chain_id

    async def check_identity(self) -> None:
        """Raises `WrongChain` where the endpoint speaks for another chain."""
        found = await self._chain_id()
        if found != self.chain_id:
            raise WrongChain(f"{self.endpoint} is chain {found}, not {self.chain_id}")

    async def heads(self) -> Heads:
        """The newest, the newest safe and the newest final block, in this order."""
        heads = await self._heads()
        if not heads.latest.number >= heads.safe.number >= heads.finalized.number:
            raise ChainUnavailable(f"{self.endpoint} names blocks out of order")
        return heads

    async def block(self, number: BlockNumber) -> Block | None:
        """The canonical block with this number, None where there is none yet."""
        block = await self._block(number)
        if block is not None and block.number != number:
            raise ChainUnavailable(f"{self.endpoint} gave block {block.number} for {number}")
        return block

    async def record(self, token_id: TokenId, *, contract: Address, at: Block) -> RecordAtBlock:
        """What the contract says of a token at exactly the block `at`, named by its hash."""
        record = await self._record(contract, token_id, at)
        return RecordAtBlock(at.number, at.block_hash, record)

    async def events(self, *, first: BlockNumber, last: BlockNumber) -> tuple[RecordEvent, ...]:
        """All records of our contracts in the blocks, both included, in the chain's order."""
        events = await self._events(first, last)
        if any(not first <= event.block_number <= last for event in events):
            raise ChainUnavailable(f"{self.endpoint} gave records of blocks not asked for")
        return _in_order(events)

    async def events_of(self, block: BlockHash) -> tuple[RecordEvent, ...]:
        """All records of our contracts in the one block with this hash."""
        events = await self._events_of(block)
        if any(event.block_hash != block for event in events):
            raise ChainUnavailable(f"{self.endpoint} gave records of another block")
        return _in_order(events)

    async def nonce(self, account: Address) -> Nonce:
        """How many transactions of the account the newest block knows."""
        return await self._nonce(account)

    async def balance(self, account: Address) -> int:
        """What the account holds in the newest block, in wei."""
        return await self._balance(account)

    async def fees(self) -> Fees:
        """What a transaction should offer now."""
        return await self._fees()

    async def estimate(self, call: Call, *, sender: Address) -> Gas:
        """The gas that the call would use now. Raises `TransactionRefused` for a revert."""
        gas = await self._estimate(call, sender)
        if gas > TRANSACTION_GAS_CAP:
            raise TransactionRefused("GasCapExceeded")
        return gas

    async def broadcast(self, signed: SignedTransaction) -> None:
        """Hand the bytes to the network; done also where the network already has them.

        Raises `TransactionRefused` where the node will not take these bytes, with the reason
        `nonce-too-low` where their nonce is used up, be it by these very bytes.
        """
        await self._broadcast(signed)

    async def receipt(self, transaction: TransactionHash) -> Receipt | None:
        """How the transaction ended; None where no canonical block holds it."""
        receipt = await self._receipt(transaction)
        if receipt is None:
            return None
        if receipt.transaction_hash != transaction:
            raise ChainUnavailable(f"{self.endpoint} gave the receipt of another transaction")
        # A node may still serve the receipt of a block that it has left.
        block = await self.block(receipt.block_number)
        return receipt if block is not None and block.block_hash == receipt.block_hash else None

    @abstractmethod
    def issuing(self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]) -> Call:
        """The call that issues a token for each (holder, manifest digest)."""

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""

    @abstractmethod
    async def _chain_id(self) -> ChainId: ...
    @abstractmethod
    async def _heads(self) -> Heads: ...
    @abstractmethod
    async def _block(self, number: BlockNumber) -> Block | None: ...
    @abstractmethod
    async def _record(self, contract: Address, token_id: TokenId, at: Block) -> TokenRecord: ...
    @abstractmethod
    async def _events(self, first: BlockNumber, last: BlockNumber) -> Collection[RecordEvent]: ...
    @abstractmethod
    async def _events_of(self, block: BlockHash) -> Collection[RecordEvent]: ...
    @abstractmethod
    async def _nonce(self, account: Address) -> Nonce: ...
    @abstractmethod
    async def _balance(self, account: Address) -> int: ...
    @abstractmethod
    async def _fees(self) -> Fees: ...
    @abstractmethod
    async def _estimate(self, call: Call, sender: Address) -> Gas: ...
    @abstractmethod
    async def _broadcast(self, signed: SignedTransaction) -> None: ...
    @abstractmethod
    async def _receipt(self, transaction: TransactionHash) -> Receipt | None: ...


class Signer(ABC):
    """Holds one account's key and signs with it. The key never leaves it."""

    address: Address

    async def sign(self, transaction: UnsignedTransaction) -> SignedTransaction:
        """The signed bytes and their hash. Raises `Unavailable` where the key cannot be asked."""
        raw = await self._sign(transaction)
        return SignedTransaction(raw, TransactionHash("0x" + keccak(raw).hex()))

    @abstractmethod
    async def _sign(self, transaction: UnsignedTransaction) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SealingKey:
    """An asset's own key pair: `recipient` seals, `identity` opens."""

    recipient: str
    identity: str = field(repr=False)


class ByteSink(Protocol):
    """Takes bytes as they come; may be called from a thread of its own."""

    def write(self, data: bytes, /) -> object:
        """Take `data`."""


class SealingStream(Protocol):
    """An encryption under way. `end` must be awaited, `abort` where it will not be."""

    async def feed(self, data: bytes) -> None:
        """Encrypt `data`."""

    async def end(self) -> None:
        """Everything was fed; returns when the last byte is in the sink."""

    async def abort(self) -> None:
        """Give up; the sink gets nothing more."""


class Sealer(ABC):
    """Encrypts to recipients in the age format (age-encryption.org/v1)."""

    @abstractmethod
    def new_key(self) -> SealingKey:
        """A fresh key pair."""

    @abstractmethod
    def stream(self, recipient: str, *, sink: ByteSink) -> SealingStream:
        """Encrypt a stream to one recipient. Raises `InvalidField` for a bad recipient."""

    @abstractmethod
    def seal(self, data: bytes, *, recipient: str) -> bytes:
        """Encrypt something small. Raises `InvalidField` for a bad recipient."""

    @abstractmethod
    def open(self, sealed: bytes, *, identity: str) -> bytes:
        """Inverse of `seal`. Raises `SealUnreadable` for a wrong key or damaged bytes."""


class Staging(Protocol):
    """The files of one request while they come in. Left without `commit`, they are gone."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def create(self, position: int) -> ByteSink:
        """Begin the file at `position`. Its `write` raises `DiskFull`."""

    def look_into(self, position: int) -> BinaryIO:
        """The file at `position` as it is by now, to read."""

    async def commit(self) -> None:
        """Make all files durable under the issuance's name, at once. Raises `DiskFull`."""


class Spool(ABC):
    """Keeps the bytes of accepted requests until the content store has them."""

    @abstractmethod
    def stage(self, issuance: IssuanceId) -> Staging:
        """Begin to take in the files of a request."""

    @abstractmethod
    def read(self, issuance: IssuanceId, position: int) -> AsyncIterator[bytes]:
        """The bytes of one file. Raises `ContentMissing` where it is not there."""

    @abstractmethod
    async def discard(self, issuance: IssuanceId) -> None:
        """Forget the files of an issuance; nothing happens where there are none."""

    @abstractmethod
    async def left_behind(self) -> frozenset[IssuanceId]:
        """Whose files have lain here for long. Requests that never came to an end are removed."""


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """What an idempotency key was used for."""

    fingerprint: bytes
    issuance: IssuanceId


class Ledger(ABC):
    """The service's own durable memory. Raises `LedgerUnavailable`.

    Each method is one transaction: it happens wholly or not at all.
    """

    @abstractmethod
    async def start(self) -> None:
        """Connect, and bring the schema to this version."""

    @abstractmethod
    async def stop(self) -> None:
        """Give back the connections."""

    # issuances

    @abstractmethod
    async def accept(self, request: IssuanceRequest) -> IssuanceId:
        """Write the request down. Where its key is known, the issuance of the first request.

        Raises `IdempotencyKeyReused` where the first request was another one.
        """

    @abstractmethod
    async def request_of(self, idempotency_key: str) -> KnownRequest | None:
        """What the key was used for."""

    @abstractmethod
    async def issuance(self, issuance: IssuanceId) -> Issuance | None:
        """One issuance with all its changes."""

    @abstractmethod
    async def issuance_of(self, asset: AssetId) -> Issuance | None:
        """The issuance that made an asset, where it was this service."""

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
    async def assign(self, kind: AssetKind, *, most: int, at: datetime) -> BatchId | None:
        """Put the oldest issuances without a batch into a new one; None where there are none."""

    @abstractmethod
    async def open_batches(self) -> tuple[BatchId, ...]:
        """The batches that are not finished, oldest first."""

    @abstractmethod
    async def members(self, batch: BatchId) -> tuple[Issuance, ...]:
        """The issuances of a batch, in the order of their acceptance."""

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
    async def written(self, batch: BatchId) -> WrittenTransaction | None:
        """The transaction that carries a batch."""

    @abstractmethod
    async def abandon(self, transaction: WrittenTransaction) -> None:
        """Give up a transaction whose nonce another one has used for good.

        Its bytes and hashes stay on record; `write` gives the batch a new one.
        """

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


Journey = Callable[[BatchId, "Steps"], Awaitable[None]]


class Steps(Protocol):
    """Runs the steps of a journey; one that ended is not run again after a restart."""

    async def __call__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` under `name`, to its end, at least once."""


class Engine(ABC):
    """Carries each batch through its journey, over crashes and restarts."""

    @abstractmethod
    async def start(self, journey: Journey) -> None:
        """Take up work, also what was left unfinished."""

    @abstractmethod
    async def carry(self, batch: BatchId) -> None:
        """See the batch through; nothing happens where that is under way already."""

    @abstractmethod
    async def stop(self) -> None:
        """Lay down work where it is. It goes on at the next start."""


def _in_order(events: Collection[RecordEvent]) -> tuple[RecordEvent, ...]:
    return tuple(sorted(events, key=lambda event: (event.block_number, event.log_index)))


class Upload:
    """Bytes on their way into a store, hashed as they pass.

    A store takes either `chunks` or `blocks`, to the end; `root` is then what we computed.
    """

    def __init__(self, source: AsyncIterable[bytes]) -> None:
        self._source = source
        self._builder = UnixfsBuilder()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        async for data in self._source:
            for _ in self._builder.feed(data):
                pass
            yield data
        for _ in self._builder.finish():
            pass

    async def blocks(self) -> AsyncIterator[UnixfsBlock]:
        """The file's blocks, children first and the root last."""
        async for data in self._source:
            for block in self._builder.feed(data):
                yield block
        for block in self._builder.finish():
            yield block

    @property
    def root(self) -> Cid:
        """The CID that the bytes have. Raises `ValueError` before the end."""
        return self._builder.root


class BlockReader(Protocol):
    """Blocks of one content in a store, unchecked."""

    async def block(self, cid: Cid) -> bytes:
        """One block. Raises `ContentMissing`, `ContentUnavailable`."""

    async def close(self) -> None:
        """Give back what is held open."""


class ContentStore(ABC):
    """Keeps content under its CID (UnixFS, CIDv1, raw leaves). It is never believed."""

    name: str

    async def put(self, source: AsyncIterable[bytes]) -> Cid:
        """Store the bytes durably; gives the CID that we computed of them.

        Raises `ContentCorrupt` where the store names another CID, `ContentUnavailable`,
        `DiskFull`. The same content twice is stored once.
        """
        upload = Upload(source)
        claimed = await self._put(upload)
        try:
            root = upload.root
        except ValueError as error:
            raise ContentCorrupt(
                str(claimed), store=self.name, detail="an answer before it had all the bytes"
            ) from error
        if claimed != root:
            raise ContentCorrupt(str(root), store=self.name, detail=f"the CID {claimed}")
        return root

    async def read(self, cid: Cid) -> AsyncIterator[bytes]:
        """The bytes of a content, each block compared with its CID before it is given.

        Raises `ContentMissing`, `ContentCorrupt`, `ContentUnavailable`.
        """
        reader = await self._open(cid)
        try:
            async for data in read_file(cid, reader.block):
                yield data
        except UntrueBlock as error:
            raise ContentCorrupt(str(cid), store=self.name, detail=str(error)) from error
        finally:
            await reader.close()

    async def verify(self, cid: Cid) -> int:
        """Read all of it back and check it; gives its size in bytes. Raises as `read`."""
        size = 0
        async for data in self.read(cid):
            size += len(data)
        return size

    @abstractmethod
    async def has(self, cid: Cid) -> bool:
        """Whether the store says that it keeps the content. Raises `ContentUnavailable`."""

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""

    @abstractmethod
    async def _put(self, upload: Upload) -> Cid: ...
    @abstractmethod
    async def _open(self, cid: Cid) -> BlockReader: ...
