"""A local chain that mines each second, the contracts on it, and a platform that uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.local.node import Kind, LocalNode
from tests.chains import deploy
from tests.platform import Platform, platform


@pytest.fixture(params=["anvil", "hardhat"])
def any_platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """On each kind of local chain in turn."""
    kind: Kind = request.param
    with LocalNode(kind, block_seconds=1) as node:
        yield platform(tmp_path, node, deploy(node))


@pytest.fixture
def anvil_platform(tmp_path: Path) -> Iterator[Platform]:
    """On Anvil, which can reorganise itself."""
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path, node, deploy(node))
