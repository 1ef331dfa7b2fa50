"""Each real node has words of its own for a refusal; the chain port gives them one meaning."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from eth_account import Account

from chain.local.accounts import BUYER, CUSTODY, ISSUER, account
from chain.local.node import Kind, LocalNode
from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.json_rpc import JsonRpc, RpcRefusal
from nftsvc.adapters.keystore_signer import KeystoreSigner
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import ChainUnavailable, TransactionRefused
from nftsvc.core.transaction import (
    TRANSACTION_GAS_CAP,
    BroadcastRefusal,
    SignedTransaction,
    UnsignedTransaction,
)
from nftsvc.core.types import Address, AssetKind, Digest, Gas, Nonce, Wei
from tests.bench.gas.ours import SNAPSHOT, digest
from tests.chains import deploy

DEAL = AssetKind.EXPORT_CONTRACT
HOLDER = Address(CUSTODY.address)
POOR = account(77)
GWEI = 10**9


@dataclass
class Live:
    """A node that mines when told to, and our way to it."""

    node: LocalNode
    deployment: Deployment
    chain: EvmChain

    async def signed(
        self,
        *,
        key: bytes = ISSUER.private_key,
        ahead: int = 0,
        gas: int = 200_000,
        fee: int = 10 * GWEI,
        holder: Address = HOLDER,
        digest: Digest | None = None,
    ) -> SignedTransaction:
        """A new token, issued by the account of `key`."""
        signer = KeystoreSigner(Account.from_key(key))
        call = self.chain.issuing(DEAL, [(holder, digest or _digest())])
        nonce = Nonce(await self.chain.nonce(signer.address) + ahead)
        return await signer.sign(
            UnsignedTransaction(self.chain.chain_id, nonce, call, Gas(gas), Wei(fee), Wei(fee))
        )

    async def succeeded(self, signed: SignedTransaction) -> bool | None:
        """None where no block holds it."""
        receipt = await self.chain.receipt(signed.transaction_hash)
        return receipt.succeeded if receipt else None


def _digest() -> Digest:
    return Digest(secrets.token_bytes(32))


@pytest.fixture(
    scope="module",
    params=["anvil", "hardhat", pytest.param("geth", marks=pytest.mark.needs("geth"))],
)
def started(request: pytest.FixtureRequest) -> Iterator[tuple[LocalNode, Deployment]]:
    kind: Kind = request.param
    with LocalNode(kind, block_seconds=None) as node:
        deployment = deploy(node)
        yield node, deployment


@pytest.fixture
async def live(started: tuple[LocalNode, Deployment]) -> AsyncIterator[Live]:
    node, deployment = started
    contracts = {kind: deployment.contracts[kind].address for kind in AssetKind}
    chain = EvmChain(node.url, chain_id=deployment.chain_id, contracts=contracts)
    yield Live(node, deployment, chain)
    await asyncio.to_thread(node.mine)
    await chain.close()


async def test_broadcast__known_bytes__is_done(live: Live) -> None:
    signed = await live.signed()
    await live.chain.broadcast(signed)
    await live.chain.broadcast(signed)
    live.node.mine()
    assert await live.succeeded(signed)


async def test_broadcast__nonce_used_up__is_told_so(live: Live) -> None:
    early = await live.signed()
    await live.chain.broadcast(await live.signed())
    live.node.mine()
    with pytest.raises(TransactionRefused) as refused:
        await live.chain.broadcast(early)
    assert refused.value.reason == "nonce-too-low"


async def test_broadcast__nonce_ahead__waits_until_the_gap_is_filled(live: Live) -> None:
    second = await live.signed(ahead=1)
    await live.chain.broadcast(second)
    live.node.mine()
    assert await live.succeeded(second) is None
    first = await live.signed()
    await live.chain.broadcast(first)
    live.node.mine()
    assert (await live.succeeded(first), await live.succeeded(second)) == (True, True)


async def test_broadcast__replacement_at_the_same_fee__is_refused_and_the_first_is_mined(
    live: Live,
) -> None:
    first, again = await live.signed(), await live.signed()
    await live.chain.broadcast(first)
    with pytest.raises(TransactionRefused) as refused:
        await live.chain.broadcast(again)
    assert refused.value.reason == BroadcastRefusal.REPLACEMENT_UNDERPRICED
    live.node.mine()
    assert (await live.succeeded(first), await live.succeeded(again)) == (True, None)


async def test_broadcast__replacement_at_a_tenth_more__takes_the_place_of_the_first(
    live: Live,
) -> None:
    first, dearer = await live.signed(), await live.signed(fee=11 * GWEI)
    await live.chain.broadcast(first)
    await live.chain.broadcast(dearer)
    live.node.mine()
    assert (await live.succeeded(first), await live.succeeded(dearer)) == (None, True)


async def test_broadcast__account_without_money__is_refused_for_it(live: Live) -> None:
    with pytest.raises(TransactionRefused) as refused:
        await live.chain.broadcast(await live.signed(key=POOR.private_key))
    assert refused.value.reason == BroadcastRefusal.INSUFFICIENT_FUNDS


async def test_broadcast__more_gas_than_a_block_has__is_refused(live: Live) -> None:
    with pytest.raises(TransactionRefused) as refused:
        await live.chain.broadcast(await live.signed(gas=40_000_000))
    assert "gas" in refused.value.reason.lower()


async def test_broadcast__most_gas_that_a_transaction_may_carry__is_mined(live: Live) -> None:
    signed = await live.signed(gas=TRANSACTION_GAS_CAP)
    await live.chain.broadcast(signed)
    live.node.mine()
    assert await live.succeeded(signed)


async def test_broadcast__reverts__is_taken_and_its_receipt_says_failed(live: Live) -> None:
    signed = await live.signed(key=BUYER.private_key)
    await live.chain.broadcast(signed)
    live.node.mine()
    assert await live.succeeded(signed) is False


async def test_estimate__reverts_with_arguments__is_told_by_the_errors_name(live: Live) -> None:
    call = live.chain.issuing(DEAL, [(Address(CUSTODY.address), _digest())])
    with pytest.raises(TransactionRefused) as refused:
        await live.chain.estimate(call, sender=Address(BUYER.address))
    assert refused.value.reason == "Issuer_NotAuthorized"
    rpc = JsonRpc(live.node.url)
    query = {"from": BUYER.address, "to": call.to, "data": "0x" + call.data.hex()}
    with pytest.raises(RpcRefusal) as raw:
        await rpc.call("eth_estimateGas", query)
    await rpc.close()
    assert raw.value.data is not None
    assert raw.value.data[4:] == bytes.fromhex(BUYER.address[2:]).rjust(32, b"\0")


async def test_issue__to_who_holds_a_token__costs_what_the_snapshot_says(live: Live) -> None:
    kept = json.loads(SNAPSHOT.read_text("utf-8"))["ExportContract"]
    used = []
    for number in (0, 1):
        signed = await live.signed(holder=Address(BUYER.address), digest=digest(number))
        await live.chain.broadcast(signed)
        live.node.mine()
        receipt = live.node.call("eth_getTransactionReceipt", signed.transaction_hash)
        used.append(int(receipt["gasUsed"], 16))
    assert used == [kept["issue, first of its holder"], kept["issue"]]


async def test_method__not_known__could_not_ask(live: Live) -> None:
    with pytest.raises(ChainUnavailable):
        await live.chain._ask("eth_noSuchMethod")
