"""The compiled contracts that come with the package."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from nftsvc.core.types import AssetKind


@cache
def artifact(kind: AssetKind) -> dict[str, Any]:
    """abi, bytecode, deployedBytecode and compiler of the contract that holds `kind`."""
    name = f"{kind.contract_name}.json"
    value: dict[str, Any] = json.loads(files("nftsvc.artifacts").joinpath(name).read_text("utf-8"))
    return value
