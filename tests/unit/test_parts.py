"""Skips are counted by the part they lack, and judged by what the machine could have had."""

from pathlib import Path

import pytest

from tests import parts


def test_part_of__reason_of_missing__names_the_part() -> None:
    assert parts.part_of("needs kubo: run scripts/bring/kubo") == "kubo"
    assert parts.part_of("Skipped: needs chromium: run it") == "chromium"
    assert parts.part_of("flaky on Tuesdays") == "other"


@pytest.mark.parametrize(
    ("here", "can_bring", "count"),
    [(Path(__file__), False, 1), (None, True, 1), (None, False, 0)],
)
def test_unexplained__part_here_or_to_be_had__is_named(
    monkeypatch: pytest.MonkeyPatch, here: Path | None, can_bring: object, count: int
) -> None:
    monkeypatch.setitem(
        parts.PARTS, "kubo", parts.Part(lambda: here, lambda: bool(can_bring), "how")
    )
    skips = [{"test": "t", "part": "kubo", "reason": "needs kubo: how"}]
    assert len(parts.unexplained(skips)) == count


def test_unexplained__reason_without_a_part__is_named() -> None:
    assert parts.unexplained([{"test": "t", "part": "other", "reason": "flaky"}]) == ["t: flaky"]
