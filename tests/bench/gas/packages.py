"""The code of the peers, out of the bench's own npm folder `tests/bench/peers/`."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import solcx

from tests import parts

ROOT: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = ROOT / "tests" / "bench" / "peers"
MODULES: Final = FOLDER / "node_modules"
_IMPORT: Final = re.compile(
    r'^import\s+(?:[^"\';]*?\sfrom\s+)?["\']([^"\']+)["\']\s*;', re.MULTILINE
)
_TRUSTVC: Final = """
const found = require("@trustvc/document-store");
const names = ["TransferableDocumentStore", "DocumentStore"];
console.log(JSON.stringify(Object.fromEntries(names.map((name) => {
  const { abi, bytecode } = found[`${name}__factory`];
  return [name, { abi, bytecode }];
}))));
"""


class PeersMissing(Exception):
    """The packages could not be had; the message holds why."""


@dataclass(frozen=True, slots=True)
class Code:
    """A contract that can be deployed."""

    abi: Any
    bytecode: str


def bring() -> None:
    """Install the packages where they are not there yet. Raises `PeersMissing`."""
    asked = subprocess.run(
        [ROOT / "scripts/bring/peers"],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if asked.returncode:
        raise PeersMissing(asked.stdout.strip()[-600:])
    if "already" not in asked.stdout:
        sys.stderr.write(asked.stdout)


def attestation_service() -> dict[str, Code]:
    """As the package ships it compiled: `EAS` and `SchemaRegistry`."""
    folder = MODULES / "@ethereum-attestation-service/eas-contracts/artifacts/contracts"
    return {name: _shipped(folder / f"{name}.sol") for name in ("EAS", "SchemaRegistry")}


def trade_trust() -> dict[str, Code]:
    """As the package ships it compiled: the registry, its escrows and their factory."""
    folder = MODULES / "@tradetrust-tt/token-registry/dist/artifacts"
    names = ("TradeTrustToken", "TitleEscrow", "TitleEscrowFactory")
    return {name: _shipped(folder / f"{name}.sol") for name in names}


def trust_vc() -> dict[str, Code]:
    """As the package ships it: the bytecode lies inside its JavaScript."""
    asked = subprocess.run(
        [str(parts.find("node")), "-e", _TRUSTVC],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(asked.stdout)
    return {name: Code(code["abi"], code["bytecode"]) for name, code in found.items()}


def tokens() -> dict[str, Code]:
    """The libraries' tokens under `contracts/` there, by our compiler under our settings."""
    waiting = [f"peers/{path.name}" for path in (FOLDER / "contracts").glob("*.sol")]
    sources: dict[str, dict[str, str]] = {}
    while waiting:
        name = waiting.pop()
        if name not in sources:
            own = name.startswith("peers/")
            path = FOLDER / "contracts" / name.removeprefix("peers/") if own else MODULES / name
            text = path.read_text("utf-8")
            sources[name] = {"content": text}
            waiting += [_resolved(target, seen_from=name) for target in _IMPORT.findall(text)]
    compiler = json.loads((ROOT / "contracts" / "solc.json").read_text("utf-8"))
    wanted = {"*": {"*": ["abi", "evm.bytecode.object"]}}
    given = {
        "language": "Solidity",
        "sources": sources,
        "settings": compiler["settings"] | {"outputSelection": wanted},
    }
    contracts = _compiled(given)
    return {name: Code(found["abi"], found["bytecode"]) for name, found in contracts.items()}


def _compiled(given: dict[str, Any]) -> dict[str, Any]:
    """The contracts by name, kept beside the packages until the input changes."""
    key = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
    kept = MODULES / f".compiled-{key[:16]}.json"
    if not kept.is_file():
        output = solcx.compile_standard(given, solc_binary=ROOT / "scripts" / "solc")
        contracts = {
            name: {"abi": found["abi"], "bytecode": "0x" + found["evm"]["bytecode"]["object"]}
            for file, inside in output["contracts"].items()
            if file.startswith("peers/")
            for name, found in inside.items()
        }
        kept.write_text(json.dumps(contracts), "utf-8")
    return dict(json.loads(kept.read_text("utf-8")))


def _shipped(folder: Path) -> Code:
    found = json.loads((folder / f"{folder.stem}.json").read_text("utf-8"))
    return Code(found["abi"], found["bytecode"])


def _resolved(target: str, *, seen_from: str) -> str:
    if not target.startswith("."):
        return target
    names: list[str] = []
    for part in (PurePosixPath(seen_from).parent / target).parts:
        if part == "..":
            names.pop()
        elif part != ".":
            names.append(part)
    return "/".join(names)
