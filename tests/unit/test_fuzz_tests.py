"""No external function of the contracts is without a fuzz test.

`testFuzz_<function>__<what>`, with arguments, in a behaviour that both contracts share
(`*.behavior.sol`) or in the contract's own `Export*.t.sol` or `Product*.t.sol`.
"""

import re
from pathlib import Path
from typing import Final

import pytest

from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind

TESTS: Final = Path(__file__).parents[1] / "contracts"
FUZZED: Final = re.compile(r"\bfunction testFuzz_([A-Za-z0-9_]+?)__\w+\(\s*[a-zA-Z]")
OWN: Final = {
    AssetKind.EXPORT_CONTRACT: "Export*.t.sol",
    AssetKind.PRODUCT_CONTENT: "Product*.t.sol",
}


def fuzzed(kind: AssetKind) -> set[str]:
    files = [*TESTS.glob("*.behavior.sol"), *TESTS.glob(OWN[kind])]
    return {name for file in files for name in FUZZED.findall(file.read_text("utf-8"))}


@pytest.mark.parametrize("kind", AssetKind)
def test_function__of_either_contract__has_a_fuzz_test(kind: AssetKind) -> None:
    functions = {entry["name"] for entry in artifact(kind)["abi"] if entry["type"] == "function"}
    assert len(functions) > 60
    assert functions - fuzzed(kind) == set()


def test_rule__for_a_test_without_arguments__does_not_count_it() -> None:
    assert not FUZZED.findall("function testFuzz_issue__records() public {")
    assert FUZZED.findall("function testFuzz_issue__records(\n    address by\n) public {") == [
        "issue"
    ]


def test_invariants__named_in_the_suites__are_all_in_the_long_campaign() -> None:
    named, together = set[str](), set[str]()
    for file in [*TESTS.glob("Invariants.behavior.sol"), *TESTS.glob("*Invariants.t.sol")]:
        head, *suites = file.read_text("utf-8").split("function invariant_allOfThese")
        for suite in suites:
            together |= set(re.findall(r"\b(invariant_\w+)\(\);", suite.partition("\n    }")[0]))
        named |= set(re.findall(r"function (invariant_\w+)\(", head + "".join(suites)))
    assert len(named) >= 12
    assert named <= together
