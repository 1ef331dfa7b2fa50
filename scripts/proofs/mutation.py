"""Puts each fault into the contracts in turn, and looks whether a test finds it.

The record holds every fault that compiles: what found it, or why nothing can. It is made for the
sources whose sha256 it names: of a source that changed every fault is tried again, but those that
were explained and whose line is the same. One that survived is tried again each time.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.proofs.forge import ROOT, ForgeProject, node_binary, project
from scripts.proofs.mutants import CONTRACTS, Mutant, mutants_of
from scripts.proofs.switchboard import Switchboard

RECORD: Final = ROOT / "tests" / "contracts" / "mutants.json"
FOLDER: Final = ROOT / "build" / "mutation"
_SOLC: Final = ROOT / "scripts" / "proofs" / "solc-server"
_SECONDS: Final = 180.0
_FAILED: Final = re.compile(r"^\[FAIL.*\] (\w+)\(", re.MULTILINE)
_SUITES: Final = (
    "tests/contracts/{Mutants,PackedRecord}.t.sol",
    "tests/contracts/{Product,Export}{Content,Contract,Attacks,Fuzz}.t.sol",
)
"""The quick ones are asked first. Invariants take too long to be asked for each fault."""
_BLOCK: Final = re.compile(r"^(?=Error|Warning)", re.MULTILINE)
_PLACE: Final = re.compile(r"--> (contracts/\w+\.sol):(\d+):")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant. One that does not compile is none."""

    compiles: bool
    killed_by: str | None


def source_hashes(root: Path) -> dict[str, str]:
    """sha256 of every contract that mutants are made of, by its file."""
    files = [f"contracts/{name}.sol" for name in CONTRACTS]
    return {file: hashlib.sha256((root / file).read_bytes()).hexdigest() for file in files}


def read_record() -> dict[str, Any]:
    """The record as it is kept, or an empty one."""
    if not RECORD.is_file():
        return {"sources": {}, "mutants": {}}
    record: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    return record


def write_record(record: dict[str, Any]) -> None:
    """Keep it, one line for each fault."""
    part = RECORD.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(RECORD)


def unexplained(record: dict[str, Any]) -> list[str]:
    """The faults that nothing found and nobody explained, or that were not tried."""
    open_ones = [key for key, found in record["mutants"].items() if not _is_settled(found)]
    return [*open_ones, *record.get("untried", [])]


def run(*, files: list[str], minutes: float) -> bool:
    """Try what is not settled yet, and keep the record after each; False where time was too short.

    With `files`, only faults of these contracts. The first fault of every function comes first,
    then the second of each, so that a run cut short has looked everywhere.
    """
    everything, hashes, before = mutants_of(ROOT), source_hashes(ROOT), read_record()
    known = {key: {"stillborn": "does not compile"} for key in before.get("stillborn", [])}
    changed = {file for file in hashes if before["sources"].get(file) != hashes[file]}
    known |= {
        key: found
        for key, found in before["mutants"].items()
        if "equivalent" in found or key.partition(":")[0] not in changed
    }
    order = [mutant.key for mutant in everything]

    def keep() -> None:
        found = {key: known[key] for key in order if key in known}
        write_record(
            {
                "sources": hashes,
                "mutants": {k: v for k, v in found.items() if "stillborn" not in v},
                "stillborn": [k for k, v in found.items() if "stillborn" in v],
                "untried": [key for key in order if key not in known],
            }
        )

    todo = [m for m in everything if not files or Path(m.file).stem in files]
    todo = [m for m in todo if not _is_settled(known.get(m.key, {}))]
    todo = _breadth_first(todo)
    print(f"{len(everything)} faults, {len(todo)} to try", flush=True)
    ends, finished = time.monotonic() + minutes * 60, True
    with _compiler() as environment:
        board, workbench = _switched(todo, environment)
        known |= {key: {"stillborn": "does not compile"} for key in board.dropped}
        keep()
        todo = [m for m in todo if m.key not in board.dropped]
        todo.sort(key=lambda mutant: mutant.key not in board.switched)
        alone = project(FOLDER / "one", solc=_SOLC)
        for number, mutant in enumerate(todo, start=1):
            if time.monotonic() > ends:
                finished = False
                break
            started = time.monotonic()
            if mutant.key in board.switched:
                outcome = _ask(workbench, environment, number=board.numbers[mutant.key])
            else:
                outcome = _try(alone, mutant, environment)
            known[mutant.key] = _entry(outcome, known.get(mutant.key, {}))
            took = time.monotonic() - started
            print(f"{number}/{len(todo)} {_word(outcome)} ({took:.1f} s) {mutant.key}", flush=True)
            keep()
    keep()
    return finished


def _breadth_first(mutants: list[Mutant]) -> list[Mutant]:
    """Each line's first fault before its second, and each function's next before another's."""
    by_line = _in_turns(mutants, lambda mutant: (mutant.file, mutant.line))
    return _in_turns(by_line, lambda mutant: (mutant.file, mutant.function))


def _in_turns(
    mutants: list[Mutant], group: Callable[[Mutant], tuple[str, int | str]]
) -> list[Mutant]:
    seen: Counter[tuple[str, int | str]] = Counter()
    turns = {}
    for mutant in mutants:
        turns[mutant.key] = seen[group(mutant)]
        seen[group(mutant)] += 1
    return sorted(mutants, key=lambda mutant: turns[mutant.key])


def _is_settled(found: dict[str, str]) -> bool:
    return any(name in found for name in ("killedBy", "equivalent", "stillborn"))


def _entry(outcome: Outcome, before: dict[str, str]) -> dict[str, str]:
    if not outcome.compiles:
        return {"stillborn": "does not compile"}
    if outcome.killed_by:
        return {"killedBy": outcome.killed_by}
    return before | {"survived": "no test finds it"}


def _word(outcome: Outcome) -> str:
    if not outcome.compiles:
        return "does not compile"
    return f"killed by {outcome.killed_by}" if outcome.killed_by else "SURVIVED"


def _switched(
    mutants: list[Mutant], environment: dict[str, str]
) -> tuple[Switchboard, ForgeProject]:
    """One build of all faults that can have a switch; those that do not compile are dropped."""
    workbench, board = project(FOLDER / "all", solc=_SOLC), Switchboard(ROOT, mutants)
    while True:
        board.write(workbench.folder)
        built = workbench.run("build", seconds=_SECONDS, environment=environment)
        if built.returncode == 0:
            break
        wrong = set()
        for block in _BLOCK.split(built.stdout + built.stderr):
            place = _PLACE.search(block) if block.startswith("Error") else None
            wrong.add(board.owner_of(place[1], int(place[2])) if place else None)
        wrong.discard(None)
        if not wrong:
            raise RuntimeError(f"the switches do not compile:\n{built.stdout}{built.stderr}")
        board.drop({key for key in wrong if key})
    outcome = _ask(workbench, environment, number=0)
    if outcome.killed_by:
        raise RuntimeError(f"the sources fail without any fault: {outcome}")
    return board, workbench


def _try(workbench: ForgeProject, mutant: Mutant, environment: dict[str, str]) -> Outcome:
    target = workbench.folder / mutant.file
    source = target.read_text("utf-8")
    target.write_text(mutant.apply(source), "utf-8")
    try:
        return _ask(workbench, environment, number=0)
    finally:
        target.write_text(source, "utf-8")


def _ask(workbench: ForgeProject, environment: dict[str, str], *, number: int) -> Outcome:
    for suites in _SUITES:
        outcome = _ask_suites(workbench, environment, suites, number=number)
        if not outcome.compiles or outcome.killed_by:
            return outcome
    return Outcome(compiles=True, killed_by=None)


def _ask_suites(
    workbench: ForgeProject, environment: dict[str, str], suites: str, *, number: int
) -> Outcome:
    options = ["--match-path", suites, "--block-prevrandao", f"0x{number:064x}"]
    try:
        done = workbench.run(
            *("test", "--fail-fast", "--threads", "1", *options),
            seconds=_SECONDS,
            environment=environment,
        )
    except subprocess.TimeoutExpired:
        return Outcome(compiles=True, killed_by="it never ends")
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return Outcome(compiles=True, killed_by=None)
    if "Compiler run failed" in said:
        return Outcome(compiles=False, killed_by=None)
    failed = _FAILED.search(said)
    if failed is None:
        raise RuntimeError(f"forge said neither yes nor no:\n{said[-2000:]}")
    return Outcome(compiles=True, killed_by=failed[1])


@contextlib.contextmanager
def _compiler() -> Iterator[dict[str, str]]:
    """The compiler kept warm; gives the environment in which scripts/proofs/solc-server asks it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"NFTSVC_SOLC_SOCKET": f"{folder}/solc"}
        server = subprocess.Popen(
            [str(node_binary()), str(_SOLC), "--serve"],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
        )
        try:
            if server.stdout is None or server.stdout.readline() != b"ready\n":
                raise RuntimeError("the compiler did not start")
            yield environment
        finally:
            server.terminate()
            server.wait()
