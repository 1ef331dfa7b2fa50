"""`scripts/bench gas`."""

import argparse
import json
import sys

from chain.local.node import LocalNode
from tests.bench import gas
from tests.bench.gas.ours import PAGE, SNAPSHOT, TARGETS, figures, meters, snapshot
from tests.bench.gas.packages import PeersMissing
from tests.bench.gas.peers import Figures, compare
from tests.bench.gas.table import comparison, page_table, render


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench gas",
        description=gas.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--ours", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--write", action="store_true", help=f"rewrite {SNAPSHOT.name} and {PAGE.name}"
    )
    chosen = parser.parse_args()
    with LocalNode("anvil", block_seconds=0) as node:
        found = meters(node)
        peers: dict[str, Figures] = {}
        if not chosen.ours:
            try:
                peers = compare(node)
            except PeersMissing as error:
                sys.stderr.write(f"PEERS MISSING, ours alone is measured: {error}\n")
    export = found["ExportContract"]
    ours, floor = figures(export.gas), figures(export.floors)
    if chosen.write:
        SNAPSHOT.write_text(json.dumps(snapshot(found), indent=1) + "\n", "utf-8")
        PAGE.write_text(with_ours(PAGE.read_text("utf-8"), ours=ours, floor=floor), "utf-8")
    compared = comparison(ours=ours, floor=floor, peers=peers)
    text = json.dumps(compared) if chosen.json else render(compared, targets=TARGETS)
    sys.stdout.write(text + "\n")


def with_ours(page: str, *, ours: Figures, floor: Figures) -> str:
    """The documentation's page with these figures of ours in it."""
    before, _, rest = page.partition("<!-- ours -->\n")
    _, _, after = rest.partition("<!-- end -->")
    table = page_table(ours=ours, floor=floor, targets=TARGETS)
    return f"{before}<!-- ours -->\n{table}\n<!-- end -->{after}"


if __name__ == "__main__":
    main()
