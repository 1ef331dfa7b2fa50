"""`scripts/bench gas`."""

import argparse
import json
import sys
from typing import Final

from tests.bench import gas
from tests.bench.gas.ours import SNAPSHOT, TARGETS, figures, measure

FLOORS: Final = {"issue": 52_931, "batch100_per_document": 26_499, "new_slots_issue": 1}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench gas", description=gas.__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", action="store_true", help=f"rewrite {SNAPSHOT.name}")
    chosen = parser.parse_args()
    found = measure()
    ours = figures(found)
    if chosen.write:
        SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if chosen.json:
        sys.stdout.write(json.dumps({"ours": ours, "peers": {}}) + "\n")
        return
    lines = [f"{'ours':<40}{'gas':>12}{'at most':>12}{'x floor':>9}"]
    for name, value in ours.items():
        limit = f"{TARGETS[name]:,}" if name in TARGETS else ""
        floor = f"{value / FLOORS[name]:9.3f}" if name in FLOORS else ""
        lines.append(f"{name:<40}{value:12,.1f}{limit:>12}{floor}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
