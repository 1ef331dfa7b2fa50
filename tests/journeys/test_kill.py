"""kill -9 at every step of an issuance, then a restart: exactly one token, with its content."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final

import pytest

from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import AssetId, AssetKind, BlockNumber, Digest
from nftsvc.core.verify import Verdict
from nftsvc.settings import VerifierSettings
from nftsvc.verifying import bootstrap_verifier
from tests.journeys.service_process import ServiceProcess, calls_in
from tests.platform import Platform, deal, digest, pdf

BEFORE: Final = (
    "staging.commit",
    "ledger.accept_all",
    "ledger.assign",
    "engine.carry",
    "ledger.members",
    "ledger.held",
    "contents.put_many",
    "contents.read_source",
    "contents.verify_many",
    "ledger.advance",
    "ledger.way_of",
    "chain.estimate",
    "chain.fees",
    "ledger.write",
    "signer.sign",
    "chain.broadcast",
    "chain.receipt",
    "ledger.mined",
    "ledger.drop_held",
    "spool.discard",
    "ledger.finish",
)
AFTER: Final = (
    "staging.commit",
    "ledger.accept_all",
    "ledger.assign",
    "engine.carry",
    "contents.put_many",
    "contents.read_source",
    "contents.verify_many",
    "ledger.write",
    "signer.sign",
    "chain.broadcast",
    "ledger.mined",
    "ledger.drop_held",
    "spool.discard",
    "ledger.finish",
)
TWICE: Final = ("contents.read_source", "ledger.advance")
POINTS: Final = [
    *(("before", call, 1) for call in BEFORE),
    *(("after", call, 1) for call in AFTER),
    *(("before", call, 2) for call in TWICE),
    *(("after", "ledger.advance", nth) for nth in (1, 2, 3, 4)),
]
DOCUMENT: Final = pdf("the deal that must not be lost")
LARGE: Final = pdf("the deal that does not fit beside its request" * 2000)
IN_THE_SPOOL: Final = ("staging.commit", "spool.discard")
"""Deaths at these are of large documents: small ones lie in the ledger."""
ADOPTED: Final = "issued before by "
"""The cause where the chain has a token of ours, and the ledger no transaction for it."""


@pytest.mark.parametrize(("when", "call", "nth"), POINTS, ids=str)
def test_service__killed_at_a_step_and_restarted__exactly_one_token(
    own_platform: Platform, when: str, call: str, nth: int
) -> None:
    document = LARGE if call in IN_THE_SPOOL else DOCUMENT
    first = _issue(own_platform, "--die", when, call, str(nth), document=document)
    ended = _restart_and_end(own_platform, first, document=document)
    assert faults(own_platform, ended) == []


def test_service__not_killed__makes_every_call_that_the_deaths_are_at(
    own_platform: Platform,
) -> None:
    trace = own_platform.folder / "trace"
    with ServiceProcess(own_platform, "--trace", str(trace)) as service:
        service.wait_until_up()
        answer = service.post_deal(json.dumps(deal()), DOCUMENT, key="deal")
        assert answer is not None
        assert faults(own_platform, service.until_ended(answer["id"])) == []
    calls = calls_in(trace)
    assert [point for point in POINTS if calls.count(point[1]) < point[2]] == []


def test_service__bug_put_back_broadcast_before_write__is_found(own_platform: Platform) -> None:
    bug = ("--bug", "broadcast-before-write")
    first = _issue(own_platform, *bug, "--die", "after", "chain.broadcast", "1")
    ended = _restart_and_end(own_platform, first)
    assert "sent before it was written" in faults(own_platform, ended)


def _issue(own: Platform, *fate: str, document: bytes = DOCUMENT) -> dict[str, Any] | None:
    """Send the deal to a service that dies on the way; gives its answer where there was one."""
    with ServiceProcess(own, *fate) as doomed:
        answer = None
        if doomed.wait_until_up():
            answer = doomed.post_deal(json.dumps(deal()), document, key="deal")
        assert doomed.wait_for_death(30), "it was not killed: nothing was tried"
    return answer


def _restart_and_end(
    own: Platform, first: dict[str, Any] | None, *, document: bytes = DOCUMENT
) -> dict[str, Any]:
    """What the platform does: repeat the request that had no answer, and wait."""
    with ServiceProcess(own) as service:
        service.wait_until_up()
        answer = service.post_deal(json.dumps(deal()), document, key="deal")
        assert answer is not None
        if first is not None:
            assert answer["asset"] == first["asset"], "a retry made another token"
        ended = service.until_ended(answer["id"])
        gateway = str(service.http.base_url)
        ended["verdict"] = asyncio.run(_verdict(own, ended, gateway, digest(document)))
        ended["spooled"] = _stays(own.folder / "data" / "spool" / ended["id"])
        return ended


def _stays(folder: Path) -> bool:
    """Whether a folder is still there when the service had time to clear up."""
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return folder.exists()


async def _verdict(own: Platform, ended: dict[str, Any], gateway: str, document: Digest) -> Verdict:
    settings = VerifierSettings.load(
        rpc_urls=own.node.url, gateway_url=gateway, trust_file=own.folder / "trust.json"
    )
    verifier = bootstrap_verifier(settings)
    link = VerificationLink.parse(ended["links"]["verify"])
    report = await verifier.verify(link, digest=document)
    await verifier.close()
    return report.verdict


def faults(own: Platform, ended: dict[str, Any]) -> list[str]:
    """Everything that is wrong with how an issuance ended; the chain is the judge."""
    asset = AssetId.parse(ended["asset"])
    issued = [e for e in asyncio.run(_records(own)) if e.token_id == asset.token_id]
    found = []
    if len(issued) != 1:
        found.append(f"{len(issued)} tokens")
    if ended["status"] != "finalized":
        found.append("not finalized")
    statuses = [event["status"] for event in ended["events"]]
    if statuses != ["accepted", "stored", "submitted", "mined", "safe", "finalized"]:
        found.append(f"the statuses {statuses}")
    if any(event["cause"].startswith(ADOPTED) for event in ended["events"]):
        found.append("sent before it was written")
    if ended.get("verdict", Verdict.AUTHENTIC) is not Verdict.AUTHENTIC:
        found.append(f"the verdict {ended['verdict']}")
    # What never was accepted stays in the spool for a day: another process might be at it.
    if ended.get("spooled"):
        found.append("files of an ended issuance in the spool")
    return found


async def _records(own: Platform) -> list[Any]:
    contracts = {kind: own.deployment.contracts[kind].address for kind in AssetKind}
    chain = EvmChain(own.node.url, chain_id=own.deployment.chain_id, contracts=contracts)
    heads = await chain.heads()
    records = await chain.events(first=BlockNumber(0), last=heads.latest.number)
    await chain.close()
    return list(records)
