"""The gas bench in a small form: the peers' packages do the same work beside ours."""

import json
from typing import Any

import pytest

from chain.local.node import LocalNode
from tests.bench.gas.ours import TARGETS, figures, meters
from tests.bench.gas.peers import PEERS, compare
from tests.bench.gas.table import COLUMNS, comparison, render

pytestmark = pytest.mark.needs("peers")


@pytest.fixture(scope="module")
def compared() -> dict[str, Any]:
    with LocalNode("anvil", block_seconds=0) as node:
        export = meters(node)["ExportContract"]
        peers = compare(node, many=5)
    return comparison(ours=figures(export.gas), floor=figures(export.floors), peers=peers)


def test_peers__each__gives_figures_under_our_names(compared: dict[str, Any]) -> None:
    assert set(compared["peers"]) == set(PEERS)
    for figures_ in compared["peers"].values():
        assert set(figures_) <= {*compared["ours"], "issue_locked"}
        assert figures_["new_slots_issue"] >= 1
    assert {name for found in compared["peers"].values() for name in found} >= set(COLUMNS)


def test_ours__on_the_bench__stands_above_its_floor_and_below_what_does_as_much(
    compared: dict[str, Any],
) -> None:
    ours, peers = compared["ours"], compared["peers"]
    assert all(ours[name] >= floor for name, floor in compared["floor"].items())
    for name in ("EAS, bytes32", "TradeTrust token registry", "TrustVC transferable store"):
        assert ours["issue"] < peers[name]["issue"]
        assert ours["revoke"] < peers[name]["revoke"]
    titles = peers["TradeTrust token registry"]
    assert ours["assign_two_consents"] < titles["assign_two_consents"]


def test_comparison__printed__holds_every_peer_with_its_ratios(compared: dict[str, Any]) -> None:
    again = json.loads(json.dumps(compared))
    assert again["ratio_to_ours"]["EAS, bytes32"]["issue"] == round(
        again["peers"]["EAS, bytes32"]["issue"] / again["ours"]["issue"], 4
    )
    assert again["ratio_to_floor"]["ours"]["new_slots_issue"] == 1
    text = render(compared, targets=TARGETS)
    assert all(text.count(f"\n{name:<32}") == 3 for name in PEERS)


def test_comparison__without_peers__is_ours_alone(compared: dict[str, Any]) -> None:
    alone = comparison(ours=compared["ours"], floor=compared["floor"], peers={})
    assert alone["peers"] == alone["ratio_to_ours"] == {}
    assert list(alone["ratio_to_floor"]) == ["ours"]
    assert "times ours" not in render(alone, targets=TARGETS)
