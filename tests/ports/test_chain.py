"""One suite for every chain: the twin in memory, Anvil, Hardhat's node and geth."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account

from chain.local.accounts import CUSTODY, ISSUER, STRANGER, LocalAccount
from chain.local.node import LocalNode
from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.keystore_signer import KeystoreSigner
from nftsvc.adapters.memory_chain import ChainFault, MemoryChain
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import ChainUnavailable, TransactionRefused, WrongChain
from nftsvc.core.fees import first_offer
from nftsvc.core.history import Finality
from nftsvc.core.transaction import SignedTransaction, UnsignedTransaction, gas_limit
from nftsvc.core.types import (
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    TokenStatus,
    TransactionHash,
    Wei,
    parse_address,
    token_id_of,
)
from nftsvc.flows.issue import NOT_THE_ITEMS_FAULT
from nftsvc.ports import Chain
from tests.chains import deploy

DEAL = AssetKind.EXPORT_CONTRACT
HOLDER = Address(CUSTODY.address)
SOMEWHERE = parse_address("0x" + "a1" * 20)


@dataclass
class Bench:
    """A chain under test, and what stands around it."""

    chain: Chain
    contract: Address
    mine: Any
    reorg: Any | None


class _Nodes:
    def __init__(self, kind: Any) -> None:
        self.node = LocalNode(kind, block_seconds=None).start()
        self.deployment: Deployment = deploy(self.node)

    def bench(self) -> Bench:
        node, deployment = self.node, self.deployment
        contracts = {kind: deployment.contracts[kind].address for kind in AssetKind}
        chain = EvmChain(node.url, chain_id=deployment.chain_id, contracts=contracts)
        reorg = None if node.kind == "hardhat" else node.reorg
        return Bench(chain, contracts[DEAL], node.mine, reorg)


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, _Nodes]]:
    started: dict[str, _Nodes] = {}
    yield started
    for each in started.values():
        each.node.stop()


@pytest.fixture(
    params=["memory", "anvil", "hardhat", pytest.param("geth", marks=pytest.mark.needs("geth"))]
)
async def bench(request: pytest.FixtureRequest, nodes: dict[str, _Nodes]) -> AsyncIterator[Bench]:
    if request.param == "memory":
        contracts = {DEAL: SOMEWHERE, AssetKind.PRODUCT_CONTENT: parse_address("0x" + "b2" * 20)}
        twin = MemoryChain(
            chain_id=ChainId(31337), contracts=contracts, issuer=Address(ISSUER.address)
        )
        yield Bench(twin, SOMEWHERE, twin.mine, twin.reorg)
        return
    if request.param not in nodes:
        nodes[request.param] = await asyncio.to_thread(_Nodes, request.param)
    own = nodes[request.param].bench()
    yield own
    await own.chain.close()


def _digest() -> Digest:
    return Digest(secrets.token_bytes(32))


async def _signed(
    bench: Bench, *digests: Digest, ahead: int = 0, account: LocalAccount = ISSUER
) -> SignedTransaction:
    signer = KeystoreSigner(Account.from_key(account.private_key))
    call = bench.chain.issuing(DEAL, [(HOLDER, digest) for digest in digests])
    nonce = await bench.chain.nonce(signer.address)
    offer = first_offer(await bench.chain.fees(), cap=Wei(10**12))
    gas = gas_limit(await bench.chain.estimate(call, sender=Address(ISSUER.address)))
    return await signer.sign(
        UnsignedTransaction(
            bench.chain.chain_id,
            type(nonce)(nonce + ahead),
            call,
            gas,
            offer.max_fee,
            offer.tip,
        )
    )


async def test_chain__asked_who_it_is__says_so_or_is_refused(bench: Bench) -> None:
    await bench.chain.check_identity()
    bench.chain.chain_id = ChainId(1)
    with pytest.raises(WrongChain):
        await bench.chain.check_identity()


async def test_heads__after_blocks__are_in_order_and_final_is_behind(bench: Bench) -> None:
    bench.mine(4)
    heads = await bench.chain.heads()
    assert heads.latest.number >= heads.safe.number >= heads.finalized.number
    assert heads.finality_of(BlockNumber(1)) is Finality.FINALIZED
    parent = await bench.chain.block(BlockNumber(heads.latest.number - 1))
    assert parent is not None
    assert parent.block_hash == heads.latest.parent_hash
    assert await bench.chain.block(BlockNumber(heads.latest.number + 1000)) is None


@pytest.mark.parametrize("count", [1, 3])
async def test_issue__mined__has_receipt_records_and_state(bench: Bench, count: int) -> None:
    digests = [_digest() for _ in range(count)]
    signed = await _signed(bench, *digests)
    await bench.chain.broadcast(signed)
    before = (await bench.chain.heads()).latest
    bench.mine()
    receipt = await bench.chain.receipt(signed.transaction_hash)
    assert receipt is not None
    assert receipt.succeeded
    of_block = await bench.chain.events_of(receipt.block_hash)
    of_range = await bench.chain.events(first=receipt.block_number, last=receipt.block_number)
    assert [record.digest for record in of_block] == digests
    assert of_block == of_range
    record = of_block[0]
    assert (record.actor, record.holder_to, record.version) == (ISSUER.address, HOLDER, 1)
    at = await bench.chain.block(receipt.block_number)
    assert at is not None
    assert record.timestamp == at.timestamp
    token = token_id_of(digests[0])
    seen = await bench.chain.record(token, contract=bench.contract, at=at)
    assert (seen.record.status, seen.record.digest) == (TokenStatus.ACTIVE, digests[0])
    assert seen.record.head_block == receipt.block_number
    earlier = await bench.chain.record(token, contract=bench.contract, at=before)
    assert earlier.record.status is TokenStatus.UNKNOWN


async def test_broadcast__same_bytes_again__is_done_while_they_wait(bench: Bench) -> None:
    signed = await _signed(bench, _digest())
    await bench.chain.broadcast(signed)
    await bench.chain.broadcast(signed)
    assert await bench.chain.receipt(signed.transaction_hash) is None
    bench.mine()
    with pytest.raises(TransactionRefused) as refused:
        await bench.chain.broadcast(signed)
    assert refused.value.reason == "nonce-too-low"
    assert await bench.chain.receipt(signed.transaction_hash) is not None


async def test_estimate__token_is_there__refused_with_the_contracts_reason(bench: Bench) -> None:
    digest = _digest()
    await bench.chain.broadcast(await _signed(bench, digest))
    bench.mine()
    call = bench.chain.issuing(DEAL, [(HOLDER, digest)])
    with pytest.raises(TransactionRefused) as refused:
        await bench.chain.estimate(call, sender=Address(ISSUER.address))
    assert refused.value.reason == "Token_AlreadyIssued"


async def test_precheck__some_issued_or_twice__each_is_named_in_one_call(bench: Bench) -> None:
    issued, new, other = _digest(), _digest(), _digest()
    await bench.chain.broadcast(await _signed(bench, issued))
    bench.mine()
    items = [(HOLDER, digest) for digest in (new, issued, other, new)]
    reasons = await bench.chain.precheck(DEAL, items)
    assert reasons == (None, "Token_AlreadyIssued", None, "Token_AlreadyIssued")


async def test_issuers__asked_for__are_those_that_may_issue(bench: Bench) -> None:
    assert await bench.chain.is_issuer(Address(ISSUER.address))
    assert not await bench.chain.is_issuer(Address(STRANGER.address))
    assert await bench.chain.block_gas() >= 10_000_000


async def test_estimate__stranger__refused_for_the_role(bench: Bench) -> None:
    call = bench.chain.issuing(DEAL, [(HOLDER, _digest())])
    with pytest.raises(TransactionRefused) as refused:
        await bench.chain.estimate(call, sender=Address(STRANGER.address))
    assert refused.value.reason.startswith(NOT_THE_ITEMS_FAULT)


async def test_issue__reverted_in_its_block__receipt_says_failed(bench: Bench) -> None:
    digest = _digest()
    first, second = await _signed(bench, digest), await _signed(bench, digest, ahead=1)
    await bench.chain.broadcast(first)
    await bench.chain.broadcast(second)
    bench.mine()
    receipts = [await bench.chain.receipt(s.transaction_hash) for s in (first, second)]
    assert [receipt and receipt.succeeded for receipt in receipts] == [True, False]


async def test_receipt__of_a_block_that_was_left__is_gone(bench: Bench) -> None:
    if bench.reorg is None:
        return  # Hardhat's node cannot reorganise itself
    signed = await _signed(bench, _digest())
    await bench.chain.broadcast(signed)
    bench.mine()
    found = await bench.chain.receipt(signed.transaction_hash)
    assert found is not None
    bench.reorg(1)
    assert await bench.chain.receipt(signed.transaction_hash) is None
    left = await bench.chain.block(found.block_number)
    assert left is not None
    assert left.block_hash != found.block_hash


async def test_blocks__not_of_this_chain__cannot_be_asked_about(bench: Bench) -> None:
    bench.mine()
    heads = await bench.chain.heads()
    foreign = replace(heads.latest, block_hash=BlockHash("0x" + "22" * 32))
    with pytest.raises(ChainUnavailable):
        await bench.chain.record(token_id_of(_digest()), contract=bench.contract, at=foreign)
    with pytest.raises(ChainUnavailable):
        await bench.chain.events_of(foreign.block_hash)
    assert await bench.chain.receipt(TransactionHash("0x" + "22" * 32)) is None


async def test_memory__lost_answer__has_taken_the_transaction(bench: Bench) -> None:
    if not isinstance(bench.chain, MemoryChain):
        return
    signed = await _signed(bench, _digest())
    bench.chain.fault = ChainFault.LOST_ANSWER
    with pytest.raises(ChainUnavailable):
        await bench.chain.broadcast(signed)
    bench.chain.fault = None
    bench.mine()
    assert await bench.chain.receipt(signed.transaction_hash) is not None


@pytest.mark.parametrize(
    ("fault", "ask"),
    [
        (ChainFault.AWAY, lambda chain: chain.heads()),
        (ChainFault.OUT_OF_ORDER, lambda chain: chain.heads()),
        (ChainFault.OTHER_CHAIN, lambda chain: chain.check_identity()),
    ],
)
async def test_port__other_end_lies__is_noticed(fault: ChainFault, ask: Any) -> None:
    twin = MemoryChain(chain_id=ChainId(1), contracts={}, issuer=HOLDER)
    twin.fault = fault
    with pytest.raises((ChainUnavailable, WrongChain)):
        await ask(twin)


async def test_port__receipt_of_another_transaction__is_not_believed() -> None:
    contracts = {DEAL: SOMEWHERE}
    twin = MemoryChain(chain_id=ChainId(1), contracts=contracts, issuer=Address(ISSUER.address))
    bench = Bench(twin, contracts[DEAL], twin.mine, twin.reorg)
    signed = await _signed(bench, _digest())
    await twin.broadcast(signed)
    twin.mine()
    twin.fault = ChainFault.FOREIGN_RECEIPT
    with pytest.raises(ChainUnavailable):
        await twin.receipt(signed.transaction_hash)
