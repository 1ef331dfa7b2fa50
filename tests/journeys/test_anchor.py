"""Many deals under one root: anchored once, honest about it, and claimed one by one."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from web3 import HTTPProvider, Web3

from chain.local.accounts import ISSUER, STRANGER, LocalAccount
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.link import VerificationLink
from nftsvc.core.merkle import Leaf, MerkleRoot, proves
from nftsvc.core.types import AssetKind, Digest, parse_address
from nftsvc.core.verify import Verdict
from tests.chains import deploy
from tests.journeys.test_batch import line, post
from tests.journeys.test_command_line import NFTSVC, nftsvc
from tests.journeys.test_import import _until_noted, journal
from tests.journeys.test_kill import _records, _verdict
from tests.load import document
from tests.platform import Platform, digest, platform
from tests.service import AUTHORIZED, Service
from tests.table import write_table

pytestmark = pytest.mark.needs("anvil")


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path_factory.mktemp("anchor"), node, deploy(node))


@pytest.fixture
def service(own_platform: Platform) -> Iterator[Service]:
    with Service(own_platform) as running:
        yield running


def ask(service: Service, method: str, path: str, status: int = 200) -> dict[str, Any]:
    response = httpx.request(method, f"{service.url}/v1/{path}", headers=AUTHORIZED, timeout=30)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def until(service: Service, path: str, reached: Any) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while True:
        answer = ask(service, "GET", path)
        if reached(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)


def is_final(answer: dict[str, Any]) -> bool:
    return bool(answer["status"] == "finalized")


def fill(service: Service, anchor: str, *numbers: int) -> list[dict[str, Any]]:
    return post(service, *map(line, numbers), noun="deals", anchor=anchor)


def test_anchor__sealed__one_root_proves_each_and_no_token_exists(
    service: Service, own_platform: Platform
) -> None:
    assert ask(service, "PUT", "anchors/first")["status"] == "open"
    answers = fill(service, "first", *range(7))
    assert {answer["status"] for answer in answers} == {202}
    assert {answer["issuance"]["links"]["verify"] for answer in answers} == {None}
    assert ask(service, "POST", "anchors/first:seal", 202)["items"] == 7
    anchor = until(service, "anchors/first", is_final)
    assert [event["status"] for event in anchor["events"]] == [
        *("accepted", "stored", "submitted", "mined", "safe", "finalized")
    ]
    root = MerkleRoot(bytes.fromhex(anchor["root"][2:]))
    for answer in answers:
        id_ = answer["issuance"]["id"]
        shown = ask(service, "GET", f"issuances/{id_}")
        assert (shown["status"], shown["leaf"]["claim"]) == ("finalized", None)
        assert shown["leaf"]["root"] == anchor["root"]
        assert shown["transaction"] == anchor["transaction"]
        proof = ask(service, "GET", f"issuances/{id_}/proof")
        leaf = Leaf(parse_address(proof["holder"]), Digest(bytes.fromhex(proof["digest"][2:])))
        assert proof["digest"] == shown["tokenId"]
        assert proves(root, leaf, [bytes.fromhex(node[2:]) for node in proof["proof"]])
    tokens = {int(answer["issuance"]["tokenId"], 16) for answer in answers}
    assert not tokens & {record.token_id for record in asyncio.run(_records(own_platform))}


def test_anchor__item_claimed_twice__is_one_token_that_verifies(
    service: Service, own_platform: Platform
) -> None:
    ask(service, "PUT", "anchors/claimed")
    one, other = fill(service, "claimed", 100, 101)
    early = ask(service, "POST", f"issuances/{one['issuance']['id']}:claim", 422)
    assert early["errors"][0]["reason"] == "not-anchored"
    ask(service, "POST", "anchors/claimed:seal", 202)
    until(service, "anchors/claimed", is_final)
    id_ = one["issuance"]["id"]
    for _ in range(2):
        ask(service, "POST", f"issuances/{id_}:claim", 202)
    shown = until(
        service,
        f"issuances/{id_}",
        lambda answer: (answer["leaf"]["claim"] or {}).get("status") == "finalized",
    )
    assert shown["status"] == "finalized"
    assert VerificationLink.parse(shown["links"]["verify"]).salts
    shown |= {"links": shown["links"]}
    verdict = asyncio.run(_verdict(own_platform, shown, service.url, digest(document(100))))
    assert verdict is Verdict.AUTHENTIC
    issued = [record.token_id for record in asyncio.run(_records(own_platform))]
    assert issued.count(int(shown["tokenId"], 16)) == 1
    assert int(other["issuance"]["tokenId"], 16) not in issued


def test_claim__somebody_was_faster__is_their_token_and_a_revoked_leaf_is_none(
    service: Service, own_platform: Platform
) -> None:
    ask(service, "PUT", "anchors/faster")
    answers = fill(service, "faster", 400, 401)
    ask(service, "POST", "anchors/faster:seal", 202)
    until(service, "anchors/faster", is_final)
    claimed, revoked = (answer["issuance"]["id"] for answer in answers)
    by_stranger = _send(own_platform, "claimOne", ask(service, "GET", _proof(claimed)), STRANGER)
    _send(own_platform, "revokeLeaf", ask(service, "GET", _proof(revoked)), ISSUER, bytes(32))
    for id_ in (claimed, revoked):
        ask(service, "POST", f"issuances/{id_}:claim", 202)

    adopted, failed = (until(service, f"issuances/{id_}", _has_ended) for id_ in (claimed, revoked))
    claim = adopted["leaf"]["claim"]
    assert (claim["status"], claim["transaction"]["hash"]) == ("finalized", by_stranger)
    assert ask(service, "GET", f"assets/{adopted['tokenId']}")["status"] == "active"
    assert failed["leaf"]["claim"]["status"] == "failed"
    assert ask(service, "GET", f"assets/{failed['tokenId']}")["status"] == "revoked"


def _proof(issuance: str) -> str:
    return f"issuances/{issuance}/proof"


def _has_ended(answer: dict[str, Any]) -> bool:
    return (answer["leaf"]["claim"] or {}).get("status") in ("finalized", "failed")


def _send(
    own: Platform, function: str, proof: dict[str, Any], sender: LocalAccount, *more: bytes
) -> str:
    """Let somebody else do something with a leaf; gives the transaction's hash."""
    w3 = Web3(HTTPProvider(own.node.url))
    kind = AssetKind.EXPORT_CONTRACT
    address = w3.to_checksum_address(own.deployment.contracts[kind].address)
    contract = w3.eth.contract(address=address, abi=artifact(kind)["abi"])
    issuer, holder = (w3.to_checksum_address(proof[name]) for name in ("issuer", "holder"))
    given: Any = [issuer, proof["root"], holder, proof["digest"], proof["proof"], *more]
    sent = contract.functions[function](*given).transact(
        {"from": w3.to_checksum_address(sender.address)}
    )
    assert w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.1)["status"] == 1
    return w3.to_hex(sent)


def test_anchor__sealed__takes_nothing_more_but_knows_its_own(service: Service) -> None:
    ask(service, "PUT", "anchors/full")
    (first,) = fill(service, "full", 200)
    ask(service, "POST", "anchors/full:seal", 202)
    again, late = fill(service, "full", 200, 201)
    assert again["issuance"]["id"] == first["issuance"]["id"]
    assert late["problem"]["errors"][0]["reason"] == "not-open"
    assert ask(service, "POST", "anchors/full:seal", 202)["items"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "anchors/none", 404, "not-found"),
        ("POST", "anchors/none:seal", 404, "not-found"),
        ("PUT", "anchors/Not_a_name", 422, "invalid-field"),
        ("POST", "issuances/iss-none:claim", 404, "not-found"),
        ("GET", "issuances/iss-none/proof", 404, "not-found"),
    ],
)
def test_anchor__bad_request__is_one_problem(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    assert ask(service, method, path, status)["code"] == code


def test_anchor__empty__cannot_be_sealed(service: Service) -> None:
    ask(service, "PUT", "anchors/empty")
    refused = ask(service, "POST", "anchors/empty:seal", 422)
    assert refused["errors"][0]["reason"] == "empty"


def test_anchor__is_no_issuance_and_no_asset_to_anybody(service: Service) -> None:
    ask(service, "PUT", "anchors/hidden")
    fill(service, "hidden", 300)
    ask(service, "POST", "anchors/hidden:seal", 202)
    root = until(service, "anchors/hidden", lambda answer: answer["root"])["root"]
    ask(service, "GET", "issuances/hidden", 404)
    ask(service, "GET", f"assets/{root}", 404)


@pytest.mark.slow
def test_import__with_one_anchor_and_both_killed__each_row_is_one_leaf(
    own_platform: Platform, tmp_path: Path
) -> None:
    count = 1200
    write_table(tmp_path, count, first=20_000)
    service = Service(own_platform).start()
    command = [NFTSVC, "import", str(tmp_path), "--csv", str(tmp_path / "deals.csv"), "--anchor"]
    command += ["--token-file", str(own_platform.folder / "api-token"), "--service"]
    importer = subprocess.Popen([*command, service.url], stderr=subprocess.DEVNULL)
    _until_noted(tmp_path, 1)
    service.kill()
    importer.send_signal(signal.SIGKILL)
    importer.wait()
    with Service(own_platform) as again:
        code, out, err = nftsvc(*command[1:], again.url, "--json", "--wait")
        assert code == 0, err
        counts = json.loads(out)
        assert (counts["anchor"]["status"], counts["anchor"]["items"]) == ("finalized", count)
        by_row = {entry["row"]: entry["issuance"] for entry in journal(tmp_path)}
        assert len(by_row) == len({issuance["tokenId"] for issuance in by_row.values()}) == count
        proofs = [ask(again, "GET", f"issuances/{by_row[n]['id']}/proof") for n in (2, count)]
        assert {proof["root"] for proof in proofs} == {counts["anchor"]["root"]}
        code, out, err = nftsvc(
            *("claim", by_row[2]["id"], "--wait", "--json", "--service", again.url),
            *("--token-file", own_platform.folder / "api-token"),
        )
        assert (code, json.loads(out)["leaf"]["claim"]["status"]) == (0, "finalized"), err
