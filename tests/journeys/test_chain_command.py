"""`nftsvc chain` on a real chain: the deployed code is the source's, and anything else is not."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from chain.local.accounts import STRANGER
from chain.local.node import ROOT, LocalNode, node_binary
from nftsvc.adapters.artifacts import artifact, compiler_input, metadata
from nftsvc.adapters.solc import encode, standard_input
from nftsvc.core.cid import Cid
from nftsvc.core.deployed_code import metadata_cid
from nftsvc.core.deployment import Deployment
from nftsvc.core.types import Address, AssetKind, BlockHash, ChainId, TransactionHash
from nftsvc.core.unixfs import cid_of_bytes
from tests.chains import deploy

NFTSVC: Final = str(Path(sys.executable).with_name("nftsvc"))
EXPORT, PRODUCT = AssetKind.EXPORT_CONTRACT, AssetKind.PRODUCT_CONTENT


def nftsvc(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    path = f"{Path(node_binary()).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [NFTSVC, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def deployment(anvil: LocalNode) -> Deployment:
    return deploy(anvil)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "deployment.json"


def check(
    record: Path, deployment: Deployment, *urls: str, options: tuple[object, ...] = ()
) -> tuple[int, dict[str, Any]]:
    """Exit code and what was said, by the checks that are not proven."""
    record.write_text(json.dumps(deployment.to_json()))
    endpoints = [word for url in urls for word in ("--rpc", url)]
    code, out, err = nftsvc(
        "chain", "check", "--deployment", record, "--json", *endpoints, *options
    )
    assert out, err
    return code, json.loads(out)


def different(said: dict[str, Any]) -> set[tuple[str | None, str]]:
    """Contract and name of the checks that failed."""
    return {
        (finding["contract"], finding["check"])
        for endpoint in said["endpoints"]
        for finding in endpoint["findings"]
        if finding["outcome"] == "different"
    }


def with_contract(deployment: Deployment, kind: AssetKind, **changed: Any) -> Deployment:
    contract = dataclasses.replace(deployment.contracts[kind], **changed)
    return dataclasses.replace(deployment, contracts=deployment.contracts | {kind: contract})


def test_chain_check__as_deployed__is_proven_with_its_immutables(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    code, said = check(record, deployment, anvil.url, anvil.url)
    assert (code, said["proven"]) == (0, True)
    findings = said["endpoints"][0]["findings"]
    assert {finding["outcome"] for finding in findings} == {"proven"}
    assert {finding["check"] for finding in findings} == {
        *("chain", "genesis", "recorded", "code"),
        *("immutables", "metadata", "sources", "creation"),
    }
    week = (7 * 24 * 3600).to_bytes(32, "big").hex()
    details = [finding["detail"] for finding in findings]
    assert details.count(f"Recovery.recoveryDelay is 0x{week}") == 2
    code, out, _ = nftsvc("chain", "check", "--deployment", record, "--rpc", anvil.url)
    assert code == 0
    assert "Proven: the deployed code is the source's." in out


@pytest.mark.parametrize("kind", AssetKind)
def test_chain_check__one_byte_changed__is_different(
    anvil: LocalNode, deployment: Deployment, record: Path, kind: AssetKind
) -> None:
    address = deployment.contracts[kind].address
    code = bytearray.fromhex(anvil.call("eth_getCode", address, "latest")[2:])
    code[1000] ^= 1
    anvil.call("anvil_setCode", address, "0x" + code.hex())
    exit_code, said = check(record, deployment, anvil.url)
    name = kind.contract_name
    assert (exit_code, said["proven"]) == (1, False)
    assert different(said) == {(name, "recorded"), (name, "code")}


def test_chain_check__an_immutable_changed__is_different(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    """The one change that a comparison with immutables left out cannot see."""
    address = deployment.contracts[EXPORT].address
    places = artifact(EXPORT)["immutableReferences"]["Recovery.recoveryDelay"]
    code = bytearray.fromhex(anvil.call("eth_getCode", address, "latest")[2:])
    for place in places:
        code[place["start"] : place["start"] + place["length"]] = bytes(place["length"])
    anvil.call("anvil_setCode", address, "0x" + code.hex())
    exit_code, said = check(record, deployment, anvil.url)
    assert exit_code == 1
    assert different(said) == {("ExportContract", "recorded"), ("ExportContract", "immutables")}


def test_chain_check__another_metadata_hash__is_different(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    address = deployment.contracts[EXPORT].address
    code = bytearray.fromhex(anvil.call("eth_getCode", address, "latest")[2:])
    code[-20] ^= 1
    anvil.call("anvil_setCode", address, "0x" + code.hex())
    exit_code, said = check(record, deployment, anvil.url)
    assert exit_code == 1
    assert ("ExportContract", "metadata") in different(said)


def test_chain_check__the_other_contract_at_the_address__is_different(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    product = deployment.contracts[PRODUCT]
    swapped = with_contract(
        deployment, EXPORT, address=product.address, code_hash=product.code_hash
    )
    exit_code, said = check(record, swapped, anvil.url)
    assert exit_code == 1
    assert different(said) == {
        ("ExportContract", name) for name in ("code", "metadata", "creation")
    }


def test_chain_check__no_code_at_the_address__is_different(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    empty = with_contract(deployment, EXPORT, address=Address(STRANGER.address))
    exit_code, said = check(record, empty, anvil.url)
    assert exit_code == 1
    assert different(said) == {("ExportContract", "recorded")}


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"chain_id": ChainId(1)}, "chain"),
        ({"genesis_hash": BlockHash("0x" + "00" * 32)}, "genesis"),
        ({"compiler_input": "00" * 32}, "sources"),
    ],
)
def test_chain_check__a_record_that_says_otherwise__is_different(
    anvil: LocalNode,
    deployment: Deployment,
    record: Path,
    changed: dict[str, Any],
    failing: str,
) -> None:
    exit_code, said = check(record, dataclasses.replace(deployment, **changed), anvil.url)
    assert exit_code == 1
    assert failing in {name for _, name in different(said)}


def test_chain_check__other_arguments_on_record__are_different(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    arguments = deployment.contracts[EXPORT].arguments | {"delay": 24 * 3600}
    other = with_contract(deployment, EXPORT, arguments=arguments)
    exit_code, said = check(record, other, anvil.url)
    assert exit_code == 1
    assert different(said) == {("ExportContract", "immutables"), ("ExportContract", "creation")}


def test_chain_check__the_transaction_is_forgotten__is_proven_without_it(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    forgotten = with_contract(deployment, EXPORT, transaction=TransactionHash("0x" + "11" * 32))
    exit_code, said = check(record, forgotten, anvil.url)
    skipped = [f for f in said["endpoints"][0]["findings"] if f["outcome"] == "skipped"]
    assert exit_code == 0
    assert [(f["contract"], f["check"]) for f in skipped] == [("ExportContract", "creation")]


def test_chain_check__nobody_answers__could_not_ask(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    record.write_text(json.dumps(deployment.to_json()))
    anvil.stop()
    code, out, err = nftsvc("chain", "check", "--deployment", record, "--rpc", anvil.url)
    assert (code, out) == (2, "")
    assert "chain-unavailable" in err


def test_chain_check__no_deployment_record__is_wrong_use(tmp_path: Path) -> None:
    record = tmp_path / "deployment.json"
    record.write_text("{}")
    code, _, err = nftsvc("chain", "check", "--deployment", record, "--rpc", "http://127.0.0.1:9")
    assert (code, "invalid-field" in err) == (64, True)


def test_chain_sources__of_the_record__are_what_the_deployed_code_names(
    anvil: LocalNode, deployment: Deployment, record: Path, tmp_path: Path
) -> None:
    record.write_text(json.dumps(deployment.to_json()))
    folder = tmp_path / "sources"
    code, _, err = nftsvc("chain", "sources", "--deployment", record, "-o", folder)
    assert code == 0, err
    given = (folder / "standard-input.json").read_bytes()
    assert hashlib.sha256(given).hexdigest() == deployment.compiler_input
    for kind in AssetKind:
        contract = deployment.contracts[kind]
        deployed = bytes.fromhex(anvil.call("eth_getCode", contract.address, "latest")[2:])
        named = cid_of_bytes(
            (folder / kind.contract_name / "metadata.json").read_bytes(), version=0
        )
        assert metadata_cid(deployed) == named
        request = json.loads((folder / kind.contract_name / "sourcify.json").read_text())
        assert request["stdJsonInput"] == json.loads(given)
        assert request["creationTransactionHash"] == contract.transaction
        source, _, name = request["contractIdentifier"].partition(":")
        assert f"contract {name} is" in request["stdJsonInput"]["sources"][source]["content"]


def test_chain_sources__of_another_version__are_refused(
    anvil: LocalNode, deployment: Deployment, record: Path, tmp_path: Path
) -> None:
    other = dataclasses.replace(deployment, compiler_input="00" * 32)
    record.write_text(json.dumps(other.to_json()))
    code, _, err = nftsvc("chain", "sources", "--deployment", record, "-o", tmp_path / "sources")
    assert (code, "misconfigured" in err) == (64, True)
    assert not (tmp_path / "sources").exists()


@pytest.mark.slow
def test_chain_check__compiled_anew_from_the_record__gives_the_deployed_code(
    anvil: LocalNode, deployment: Deployment, record: Path, tmp_path: Path
) -> None:
    """From the recorded input, by the npm build of solc, to the byte."""
    code, said = check(record, deployment, anvil.url, options=("--solc", ROOT / "scripts" / "solc"))
    assert (code, said["proven"]) == (0, True)
    assert [finding["outcome"] for finding in said["compiled"]] == ["proven", "proven"]


def test_chain_check__with_something_that_is_no_compiler__could_not_ask(
    anvil: LocalNode, deployment: Deployment, record: Path
) -> None:
    record.write_text(json.dumps(deployment.to_json()))
    code, _, err = nftsvc(
        *("chain", "check", "--deployment", record, "--rpc", anvil.url),
        *("--solc", "/bin/true"),
    )
    assert code == 2, err


def test_compiler_input__made_in_another_folder__is_the_packages(tmp_path: Path) -> None:
    """What the compiler is given has no path in it: two machines compile the same."""
    copy = tmp_path / "somewhere else"
    copy.mkdir()
    for name in ("contracts", "node_modules"):
        (copy / name).symlink_to(ROOT / name)
    assert encode(standard_input(copy)).encode() == compiler_input()


@pytest.mark.parametrize("kind", AssetKind)
def test_metadata__of_the_package__is_what_its_code_names(kind: AssetKind) -> None:
    code = bytes.fromhex(artifact(kind)["deployedBytecode"][2:])
    assert metadata_cid(code) == cid_of_bytes(metadata(kind), version=0)
    assert metadata_cid(code) != Cid.of_block(metadata(kind))
