"""The chain, as one endpoint shows it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from nftsvc.core.anchors import Claim
from nftsvc.core.errors import ChainUnavailable, TransactionRefused, WrongChain
from nftsvc.core.history import Block, Heads, RecordEvent
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.transaction import TRANSACTION_GAS_CAP, Call, Fees, Receipt, SignedTransaction
from nftsvc.core.types import (
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    Gas,
    Nonce,
    TokenId,
    TransactionHash,
)
from nftsvc.core.verify import RecordAtBlock, TokenRecord


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

    async def is_issuer(self, account: Address) -> bool:
        """Whether every one of our contracts lets the account issue now."""
        return await self._is_issuer(account)

    async def block_gas(self) -> Gas:
        """The most gas that the newest block holds."""
        return await self._block_gas()

    async def precheck(
        self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]
    ) -> tuple[str | None, ...]:
        """For each (holder, manifest digest) the refusal that it would meet now, or None."""
        refusals = await self._precheck(kind, items)
        if len(refusals) != len(items):
            raise ChainUnavailable(f"{self.endpoint} prechecked other items")
        return tuple(refusals)

    async def broadcast(self, signed: SignedTransaction) -> None:
        """Hand the bytes to the network; done also where the network already has them.

        Raises `TransactionRefused` where the node will not take these bytes: the reason is a
        `BroadcastRefusal` or the node's words; `nonce-too-low` also where these very bytes have
        used their nonce up.
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
    def attesting(self, kind: AssetKind, root: MerkleRoot) -> Call:
        """The call that anchors the root of a tree."""

    @abstractmethod
    def claiming(self, kind: AssetKind, claim: Claim) -> Call:
        """The call that issues the token of a leaf under an anchored root."""

    @abstractmethod
    def amending(self, kind: AssetKind, token_id: TokenId, digest: Digest) -> Call:
        """The call that anchors a token's next version."""

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
    async def _is_issuer(self, account: Address) -> bool: ...
    @abstractmethod
    async def _block_gas(self) -> Gas: ...
    @abstractmethod
    async def _precheck(
        self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]
    ) -> Collection[str | None]: ...
    @abstractmethod
    async def _broadcast(self, signed: SignedTransaction) -> None: ...
    @abstractmethod
    async def _receipt(self, transaction: TransactionHash) -> Receipt | None: ...


def _in_order(events: Collection[RecordEvent]) -> tuple[RecordEvent, ...]:
    return tuple(sorted(events, key=lambda event: (event.block_number, event.log_index)))
