"""What operators see: the same on the command line, over HTTP and in the metrics."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chain.local.accounts import ISSUER
from chain.local.node import LocalNode
from tests.chains import deploy
from tests.journeys.test_command_line import nftsvc
from tests.platform import API_TOKEN, Platform, deal, pdf, platform
from tests.service import AUTHORIZED, Service

pytestmark = pytest.mark.needs("anvil")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=0) as node:
        yield platform(tmp_path, node, deploy(node))


def _metrics(service: Service) -> dict[str, float]:
    """Those that have one value."""
    text = httpx.get(f"{service.url}/metrics").raise_for_status().text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def _status(service: Service, own: Platform, *, code: int = 0) -> dict[str, Any]:
    token = own.folder / "api-token"
    ended, said, _ = nftsvc("status", "--service", service.url, "--token-file", token, "--json")
    assert ended == code
    found: dict[str, Any] = json.loads(said)
    return found


def test_status__of_a_service_that_issued__is_told_alike_everywhere(own: Platform) -> None:
    with Service(own) as service:
        with own.node.mining(every=0.2):
            files = [("contract.pdf", pdf("status"), "application/pdf")]
            service.issue("deals", "deal", deal(), files=files)
        assert httpx.get(f"{service.url}/v1/status").status_code == 401
        waiting = service.post("deals", "deal", deal(contractNumber="2"), files=files, key="second")
        assert waiting.status_code == 202
        found = _status(service, own)
        assert (found["status"], found["alarms"]) == ("ok", [])
        (worker,) = found["workers"]
        assert (worker["id"], worker["role"]) == (found["answeredBy"], "both")
        assert worker["silentSeconds"] < 30
        lane = next(each for each in found["lanes"] if each["sender"] == ISSUER.address)
        assert lane["nextNonce"] >= 1
        assert int(lane["balance"]) > 0
        assert found["chain"]["latest"] >= found["follower"]["finalized"] > 0
        assert found["follower"]["lag"] is not None
        metrics = _metrics(service)
        assert metrics["nftsvc_chain_up"] == 1
        assert metrics["nftsvc_requests_let_in_total"] == found["requests"]["letIn"] == 2
        assert metrics["nftsvc_follower_finalized_block"] >= found["follower"]["finalized"]
        _says_nothing_secret(httpx.get(f"{service.url}/metrics").text)
        code, said, _ = nftsvc(
            "status", "--service", service.url, "--token-file", own.folder / "api-token"
        )
        assert code == 0
        for word in (ISSUER.address, worker["id"], "waiting", "behind", "ETH"):
            assert word in said


def _says_nothing_secret(text: str) -> None:
    """Anyone may read it: nothing of the deals is in it, and nothing of the machine."""
    parties = (deal()["exporter"]["name"], deal()["buyer"]["name"], deal()["contractNumber"])
    for word in (*parties, "contract.pdf", API_TOKEN, socket.gethostname()):
        assert word not in text


def test_status__chain_is_away__says_so_and_answers(own: Platform) -> None:
    with Service(own, RPC_SECONDS=1) as service:
        own.node.stop()
        found = _status(service, own, code=1)
        assert found["status"] == "attention"
        assert found["chain"] is None
        assert [lane["balance"] for lane in found["lanes"]] == [None]
        assert _metrics(service)["nftsvc_chain_up"] == 0
        answer = httpx.get(f"{service.url}/v1/status", headers=AUTHORIZED)
        assert answer.headers["cache-control"] == "no-store"
