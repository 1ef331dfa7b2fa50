"""kill -9 in the middle of a batch request: sent again, each item is one token."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from chain.local.node import LocalNode
from tests.chains import deploy
from tests.journeys.service_process import ServiceProcess
from tests.journeys.test_kill import _records
from tests.load import item
from tests.platform import API_TOKEN, Platform, platform

pytestmark = [pytest.mark.needs("anvil"), pytest.mark.slow]

COUNT: Final = 900
LINES: Final = [json.dumps(item(number)).encode() for number in range(COUNT)]
HEADERS: Final = {"Authorization": f"Bearer {API_TOKEN}", "Content-Type": "application/x-ndjson"}


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path, node, deploy(node))


def post(service: ServiceProcess) -> list[dict[str, Any]] | None:
    """The answers, None where the service died before it gave them."""
    try:
        response = httpx.post(
            f"http://127.0.0.1:{service.port}/v1/deals:batch",
            content=b"\n".join(LINES),
            headers=HEADERS,
            timeout=120,
        )
    except httpx.TransportError:
        return None
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.mark.parametrize(
    ("when", "call", "nth"),
    [
        ("before", "ledger.accept_all", 1),
        ("after", "ledger.accept_all", 2),
        ("before", "ledger.accept_all", 4),
        ("after", "ledger.write", 1),
    ],
    ids=str,
)
def test_batch__killed_on_the_way_and_sent_again__one_token_for_each_item(
    own_platform: Platform, when: str, call: str, nth: int
) -> None:
    with ServiceProcess(own_platform, "--die", when, call, str(nth)) as doomed:
        assert doomed.wait_until_up()
        post(doomed)
        assert doomed.wait_for_death(60), "it was not killed: nothing was tried"
    with ServiceProcess(own_platform) as service:
        assert service.wait_until_up()
        answers, again = post(service), post(service)
        assert answers is not None
        assert again is not None
        tokens = [int(answer["issuance"]["tokenId"], 16) for answer in answers]
        assert tokens == [int(answer["issuance"]["tokenId"], 16) for answer in again]
        assert len(set(tokens)) == COUNT
        deadline = time.monotonic() + 120
        issued: list[int] = []
        while len(issued) < COUNT and time.monotonic() < deadline:
            time.sleep(0.5)
            issued = [record.token_id for record in asyncio.run(_records(own_platform))]
        for answer in (answers[0], answers[-1]):
            assert service.until_ended(answer["issuance"]["id"])["status"] == "finalized"
    assert sorted(issued) == sorted(tokens)
