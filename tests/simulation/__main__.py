"""`scripts/simulate`."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from tests.simulation.controls import BUGS
from tests.simulation.faults import Fault
from tests.simulation.judge import Findings
from tests.simulation.real import RealRun
from tests.simulation.simulation import Simulation, folder_in_memory

SHOWN: Final = 20
USAGE: Final = """\
Plays the real service over twins of chain and content store, and over a real database, in an
order that the seed fixes. At random points calls fail, answers are lost or wrong, processes are
killed or stand still, the chain replaces blocks, the node forgets, fees rise, the store lies, the
database goes away, clocks jump, requests are delivered twice. When N faults were injected
everything is well again, and every deal must come to its end. Then the chain is the judge.

Exits 0 where nothing was lost, doubled or stuck, and 1 where something was.
"""


def main() -> int:
    """Run one simulation, and say how it ended."""
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--faults", type=int, default=1_000, metavar="N", help="default: 1000")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="default: 1")
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=2, help="processes; default: 2")
    parser.add_argument("--bug", choices=sorted(BUGS), help="put a known bug back")
    parser.add_argument(
        "--real", action="store_true", help="real processes, kill -9, Anvil and time"
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write down each fault")
    given = parser.parse_args()
    started = time.monotonic()
    tell = _progress if sys.stderr.isatty() else lambda _: None
    with folder_in_memory() as folder, _database(given.db, folder) as database:
        if given.real:
            run = RealRun(
                faults=given.faults,
                seed=given.seed,
                folder=folder,
                database=database if given.db == "postgres" else None,
                tell=tell,
            )
            findings = run.run()
            return _report(run.faults, findings, f"{run.deals} deals", started)
        outcome = Simulation(
            faults=given.faults,
            seed=given.seed,
            folder=folder,
            database=database,
            workers=given.workers,
            wiring=BUGS[given.bug] if given.bug else None,
            tell=tell,
        ).run()
    if given.trace:
        given.trace.write_text("\n".join(outcome.trace) + "\n")
    played = f"{outcome.deals} deals, {outcome.calls} calls"
    return _report(outcome.faults, outcome.findings, played, started)


def _report(faults: Counter[Fault], findings: Findings, played: str, started: float) -> int:
    for fault, count in faults.most_common():
        print(f"{count:7} {fault.value}")
    print(f"{played}, {time.monotonic() - started:.1f} s")
    for kind in ("lost", "duplicate", "stuck"):
        for line in getattr(findings, kind)[:SHOWN]:
            print(f"{kind}: {line}")
    print(findings.summary(faults.total()))
    return 1 if findings.any else 0


def _progress(faults: int) -> None:
    print(f"\r{faults} faults", end="\r", file=sys.stderr, flush=True)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[sa.URL]:
    if kind == "sqlite":
        yield sa.URL.create("sqlite+aiosqlite", database=str(folder / "ledger.sqlite"))
        return
    # Only here: the fixtures' module needs pytest.
    from tests.postgres import cluster

    with cluster() as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
