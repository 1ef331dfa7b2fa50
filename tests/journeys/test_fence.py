"""A worker that hangs past its lease and goes on: the fence, and what happens without it."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from nftsvc.core.types import AssetId
from tests.journeys.conftest import Start, quick_chain
from tests.journeys.test_kill import _records
from tests.journeys.test_workers import post, up
from tests.platform import Platform

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]

DEPTH: Final = 40
"""The chain leaves so many blocks: the deal's, and none of the contracts'."""


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[Platform]:
    """On a chain of its own: it is reorganised, which Anvil does only while it is young."""
    with quick_chain(tmp_path) as own:
        own.node.mine(DEPTH)
        yield own


def test_worker__stopped_past_its_lease__writes_nothing_when_it_goes_on(
    start: Start, own_platform: Platform
) -> None:
    ended = _hang_in_the_middle(start, own_platform)
    assert _wrongly_mined(own_platform, ended) is False


def test_worker__bug_put_back_no_fence__is_found(start: Start, own_platform: Platform) -> None:
    ended = _hang_in_the_middle(start, own_platform, "--bug", "no-fence")
    assert _wrongly_mined(own_platform, ended) is True


def _hang_in_the_middle(start: Start, own: Platform, *bug: str) -> dict[str, Any]:
    """A worker hangs just before it notes a block; the chain leaves the block; another goes on."""
    api = start("api", LEASE_SECONDS=3)
    hung = start("worker", "--stop", "before", "ledger.mined", "1", *bug, LEASE_SECONDS=3)
    up(api, hung)
    answer = post(api, "deal")
    hung.wait_until_stopped()
    own.node.call("anvil_reorg", DEPTH, [])
    other = start("worker", LEASE_SECONDS=3)
    up(other)
    assert api.until_ended(answer["id"], seconds=60)["status"] == "finalized"
    hung.signal(signal.SIGCONT)
    hung.wait_for_words("was taken for dead")
    if not bug:
        hung.wait_for_words("is carried by another worker now")
    else:
        # Its late write comes at once; it would be there long before this.
        time.sleep(2)
    return api.issuance(answer["id"])


def _wrongly_mined(own: Platform, ended: dict[str, Any]) -> bool:
    """Whether the issuance names another block than the one that holds its token."""
    token = AssetId.parse(ended["asset"]).token_id
    (record,) = [r for r in asyncio.run(_records(own)) if r.token_id == token]
    return bool(ended["transaction"]["blockNumber"] != record.block_number)
