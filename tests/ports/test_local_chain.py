"""What a local chain keeps when it is stopped and started again."""

from pathlib import Path
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.types import BlockParams

from chain.local.accounts import BUYER, ISSUER, account
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind
from tests.chains import deploy

EXPORT = AssetKind.EXPORT_CONTRACT


def test_anvil__stopped_and_started_on_its_state__keeps_blocks_logs_receipts_and_tags(
    tmp_path: Path,
) -> None:
    state = tmp_path / "anvil.json"
    with LocalNode("anvil", block_seconds=0, state=state) as node:
        deployment = deploy(node)
        w3 = Web3(HTTPProvider(node.url))
        contract = w3.eth.contract(
            address=w3.to_checksum_address(deployment.contracts[EXPORT].address),
            abi=artifact(EXPORT)["abi"],
        )
        sent = contract.functions.issue(BUYER.address, bytes(range(32))).transact(
            {"from": ISSUER.address}
        )
        receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)
        for _ in range(3):
            node.call("evm_mine")
        before = _seen(w3, contract, receipt["blockNumber"])
        assert [log["event"] for log in before["logs"]] == ["Issued"]
    with LocalNode("anvil", block_seconds=0, state=state) as node:
        w3 = Web3(HTTPProvider(node.url))
        contract = w3.eth.contract(address=contract.address, abi=contract.abi)
        assert _seen(w3, contract, receipt["blockNumber"]) == before
        assert w3.eth.get_transaction_receipt(sent) == receipt


@pytest.mark.needs("geth")
def test_geth__mining_at_each_transaction__takes_the_contracts_and_knows_the_accounts() -> None:
    with LocalNode("geth", block_seconds=0) as node:
        deployment = deploy(node)
        w3 = Web3(HTTPProvider(node.url))
        assert w3.eth.chain_id == deployment.chain_id
        for place in range(10):
            money = w3.eth.get_balance(Web3.to_checksum_address(account(place).address))
            assert money > 9_000 * 10**18


def test_accounts__on_both_nodes__have_money(chain_node: LocalNode) -> None:
    w3 = Web3(HTTPProvider(chain_node.url))
    assert chain_node.url.startswith("http://127.0.0.1:")
    assert w3.eth.get_balance(w3.to_checksum_address(ISSUER.address)) > 10**18


def _seen(w3: Web3, contract: Any, block: int) -> dict[str, Any]:
    tags: tuple[BlockParams, ...] = ("latest", "safe", "finalized")
    return {
        "blocks": [w3.eth.get_block(n)["hash"] for n in range(w3.eth.block_number + 1)],
        "tags": {tag: w3.eth.get_block(tag)["number"] for tag in tags},
        "logs": contract.events.Issued().get_logs(from_block=block, to_block=block),
        "record": contract.functions.recordOf(int.from_bytes(bytes(range(32)), "big")).call(),
        "nonce": w3.eth.get_transaction_count(w3.to_checksum_address(ISSUER.address)),
    }
