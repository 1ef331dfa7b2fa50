"""Several endpoints of one chain as one: the first that answers is asked, and stays first."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from nftsvc.core.anchors import Claim
from nftsvc.core.errors import ChainUnavailable, TransactionRefused, WrongChain
from nftsvc.core.history import Block, Heads, RecordEvent
from nftsvc.core.merkle import MerkleRoot
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
    TransactionHash,
)
from nftsvc.core.verify import TokenRecord
from nftsvc.ports import Chain

T = TypeVar("T")


class FailoverChain(Chain):
    """`chains` are endpoints of one chain. Transactions are given to all of them."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        super().__init__(", ".join(chain.endpoint for chain in chains), chain_id=chains[0].chain_id)
        self._chains = list(chains)
        self._final = BlockNumber(0)

    async def close(self) -> None:
        await asyncio.gather(*(chain.close() for chain in self._chains))

    def issuing(self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]) -> Call:
        return self._chains[0].issuing(kind, items)

    def attesting(self, kind: AssetKind, root: MerkleRoot) -> Call:
        return self._chains[0].attesting(kind, root)

    def claiming(self, kind: AssetKind, claim: Claim) -> Call:
        return self._chains[0].claiming(kind, claim)

    def amending(self, kind: AssetKind, token_id: TokenId, digest: Digest) -> Call:
        return self._chains[0].amending(kind, token_id, digest)

    async def check_identity(self) -> None:
        """Raises `WrongChain` if any endpoint that answers speaks for another chain."""
        answers = await asyncio.gather(
            *(chain.check_identity() for chain in self._chains), return_exceptions=True
        )
        faults = [answer for answer in answers if isinstance(answer, BaseException)]
        for fault in faults:
            if not isinstance(fault, ChainUnavailable):
                raise fault
        if len(faults) == len(self._chains):
            raise faults[0]

    async def _chain_id(self) -> ChainId:
        await self.check_identity()
        return self.chain_id

    async def _heads(self) -> Heads:
        heads = await self._first(lambda chain: chain.heads())
        if heads.latest.number < self._final:
            heads = await self._furthest()
        self._final = max(self._final, heads.finalized.number)
        return heads

    async def _furthest(self) -> Heads:
        """The first endpoint is behind what was final already: whoever is not, stays first."""
        answers = await asyncio.gather(
            *(chain.heads() for chain in self._chains), return_exceptions=True
        )
        given = [
            (heads, chain)
            for heads, chain in zip(answers, self._chains, strict=True)
            if not isinstance(heads, BaseException)
        ]
        if not given:
            raise ChainUnavailable("no endpoint names its newest block")
        heads, chain = max(given, key=lambda pair: pair[0].latest.number)
        self._chains.remove(chain)
        self._chains.insert(0, chain)
        return heads

    async def _block(self, number: BlockNumber) -> Block | None:
        return await self._first(lambda chain: chain.block(number))

    async def _record(self, contract: Address, token_id: TokenId, at: Block) -> TokenRecord:
        found = await self._first(lambda chain: chain.record(token_id, contract=contract, at=at))
        return found.record

    async def _events(self, first: BlockNumber, last: BlockNumber) -> Collection[RecordEvent]:
        return await self._first(lambda chain: chain.events(first=first, last=last))

    async def _events_of(self, block: BlockHash) -> Collection[RecordEvent]:
        return await self._first(lambda chain: chain.events_of(block))

    async def _nonce(self, account: Address) -> Nonce:
        # A node that lags behind must not make us use a nonce twice: the highest counts.
        return max(await self._all(lambda chain: chain.nonce(account)))

    async def _balance(self, account: Address) -> int:
        return await self._first(lambda chain: chain.balance(account))

    async def _fees(self) -> Fees:
        return await self._first(lambda chain: chain.fees())

    async def _estimate(self, call: Call, sender: Address) -> Gas:
        return await self._first(lambda chain: chain.estimate(call, sender=sender))

    async def _is_issuer(self, account: Address) -> bool:
        return await self._first(lambda chain: chain.is_issuer(account))

    async def _block_gas(self) -> Gas:
        return await self._first(lambda chain: chain.block_gas())

    async def _precheck(
        self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]
    ) -> Collection[str | None]:
        return await self._first(lambda chain: chain.precheck(kind, items))

    async def _broadcast(self, signed: SignedTransaction) -> None:
        await self._all(lambda chain: chain.broadcast(signed))

    async def _receipt(self, transaction: TransactionHash) -> Receipt | None:
        # One that is behind has none yet; `receipt` compares its block with the first endpoint's.
        answers = await self._all(lambda chain: chain.receipt(transaction))
        return next((answer for answer in answers if answer is not None), None)

    async def _first(self, ask: Callable[[Chain], Awaitable[T]]) -> T:
        silent: ChainUnavailable | None = None
        for chain in tuple(self._chains):
            try:
                answer = await ask(chain)
            except (ChainUnavailable, WrongChain) as error:
                silent = silent or ChainUnavailable(str(error))
                continue
            if silent is not None and chain in self._chains:
                self._chains.remove(chain)
                self._chains.insert(0, chain)
            return answer
        raise silent or ChainUnavailable("there is no endpoint")

    async def _all(self, ask: Callable[[Chain], Awaitable[T]]) -> list[T]:
        """Every answer; at least one. A refusal counts only where no endpoint took it."""
        answers = await asyncio.gather(
            *(ask(chain) for chain in self._chains), return_exceptions=True
        )
        given = [answer for answer in answers if not isinstance(answer, BaseException)]
        if given:
            return given
        faults = [answer for answer in answers if isinstance(answer, BaseException)]
        raise next((f for f in faults if isinstance(f, TransactionRefused)), faults[0])
