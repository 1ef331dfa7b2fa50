"""What Halmos says of the rules in tests/symbolic/, for all values within a bound on time.

A rule counts as proven where every path was followed to its end: one that was left undecided, or
that Halmos warns of, fails like one with a counterexample. So do rules known to be wrong when no
counterexample is found.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

from scripts.proofs.forge import ROOT, ForgeProject, path_with_node, project

RULES: Final = ROOT / "tests" / "symbolic"
FOLDER: Final = ROOT / "build" / "symbolic"
CONTROL: Final = "Control"
_SECONDS: Final = 900.0
"""The bound for all rules of one contract; alone on two cores each takes seconds."""
_OF_SOLVER: Final = "60s"
_CONTRACT: Final = re.compile(r"^contract (\w+)", re.MULTILINE)
_RESULT: Final = re.compile(r"\[(PASS|FAIL|ERROR|TIMEOUT)\]\S* (\w+)\(")
_WARNING: Final = re.compile(r"^(?:WARNING|ERROR) .*", re.MULTILINE)


def faults(tools: Path) -> list[str]:
    """What is not proven, one line each."""
    workbench = project(FOLDER, ast=True)
    built = workbench.run("build", "tests/symbolic", seconds=_SECONDS)
    if built.returncode != 0:
        raise RuntimeError(built.stdout + built.stderr)
    sources = "".join(path.read_text("utf-8") for path in sorted(RULES.glob("*.sol")))
    found = []
    for contract in _CONTRACT.findall(sources):
        if contract != CONTROL:
            found += _unproven(workbench, tools, contract)
    return [*found, *_not_refuted(workbench, tools)]


def _unproven(workbench: ForgeProject, tools: Path, contract: str) -> list[str]:
    said = _ask(workbench, tools, contract, "check_")
    results = _RESULT.findall(said)
    wrong = [f"{contract}.{rule}: {result}" for result, rule in results if result != "PASS"]
    wrong += [f"{contract}: {warning}" for warning in dict.fromkeys(_WARNING.findall(said))]
    if not results:
        return [f"{contract}: no rule was checked: {said[-500:]}"]
    print(f"     {contract}: {len(results) - len(wrong)} of {len(results)} rules", flush=True)
    return wrong


def _not_refuted(workbench: ForgeProject, tools: Path) -> list[str]:
    rules = re.findall(
        r"function (wrong_\w+)\(", (RULES / f"{CONTROL}.halmos.sol").read_text("utf-8")
    )
    results = _RESULT.findall(_ask(workbench, tools, CONTROL, "wrong_"))
    refuted = {rule for result, rule in results if result == "FAIL"}
    return [
        f"{CONTROL}.{rule}: is wrong, and was not refuted" for rule in rules if rule not in refuted
    ]


def _ask(workbench: ForgeProject, tools: Path, contract: str, prefix: str) -> str:
    arguments = ["--contract", contract, "--function", prefix]
    # Solady keeps tokens in slots of its own making, which Solidity's layout does not foresee.
    arguments += ["--storage-layout", "generic", "--solver-timeout-assertion", _OF_SOLVER]
    try:
        done = subprocess.run(
            [str(tools / "bin" / "halmos"), *arguments, "--no-status"],
            cwd=workbench.folder,
            env=os.environ
            | {"PATH": f"{tools / 'bin'}:{path_with_node()}", "NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout + done.stderr
