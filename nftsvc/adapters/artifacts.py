"""The compiled contracts that come with the package, and what they were compiled of."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from nftsvc.core.deployed_code import Compiled
from nftsvc.core.types import AssetKind


@cache
def artifact(kind: AssetKind) -> dict[str, Any]:
    """abi, bytecode, deployedBytecode and compiler of the contract that holds `kind`."""
    value: dict[str, Any] = json.loads(_read(f"{kind.contract_name}.json"))
    return value


def compiled(kind: AssetKind) -> Compiled:
    """The contract's code as it is compared with a chain's."""
    return code_of(artifact(kind), metadata(kind))


def code_of(made: dict[str, Any], metadata: bytes) -> Compiled:
    """What is compared, of an artifact and its metadata file."""
    constructor = next(entry for entry in made["abi"] if entry["type"] == "constructor")
    return Compiled(
        code=bytes.fromhex(made["deployedBytecode"][2:]),
        creation_code=bytes.fromhex(made["bytecode"][2:]),
        immutables={
            name: tuple((place["start"], place["length"]) for place in places)
            for name, places in made["immutableReferences"].items()
        },
        constructor=tuple(given["name"] for given in constructor["inputs"]),
        metadata=metadata,
    )


def compiler_input() -> bytes:
    """What the compiler was given, in standard-json form, with every source in it."""
    return _read("compiler-input.json")


def metadata(kind: AssetKind) -> bytes:
    """The compiler's metadata file; its CIDv0 stands at the end of the contract's code."""
    return _read(f"{kind.contract_name}.metadata.json")


def _read(name: str) -> bytes:
    return files("nftsvc.artifacts").joinpath(name).read_bytes()
