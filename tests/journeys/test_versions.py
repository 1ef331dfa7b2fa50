"""Later versions of an asset, under the token that it has: amended, proved, restored, erased."""

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from eth_account import Account
from web3 import HTTPProvider, Web3

from chain.local.accounts import EXPORTER, ISSUER, REGISTRAR
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind
from tests.browser.files import glb, png
from tests.chains import deploy
from tests.journeys.test_command_line import CONTRACT, nftsvc
from tests.journeys.test_sender import authorize_colleague
from tests.platform import PASSWORD, Platform, deal, pdf, platform, product
from tests.service import AUTHORIZED, File, Service

pytestmark = pytest.mark.needs("anvil")

AMENDED: Final = pdf("the amended terms")


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path_factory.mktemp("versions"), node, deploy(node))


@pytest.fixture(scope="module")
def service(own_platform: Platform) -> Iterator[Service]:
    with Service(own_platform) as running:
        yield running


def test_deal__amended__old_document_is_superseded_and_the_new_one_authentic(
    tmp_path: Path, own_platform: Platform, service: Service
) -> None:
    first = _issue(service)
    terms = _write(tmp_path, "deal.json", json.dumps(deal()).encode())
    new, old = _write(tmp_path, "new.pdf", AMENDED), _write(tmp_path, "old.pdf", CONTRACT)
    access = ("--service", service.url, "--token-file", own_platform.folder / "api-token")
    wanted = ("issue", "deal", terms, new, "--amends", first["asset"], "--wait", "--json")
    code, said, err = nftsvc(*wanted, *access)
    assert code == 0, err
    second = json.loads(said)
    assert (second["status"], second["version"]) == ("finalized", 2)
    assert second["asset"] == first["asset"]

    asset = httpx.get(f"{service.url}/v1/assets/{first['tokenId']}").json()
    assert (asset["version"], asset["manifestCid"]) == (2, second["manifestCid"])
    assert asset["manifest"]["previous"] == first["tokenId"].removeprefix("0x")
    assert _records(service, first) == ["issued", "amended"]
    assert _verdict(service, new, second) == "AUTHENTIC"
    assert _verdict(service, old, first) == "SUPERSEDED"
    # The new link does not hold the old document's salt: whether it was ever one is not known.
    assert _verdict(service, old, second) == "UNVERIFIABLE"

    address = f"{service.url}/v1/assets/{first['tokenId']}/disclosures"
    shown = httpx.post(address, json={"fields": ["amount"]}, headers=AUTHORIZED)
    bank = _write(tmp_path, "bank.json", shown.content)
    code, said, err = nftsvc("verify", bank, "--service", service.url)
    assert (code, "AUTHENTIC" in said) == (0, True), err


def test_product__amended__its_page_shows_the_new_version_and_older_ones_stay(
    service: Service,
) -> None:
    pictures = [("pump.png", png(), "image/png")]
    first = service.issue("contents", "content", product(), files=pictures)
    models = [("pump.glb", glb(), "model/gltf-binary")]
    answer = service.post(
        _versions(first), "content", product(), files=models, key="a-model-at-last"
    )
    second = service.until_ended(answer.json()["id"])
    assert (second["status"], second["version"]) == ("finalized", 2)
    asset = httpx.get(f"{service.url}/v1/assets/{first['tokenId']}").json()
    assert [document["name"] for document in asset["manifest"]["documents"]] == ["pump.glb"]
    for issuance in (first, second):
        for cid in (issuance["manifestCid"], issuance["documents"][0]["cid"]):
            assert httpx.get(f"{service.url}/v1/content/{cid}").status_code == 200
    assert _find(service, png()) == _find(service, glb()) == [first["asset"]]


def test_versions__asked_for_many_at_once__one_of_them_is_the_next(service: Service) -> None:
    first = _issue(service)
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda n: _amend(service, first, key=f"rival-{n}"), range(8)))
    taken = [answer.json() for answer in answers if answer.status_code == 202]
    late = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(taken), len(late)) == (1, 7)
    assert {answer["code"] for answer in late} == {"not-amendable"}
    assert service.until_ended(taken[0]["id"])["status"] == "finalized"
    third = _amend(service, first, key="and-another")
    assert third.status_code == 202, third.text
    assert service.until_ended(third.json()["id"])["version"] == 3
    assert _records(service, first) == ["issued", "amended", "amended"]


def test_versions__asked_for_twice_with_one_key__one_version(service: Service) -> None:
    first = _issue(service)
    one, other = (_amend(service, first, key="twice") for _ in range(2))
    assert one.json()["id"] == other.json()["id"]
    changed = _amend(service, first, key="twice", data=pdf("something else"))
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency-key-reused")
    elsewhere = _amend(service, _issue(service), key="twice")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (422, "idempotency-key-reused")
    service.until_ended(one.json()["id"])
    assert _amend(service, first, key="twice").json()["id"] == one.json()["id"]
    assert _records(service, first) == ["issued", "amended"]


def test_versions__of_what_takes_none__are_refused(
    own_platform: Platform, service: Service
) -> None:
    suspended, revoked = _issue(service), _issue(service)
    _send(own_platform, "suspend", suspended)
    _send(own_platform, "revoke", revoked)
    for issuance, status in ((suspended, "suspended"), (revoked, "revoked")):
        _wait_for(service, issuance, status)
        answer = _amend(service, issuance, key=f"of-{status}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not-amendable")
        assert answer.json()["errors"][0]["reason"] == status
    unknown = _amend(service, {"tokenId": "0x" + "17" * 32}, key="of-none")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
    address = f"{service.url}/v1/{_versions(revoked)}"
    assert httpx.post(address, headers={"Idempotency-Key": "nobody"}).status_code == 401


def test_asset__erased_after_its_amendment__no_version_can_be_read_and_all_verify(
    tmp_path: Path, own_platform: Platform, service: Service
) -> None:
    first = _issue(service)
    second = service.until_ended(_amend(service, first, key="before-the-erasure").json()["id"])
    access = ("--service", service.url, "--token-file", own_platform.folder / "api-token")
    wanted = ("erase", first["tokenId"], "--by", "dpo", "--reason", "request 7", "--json")
    code, said, err = nftsvc(*wanted, *access)
    assert code == 0, err
    confirm = ("--by", "registrar", "--confirm", json.loads(said)["code"], "--json")
    code, said, err = nftsvc("erase", first["tokenId"], *confirm, *access)
    assert (code, bool(json.loads(said)["finishedAt"])) == (0, True), err
    for issuance in (first, second):
        address = f"{service.url}/v1/issuances/{issuance['id']}"
        assert httpx.get(address, headers=AUTHORIZED).json()["erasedAt"]
        sealed = issuance["documents"][0]["cid"]
        assert httpx.get(f"{service.url}/v1/content/{sealed}").status_code == 404
    refused = _amend(service, first, key="after-the-erasure")
    assert (refused.status_code, refused.json()["code"]) == (410, "erased")
    new = _write(tmp_path, "new.pdf", AMENDED)
    assert _verdict(service, new, second) == "AUTHENTIC"


def test_asset__erased_after_an_amendment_that_failed__nothing_of_that_is_left(
    own_platform: Platform, tmp_path: Path
) -> None:
    own = platform(tmp_path, own_platform.node, own_platform.deployment)
    with Service(own) as before:
        first = _issue(before)
    with Service(own, ROLE="api") as taking:
        amendment = _amend(taking, first, key="in-vain").json()
    _send(own, "suspend", first)
    with Service(own) as carrying:
        failed = carrying.until_ended(amendment["id"])
        assert (failed["status"], failed["error"]["code"]) == ("failed", "transaction-refused")
        asked = {"by": "dpo", "reason": "request 8"}
        wish = _ask(carrying, f"assets/{first['id']}/erasure", asked)
        confirmation = {"by": "registrar", "code": wish["code"]}
        assert _ask(carrying, f"assets/{first['id']}/erasure/confirmation", confirmation)[
            "finishedAt"
        ]
        sealed = failed["documents"][0]["cid"]
        assert httpx.get(f"{carrying.url}/v1/content/{sealed}").status_code == 404
    with closing(sqlite3.connect(own.folder / "data/ledger.sqlite")) as ledger:
        assert ledger.execute("SELECT issuance FROM asset_keys").fetchall() == []
        assert ledger.execute("SELECT issuance FROM envelopes").fetchall() == []
        assert ledger.execute("SELECT DISTINCT private FROM manifests").fetchall() == [(b"",)]


def test_asset__of_a_key_that_is_gone__is_amended_by_a_colleague(tmp_path: Path) -> None:
    keystore = json.dumps(Account.encrypt(EXPORTER.private_key, PASSWORD, "pbkdf2", 1))
    with LocalNode("anvil", block_seconds=0) as node:
        own = platform(tmp_path, node, deploy(node))
        authorize_colleague(own, EXPORTER)
        colleague = _write(own.folder, "colleague.json", keystore.encode())
        with node.mining():
            with Service(own, COLLEAGUE_KEYSTORE_FILES=colleague) as both:
                first = _issue(both)
                while _issuer(both, first) != EXPORTER.address:
                    first = _issue(both)
            with Service(own) as one:
                answer = _amend(one, first, key="by-another")
                second = one.until_ended(answer.json()["id"])
                assert (second["status"], second["version"]) == ("finalized", 2)
                assert _issuer(one, second) == ISSUER.address
                new, old = _write(tmp_path, "new", AMENDED), _write(tmp_path, "old", CONTRACT)
                assert _verdict(one, new, second) == "AUTHENTIC"
                assert _verdict(one, old, first) == "SUPERSEDED"


def test_amendment__ledger_restored_from_an_older_backup__is_adopted(tmp_path: Path) -> None:
    with LocalNode("anvil", block_seconds=1) as node:
        own = platform(tmp_path, node, deploy(node))
        data, backup = own.folder / "data", tmp_path / "backup"
        with Service(own) as before:
            first = _issue(before)
        with Service(own, ROLE="api") as taking:
            amendment = _amend(taking, first, key="before-the-backup").json()
        shutil.copytree(data, backup)
        with Service(own) as carrying:
            seen = carrying.until_ended(amendment["id"])
        shutil.rmtree(data)
        shutil.copytree(backup, data)
        with Service(own) as restored:
            again = restored.until_ended(amendment["id"])
            assert (again["status"], again["transaction"]) == ("finalized", seen["transaction"])
            assert _records(restored, first) == ["issued", "amended"]


def _issue(service: Service) -> dict[str, Any]:
    return service.issue("deals", "deal", deal(), files=_files(CONTRACT))


def _files(data: bytes) -> list[File]:
    return [("계약서.pdf", data, "application/pdf")]


def _issuer(service: Service, issuance: dict[str, Any]) -> str:
    """Who anchored a version, as its manifest says."""
    address = f"{service.url}/v1/content/{issuance['manifestCid']}"
    issuer: str = httpx.get(address).json()["issuer"].rpartition(":")[2]
    return issuer


def _ask(service: Service, path: str, body: dict[str, str]) -> dict[str, Any]:
    answer = httpx.post(f"{service.url}/v1/{path}", json=body, headers=AUTHORIZED, timeout=30)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _versions(issuance: dict[str, Any]) -> str:
    return f"assets/{issuance['tokenId']}/versions"


def _amend(
    service: Service, issuance: dict[str, Any], *, key: str, data: bytes = AMENDED
) -> httpx.Response:
    return service.post(_versions(issuance), "deal", deal(), files=_files(data), key=key)


def _find(service: Service, data: bytes) -> list[str]:
    """The assets that have a public document with these bytes."""
    asked = {"sha256": hashlib.sha256(data).hexdigest()}
    found: list[str] = httpx.get(f"{service.url}/v1/documents", params=asked).json()["assets"]
    return found


def _records(service: Service, issuance: dict[str, Any]) -> list[str]:
    address = f"{service.url}/v1/assets/{issuance['tokenId']}/history"
    return [item["kind"] for item in httpx.get(address).json()["items"]]


def _verdict(service: Service, file: Path, issuance: dict[str, Any]) -> str:
    link = issuance["links"]["verify"]
    _, said, _ = nftsvc("verify", file, link, "--service", service.url, "--json")
    report: dict[str, str] = json.loads(said)
    return report["verdict"]


def _wait_for(service: Service, issuance: dict[str, Any], status: str) -> None:
    deadline = time.monotonic() + 30
    address = f"{service.url}/v1/assets/{issuance['tokenId']}"
    while httpx.get(address).json()["status"] != status:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _write(folder: Path, name: str, data: bytes) -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def _send(own: Platform, function: str, issuance: dict[str, Any]) -> None:
    """Let the registrar do something with a token, beside the service."""
    w3 = Web3(HTTPProvider(own.node.url))
    kind = AssetKind.EXPORT_CONTRACT
    address = w3.to_checksum_address(own.deployment.contracts[kind].address)
    call = w3.eth.contract(address=address, abi=artifact(kind)["abi"]).functions[function]
    sender = w3.to_checksum_address(REGISTRAR.address)
    sent = call(int(issuance["tokenId"], 16), bytes(32)).transact({"from": sender})
    assert w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.1)["status"] == 1
