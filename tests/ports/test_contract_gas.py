"""What the contracts cost: no figure changes unseen, and none passes its target."""

import json

import pytest

from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind
from tests.bench.gas.ours import PAGE, REFUSED, SNAPSHOT, TARGETS, figures, meters, snapshot

Found = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def found() -> Found:
    with LocalNode("anvil", block_seconds=0) as node:
        return snapshot(meters(node))


def test_gas__measured_again__equals_the_snapshot(found: Found) -> None:
    kept = json.loads(SNAPSHOT.read_text("utf-8"))
    assert found == kept, "rewrite it with: scripts/bench gas --write"


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_gas__of_what_has_a_target__does_not_pass_it(found: Found, name: str) -> None:
    assert figures(found["ExportContract"])[name] <= TARGETS[name]


def test_page__of_what_calls_cost__has_the_snapshots_figures(found: Found) -> None:
    page = PAGE.read_text("utf-8")
    for name, value in figures(found["ExportContract"]).items():
        shown = f"{value:,.0f}" if value > 1000 or value == int(value) else f"{value:.1f}"
        assert f"| `{name}` | {shown} |" in page, "rewrite it with: scripts/bench gas --write"


@pytest.mark.parametrize("kind", AssetKind)
def test_gas__of_each_function__is_measured(found: Found, kind: AssetKind) -> None:
    functions = {entry["name"] for entry in artifact(kind)["abi"] if entry["type"] == "function"}
    measured = {
        row.partition(",")[0].partition("(")[0].partition(" ")[0]
        for row in found[kind.contract_name]
    }
    refused = REFUSED[kind.contract_name]
    # A function that always refuses has nothing to measure.
    assert functions - measured <= refused
    assert not measured & refused
