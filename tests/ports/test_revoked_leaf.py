"""A leaf of an anchor that is revoked before anyone claims it, on a real chain."""

import asyncio
import secrets
from dataclasses import replace
from typing import Any

from eth_hash.auto import keccak
from web3 import HTTPProvider, Web3

from chain.local.accounts import CUSTODY, ISSUER
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.core.asset_head import AssetHead
from nftsvc.core.history import RecordKind
from nftsvc.core.trust import TrustList
from nftsvc.core.types import Address, AssetId, AssetKind, Digest, TokenStatus, token_id_of
from nftsvc.core.verify import Facts, Observation, Verdict, verify
from tests.chains import deploy

DEAL = AssetKind.EXPORT_CONTRACT


async def test_leaf__revoked_before_its_claim__is_told_and_judged_revoked(
    anvil: LocalNode,
) -> None:
    deployment = await asyncio.to_thread(deploy, anvil)
    contract = deployment.contracts[DEAL].address
    w3 = Web3(HTTPProvider(anvil.url))
    checksummed = Web3.to_checksum_address(contract)
    export = w3.eth.contract(address=checksummed, abi=artifact(DEAL)["abi"])
    digest, holder = Digest(secrets.token_bytes(32)), bytes.fromhex(CUSTODY.address[2:])
    root = keccak(keccak(holder.rjust(32, b"\0") + digest))
    issuer: dict[str, Any] = {"from": Web3.to_checksum_address(ISSUER.address)}
    leaf: Any = (
        issuer["from"],
        root,
        Web3.to_checksum_address(CUSTODY.address),
        digest,
        [],
        bytes(32),
    )
    calls: list[Any] = [export.functions.attestTree(root), export.functions.revokeLeaf(*leaf)]
    for call in calls:
        receipt = w3.eth.wait_for_transaction_receipt(call.transact(issuer), poll_latency=0.05)
        assert receipt["status"] == 1

    token = token_id_of(digest)
    chain = EvmChain(anvil.url, chain_id=deployment.chain_id, contracts={DEAL: contract})
    try:
        latest = (await chain.heads()).latest
        (only,) = await chain.events(first=latest.number, last=latest.number)
        found = await chain.record(token, contract=contract, at=latest)
    finally:
        await chain.close()
    assert (only.kind, only.previous_block) == (RecordKind.STATUS_CHANGED, None)
    head = AssetHead.of([only])
    assert head is not None
    assert (head.status, head.digest, head.holder) == (
        TokenStatus.REVOKED,
        found.record.digest,
        found.record.holder,
    )
    trust: dict[str, Any] = {
        "name": "Platform",
        "accounts": [f"eip155:{deployment.chain_id}:{ISSUER.address}"],
        "contracts": [f"eip155:{deployment.chain_id}:{contract}"],
    }
    facts = Facts(
        asset=AssetId(deployment.chain_id, Address(contract), token),
        observations=(Observation("anvil", deployment.chain_id, found, found),),
        manifests=(),
        manifest_error="content-missing",
        trust=TrustList.read({"issuers": [trust]}),
        quorum=1,
    )
    assert verify(facts).verdict is Verdict.REVOKED
    lived = replace(found, record=replace(found.record, status=TokenStatus.ACTIVE))
    other = replace(facts, observations=(Observation("anvil", deployment.chain_id, lived, lived),))
    assert verify(other).verdict is not Verdict.REVOKED
