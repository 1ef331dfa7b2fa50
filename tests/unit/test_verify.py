"""The verdict rules, by the golden vectors that the browser's rules pass too."""

import itertools
import json
from typing import Any

import pytest

from nftsvc.core.verify import Check, Result, Verdict, verify
from tests.unit import verdict_cases as cases
from tests.unit.facts_json import facts_from_json

VECTORS: list[dict[str, Any]] = json.loads(cases.VECTORS.read_text("utf-8"))


def test_vectors__compared_with_their_cases__are_fresh() -> None:
    assert cases.VECTORS.read_text("utf-8") == cases.text()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_verify__golden_vector__gives_the_verdict_a_person_would(vector: dict[str, Any]) -> None:
    report = verify(facts_from_json(vector["facts"]))
    assert report.verdict == vector["verdict"], report.checks
    codes = {check.check.value: check.code for check in report.checks}
    assert {name: codes[name] for name in vector["codes"]} == vector["codes"]


def test_vectors__all_together__reach_every_verdict() -> None:
    assert {vector["verdict"] for vector in VECTORS} == {verdict.value for verdict in Verdict}


def test_verify__any_report__carries_every_check_once_in_order() -> None:
    for vector in VECTORS:
        report = verify(facts_from_json(vector["facts"]))
        assert [check.check for check in report.checks] == list(Check)


@pytest.mark.parametrize("lost", list(itertools.product((False, True), repeat=3)), ids=str)
def test_verify__anything_out_of_reach__is_never_called_fake(lost: tuple[bool, bool, bool]) -> None:
    """Whatever could not be asked for a genuine file, the answer is not a bad one."""
    no_chain, no_manifest, no_salts = lost
    given = cases.facts()
    if no_chain:
        given["observations"] = [cases.SILENT]
    if no_manifest:
        given |= cases.GONE
    if no_salts:
        given["salts"] = []
    report = verify(facts_from_json(given))
    assert report.verdict is (Verdict.UNVERIFIABLE if any(lost) else Verdict.AUTHENTIC)
    assert not any(check.result is Result.INVALID for check in report.checks)
