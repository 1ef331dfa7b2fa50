"""The records of what was proved name tests that exist."""

import json
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = "".join(
    path.read_text("utf-8") for path in sorted((ROOT / "tests" / "contracts").glob("*.sol"))
)
DEFINED: Final = set(re.findall(r"\bfunction (\w+)", TESTS))


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "tests" / "contracts" / name).read_text("utf-8"))
    return content


def test_slither__accepted_findings__have_reasons_and_none_is_high() -> None:
    accepted = read("slither.json")
    for name, finding in accepted["findings"].items():
        assert finding["impact"] in ("Medium", "Low", "Informational"), name
        assert len(finding["reason"]) > 20, name
    medium = [n for n, finding in accepted["findings"].items() if finding["impact"] == "Medium"]
    assert len(medium) == 1
    named = {name for why in accepted["unmet"].values() for name in re.findall(r"test_\w+", why)}
    assert named
    assert named <= DEFINED
