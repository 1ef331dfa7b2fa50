"""Endpoints that answer badly: whatever they say, the error is one of ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.failover_chain import FailoverChain
from nftsvc.adapters.json_rpc import JsonRpc
from nftsvc.adapters.memory_chain import ChainFault, MemoryChain
from nftsvc.core.errors import ChainUnavailable, TransactionRefused, WrongChain
from nftsvc.core.history import Block
from nftsvc.core.transaction import Call, SignedTransaction
from nftsvc.core.types import (
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    ChainId,
    TokenId,
    TransactionHash,
)
from nftsvc.ports import Chain

SOMEBODY: Final = Address("0x" + "A1" * 20)
CONTRACTS: Final = {AssetKind.EXPORT_CONTRACT: SOMEBODY}
BLOCK: Final = Block(BlockNumber(1), BlockHash("0x" + "1" * 64), BlockHash("0x" + "2" * 64), 1)
SIGNED: Final = SignedTransaction(b"\x02raw", TransactionHash("0x" + "3" * 64))

ASK: Final[dict[str, Callable[[Chain], Awaitable[Any]]]] = {
    "identity": lambda chain: chain.check_identity(),
    "heads": lambda chain: chain.heads(),
    "block": lambda chain: chain.block(BlockNumber(1)),
    "record": lambda chain: chain.record(TokenId(1), contract=SOMEBODY, at=BLOCK),
    "events": lambda chain: chain.events(first=BlockNumber(1), last=BlockNumber(2)),
    "events of": lambda chain: chain.events_of(BLOCK.block_hash),
    "nonce": lambda chain: chain.nonce(SOMEBODY),
    "balance": lambda chain: chain.balance(SOMEBODY),
    "fees": lambda chain: chain.fees(),
    "estimate": lambda chain: chain.estimate(Call(SOMEBODY, b""), sender=SOMEBODY),
    "broadcast": lambda chain: chain.broadcast(SIGNED),
    "receipt": lambda chain: chain.receipt(SIGNED.transaction_hash),
}
ANSWERS: Final = {
    "500": (500, b"oops"),
    "429": (429, b"slow down"),
    "no JSON": (200, b"<html>"),
    "a list": (200, b"[]"),
    "neither result nor error": (200, b'{"jsonrpc":"2.0","id":1}'),
    "an error that is text": (200, b'{"jsonrpc":"2.0","id":1,"error":"no"}'),
    "rate limit": (200, b'{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"limit"}}'),
    "text for a result": (200, b'{"jsonrpc":"2.0","id":1,"result":"surprise"}'),
    "an empty object": (200, b'{"jsonrpc":"2.0","id":1,"result":{"number":null}}'),
}


@asynccontextmanager
async def endpoint(status: int, body: bytes, *, seconds: float = 0) -> AsyncIterator[str]:
    """An HTTP server that gives every request the same answer."""

    serving: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next(int(ln[15:]) for ln in lines if ln.startswith(b"content-length:"))
                await reader.readexactly(length)
                await asyncio.sleep(seconds)
                answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                writer.write(answer + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("question", ASK)
async def test_endpoint__bad_answer__could_not_ask(question: str, answer: str) -> None:
    async with endpoint(*ANSWERS[answer]) as url:
        chain = EvmChain(url, chain_id=ChainId(1), contracts=CONTRACTS)
        try:
            with pytest.raises((ChainUnavailable, WrongChain)):
                await ASK[question](chain)
        finally:
            await chain.close()


async def test_endpoint__silent__could_not_ask_after_its_time() -> None:
    async with endpoint(200, b"{}", seconds=5) as url:
        chain = EvmChain(url, chain_id=ChainId(1), contracts=CONTRACTS, timeout=0.2)
        with pytest.raises(ChainUnavailable):
            await chain.heads()
        await chain.close()


REFUSALS: Final[dict[str, list[tuple[int, str, str | None]]]] = {
    "geth": [
        (-32000, "already known", None),
        (-32000, "nonce too low: next nonce 7, tx nonce 3", "nonce-too-low"),
        (-32000, "nonce too high", "nonce-too-high"),
        (-32000, "replacement transaction underpriced", "replacement-underpriced"),
        (-32000, "transaction underpriced: gas tip cap 1, minimum needed 1000000", "underpriced"),
        (-32000, "max fee per gas less than block base fee: address 0x1", "underpriced"),
        (-32000, "insufficient funds for gas * price + value: balance 1", "insufficient-funds"),
        (-32000, "txpool is full", "pool-full"),
        (-32000, "exceeds block gas limit", "too-much-gas"),
        (-32000, "transaction gas limit too high (cap: 16777216, tx: 20000000)", "too-much-gas"),
    ],
    "erigon": [
        (-32000, "INTERNAL_ERROR: existing tx with same hash", None),
        (-32000, "INTERNAL_ERROR: nonce too low", "nonce-too-low"),
        (-32000, "INTERNAL_ERROR: could not replace existing tx", "replacement-underpriced"),
        (-32000, "INTERNAL_ERROR: underpriced", "underpriced"),
        (-32000, "INTERNAL_ERROR: insufficient funds", "insufficient-funds"),
    ],
    "nethermind": [
        (-32010, "AlreadyKnown", None),
        (-32010, "OldNonce, Current nonce: 7, nonce of rejected tx: 3", "nonce-too-low"),
        (-32010, "NonceGap, Future nonce. Expected nonce: 7", "nonce-too-high"),
        (-32010, "ReplacementNotAllowed", "replacement-underpriced"),
        (-32010, "replacement transaction underpriced", "replacement-underpriced"),
        (-32010, "FeeTooLow, MaxFeePerGas too low", "underpriced"),
        (-32010, "FeeTooLowToCompete", "underpriced"),
        (-32010, "InsufficientFunds, Account balance: 1", "insufficient-funds"),
        (-32010, "GasLimitExceeded, Gas limit: 1, gas limit of rejected tx: 2", "too-much-gas"),
    ],
    "besu": [
        (-32000, "Known transaction", None),
        (-32001, "Nonce too low", "nonce-too-low"),
        (-32004, "Upfront cost exceeds account balance", "insufficient-funds"),
        (-32005, "Transaction gas limit exceeds block gas limit", "too-much-gas"),
        (-32009, "Gas price below configured minimum gas price", "underpriced"),
        (-32000, "Replacement transaction underpriced", "replacement-underpriced"),
    ],
    "anvil and hardhat": [
        (-32003, "transaction already imported", None),
        (-32003, "nonce too low", "nonce-too-low"),
        (-32000, "Known transaction: 0xabc", None),
        (-32000, "Nonce too low. Expected nonce to be 5 but got 3.", "nonce-too-low"),
        (-32000, "Nonce too high. Expected nonce to be 5 but got 9.", "nonce-too-high"),
        (-32000, "Sender doesn't have enough funds to send tx.", "insufficient-funds"),
    ],
    "a provider": [
        (-32001, "Unauthorized", "Unauthorized"),
        (-32000, "something that nobody has said yet", "something that nobody has said yet"),
    ],
}


@pytest.mark.parametrize(
    ("code", "message", "reason"), [case for cases in REFUSALS.values() for case in cases]
)
async def test_broadcast__node_refuses__is_told_by_what_it_means(
    code: int, message: str, reason: str | None
) -> None:
    answer = {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}
    async with endpoint(200, json.dumps(answer).encode()) as url:
        chain = EvmChain(url, chain_id=ChainId(1), contracts=CONTRACTS)
        if reason is None:
            await chain.broadcast(SIGNED)
        else:
            with pytest.raises(TransactionRefused) as refused:
                await chain.broadcast(SIGNED)
            assert refused.value.reason == reason
        await chain.close()


async def test_calls__cancelled_as_they_start__leave_the_endpoint_usable() -> None:
    async with endpoint(200, b'{"jsonrpc":"2.0","id":1,"result":"0x1"}') as url:
        for _ in range(10):
            many = [JsonRpc(url) for _ in range(20)]
            calls = [asyncio.create_task(rpc.call("eth_chainId")) for rpc in many]
            for _ in range(2):
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert await many[0].call("eth_chainId") == "0x1"
            for rpc in many:
                await rpc.close()


def _twins(count: int) -> list[MemoryChain]:
    return [
        MemoryChain(chain_id=ChainId(1), contracts=CONTRACTS, issuer=SOMEBODY) for _ in range(count)
    ]


async def test_failover__first_is_away__the_second_answers() -> None:
    away, there = _twins(2)
    away.fault = ChainFault.AWAY
    there.mine(5)
    chain = FailoverChain([away, there])
    assert (await chain.heads()).latest.number == 5
    there.fault = ChainFault.AWAY
    with pytest.raises(ChainUnavailable):
        await chain.heads()


async def test_failover__one_speaks_for_another_chain__is_not_started_with() -> None:
    away, wrong = _twins(2)
    away.fault = ChainFault.AWAY
    wrong.fault = ChainFault.OTHER_CHAIN
    with pytest.raises(WrongChain):
        await FailoverChain([away, wrong]).check_identity()
