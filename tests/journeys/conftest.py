"""A local chain that mines each second, the contracts on it, and a platform that uses them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from chain.local.node import Kind, LocalNode
from tests.chains import deploy
from tests.journeys.service_process import ServiceProcess
from tests.platform import Platform, platform

Start = Callable[..., ServiceProcess]

GETH: Final = pytest.param("geth", marks=pytest.mark.needs("geth"))
GETH_DEV: Final = pytest.param("geth --dev", marks=pytest.mark.needs("geth"))


@contextmanager
def _mining(kind: str, folder: Path) -> Iterator[Platform]:
    """On `geth --dev`, blocks are final in epochs of 32; on all others, two blocks later."""
    if kind == "geth":
        with LocalNode("geth", block_seconds=None) as node:
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
        yield platform(tmp_path, node, deploy(node))


@pytest.fixture
def anvil_platform(tmp_path: Path) -> Iterator[Platform]:
    """On Anvil, which is the quickest."""
    with _mining("anvil", tmp_path) as own:
        yield own


@contextmanager
def quick_chain(folder: Path) -> Iterator[Platform]:
    """A block comes ten times a second, so that finality comes soon."""
    with LocalNode("anvil", block_seconds=0) as node:
        own = platform(folder, node, deploy(node))
        with node.mining():
            yield own


@pytest.fixture(scope="module")
def chain_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One quick chain for all deaths."""
    with quick_chain(tmp_path_factory.mktemp("platform")) as own:
        yield own


@pytest.fixture
def own_platform(chain_platform: Platform, tmp_path: Path) -> Platform:
    """A service of its own on the one chain: nothing in its ledger, and other keys."""
    return platform(tmp_path, chain_platform.node, chain_platform.deployment)


@pytest.fixture
def start(own_platform: Platform, postgres_url: sa.URL) -> Iterator[Start]:
    """Starts one more process of the service, in a role, on the one database."""
    url = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as ends:

        def begin(role: str, *fate: str, **changed: object) -> ServiceProcess:
            process = ServiceProcess(own_platform, *fate, DATABASE_URL=url, ROLE=role, **changed)
            return ends.enter_context(process)

        yield begin
