"""Thousands of faults that a seed chooses, and five bugs put back that they must find."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from tests.simulation.controls import BUGS
from tests.simulation.faults import Fault
from tests.simulation.real import RealRun
from tests.simulation.simulation import Outcome, Simulation, folder_in_memory
from tests.simulation.world import Wiring

pytestmark = pytest.mark.slow

LIVING: Final = {
    Fault.CLOCK_JUMP: 10,
    Fault.NODE_RESTART: 10,
    **dict.fromkeys((Fault.KILLED, Fault.KILLED_BEFORE, Fault.KILLED_AFTER), 0.1),
}
"""Weather in which processes live long enough to suffer from their own memory."""
FOUND: Final[dict[int, tuple[int, Mapping[Fault, float]]]] = {
    # An announced reorg whose way back to work a kill cut off stayed announced for ever.
    5: (1, {}),
    # A node that lied about a used nonce had its transaction given up, and left a gap.
    4: (2, {}),
    # A clock that was set back put off for hours what the node had forgotten; and a lease whose
    # taker was not answered was nobody's while its holder lived.
    2: (2, LIVING),
}
"""Seeds that found something once, with how many workers, and in which weather."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_in_memory() as quick:
        yield quick


def _play(
    folder: Path,
    *,
    faults: int,
    seed: int,
    workers: int = 2,
    wiring: Wiring | None = None,
    database: sa.URL | None = None,
) -> Outcome:
    return Simulation(
        faults=faults,
        seed=seed,
        folder=folder,
        database=database
        or sa.URL.create("sqlite+aiosqlite", database=str(folder / f"ledger-{seed}.sqlite")),
        workers=workers,
        wiring=wiring,
    ).run()


def _sound(outcome: Outcome) -> list[str]:
    found = outcome.findings
    return [*found.lost, *found.duplicate, *found.stuck]


def test_simulation__ten_thousand_faults__every_deal_has_its_one_token(folder: Path) -> None:
    outcome = _play(folder, faults=10_000, seed=1)
    assert _sound(outcome) == []
    assert outcome.faults.total() >= 10_000
    assert outcome.deals > 20
    assert outcome.summary.endswith("lost 0 duplicate 0 stuck 0")


@pytest.mark.needs("postgresql")
def test_simulation__on_postgresql__every_deal_has_its_one_token(
    folder: Path, postgres_url: sa.URL
) -> None:
    assert _sound(_play(folder, faults=400, seed=2, database=postgres_url)) == []


@pytest.mark.parametrize("seed", FOUND)
def test_simulation__seed_that_found_something__finds_nothing_more(folder: Path, seed: int) -> None:
    workers, weather = FOUND[seed]
    outcome = _play(folder, faults=200, seed=seed, workers=workers, wiring=Wiring(weather=weather))
    assert _sound(outcome) == []


def test_simulation__same_seed__the_same_faults_at_the_same_calls(folder: Path) -> None:
    first, second = (_play(folder / name, faults=100, seed=9) for name in _twice(folder))
    assert first.trace == second.trace
    assert first.calls == second.calls
    assert first.strays == second.strays == 0


@pytest.mark.parametrize("bug", BUGS)
def test_simulation__bug_put_back__is_found(folder: Path, bug: str) -> None:
    """Within ten thousand faults; as a rule the first three hundred find it."""
    assert any(
        _sound(_play(folder, faults=300, seed=seed, wiring=BUGS[bug])) for seed in range(1, 34)
    )


def test_simulation__in_earnest_on_sqlite__every_deal_has_its_one_token(tmp_path: Path) -> None:
    run = RealRun(faults=200, seed=1, folder=tmp_path, database=None)
    found = run.run()
    assert [*found.lost, *found.duplicate, *found.stuck] == []


@pytest.mark.needs("postgresql")
def test_simulation__in_earnest_on_postgresql__every_deal_has_its_one_token(
    tmp_path: Path, postgres_url: sa.URL
) -> None:
    run = RealRun(faults=200, seed=1, folder=tmp_path, database=postgres_url)
    found = run.run()
    assert [*found.lost, *found.duplicate, *found.stuck] == []


def _twice(folder: Path) -> Iterator[str]:
    for name in ("first", "second"):
        (folder / name).mkdir()
        yield name
