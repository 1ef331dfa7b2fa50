"""What parties sign: an ordinary EIP-712 library and the contracts compute the same digests."""

from typing import Any, Final

import pytest
from eth_hash.auto import keccak
from web3 import HTTPProvider, Web3

from chain.local.accounts import CUSTODY, ISSUER, STRANGER
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind
from tests.chains import deploy
from tests.unit.contract_vectors import typed_digest

DIGEST: Final = bytes(range(32))
TOKEN: Final = int.from_bytes(DIGEST, "big")
FROM, TO = Web3.to_checksum_address(CUSTODY.address), Web3.to_checksum_address(STRANGER.address)
SENDER: Final[Any] = {"from": Web3.to_checksum_address(ISSUER.address)}
DEADLINE: Final = 2_000_000_000


def _signed_bytes(contract: Any, name: str, fields: str, values: dict[str, Any]) -> bytes:
    """What a wallet signs for this contract."""
    domain = {
        "name": contract.functions.name().call(),
        "version": "1",
        "chainId": contract.w3.eth.chain_id,
        "verifyingContract": contract.address,
    }
    return typed_digest(domain, name, fields, values)


@pytest.fixture
def contracts(anvil: LocalNode) -> dict[AssetKind, Any]:
    deployment, w3 = deploy(anvil), Web3(HTTPProvider(anvil.url))
    return {
        kind: w3.eth.contract(
            address=Web3.to_checksum_address(deployment.contracts[kind].address),
            abi=artifact(kind)["abi"],
        )
        for kind in AssetKind
    }


def test_typed_data__deal_assignment_permit_leaf__are_the_contracts(
    contracts: dict[AssetKind, Any],
) -> None:
    export = contracts[AssetKind.EXPORT_CONTRACT]
    deal = (DIGEST, SENDER["from"], FROM, TO, FROM, DEADLINE)
    fields = "bytes32 digest,address issuer,address exporter,address buyer,address holder"
    names = ("digest", "issuer", "exporter", "buyer", "holder", "deadline")
    signed = _signed_bytes(
        export, "Deal", f"{fields},uint256 deadline", dict(zip(names, deal, strict=True))
    )
    assert export.functions.dealDigest(deal).call() == signed

    assignment = (TOKEN, FROM, TO, 7, DEADLINE)
    fields = "uint256 tokenId,address from,address to,uint64 headBlock,uint256 deadline"
    parts = ("tokenId", "from", "to", "headBlock", "deadline")
    signed = _signed_bytes(export, "Assignment", fields, dict(zip(parts, assignment, strict=True)))
    assert export.functions.assignmentDigest(assignment).call() == signed

    product = contracts[AssetKind.PRODUCT_CONTENT]
    issued = product.functions.issue(FROM, DIGEST).transact(SENDER)
    product.w3.eth.wait_for_transaction_receipt(issued, poll_latency=0.05)
    nonce = product.functions.nonces(TOKEN).call()
    fields = "address spender,uint256 tokenId,uint256 nonce,uint256 deadline"
    permit = {"spender": TO, "tokenId": TOKEN, "nonce": nonce, "deadline": DEADLINE}
    signed = _signed_bytes(product, "Permit", fields, permit)
    assert product.functions.permitDigest(TO, TOKEN, DEADLINE).call() == signed

    leaf = keccak(keccak(bytes.fromhex(FROM[2:]).rjust(32, b"\0") + DIGEST))
    assert export.functions.leafOf(FROM, DIGEST).call() == leaf
