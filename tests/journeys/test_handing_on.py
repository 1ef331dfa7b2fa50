"""Fields for a bank, a key for an auditor, a new KEK, and the end of a key: by command and API."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain.local.node import LocalNode
from nftsvc.adapters.age_sealer import AgeSealer
from tests.chains import deploy
from tests.journeys.test_command_line import CONTRACT, nftsvc
from tests.platform import Platform, deal, platform
from tests.service import AUTHORIZED, Service

NAME = "수출계약서.pdf"


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path_factory.mktemp("handing-on"), node, deploy(node))


@pytest.fixture(scope="module")
def service(own_platform: Platform) -> Iterator[Service]:
    with Service(own_platform) as running:
        yield running


@pytest.fixture(scope="module")
def issued(service: Service) -> dict[str, Any]:
    files = [(NAME, CONTRACT, "application/pdf")]
    return service.issue("deals", "deal", deal(), files=files)


def _run(service: Service, own: Platform, *arguments: object) -> tuple[int, str, str]:
    access = ("--service", service.url, "--token-file", own.folder / "api-token")
    return nftsvc(*arguments, *access)


def test_disclose__some_fields__the_bank_sees_those_and_nothing_else(
    tmp_path: Path, own_platform: Platform, service: Service, issued: dict[str, Any]
) -> None:
    file = tmp_path / "bank.json"
    wanted = ("--fields", "amount,currency,goods[0].hsCode", "-o", file)
    code, _, err = _run(service, own_platform, "disclose", issued["tokenId"], *wanted)
    assert code == 0, err
    clear = file.read_text() + str(
        [base64.urlsafe_b64decode(d + "==") for d in json.loads(file.read_text())["disclosures"]]
    )
    for hidden in ("Nordlys", "한빛", "KR-2026", "Oslo", "machining", NAME):
        assert hidden not in clear
    code, out, err = nftsvc("verify", file, "--service", service.url)
    assert code == 0, err
    assert "AUTHENTIC" in out
    for shown in ("amount = 128400.00", "currency = USD", "goods[].hsCode = 845710"):
        assert f"proven: {shown}" in out
    assert "closed: everything else" in out
    code, out, _ = nftsvc("verify", file, "--service", service.url, "--json")
    report = json.loads(out)
    assert report["fields"] == {
        "amount": "128400.00",
        "currency": "USD",
        "goods": [{"hsCode": "845710"}],
    }
    assert {"at": "", "digests": 13} in report["closed"]


def test_verify__disclosed_value_changed__mismatch_with_its_code(
    tmp_path: Path, own_platform: Platform, service: Service, issued: dict[str, Any]
) -> None:
    file = tmp_path / "bank.json"
    _run(service, own_platform, "disclose", issued["id"], "--fields", "amount", "-o", file)
    content = json.loads(file.read_text())
    (encoded,) = content["disclosures"]
    text = base64.urlsafe_b64decode(encoded + "==").replace(b"128400", b"928400")
    content["disclosures"] = [base64.urlsafe_b64encode(text).decode().rstrip("=")]
    file.write_text(json.dumps(content))
    code, out, _ = nftsvc("verify", file, "--service", service.url, "--json")
    assert (code, json.loads(out)["verdict"]) == (1, "MISMATCH")
    found = {check["name"]: check["code"] for check in json.loads(out)["checks"]}
    assert found["fields-proven"] == "field-foreign"


def test_disclose__by_a_party_with_its_envelope__no_service_is_needed(
    tmp_path: Path, own_platform: Platform, service: Service, issued: dict[str, Any]
) -> None:
    auditor = AgeSealer().new_key()
    envelope, key, file = tmp_path / "envelope.json", tmp_path / "key.txt", tmp_path / "bank.json"
    key.write_text(f"# an auditor's\n{auditor.identity}\n")
    grant = ("keys", "grant", issued["tokenId"], "--to", auditor.recipient, "-o", envelope)
    code, _, err = _run(service, own_platform, *grant)
    assert code == 0, err
    wanted = ("disclose", "--fields", "exporter.country", "-o", file)
    code, _, err = nftsvc(*wanted, "--envelope", envelope, "--identity", key)
    assert code == 0, err
    trust = ("--rpc", own_platform.node.url, "--trust", own_platform.folder / "trust.json")
    code, out, err = nftsvc("verify", file, *trust)
    assert code == 0, err
    assert "proven: exporter.country = KR" in out
    key.write_text(AgeSealer().new_key().identity)
    code, _, err = nftsvc(*wanted[:-1], tmp_path / "b", "--envelope", envelope, "--identity", key)
    assert code != 0
    assert "seal-unreadable" in err


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("disclosures", {"fields": ["amount"]}),
        ("envelopes", {"recipient": "age1x"}),
        ("erasure", {"by": "a", "reason": "b"}),
        ("erasure/confirmation", {"by": "a", "code": "b"}),
    ],
)
def test_keys__without_a_token__are_refused(
    service: Service, issued: dict[str, Any], noun: str, body: dict[str, Any]
) -> None:
    address = f"{service.url}/v1/assets/{issued['tokenId']}/{noun}"
    answer = httpx.post(address, json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("recipient", ["age1zzz", "age1pq1qqqqqqqq", "ssh-ed25519 AAAA"])
def test_grant__recipient_that_is_none__is_refused_with_its_path(
    service: Service, issued: dict[str, Any], recipient: str
) -> None:
    address = f"{service.url}/v1/assets/{issued['tokenId']}/envelopes"
    answer = httpx.post(address, json={"recipient": recipient}, headers=AUTHORIZED)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["reason"] == "not-a-recipient"


def test_rotate__beside_the_running_service__everything_opens_as_before(
    own_platform: Platform, service: Service, issued: dict[str, Any]
) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("nftsvc")), "keys", "rotate", "--json"],
        env={"PATH": os.environ["PATH"]} | own_platform.environment,
        capture_output=True,
        check=True,
        timeout=90,
    )
    report = json.loads(done.stdout)
    assert report["rewrapped"] >= 1
    assert len(report["retired"]) == 1
    address = f"{service.url}/v1/issuances/{issued['id']}"
    assert httpx.get(address, headers=AUTHORIZED).json()["links"] == issued["links"]


def test_erase__in_two_steps__holders_still_prove_and_the_service_has_nothing_left(
    tmp_path: Path, own_platform: Platform, service: Service, issued: dict[str, Any]
) -> None:
    kept = service.issue("deals", "deal", deal(), files=[(NAME, CONTRACT, "application/pdf")])
    token = kept["tokenId"]
    wanted = ("erase", token, "--by", "dpo", "--reason", "request 118", "--json")
    code, out, err = _run(service, own_platform, *wanted)
    assert code == 0, err
    asked = json.loads(out)
    assert httpx.get(f"{service.url}/v1/assets/{token}").json()["erasedAt"] is None
    confirm = ("erase", token, "--by", "registrar", "--confirm")
    code, _, err = _run(service, own_platform, *confirm, "00")
    assert (code, "not-erasable" in err) == (1, True)
    for _ in range(2):
        code, out, err = _run(service, own_platform, *confirm, asked["code"], "--json")
        assert code == 0, err
        assert json.loads(out)["finishedAt"]
    assert httpx.get(f"{service.url}/v1/assets/{token}").json()["erasedAt"]
    headers = AUTHORIZED
    after = httpx.get(f"{service.url}/v1/issuances/{kept['id']}", headers=headers).json()
    assert after["erasedAt"]
    assert after["links"]["verify"].partition("#")[2] == f"a={kept['asset']}"
    assert [document["name"] for document in after["documents"]] == ["document-1.pdf"]
    for answer in (
        httpx.get(f"{service.url}/v1/issuances/{kept['id']}/qr.svg", headers=headers),
        httpx.post(
            f"{service.url}/v1/assets/{token}/disclosures",
            json={"fields": ["amount"]},
            headers=headers,
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    record = httpx.get(f"{service.url}/v1/assets/{token}/erasure", headers=headers).json()
    assert (record["requestedBy"], record["confirmedBy"]) == ("dpo", "registrar")
    assert record["code"] is None
    document = tmp_path / "kept.pdf"
    document.write_bytes(CONTRACT)
    code, out, err = nftsvc("verify", document, kept["links"]["verify"], "--service", service.url)
    assert (code, "AUTHENTIC" in out) == (0, True), err
    assert len(httpx.get(f"{service.url}/v1/assets/{token}/history").json()["items"]) == 1
    address = f"{service.url}/v1/issuances/{issued['id']}"
    assert httpx.get(address, headers=headers).json()["links"] == issued["links"]
