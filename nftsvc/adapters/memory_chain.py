"""The chain's honest twin in memory: signed transactions in, records out, faults by a switch.

It reads the very bytes that the signer made, keeps nonces, pending transactions and blocks, and
issues as the contracts do. Finality comes `depth` blocks behind the newest, safety half of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

from nftsvc.adapters import contract_abi
from nftsvc.core.errors import ChainUnavailable, TransactionRefused
from nftsvc.core.history import Block, Heads, RecordEvent, RecordKind
from nftsvc.core.transaction import Call, Fees, Receipt, SignedTransaction
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
    TokenStatus,
    TransactionHash,
    Wei,
    parse_address,
    token_id_of,
)
from nftsvc.core.verify import TokenRecord
from nftsvc.ports import Chain

NOBODY: Final = Address("0x" + "0" * 40)
BLOCK_SECONDS: Final = 12
ISSUE_GAS: Final = Gas(60_000)


class ChainFault(StrEnum):
    """What can be wrong with an endpoint."""

    AWAY = "does not answer"
    LOST_ANSWER = "takes a transaction and does not answer"
    OTHER_CHAIN = "speaks for another chain"
    OUT_OF_ORDER = "names a final block beyond the newest"
    FOREIGN_RECEIPT = "gives the receipt of another transaction"


@dataclass(frozen=True, slots=True)
class _Sent:
    signed: SignedTransaction
    sender: Address
    nonce: Nonce
    to: Address
    items: tuple[tuple[Address, Digest], ...]


@dataclass(slots=True)
class _Block:
    head: Block
    sent: tuple[_Sent, ...] = ()
    receipts: dict[TransactionHash, Receipt] = field(default_factory=dict)


class MemoryChain(Chain):
    """One chain; `issuer` alone may issue. `fault` is None for an endpoint that does its work."""

    def __init__(
        self,
        *,
        chain_id: ChainId,
        contracts: Mapping[AssetKind, Address],
        issuer: Address,
        depth: int = 2,
    ) -> None:
        super().__init__("memory", chain_id=chain_id)
        self._own_id = chain_id
        self._contracts = dict(contracts)
        self._issuer = issuer
        self._depth = depth
        self._forks = 0
        self._pending: list[_Sent] = []
        self._blocks = [_Block(self._head(BlockNumber(0), BlockHash("0x" + "0" * 64)))]
        self.fault: ChainFault | None = None

    def mine(self, count: int = 1) -> None:
        """Add blocks; the first holds what is pending and has its turn."""
        for _ in range(count):
            parent = self._blocks[-1].head
            block = _Block(self._head(BlockNumber(parent.number + 1), parent.block_hash))
            self._blocks.append(block)
            for sent in sorted(self._pending, key=lambda s: s.nonce):
                if sent.nonce == self._used(sent.sender):
                    self._include(block, sent)
            self._pending = [s for s in self._pending if s.nonce >= self._used(s.sender)]

    def reorg(self, depth: int, *, keep_transactions: bool = True) -> None:
        """Replace the newest `depth` blocks by empty ones; what they held may be pending again."""
        left = self._blocks[-depth:]
        del self._blocks[-depth:]
        self._forks += 1
        pending, self._pending = self._pending, []
        self.mine(depth)
        self._pending = pending
        if keep_transactions:
            self._pending += [sent for block in left for sent in block.sent]

    def issuing(self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]) -> Call:
        return contract_abi.issuing(kind, items, contract=self._contracts[kind])

    async def close(self) -> None:
        """Nothing is held."""

    async def _chain_id(self) -> ChainId:
        self._answer()
        other = self.fault is ChainFault.OTHER_CHAIN
        return ChainId(self._own_id + 1) if other else self._own_id

    async def _heads(self) -> Heads:
        self._answer()
        newest = len(self._blocks) - 1
        latest, safe, finalized = (
            self._blocks[max(0, newest - behind)].head
            for behind in (0, self._depth // 2, self._depth)
        )
        if self.fault is ChainFault.OUT_OF_ORDER:
            finalized = replace(latest, number=BlockNumber(latest.number + 1))
        return Heads(latest, safe, finalized)

    async def _block(self, number: BlockNumber) -> Block | None:
        self._answer()
        return self._blocks[number].head if number < len(self._blocks) else None

    async def _record(self, contract: Address, token_id: TokenId, at: Block) -> TokenRecord:
        self._answer()
        if self._blocks[at.number].head.block_hash != at.block_hash:
            raise ChainUnavailable("the block is not in the chain any more")
        for event in self._records(BlockNumber(0), at.number):
            if (event.contract, event.token_id) == (contract, token_id):
                return TokenRecord(
                    status=TokenStatus.ACTIVE,
                    holder=event.holder_to or NOBODY,
                    issuer=event.actor or NOBODY,
                    issuer_trusted=True,
                    version=1,
                    digest=event.digest or Digest(bytes(32)),
                    issued_at=event.timestamp,
                    head_block=event.block_number,
                )
        return TokenRecord(
            status=TokenStatus.UNKNOWN,
            holder=NOBODY,
            issuer=NOBODY,
            issuer_trusted=False,
            version=0,
            digest=Digest(bytes(32)),
            issued_at=0,
            head_block=BlockNumber(0),
        )

    async def _events(self, first: BlockNumber, last: BlockNumber) -> Collection[RecordEvent]:
        self._answer()
        return self._records(first, last)

    async def _events_of(self, block: BlockHash) -> Collection[RecordEvent]:
        self._answer()
        for known in self._blocks:
            if known.head.block_hash == block:
                return self._records(known.head.number, known.head.number)
        raise ChainUnavailable("the block is not in the chain any more")

    async def _nonce(self, account: Address) -> Nonce:
        self._answer()
        return self._used(account)

    async def _balance(self, account: Address) -> int:  # noqa: ARG002 - everyone is rich here
        self._answer()
        return 10**21

    async def _fees(self) -> Fees:
        self._answer()
        return Fees(Wei(10**9), Wei(10**6))

    async def _estimate(self, call: Call, sender: Address) -> Gas:
        self._answer()
        items = contract_abi.read_issuing(call.data)
        if reason := self._refusal(sender, items):
            raise TransactionRefused(reason)
        return Gas(ISSUE_GAS * len(items))

    async def _broadcast(self, signed: SignedTransaction) -> None:
        self._answer()
        if not any(
            sent.signed.transaction_hash == signed.transaction_hash for sent in self._pending
        ):
            transaction = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
            sender = parse_address(Account.recover_transaction(signed.raw))
            nonce = Nonce(int(transaction["nonce"]))
            if nonce < self._used(sender):
                raise TransactionRefused("nonce-too-low")
            to = parse_address("0x" + HexBytes(transaction["to"]).hex())
            items = tuple(contract_abi.read_issuing(bytes(HexBytes(transaction["data"]))))
            self._pending.append(_Sent(signed, sender, nonce, to, items))
        if self.fault is ChainFault.LOST_ANSWER:
            raise ChainUnavailable("the answer was lost")

    async def _receipt(self, transaction: TransactionHash) -> Receipt | None:
        self._answer()
        for block in self._blocks:
            if transaction in block.receipts:
                found = block.receipts[transaction]
                if self.fault is ChainFault.FOREIGN_RECEIPT:
                    return replace(found, transaction_hash=TransactionHash("0x" + "f" * 64))
                return found
        return None

    def _answer(self) -> None:
        if self.fault is ChainFault.AWAY:
            raise ChainUnavailable("the chain is away")

    def _head(self, number: BlockNumber, parent: BlockHash) -> Block:
        seed = f"{self._forks}:{number}:{parent}".encode()
        return Block(number, BlockHash("0x" + keccak(seed).hex()), parent, number * BLOCK_SECONDS)

    def _used(self, account: Address) -> Nonce:
        return Nonce(sum(s.sender == account for block in self._blocks for s in block.sent))

    def _records(self, first: int, last: int) -> list[RecordEvent]:
        return [
            record
            for block in self._blocks[first : last + 1]
            for receipt in block.receipts.values()
            for record in receipt.records
        ]

    def _refusal(self, sender: Address, items: Sequence[tuple[Address, Digest]]) -> str | None:
        if sender != self._issuer:
            return "Roles_NotIssuer"
        issued = {event.token_id for event in self._records(0, len(self._blocks))}
        for _, digest in items:
            if token_id_of(digest) in issued:
                return "Token_AlreadyIssued"
            issued.add(token_id_of(digest))
        return None

    def _include(self, block: _Block, sent: _Sent) -> None:
        refused = self._refusal(sent.sender, sent.items) is not None
        first = sum(len(receipt.records) for receipt in block.receipts.values())
        records = tuple(
            RecordEvent(
                kind=RecordKind.ISSUED,
                contract=sent.to,
                token_id=token_id_of(digest),
                block_number=block.head.number,
                block_hash=block.head.block_hash,
                transaction=sent.signed.transaction_hash,
                log_index=first + index,
                timestamp=block.head.timestamp,
                previous_block=None,
                actor=sent.sender,
                holder_to=holder,
                digest=digest,
                version=1,
            )
            for index, (holder, digest) in enumerate(sent.items)
        )
        block.sent = (*block.sent, sent)
        block.receipts[sent.signed.transaction_hash] = Receipt(
            transaction_hash=sent.signed.transaction_hash,
            block_number=block.head.number,
            block_hash=block.head.block_hash,
            succeeded=not refused,
            records=() if refused else records,
        )
