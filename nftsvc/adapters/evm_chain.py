"""An EVM chain as one RPC endpoint shows it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from nftsvc.adapters import contract_abi
from nftsvc.adapters.json_rpc import JsonRpc, RpcRefusal
from nftsvc.adapters.rpc_refusals import broadcast_refusal, is_known
from nftsvc.core.anchors import Claim
from nftsvc.core.errors import ChainUnavailable, TransactionRefused
from nftsvc.core.fees import TERMS, FeePreset
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
    Wei,
)
from nftsvc.core.verify import TokenRecord
from nftsvc.ports import Chain

PRECHECKED: Final = 256
"""Items of one `precheck`: it compares each with all before it."""
_REVERTS: Final = ("revert", "execution failed", "invalid opcode", "out of gas")


class EvmChain(Chain):
    """One endpoint. `contracts` are ours; a verifier that only reads records needs none.

    `preset` says how the chain takes fees; `depth` is the number of blocks that make final where
    the chain names no final block, by default the preset's.
    """

    def __init__(
        self,
        url: str,
        *,
        chain_id: ChainId,
        contracts: Mapping[AssetKind, Address] | None = None,
        depth: int | None = None,
        preset: FeePreset = FeePreset.L1,
        timeout: float = 10.0,
    ) -> None:
        super().__init__(url, chain_id=chain_id)
        self._rpc = JsonRpc(url, timeout=timeout)
        self._contracts = dict(contracts or {})
        self._terms = TERMS[preset]
        self._depth = depth or self._terms.depth

    async def close(self) -> None:
        await self._rpc.close()

    def issuing(self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]) -> Call:
        return contract_abi.issuing(kind, items, contract=self._contracts[kind])

    def attesting(self, kind: AssetKind, root: MerkleRoot) -> Call:
        return contract_abi.attesting(kind, root, contract=self._contracts[kind])

    def claiming(self, kind: AssetKind, claim: Claim) -> Call:
        return contract_abi.claiming(kind, claim, contract=self._contracts[kind])

    def amending(self, kind: AssetKind, token_id: TokenId, digest: Digest) -> Call:
        return contract_abi.amending(kind, token_id, digest, contract=self._contracts[kind])

    async def _chain_id(self) -> ChainId:
        return ChainId(self._number(await self._ask("eth_chainId")))

    async def _heads(self) -> Heads:
        # The final block first: while the three are asked for, the chain may only move up.
        finalized = await self._tagged("finalized")
        safe = await self._tagged("safe") if finalized else None
        latest = await self._tagged("latest")
        if latest is None:
            raise ChainUnavailable(f"{self.endpoint} names no newest block")
        if finalized is None or safe is None:
            finalized = await self._block(BlockNumber(max(0, latest.number - self._depth)))
            safe = await self._block(BlockNumber(max(0, latest.number - self._depth // 2)))
        if finalized is None or safe is None:
            raise ChainUnavailable(f"{self.endpoint} does not have a block below its newest")
        return Heads(latest, safe, finalized)

    async def _tagged(self, tag: str) -> Block | None:
        try:
            answer = await self._rpc.call("eth_getBlockByNumber", tag, False)  # noqa: FBT003 - the method takes it so
        except RpcRefusal as refusal:
            if tag == "latest":
                raise self._unexpected(refusal) from refusal
            return None  # a chain that does not know the tag: finality comes from the depth
        return self._read_block(answer) if answer else None

    async def _block(self, number: BlockNumber) -> Block | None:
        answer = await self._ask("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003
        return self._read_block(answer) if answer else None

    async def _record(self, contract: Address, token_id: TokenId, at: Block) -> TokenRecord:
        call = {"to": contract, "data": "0x" + contract_abi.record_query(token_id).hex()}
        answer = await self._ask("eth_call", call, {"blockHash": at.block_hash})
        try:
            return contract_abi.read_record(bytes.fromhex(str(answer).removeprefix("0x")))
        except ValueError as error:
            raise ChainUnavailable(f"{self.endpoint} gave no record: {error}") from error

    async def _events(self, first: BlockNumber, last: BlockNumber) -> Collection[RecordEvent]:
        return await self._logs({"fromBlock": hex(first), "toBlock": hex(last)})

    async def _events_of(self, block: BlockHash) -> Collection[RecordEvent]:
        return await self._logs({"blockHash": block})

    async def _logs(self, where: dict[str, str]) -> Collection[RecordEvent]:
        query = where | {
            "address": list(self._contracts.values()),
            "topics": [contract_abi.record_topics()],
        }
        return await self._read_logs(await self._ask("eth_getLogs", query))

    async def _nonce(self, account: Address) -> Nonce:
        return Nonce(self._number(await self._ask("eth_getTransactionCount", account, "latest")))

    async def _balance(self, account: Address) -> int:
        return self._number(await self._ask("eth_getBalance", account, "latest"))

    async def _fees(self) -> Fees:
        terms = self._terms
        answer = await self._ask("eth_feeHistory", hex(terms.blocks), "latest", [terms.percentile])
        try:
            base = int(answer["baseFeePerGas"][-1], 16)
            offered = sorted(int(block[0], 16) for block in answer.get("reward") or [])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ChainUnavailable(f"{self.endpoint} gave no fee history") from error
        if terms.least_tip is None:
            return Fees(Wei(base), Wei(0))
        middle = offered[len(offered) // 2] if offered else 0
        return Fees(Wei(base), Wei(max(middle, terms.least_tip)))

    async def _is_issuer(self, account: Address) -> bool:
        data = "0x" + contract_abi.issuer_query(account).hex()
        asked = [{"to": contract, "data": data} for contract in self._contracts.values()]
        return all([self._number(await self._ask("eth_call", c, "latest")) == 1 for c in asked])

    async def _block_gas(self) -> Gas:
        answer = await self._ask("eth_getBlockByNumber", "latest", False)  # noqa: FBT003
        if not isinstance(answer, dict):
            raise ChainUnavailable(f"{self.endpoint} names no newest block")
        return Gas(self._number(answer.get("gasLimit")))

    async def _precheck(
        self, kind: AssetKind, items: Sequence[tuple[Address, Digest]]
    ) -> list[str | None]:
        found: list[str | None] = []
        for start in range(0, len(items), PRECHECKED):
            some = items[start : start + PRECHECKED]
            call = {
                "to": self._contracts[kind],
                "data": "0x" + contract_abi.precheck_query(some).hex(),
            }
            answer = await self._ask("eth_call", call, "latest")
            try:
                found += contract_abi.read_precheck(bytes.fromhex(str(answer).removeprefix("0x")))
            except ValueError as error:
                raise ChainUnavailable(f"{self.endpoint} prechecked nothing: {error}") from error
        return found

    async def _estimate(self, call: Call, sender: Address) -> Gas:
        query = {"from": sender, "to": call.to, "data": "0x" + call.data.hex()}
        try:
            return Gas(self._number(await self._rpc.call("eth_estimateGas", query)))
        except RpcRefusal as refusal:
            if refusal.data is not None:
                raise TransactionRefused(contract_abi.refusal(refusal.data)) from refusal
            if any(word in refusal.message.lower() for word in _REVERTS):
                raise TransactionRefused("reverted") from refusal
            raise self._unexpected(refusal) from refusal

    async def _broadcast(self, signed: SignedTransaction) -> None:
        try:
            answer = await self._rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        except RpcRefusal as refusal:
            if is_known(refusal.message):
                return
            meant = broadcast_refusal(refusal.message, code=refusal.code)
            if meant is None and any(word in refusal.message.lower() for word in _REVERTS):
                return  # a node that mines at once reports the revert here; the receipt tells it
            raise TransactionRefused(meant or refusal.message[:200]) from refusal
        if str(answer).lower() != signed.transaction_hash:
            raise ChainUnavailable(f"{self.endpoint} took the bytes under another hash")

    async def _receipt(self, transaction: TransactionHash) -> Receipt | None:
        answer = await self._ask("eth_getTransactionReceipt", transaction)
        if answer is None:
            return None
        try:
            if answer["blockHash"] is None:
                return None
            return Receipt(
                transaction_hash=TransactionHash(answer["transactionHash"].lower()),
                block_number=BlockNumber(self._number(answer["blockNumber"])),
                block_hash=BlockHash(answer["blockHash"].lower()),
                succeeded=self._number(answer["status"]) == 1,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ChainUnavailable(f"{self.endpoint} gave an unreadable receipt") from error

    async def _read_logs(self, logs: Any) -> Collection[RecordEvent]:
        try:
            missing = {log["blockNumber"] for log in logs if not log.get("blockTimestamp")}
            known = await asyncio.gather(
                *(self._block(BlockNumber(int(number, 16))) for number in missing)
            )
            times = {block.number: block.timestamp for block in known if block is not None}
            return [
                contract_abi.read_event(
                    log,
                    timestamp=self._number(log["blockTimestamp"])
                    if log.get("blockTimestamp")
                    else times[BlockNumber(int(log["blockNumber"], 16))],
                )
                for log in logs
                if not log.get("removed")
            ]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ChainUnavailable(f"{self.endpoint} gave unreadable logs: {error}") from error

    async def _ask(self, method: str, *params: object) -> Any:
        """Ask what every node must answer: a refusal here is a node that cannot."""
        try:
            return await self._rpc.call(method, *params)
        except RpcRefusal as refusal:
            raise self._unexpected(refusal) from refusal

    def _unexpected(self, refusal: RpcRefusal) -> ChainUnavailable:
        return ChainUnavailable(f"{self.endpoint} refused {refusal}")

    def _number(self, value: object) -> int:
        try:
            return int(str(value), 16)
        except ValueError as error:
            raise ChainUnavailable(f"{self.endpoint} gave {value!r} for a number") from error

    def _read_block(self, answer: Any) -> Block:
        try:
            return Block(
                BlockNumber(int(answer["number"], 16)),
                BlockHash(answer["hash"].lower()),
                BlockHash(answer["parentHash"].lower()),
                int(answer["timestamp"], 16),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ChainUnavailable(f"{self.endpoint} gave an unreadable block") from error
