"""The command line as people and scripts use it: words, JSON, exit codes."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import segno

from chain.local.node import LocalNode, free_port
from nftsvc.core.unixfs import cid_of_bytes
from tests.chains import deploy
from tests.platform import deal, pdf, platform, product
from tests.service import Service
from tests.unit.test_media import A_PNG

NFTSVC = str(Path(sys.executable).with_name("nftsvc"))
CONTRACT = pdf("the contract of the command line")


def nftsvc(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    done = subprocess.run(
        [NFTSVC, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "LANG": "C.UTF-8"},
        timeout=90,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = tmp_path_factory.mktemp("command-line")
    (own / "deal.json").write_text(json.dumps(deal()))
    (own / "content.json").write_text(json.dumps(product()))
    (own / "contract.pdf").write_bytes(CONTRACT)
    (own / "changed.pdf").write_bytes(CONTRACT.replace(b"command", b"commanb"))
    (own / "pump.png").write_bytes(A_PNG)
    return own


@pytest.fixture(scope="module")
def node() -> Iterator[LocalNode]:
    with LocalNode("anvil", block_seconds=1) as running:
        yield running


@pytest.fixture(scope="module")
def service(folder: Path, node: LocalNode) -> Iterator[Service]:
    with Service(platform(folder / "platform", node, deploy(node))) as running:
        yield running


@pytest.fixture(scope="module")
def issued(folder: Path, service: Service) -> dict[str, Any]:
    code, out, err = nftsvc(
        *("issue", "deal", folder / "deal.json", folder / "contract.pdf", "--wait", "--json"),
        *("--service", service.url, "--token-file", folder / "platform" / "api-token"),
    )
    assert code == 0, err
    issuance: dict[str, Any] = json.loads(out)
    return issuance


def test_issue_deal__waited_for__is_final(issued: dict[str, Any]) -> None:
    assert issued["status"] == "finalized"
    assert issued["links"]["verify"].partition("#")[2].startswith("a=eip155:31337/erc721:")


def test_issue__same_key_twice__is_one_issuance(folder: Path, service: Service) -> None:
    command = (
        *("issue", "content", folder / "content.json", folder / "pump.png", "--json"),
        *("--idempotency-key", "one-picture", "--service", service.url),
        *("--token-file", folder / "platform" / "api-token"),
    )
    first, second = (json.loads(nftsvc(*command)[1]) for _ in range(2))
    assert first["id"] == second["id"]


def test_issue__qr__is_the_code_of_the_buyers_link(folder: Path, service: Service) -> None:
    command = (
        *("issue", "deal", folder / "deal.json", folder / "contract.pdf"),
        *("--idempotency-key", "with-its-code", "--service", service.url),
        *("--token-file", folder / "platform" / "api-token"),
    )
    link = json.loads(nftsvc(*command, "--json")[1])["links"]["verify"]
    code, out, err = nftsvc(*command, "--qr")
    expected = io.StringIO()
    segno.make(link, error="m", micro=False).terminal(out=expected, compact=True, border=2)
    assert code == 0, err
    assert out.endswith(expected.getvalue())
    assert expected.getvalue() not in nftsvc(*command)[1]


def test_issue__qr_and_json__are_refused_before_anything_is_sent(folder: Path) -> None:
    code, out, _ = nftsvc(
        *("issue", "deal", folder / "deal.json", folder / "contract.pdf", "--qr", "--json"),
        *("--service", "http://127.0.0.1:1"),
    )
    assert (code, json.loads(out)["error"]["code"]) == (64, "usage")


@pytest.mark.parametrize(
    ("file", "expected"),
    [("contract.pdf", (0, "AUTHENTIC")), ("changed.pdf", (1, "MISMATCH"))],
)
def test_verify__with_its_link__tells_by_exit_code(
    folder: Path, service: Service, issued: dict[str, Any], file: str, expected: tuple[int, str]
) -> None:
    link = issued["links"]["verify"]
    command = ("verify", folder / file, link, "--service", service.url)
    found, out, _ = nftsvc(*command, "--json")
    assert (found, json.loads(out)["verdict"]) == expected
    found, out, _ = nftsvc(*command)
    assert found == expected[0]
    assert expected[1] in out.splitlines()[0]


def test_verify__own_endpoint_and_trust_list__needs_no_service_but_the_manifest(
    folder: Path, node: LocalNode, issued: dict[str, Any]
) -> None:
    found, out, _ = nftsvc(
        *("verify", folder / "contract.pdf", issued["links"]["verify"], "--json"),
        *("--rpc", node.url, "--trust", folder / "platform" / "trust.json"),
    )
    report = json.loads(out)
    codes = {check["name"]: check["code"] for check in report["checks"]}
    assert (found, report["verdict"]) == (2, "UNVERIFIABLE")
    assert codes["token-exists"] == "token-exists"
    assert codes["manifest-intact"] == "content-missing"


def test_verify__endpoint_away__could_not_check_and_says_nothing_of_the_file(
    folder: Path, service: Service, issued: dict[str, Any]
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    found, out, _ = nftsvc(
        *("verify", folder / "contract.pdf", issued["links"]["verify"], "--json"),
        *("--service", service.url, "--rpc", nobody),
    )
    assert (found, json.loads(out)["verdict"]) == (2, "UNVERIFIABLE")


def test_verify__service_away__could_not_check(folder: Path, issued: dict[str, Any]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    found, _, err = nftsvc(
        "verify", folder / "contract.pdf", issued["links"]["verify"], "--service", nobody
    )
    assert found == 2
    assert "(unavailable)" in err


def test_verify__public_file_without_a_link__is_found_by_its_hash(
    folder: Path, service: Service
) -> None:
    code, _, err = nftsvc(
        *("issue", "content", folder / "content.json", folder / "pump.png", "--wait"),
        *("--service", service.url, "--token-file", folder / "platform" / "api-token"),
    )
    assert code == 0, err
    found, out, _ = nftsvc("verify", folder / "pump.png", "--service", service.url)
    assert (found, "AUTHENTIC" in out) == (0, True)
    (folder / "other.png").write_bytes(A_PNG + b"\n")
    found, out, _ = nftsvc("verify", folder / "other.png", "--service", service.url)
    assert (found, "UNKNOWN" in out) == (1, True)


def test_history__of_an_issued_token__names_its_block(
    service: Service, issued: dict[str, Any]
) -> None:
    code, out, _ = nftsvc("history", issued["tokenId"], "--service", service.url, "--json")
    (record,) = json.loads(out)["records"]
    assert (code, record["kind"], record["previousBlock"]) == (0, "issued", None)
    assert record["block"]["number"] == issued["transaction"]["blockNumber"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("verify", "/nowhere.pdf"), "usage"),
        (("verify", "contract.pdf"), "misconfigured"),
        (("verify", "contract.pdf", "no-link", "--service", "http://127.0.0.1:9"), "invalid-link"),
        (("issue", "deal", "deal.json", "contract.pdf"), "usage"),
        (("issue", "deal", "deal.json", "deal.json", "--token-file", "deal.json"), "usage"),
        (("cid",), "usage"),
        (("frobnicate",), "usage"),
        (("serve",), "misconfigured"),
    ],
)
def test_command__used_wrongly__exits_64_with_one_line(
    folder: Path, arguments: tuple[str, ...], word: str
) -> None:
    given = [folder / word if (folder / word).is_file() else word for word in arguments]
    code, out, err = nftsvc(*given)
    assert (code, out) == (64, "")
    assert f"({word})" in err
    assert "Traceback" not in err


def test_issue__refused_by_the_service__exits_1_with_the_fields_path(
    folder: Path, service: Service
) -> None:
    (folder / "bad.json").write_text(json.dumps(deal(currency="XXL")))
    code, _, err = nftsvc(
        *("issue", "deal", folder / "bad.json", folder / "contract.pdf"),
        *("--service", service.url, "--token-file", folder / "platform" / "api-token"),
    )
    assert code == 1
    assert "currency:" in err


def test_cid__file_or_standard_input__prints_what_ipfs_would(folder: Path) -> None:
    expected = str(cid_of_bytes(CONTRACT))
    assert nftsvc("cid", folder / "contract.pdf") == (0, f"{expected}\n", "")
    assert nftsvc("cid", "-", stdin=CONTRACT) == (0, f"{expected}\n", "")
    old = str(cid_of_bytes(CONTRACT, version=0))
    assert (
        nftsvc("cid", "--v0", "-", "--json", stdin=CONTRACT)[1] == json.dumps({"cid": old}) + "\n"
    )
