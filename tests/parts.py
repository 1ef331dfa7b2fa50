"""The real parts that tests run on, and whether this machine has them or could get them.

A test names its parts, `@pytest.mark.needs("kubo")`, and is skipped loudly where one is missing.
`python -m tests.parts SKIPS` judges the list of what a run skipped: it fails when a part was
there, or could have been brought by `scripts/bring`, and was skipped all the same.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Part:
    """`find` gives the program, or None; `can_bring` says whether it could be had here."""

    find: Callable[[], Path | None]
    can_bring: Callable[[], bool]
    how: str


def find(name: str) -> Path | None:
    """The program of the part `name`, where the machine has it."""
    return PARTS[name].find()


def missing(name: str) -> str | None:
    """Why a test that needs the part `name` cannot run; None where it can."""
    return None if find(name) else f"needs {name}: {PARTS[name].how}"


def part_of(reason: str) -> str:
    """The part that a reason of `missing` speaks of, or `other`."""
    words = reason.removeprefix("Skipped: ").removeprefix("needs ").split(":")
    return words[0] if words[0] in PARTS else "other"


def unexplained(skips: list[dict[str, str]]) -> list[str]:
    """The skips that the machine does not explain, one line each."""
    lines = []
    for skip in skips:
        part = PARTS.get(skip["part"])
        if part is None:
            lines.append(f"{skip['test']}: {skip['reason']}")
        elif part.find() is not None:
            lines.append(f"{skip['test']}: skipped for {skip['part']}, which is here")
        elif part.can_bring():
            lines.append(f"{skip['test']}: skipped for {skip['part']}, which can be had here")
    return lines


@cache
def node() -> Path | None:
    """Node as `scripts/setup` chose it: the machine's own where it is new enough."""
    result = subprocess.run(
        [ROOT / "scripts/setup", "--node"], capture_output=True, text=True, check=False
    )
    return _program(result.stdout.strip()) if result.returncode == 0 else None


def _program(path: str | Path | None) -> Path | None:
    return Path(path) if path and os.access(path, os.X_OK) and Path(path).is_file() else None


def _renderer() -> Path | None:
    if find_spec("f3d") is None:
        return None
    places = [*Path("/usr/lib").glob("*/libEGL.so.1"), *Path("/usr/lib64").glob("libEGL.so.1")]
    return next(iter(places), None)


def _anvil() -> Path | None:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    name = f"anvil-{platform.system().lower()}-{machine}"
    return _program(ROOT / "node_modules/@foundry-rs" / name / "bin/anvil")


def _hardhat() -> Path | None:
    script = ROOT / "node_modules/hardhat/package.json"
    return node() if script.is_file() else None


@cache
def _brought(name: str) -> Path | None:
    script = ROOT / "scripts/bring" / name
    if not script.is_file():
        return None
    result = subprocess.run([script, "--path"], capture_output=True, text=True, check=False)
    return _program(result.stdout.strip())


def _peers() -> Path | None:
    modules = ROOT / "tests/bench/peers/node_modules"
    return modules if (modules / ".stamp").is_file() else None


def _debian_root() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


@cache
def _mount() -> Path | None:
    """`mount`, where it may be used: by root, and not in every container."""
    program = _program(shutil.which("mount"))
    if program is None or os.geteuid() != 0:
        return None
    with tempfile.TemporaryDirectory() as folder:
        words = ["-t", "tmpfs", "-o", "size=64k", "none", folder]
        if subprocess.run([program, *words], capture_output=True, check=False).returncode:
            return None
        subprocess.run(["umount", folder], check=True)
    return program


PARTS: Final = {
    "anvil": Part(_anvil, lambda: True, "run scripts/setup"),
    "node": Part(node, lambda: True, "run scripts/setup"),
    "hardhat": Part(_hardhat, lambda: True, "run scripts/setup"),
    "age": Part(lambda: _brought("age"), lambda: True, "run scripts/bring/age"),
    "kubo": Part(lambda: _brought("kubo"), lambda: True, "run scripts/bring/kubo"),
    "versitygw": Part(lambda: _brought("versitygw"), lambda: True, "run scripts/bring/versitygw"),
    "postgresql": Part(
        lambda: _brought("postgresql"), _debian_root, "run scripts/bring/postgresql"
    ),
    "geth": Part(lambda: _brought("geth"), lambda: True, "run scripts/bring/geth"),
    "peers": Part(_peers, lambda: True, "run scripts/bring/peers"),
    "softhsm": Part(lambda: _brought("softhsm"), _debian_root, "run scripts/bring/softhsm"),
    "small disk": Part(_mount, lambda: False, "only root can mount one, outside of containers"),
    "renderer": Part(_renderer, lambda: False, "apt-get install libegl1 libgl1-mesa-dri"),
    "chromium": Part(lambda: _brought("chromium"), _debian_root, "run scripts/bring/chromium"),
}


def main(arguments: list[str]) -> int:
    """Judge the skips of a run. Exits 1 where one is not explained by the machine."""
    skips = json.loads(Path(arguments[0]).read_text())
    lines = unexplained(skips)
    for line in lines:
        print(f"skipped without need: {line}")  # noqa: T201
    print(f"{len(skips)} skipped, {len(lines)} of them without need")  # noqa: T201
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
