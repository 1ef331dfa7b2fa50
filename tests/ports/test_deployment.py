"""The deployment record against a real chain: every other chain and code is refused."""

import dataclasses
import json

import pytest
from web3 import Web3

from chain.local.accounts import ADMIN, ISSUER
from chain.local.node import LocalNode
from nftsvc.adapters.deployer import Deployer
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import ChainUnavailable, WrongChain, WrongContract
from nftsvc.core.types import Address, AssetKind, BlockHash, ChainId
from tests.chains import ContractDeployer, deploy

EXPORT = AssetKind.EXPORT_CONTRACT


async def check(node: LocalNode, deployment: Deployment) -> None:
    deployer = Deployer(node.url, timeout=3)
    try:
        await deployer.check(deployment)
    finally:
        await deployer.close()


@pytest.fixture
def deployment(chain_node: LocalNode) -> Deployment:
    return deploy(chain_node)


async def test_check__as_deployed__passes(chain_node: LocalNode, deployment: Deployment) -> None:
    kept = Deployment.parse(json.dumps(deployment.to_json()).encode())
    assert kept == deployment
    await check(chain_node, kept)


async def test_check__another_chain_id__is_refused(
    chain_node: LocalNode, deployment: Deployment
) -> None:
    with pytest.raises(WrongChain, match="not 1"):
        await check(chain_node, dataclasses.replace(deployment, chain_id=ChainId(1)))


async def test_check__another_genesis__is_refused(
    chain_node: LocalNode, deployment: Deployment
) -> None:
    other = dataclasses.replace(deployment, genesis_hash=BlockHash("0x" + "00" * 32))
    with pytest.raises(WrongChain, match="genesis"):
        await check(chain_node, other)


async def test_check__no_code_at_the_address__is_refused(
    chain_node: LocalNode, deployment: Deployment
) -> None:
    empty = dataclasses.replace(deployment.contracts[EXPORT], address=Address(ISSUER.address))
    other = dataclasses.replace(deployment, contracts=deployment.contracts | {EXPORT: empty})
    with pytest.raises(WrongContract, match="no code"):
        await check(chain_node, other)


async def test_check__other_code_at_the_address__is_refused(
    chain_node: LocalNode, deployment: Deployment
) -> None:
    product = deployment.contracts[AssetKind.PRODUCT_CONTENT]
    swapped = dataclasses.replace(
        deployment.contracts[EXPORT], address=product.address, code_hash=product.code_hash
    )
    other = dataclasses.replace(deployment, contracts=deployment.contracts | {EXPORT: swapped})
    with pytest.raises(WrongContract, match="not the contract of this version"):
        await check(chain_node, other)


async def test_check__nobody_answers__is_unavailable_and_not_wrong(
    chain_node: LocalNode, deployment: Deployment
) -> None:
    chain_node.stop()
    with pytest.raises(ChainUnavailable):
        await check(chain_node, deployment)


def test_deployer__by_name__gives_the_contract(deployer: ContractDeployer, w3: Web3) -> None:
    contract = deployer.deploy("ExportContract")
    contract.functions.authorizeIssuer(ISSUER.address).transact({"from": ADMIN.address})
    digest = bytes(range(32))
    contract.functions.issue(ADMIN.address, digest).transact({"from": ISSUER.address})
    assert contract.functions.ownerOf(int.from_bytes(digest, "big")).call() == ADMIN.address
    assert contract.functions.tokenURI(int.from_bytes(digest, "big")).call() == (
        f"ipfs://f01551220{digest.hex()}"
    )
