"""A local chain that mines each second, the contracts on it, and a platform that uses them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from chain.local.node import Kind, LocalNode
from tests.chains import deploy
from tests.platform import Platform, platform

GETH: Final = pytest.param("geth", marks=pytest.mark.needs("geth"))
GETH_DEV: Final = pytest.param("geth --dev", marks=pytest.mark.needs("geth"))


@contextmanager
def _mining(kind: str, folder: Path) -> Iterator[Platform]:
    """On `geth --dev`, blocks are final in epochs of 32; on all others, two blocks later."""
    if kind == "geth":
        with LocalNode("geth", block_seconds=None) as node:
            with node.mining():
                deployment = deploy(node)
            with node.mining(every=1.0):
                yield platform(folder, node, deployment)
        return
    kinds: dict[str, Kind] = {"anvil": "anvil", "hardhat": "hardhat", "geth --dev": "geth"}
    with LocalNode(kinds[kind], block_seconds=1) as node:
        yield platform(folder, node, deploy(node))


@pytest.fixture(params=["anvil", "hardhat", GETH, GETH_DEV])
def any_platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """On each kind of local chain in turn."""
    with _mining(request.param, tmp_path) as own:
        yield own


@pytest.fixture(params=["anvil", GETH])
def either_platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """On Anvil, and on geth with a consensus client of ours."""
    with _mining(request.param, tmp_path) as own:
        yield own


@pytest.fixture(params=["anvil", GETH])
def still_platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """On a chain that mines and reorganises itself when it is told to."""
    kind: Kind = request.param
    with LocalNode(kind, block_seconds=None) as node:
        with node.mining():
            deployment = deploy(node)
        yield platform(tmp_path, node, deployment)


@pytest.fixture
def anvil_platform(tmp_path: Path) -> Iterator[Platform]:
    """On Anvil, which is the quickest."""
    with _mining("anvil", tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def chain_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One chain for all deaths; a block comes ten times a second, so that finality comes soon."""
    with LocalNode("anvil", block_seconds=0) as node:
        own = platform(tmp_path_factory.mktemp("platform"), node, deploy(node))
        ended = threading.Event()

        def mine() -> None:
            while not ended.wait(0.1):
                node.call("evm_mine")

        miner = threading.Thread(target=mine)
        miner.start()
        yield own
        ended.set()
        miner.join()


@pytest.fixture
def own_platform(chain_platform: Platform, tmp_path: Path) -> Platform:
    """A service of its own on the one chain: nothing in its ledger, and other keys."""
    return platform(tmp_path, chain_platform.node, chain_platform.deployment)
