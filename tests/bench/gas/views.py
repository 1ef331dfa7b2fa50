"""What reading costs: the gas that a node estimates for each view, the 21,000 included."""

from collections.abc import Sequence
from typing import Any

from chain.local.accounts import BUYER, EXPORTER, ISSUER
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind
from tests.bench.gas.meter import Meter


def views(meter: Meter, kind: AssetKind, *, tokens: Sequence[int]) -> None:
    """Each view of the contract once, of the live `tokens`; where it takes a list, of all."""
    live, unknown, deadline = tokens[0], b"\x07" * 32, 2**40 - 1
    parties = (ISSUER.address, EXPORTER.address, BUYER.address, BUYER.address)
    samples: dict[str, Any] = {
        "address": BUYER.address,
        "address[]": [BUYER.address] * len(tokens),
        "bytes32": unknown,
        "bytes32[]": [bytes([n]) * 32 for n in range(1, len(tokens) + 1)],
        "bytes4": bytes.fromhex("80ac58cd"),
        "uint16": 1,
        "uint256": live,
        "uint256[]": list(tokens),
        "struct IExportContract.Deal": (unknown, *parties, deadline),
        "struct IExportContract.Assignment": (live, BUYER.address, EXPORTER.address, 7, deadline),
    }
    for entry in artifact(kind)["abi"]:
        # What answers nothing always refuses.
        if entry.get("stateMutability") not in {"view", "pure"} or not entry.get("outputs"):
            continue
        types = [each["internalType"] for each in entry["inputs"]]
        given = [samples[each] for each in types]
        if entry["name"] == "royaltyInfo":
            given[1] = 10**18  # wei
        called = meter.contract.functions[entry["name"]](*given)
        many = any(each.endswith("[]") for each in types)
        row = f"{entry['name']} of {len(tokens)}" if many else entry["name"]
        meter.gas[row] = int(called.estimate_gas())
