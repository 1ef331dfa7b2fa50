"""The chain's honest twin in memory: signed transactions in, records out, faults by a switch.

It reads the very bytes that the signer made, keeps nonces, pending transactions and blocks, and
issues as the contracts do. A pending transaction gives way to one of the same nonce that pays a
tenth more, and waits while the base fee is above what it offers. Finality comes `depth` blocks
behind the newest, safety half of it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_hash.auto import keccak
from hexbytes import HexBytes

from nftsvc.adapters import contract_abi
from nftsvc.core.anchors import Claim
from nftsvc.core.errors import ChainUnavailable, TransactionRefused
from nftsvc.core.history import Block, Heads, RecordEvent, RecordKind
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.transaction import BroadcastRefusal, Call, Fees, Receipt, SignedTransaction
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
PLAIN_GAS: Final = Gas(21_000)
BLOCK_GAS: Final = Gas(30_000_000)


class ChainFault(StrEnum):
    """What can be wrong with an endpoint."""

    AWAY = "does not answer"
    LOST_ANSWER = "takes a transaction and does not answer"
    OTHER_CHAIN = "speaks for another chain"
    OUT_OF_ORDER = "names a final block beyond the newest"
    FOREIGN_RECEIPT = "gives the receipt of another transaction"


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A transaction as the chain reads it. `items` are the tokens that it issues."""

    signed: SignedTransaction
    sender: Address
    nonce: Nonce
    to: Address
    items: tuple[tuple[Address, Digest], ...]
    max_fee: Wei
    max_priority_fee: Wei

    @classmethod
    def read(cls, signed: SignedTransaction) -> Self:
        """The signed bytes, taken apart."""
        transaction = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
        data = bytes(HexBytes(transaction["data"]))
        return cls(
            signed,
            parse_address(Account.recover_transaction(signed.raw)),
            Nonce(int(transaction["nonce"])),
            parse_address("0x" + HexBytes(transaction["to"]).hex()),
            tuple(contract_abi.read_issuing(data)) if data else (),
            Wei(int(transaction["maxFeePerGas"])),
            Wei(int(transaction["maxPriorityFeePerGas"])),
        )

    def outbids(self, other: Self) -> bool:
        """Whether a node would take this one in the other's place."""
        return 10 * self.max_fee >= 11 * other.max_fee and (
            10 * self.max_priority_fee >= 11 * other.max_priority_fee
        )


@dataclass(slots=True)
class _Block:
    head: Block
    sent: list[SentTransaction] = field(default_factory=list)
    records: list[RecordEvent] = field(default_factory=list)


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
        self._pending: dict[tuple[Address, Nonce], SentTransaction] = {}
        self._outbid: list[SentTransaction] = []
        self._blocks: list[_Block] = []
        self._numbers: dict[BlockHash, BlockNumber] = {}
        self._used: Counter[Address] = Counter()
        self._receipts: dict[TransactionHash, Receipt] = {}
        self._issued: dict[tuple[Address, TokenId], RecordEvent] = {}
        self._append(self._head(BlockNumber(0), BlockHash("0x" + "0" * 64)))
        self.base_fee = Wei(10**9)
        self.fault: ChainFault | None = None

    @property
    def mined(self) -> tuple[SentTransaction, ...]:
        """Every transaction in the chain, in its order."""
        return tuple(sent for block in self._blocks for sent in block.sent)

    @property
    def pending(self) -> tuple[SentTransaction, ...]:
        """What waits for a block."""
        return tuple(self._pending.values())

    def mine(self, count: int = 1) -> None:
        """Add blocks; the first holds what is pending, has its turn and pays enough."""
        for _ in range(count):
            parent = self._blocks[-1].head
            head = self._head(BlockNumber(parent.number + 1), parent.block_hash)
            block = self._append(head)
            for key in sorted(self._pending, key=lambda key: key[1]):
                sent = self._pending[key]
                if sent.nonce == self._used[sent.sender] and sent.max_fee >= self.base_fee:
                    del self._pending[key]
                    self._include(block, sent)
            self._drop_used()

    def reorg(self, depth: int, *, keep_transactions: bool = True) -> None:
        """Replace the newest `depth` blocks by empty ones; what they held may be pending again."""
        left = [sent for _ in range(depth) for sent in reversed(self._remove())]
        self._forks += 1
        pending, self._pending = self._pending, {}
        self.mine(depth)
        if keep_transactions:
            pending = {(sent.sender, sent.nonce): sent for sent in left} | pending
        self._pending = pending

    def prefer_outbid(self) -> bool:
        """What was outbid waits again in the other's place: another node never saw the raise.

        False where nothing was.
        """
        again = {(sent.sender, sent.nonce): sent for sent in self._outbid}
        self._outbid.clear()
        waiting = {key: sent for key, sent in again.items() if key in self._pending}
        self._pending |= waiting
        return bool(waiting)

    def forget_pending(self) -> None:
        """What a node does that is started anew."""
        self._pending.clear()

    def issuing(self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]) -> Call:
        return contract_abi.issuing(kind, items, contract=self._contracts[kind])

    def attesting(self, kind: AssetKind, root: MerkleRoot) -> Call:
        return contract_abi.attesting(kind, root, contract=self._contracts[kind])

    def claiming(self, kind: AssetKind, claim: Claim) -> Call:
        return contract_abi.claiming(kind, claim, contract=self._contracts[kind])

    def amending(self, kind: AssetKind, token_id: TokenId, digest: Digest) -> Call:
        return contract_abi.amending(kind, token_id, digest, contract=self._contracts[kind])

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
        event = self._issued.get((contract, token_id))
        if event is not None and event.block_number <= at.number:
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
        number = self._numbers.get(block)
        if number is None:
            raise ChainUnavailable("the block is not in the chain any more")
        return self._records(number, number)

    async def _nonce(self, account: Address) -> Nonce:
        self._answer()
        return Nonce(self._used[account])

    async def _balance(self, account: Address) -> int:  # noqa: ARG002 - everyone is rich here
        self._answer()
        return 10**21

    async def _fees(self) -> Fees:
        self._answer()
        return Fees(self.base_fee, Wei(10**6))

    async def _estimate(self, call: Call, sender: Address) -> Gas:
        self._answer()
        items = contract_abi.read_issuing(call.data) if call.data else []
        if reason := self._refusal(sender, call.to, items):
            raise TransactionRefused(reason)
        return Gas(ISSUE_GAS * len(items) or PLAIN_GAS)

    async def _is_issuer(self, account: Address) -> bool:
        self._answer()
        return account == self._issuer

    async def _block_gas(self) -> Gas:
        self._answer()
        return BLOCK_GAS

    async def _precheck(
        self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]
    ) -> list[str | None]:
        self._answer()
        tokens = [token_id_of(digest) for _, digest in items]
        issued = [
            token in tokens[:place] or (self._contracts[kind], token) in self._issued
            for place, token in enumerate(tokens)
        ]
        return ["Token_AlreadyIssued" if each else None for each in issued]

    async def _broadcast(self, signed: SignedTransaction) -> None:
        self._answer()
        sent = SentTransaction.read(signed)
        present = self._pending.get((sent.sender, sent.nonce))
        if present is None or present.signed != signed:
            if sent.nonce < self._used[sent.sender]:
                raise TransactionRefused(BroadcastRefusal.NONCE_TOO_LOW)
            if present is not None and not sent.outbids(present):
                raise TransactionRefused(BroadcastRefusal.REPLACEMENT_UNDERPRICED)
            if present is not None:
                self._outbid.append(present)
            self._pending[sent.sender, sent.nonce] = sent
        if self.fault is ChainFault.LOST_ANSWER:
            raise ChainUnavailable("the answer was lost")

    async def _receipt(self, transaction: TransactionHash) -> Receipt | None:
        self._answer()
        found = self._receipts.get(transaction)
        if found is not None and self.fault is ChainFault.FOREIGN_RECEIPT:
            return replace(found, transaction_hash=TransactionHash("0x" + "f" * 64))
        return found

    def _answer(self) -> None:
        if self.fault is ChainFault.AWAY:
            raise ChainUnavailable("the chain is away")

    def _head(self, number: BlockNumber, parent: BlockHash) -> Block:
        seed = f"{self._forks}:{number}:{parent}".encode()
        return Block(number, BlockHash("0x" + keccak(seed).hex()), parent, number * BLOCK_SECONDS)

    def _append(self, head: Block) -> _Block:
        block = _Block(head)
        self._blocks.append(block)
        self._numbers[head.block_hash] = head.number
        return block

    def _remove(self) -> list[SentTransaction]:
        """Take the newest block out of the chain; gives what it held."""
        block = self._blocks.pop()
        del self._numbers[block.head.block_hash]
        for sent in block.sent:
            self._used[sent.sender] -= 1
            del self._receipts[sent.signed.transaction_hash]
        for record in block.records:
            del self._issued[record.contract, record.token_id]
        return block.sent

    def _drop_used(self) -> None:
        for sender, nonce in [key for key in self._pending if key[1] < self._used[key[0]]]:
            del self._pending[sender, nonce]

    def _records(self, first: int, last: int) -> list[RecordEvent]:
        return [record for block in self._blocks[first : last + 1] for record in block.records]

    def _refusal(
        self, sender: Address, to: Address, items: Sequence[tuple[Address, Digest]]
    ) -> str | None:
        if items and sender != self._issuer:
            return "Roles_NotIssuer"
        tokens = [token_id_of(digest) for _, digest in items]
        if len(set(tokens)) < len(tokens) or any((to, token) in self._issued for token in tokens):
            return "Token_AlreadyIssued"
        return None

    def _include(self, block: _Block, sent: SentTransaction) -> None:
        refused = self._refusal(sent.sender, sent.to, sent.items) is not None
        first = len(block.records)
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
            for index, (holder, digest) in enumerate(() if refused else sent.items)
        )
        self._used[sent.sender] += 1
        block.sent.append(sent)
        block.records += records
        self._issued |= {(record.contract, record.token_id): record for record in records}
        self._receipts[sent.signed.transaction_hash] = Receipt(
            transaction_hash=sent.signed.transaction_hash,
            block_number=block.head.number,
            block_hash=block.head.block_hash,
            succeeded=not refused,
        )
