"""The contracts' reference pages say what the compiled contracts are."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = {kind.contract_name for kind in AssetKind}
ROW: Final = re.compile(r"^\| `(\w+\(.*\))` \| (\w+) \|", re.MULTILINE)


def _page(path: str) -> str:
    return (ROOT / "docs" / path).read_text("utf-8")


def _where(word: str) -> set[str]:
    return NAMES if word == "both" else {word}


def _written(entry: dict[str, Any]) -> str:
    inputs = [f"{i['type']} {i['name']}{'*' if i.get('indexed') else ''}" for i in entry["inputs"]]
    return f"{entry['name']}({', '.join(inputs)})"


def test_events_page__compared_with_the_artifacts__lists_exactly_theirs() -> None:
    listed = [
        (signature, name)
        for signature, word in ROW.findall(_page("reference/contract-events.md"))
        for name in _where(word)
    ]
    compiled = [
        (_written(entry), kind.contract_name)
        for kind in AssetKind
        for entry in artifact(kind)["abi"]
        if entry["type"] in ("event", "error")
    ]
    assert sorted(listed) == sorted(compiled)


def test_storage_page__compared_with_the_artifacts__has_exactly_their_slots() -> None:
    row = re.compile(r"^\| (\d+) \| (\d+) \| `(\w+)` \| (\w+) \|", re.MULTILINE)
    listed = [
        (name, int(slot), int(byte), label)
        for slot, byte, label, word in row.findall(_page("reference/contract-storage.md"))
        for name in _where(word)
    ]
    compiled = [
        (kind.contract_name, int(item["slot"]), item["offset"], item["label"])
        for kind in AssetKind
        for item in artifact(kind)["storageLayout"]
    ]
    assert sorted(listed) == sorted(compiled)


@pytest.mark.parametrize(
    ("field", "constant"),
    [
        ("issuedAt", r"TIME_AT = (\d+)"),
        ("version", r"VERSION_AT = (\d+)"),
        ("issuerIndex", r"ISSUER_AT = (\d+)"),
        ("status", r"STATUS_AT = (\d+)"),
        ("held", r"HELD_BIT = 1 << (\d+)"),
        ("recovering", r"RECOVERING_BIT = 1 << (\d+)"),
    ],
)
def test_packed_slot__on_the_page__starts_where_the_codec_says(field: str, constant: str) -> None:
    codec = (ROOT / "contracts/PackedRecord.sol").read_text("utf-8")
    stated = re.search(constant, codec)
    row = re.search(rf"^\| (\d+)[.\d]* \| {field} \|", _page("reference/contract-storage.md"), re.M)
    assert stated
    assert row
    assert row[1] == stated[1]


def test_packed_slot__on_the_page__has_neither_gap_nor_overlap() -> None:
    rows = re.findall(
        r"^\| (\d+)(?:\.\.(\d+))? \| ([a-zA-Z]+) \|", _page("reference/contract-storage.md"), re.M
    )
    bits = [n for first, last, _ in rows for n in range(int(first), int(last or first) + 1)]
    assert bits == list(range(96))


def test_threat_model__functions_and_tests_it_names__exist() -> None:
    page = _page("explanation/contracts-threat-model.md")
    sources = [*ROOT.glob("contracts/**/*.sol"), *ROOT.glob("tests/contracts/*.sol")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    defined = set(re.findall(r"\bfunction (\w+)", code))
    named = set(re.findall(r"`((?:test|testFuzz|invariant)_\w+)`", page))
    assert len(named) >= 15
    assert named <= defined
    assert set(re.findall(r"`(\w+)\(\)`", page)) <= defined
