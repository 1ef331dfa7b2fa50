"""What Slither says of the contracts, against what was looked at and found to be right.

tests/contracts/slither.json holds each accepted finding with a reason. A new one fails, and so
does one that is not found any more: a reason for nothing hides the next.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from scripts.proofs.forge import ROOT, path_with_node, project

ACCEPTED: Final = ROOT / "tests" / "contracts" / "slither.json"
FOLDER: Final = ROOT / "build" / "slither"
PRESETS: Final = ("ExportContract", "ProductContent")
STANDARDS: Final = ("ERC721", "ERC165")
_SECONDS: Final = 900.0
_UNMET: Final = re.compile(r"^\s*\[ \] (.+)$", re.MULTILINE)


def faults(tools: Path) -> list[str]:
    """What speaks against the contracts, one line each."""
    project(FOLDER)
    accepted = json.loads(ACCEPTED.read_text("utf-8"))
    found = {_name(finding): finding["impact"] for finding in _findings(tools)}
    known = {name: entry["impact"] for name, entry in accepted["findings"].items()}
    new = [f"new, {found[name]}: {name}" for name in found.keys() - known.keys()]
    changed = [
        f"impact is {found[name]}, not {known[name]}: {name}"
        for name in found.keys() & known.keys()
        if found[name] != known[name]
    ]
    gone = [f"accepted, but not found: {name}" for name in known.keys() - found.keys()]
    return [*sorted(new), *changed, *sorted(gone), *_unmet(tools, set(accepted["unmet"]))]


def _findings(tools: Path) -> list[dict[str, Any]]:
    done = _run(tools, "slither", ".", "--filter-paths", "node_modules", "--json", "-")
    answer = json.loads(done)
    if not answer["success"]:
        raise RuntimeError(f"slither failed: {answer['error']}")
    findings: list[dict[str, Any]] = answer["results"].get("detectors", [])
    return findings


def _name(finding: dict[str, Any]) -> str:
    """The detector and what it points at, without the line numbers that every edit moves."""
    function = next(e for e in finding["elements"] if e["type"] in ("function", "event"))
    parent = function["type_specific_fields"]["parent"]["name"]
    return f"{finding['check']}: {parent}.{function['type_specific_fields']['signature']}"


def _unmet(tools: Path, accepted: set[str]) -> Iterator[str]:
    """What slither-check-erc misses in a preset."""
    for preset in PRESETS:
        for standard in STANDARDS:
            said = _run(
                tools, "slither-check-erc", ".", preset, "--erc", standard, "--ignore-compile"
            )
            if "is present" not in said:
                raise RuntimeError(f"slither-check-erc said nothing of {preset}: {said}")
            for missing in _UNMET.findall(said):
                if f"{standard}: {missing}" not in accepted:
                    yield f"{preset} does not meet {standard}: {missing}"


def _run(tools: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(tools / "bin" / program), *arguments],
        cwd=FOLDER,
        env=os.environ | {"PATH": path_with_node(), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    return done.stdout or done.stderr
