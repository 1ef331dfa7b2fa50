"""kill -9 at every step of an amendment, then a restart: exactly one new version."""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest

from nftsvc.core.history import RecordKind
from nftsvc.core.verify import Verdict
from tests.journeys.service_process import ServiceProcess, calls_in
from tests.journeys.test_kill import ADOPTED, _records, _verdict
from tests.platform import Platform, deal, digest, pdf, platform

pytestmark = pytest.mark.needs("anvil")

POINTS: Final = [
    ("before", "ledger.accept_all"),
    ("after", "ledger.accept_all"),
    ("after", "ledger.assign"),
    ("after", "contents.put_many"),
    ("before", "chain.estimate"),
    ("before", "ledger.write"),
    ("after", "signer.sign"),
    ("after", "ledger.write"),
    ("before", "chain.broadcast"),
    ("after", "chain.broadcast"),
    ("after", "ledger.mined"),
    ("before", "ledger.finish"),
]
NEW: Final = pdf("the amendment that must not be lost")


@pytest.fixture(scope="module")
def own(chain_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """One service whose deals are amended, each in a life of its own."""
    folder = tmp_path_factory.mktemp("versions")
    return platform(folder, chain_platform.node, chain_platform.deployment)


@pytest.fixture(scope="module")
def tokens(own: Platform) -> dict[str, str]:
    """A final token for each life."""
    names = [*(f"{when} {call}" for when, call in POINTS), "trace", "bug"]
    with ServiceProcess(own) as service:
        service.wait_until_up()
        issued = {
            name: service.post_deal(json.dumps(deal()), pdf(name), key=f"deal-{place}")
            for place, name in enumerate(names)
        }
        found = {}
        for name, answer in issued.items():
            assert answer is not None
            assert service.until_ended(answer["id"])["status"] == "finalized"
            found[name] = str(answer["tokenId"])
    return found


@pytest.mark.parametrize(("when", "call"), POINTS, ids=str)
def test_amendment__killed_at_a_step_and_repeated__is_one_version(
    own: Platform, tokens: dict[str, str], when: str, call: str
) -> None:
    token = tokens[f"{when} {call}"]
    first = _die(own, token, "--die", when, call, "1")
    assert _faults(own, token, _restart_and_end(own, token, first)) == []


def test_amendment__not_killed__makes_every_call_that_the_deaths_are_at(
    own: Platform, tokens: dict[str, str]
) -> None:
    trace, token = own.folder / "trace", tokens["trace"]
    with ServiceProcess(own, "--trace", str(trace)) as service:
        service.wait_until_up()
        answer = _amend(service, token)
        assert answer is not None
        service.until_ended(answer["id"])
    calls = set(calls_in(trace))
    assert [call for _, call in POINTS if call not in calls] == []


def test_amendment__sent_before_it_was_written__is_found_on_the_chain_and_not_sent_again(
    own: Platform, tokens: dict[str, str]
) -> None:
    token, bug = tokens["bug"], ("--bug", "broadcast-before-write")
    first = _die(own, token, *bug, "--die", "after", "chain.broadcast", "1")
    ended = _restart_and_end(own, token, first)
    assert _faults(own, token, ended) == ["sent before it was written"]


def _amend(service: ServiceProcess, token: str) -> dict[str, Any] | None:
    files: Any = {
        "deal": (None, json.dumps(deal(amount="131900.00")), "application/json"),
        "document": ("contract.pdf", NEW, "application/pdf"),
    }
    try:
        response = service.http.post(
            f"/v1/assets/{token}/versions",
            files=files,
            headers={"Idempotency-Key": f"amend-{token[:20]}"},
        )
    except httpx.TransportError:
        return None
    assert response.status_code == 202, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _die(own: Platform, token: str, *fate: str) -> dict[str, Any] | None:
    with ServiceProcess(own, *fate) as doomed:
        answer = _amend(doomed, token) if doomed.wait_until_up() else None
        assert doomed.wait_for_death(30), "it was not killed: nothing was tried"
    return answer


def _restart_and_end(own: Platform, token: str, first: dict[str, Any] | None) -> dict[str, Any]:
    """What the platform does: repeat the request that had no answer, and wait."""
    with ServiceProcess(own) as service:
        service.wait_until_up()
        answer = _amend(service, token)
        assert answer is not None
        if first is not None:
            assert answer["id"] == first["id"], "a retry made another version"
        ended = service.until_ended(answer["id"])
        gateway = str(service.http.base_url)
        ended["verdict"] = asyncio.run(_verdict(own, ended, gateway, digest(NEW)))
        return ended


def _faults(own: Platform, token: str, ended: dict[str, Any]) -> list[str]:
    """Everything that is wrong with how an amendment ended; the chain is the judge."""
    records = [r for r in asyncio.run(_records(own)) if r.token_id == int(token, 16)]
    versions = [(record.kind, record.version) for record in records]
    found = []
    if versions != [(RecordKind.ISSUED, 1), (RecordKind.AMENDED, 2)]:
        found.append(f"the versions {versions}")
    statuses = [event["status"] for event in ended["events"]]
    if statuses != ["accepted", "stored", "submitted", "mined", "safe", "finalized"]:
        found.append(f"the statuses {statuses}")
    if any(event["cause"].startswith(ADOPTED) for event in ended["events"]):
        found.append("sent before it was written")
    if ended["verdict"] is not Verdict.AUTHENTIC:
        found.append(f"the verdict {ended['verdict']}")
    return found
