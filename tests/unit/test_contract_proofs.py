"""The records of what was proved fit the contracts as they are, and name tests that exist."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

from scripts.proofs.mutants import CONTRACTS, mutants_of

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = "".join(
    path.read_text("utf-8") for path in sorted((ROOT / "tests" / "contracts").glob("*.sol"))
)
DEFINED: Final = set(re.findall(r"\bfunction (\w+)", TESTS))


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "tests" / "contracts" / name).read_text("utf-8"))
    return content


def test_slither__accepted_findings__are_low_and_have_reasons() -> None:
    accepted = read("slither.json")
    for name, finding in accepted["findings"].items():
        assert finding["impact"] in ("Low", "Informational"), name
        assert len(finding["reason"]) > 20, name
    named = {name for why in accepted["unmet"].values() for name in re.findall(r"test_\w+", why)}
    assert named
    assert named <= DEFINED


def test_mutants__of_the_sources_as_they_are__were_tried() -> None:
    """After a change of the contracts: `scripts/mutate`."""
    assert read("mutants.json")["sources"] == {
        f"contracts/{name}.sol": hashlib.sha256(
            (ROOT / "contracts" / f"{name}.sol").read_bytes()
        ).hexdigest()
        for name in CONTRACTS
    }


def test_mutants__each_one_tried__is_found_by_a_test_or_explained() -> None:
    record = read("mutants.json")
    known = {mutant.key for mutant in mutants_of(ROOT)}
    assert set(record["mutants"]) | set(record["stillborn"]) | set(record["untried"]) == known
    for key, found in record["mutants"].items():
        if "killedBy" in found:
            assert found["killedBy"] in {*DEFINED, "it never ends"}, key
        else:
            assert len(found["equivalent"]) > 20, key


def test_mutants__untried_ones__are_the_fewer() -> None:
    record = read("mutants.json")
    assert len(record["untried"]) * 4 < len(mutants_of(ROOT))
