"""Fixtures: local chains with the contracts deployed, and a `deployer` that takes a name.

`deployer.deploy("ExportContract", ...)` keeps the idea of pytest-ethereum, whose last release
forces a web3.py of 2018.
"""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import pytest
from web3 import HTTPProvider, Web3

from chain.local.accounts import ADMIN, ISSUER, REGISTRAR
from chain.local.node import Kind, LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.adapters.deployer import Deployer
from nftsvc.core.deployment import Deployment
from nftsvc.core.types import Address, AssetKind

DAY: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class ContractDeployer:
    """Deploys one contract by its name from the admin account, with default arguments."""

    w3: Web3

    def deploy(self, name: str, *arguments: Any) -> Any:
        kind = next(kind for kind in AssetKind if kind.contract_name == name)
        compiled = artifact(kind)
        given = list(arguments) or [ADMIN.address, 0, DAY]
        if kind is AssetKind.PRODUCT_CONTENT and not arguments:
            given += [ISSUER.address, 250]
        factory = self.w3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
        sent = factory.constructor(*given).transact({"from": ADMIN.address})
        receipt = self.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.05)
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=compiled["abi"])


def deploy(node: LocalNode) -> Deployment:
    """Both contracts on `node`, with the local accounts in their roles, each in a block at once."""

    async def run() -> Deployment:
        deployer = Deployer(node.url)
        try:
            return await deployer.deploy(
                admin_key=ADMIN.private_key,
                issuer=Address(ISSUER.address),
                registrar=Address(REGISTRAR.address),
            )
        finally:
            await deployer.close()

    with node.mining() if node.mines_when_told else nullcontext():
        return asyncio.run(run())


@pytest.fixture
def anvil() -> Iterator[LocalNode]:
    """A fresh Anvil that mines at each transaction."""
    with LocalNode("anvil", block_seconds=0) as node:
        yield node


@pytest.fixture
def hardhat_node() -> Iterator[LocalNode]:
    """A fresh Hardhat node that mines at each transaction."""
    with LocalNode("hardhat", block_seconds=0) as node:
        yield node


@pytest.fixture(params=["anvil", "hardhat"])
def chain_node(request: pytest.FixtureRequest) -> Iterator[LocalNode]:
    """Each kind of local chain in turn."""
    kind: Kind = request.param
    with LocalNode(kind, block_seconds=0) as node:
        yield node


@pytest.fixture
def w3(chain_node: LocalNode) -> Web3:
    return Web3(HTTPProvider(chain_node.url))


@pytest.fixture
def deployer(w3: Web3) -> ContractDeployer:
    return ContractDeployer(w3)
