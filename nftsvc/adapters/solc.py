"""Compiles the contracts through py-solc-x, from the same sources that Hardhat compiles.

The input is built here, file by file, under the names that Hardhat gives its sources
(`project/...`, `npm/<package>@<version>/...`), because those names go into the bytecode's
metadata hash: two ways that agree to the last byte check each other.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import solcx

CONTRACTS: Final = ("ExportContract", "ProductContent")
_IMPORT: Final = re.compile(r'^import\s+(?:[^"\';]*?\sfrom\s+)?"([^"]+)"\s*;', re.MULTILINE)
_OUTPUT: Final = [
    "abi",
    "evm.bytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.deployedBytecode.object",
    "metadata",
    "storageLayout",
]


class CompilationFailed(Exception):
    """solc refused the sources; `messages` are its errors."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a compilation gave: each contract's artifact and metadata file, by its name.

    `given` is the compiler's input as it is kept, `standard_input` in JSON.
    """

    given: str
    artifacts: dict[str, dict[str, Any]]
    metadata: dict[str, str]


def standard_input(root: Path) -> dict[str, Any]:
    """The standard-json input of all contracts below `root`, with every source in it.

    It is also what a source verifier such as Sourcify is given. No path of `root` is in it.
    """
    packages = _Packages(root / "node_modules")
    waiting = [f"project/{path.relative_to(root)}" for path in (root / "contracts").rglob("*.sol")]
    sources: dict[str, dict[str, str]] = {}
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        text = packages.file_of(name, root=root).read_text("utf-8")
        sources[name] = {"content": text}
        waiting += [packages.resolve(target, seen_from=name) for target in _IMPORT.findall(text)]
    settings = json.loads((root / "contracts" / "solc.json").read_text("utf-8"))["settings"]
    return {
        "language": "Solidity",
        "sources": dict(sorted(sources.items())),
        "settings": settings
        | {
            "outputSelection": {"*": {"*": _OUTPUT, "": ["ast"]}},
            "remappings": packages.remappings(),
        },
    }


def compile_contracts(root: Path) -> Compilation:
    """Compile what is below `root`. Raises `CompilationFailed`."""
    compiler = json.loads((root / "contracts" / "solc.json").read_text("utf-8"))
    given = standard_input(root)
    solc = root / "scripts" / "solc"
    version = version_of(solc)
    if version.partition("+")[0] != compiler["version"]:
        raise CompilationFailed([f"solc is {version}, the sources want {compiler['version']}"])
    return compile_input(encode(given), solc=solc)


def compile_input(given: str, *, solc: Path) -> Compilation:
    """Compile a standard-json input by the program `solc`. Raises `CompilationFailed`."""
    parsed = json.loads(given)
    try:
        output = solcx.compile_standard(parsed, solc_binary=solc)
    except solcx.exceptions.SolcError as error:
        raise CompilationFailed([error.message]) from error
    settings = {
        name: value
        for name, value in parsed["settings"].items()
        if name not in ("outputSelection", "remappings")
    }
    compiler = {"version": version_of(solc), "settings": settings}
    names = _names(output["sources"])
    compiled = {name: output["contracts"][source_of(name)][name] for name in CONTRACTS}
    return Compilation(
        given,
        {
            name: _artifact(name, contract, names=names, compiler=compiler)
            for name, contract in compiled.items()
        },
        {name: contract["metadata"] for name, contract in compiled.items()},
    )


def version_of(solc: Path) -> str:
    """The whole version of a compiler, such as `0.8.37+commit.f401782d`."""
    try:
        return str(solcx.wrapper.get_version_str_from_solc_binary(solc))
    except (solcx.exceptions.SolcError, OSError) as error:
        raise CompilationFailed([f"{solc} is no solc: {error}"]) from error


def source_of(name: str) -> str:
    """The source that the contract `name` stands in, as the compiler's input calls it."""
    return f"project/contracts/{name}.sol"


def encode(value: dict[str, Any]) -> str:
    """The text under which JSON is kept: sorted, so that a change is a real change."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _artifact(
    name: str, output: dict[str, Any], *, names: dict[str, str], compiler: dict[str, Any]
) -> dict[str, Any]:
    deployed = output["evm"]["deployedBytecode"]
    return {
        "contractName": name,
        "abi": output["abi"],
        "bytecode": "0x" + output["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "immutableReferences": {
            names[id]: places for id, places in deployed["immutableReferences"].items()
        },
        "storageLayout": [
            {"label": slot["label"], "slot": slot["slot"], "offset": slot["offset"]}
            for slot in output["storageLayout"]["storage"]
        ],
        "compiler": compiler,
    }


def _names(sources: dict[str, Any]) -> dict[str, str]:
    """The variables of all contracts by their ids in the syntax tree, such as `EIP712._cachedThis`.

    The ids change with every edit of the sources; the names do not.
    """
    return {
        str(member["id"]): f"{contract['name']}.{member['name']}"
        for source in sources.values()
        for contract in _contracts(source["ast"])
        for member in contract["nodes"]
        if member["nodeType"] == "VariableDeclaration"
    }


def _contracts(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (node for node in tree["nodes"] if node["nodeType"] == "ContractDefinition")


class _Packages:
    """The npm packages that sources come from, under the names that Hardhat gives them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: dict[str, str] = {}

    def resolve(self, target: str, *, seen_from: str) -> str:
        if target.startswith("."):
            return _normal(PurePosixPath(seen_from).parent / target)
        parts = target.split("/")
        depth = 2 if target.startswith("@") else 1
        package, rest = "/".join(parts[:depth]), "/".join(parts[depth:])
        manifest = json.loads((self._folder / package / "package.json").read_text("utf-8"))
        self._used[package] = str(manifest["version"])
        return f"npm/{package}@{self._used[package]}/{rest}"

    def file_of(self, name: str, *, root: Path) -> Path:
        if name.startswith("project/"):
            return root / name.removeprefix("project/")
        package, _, rest = name.removeprefix("npm/").rpartition("@")
        return self._folder / package / rest.partition("/")[2]

    def remappings(self) -> list[str]:
        return sorted(
            f"project/:{package}/=npm/{package}@{version}/"
            for package, version in self._used.items()
        )


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
