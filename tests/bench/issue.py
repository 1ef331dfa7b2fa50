"""How many deals a second become tokens, beside a plain web3.py loop on the same chain.

    naive     web3.py: one transaction for each deal, and its receipt waited for
    single    one request for each deal, many clients at once
    batch     POST /v1/deals:batch
    latency   single requests at a steady rate: p50 and p99 from the request to the mined token
    import    `nftsvc import --anchor` of a folder: one Merkle root for all of it

Every deal is another one with a document of its own, 1 KB. A deal counts when its token is mined
as the service knows it: its content was stored and read back before. The service runs as an
operator runs it, with SQLite `synchronous=FULL` or PostgreSQL `fsync=on`; the load comes from a
process of its own, and so do the chain and the database.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from web3 import HTTPProvider, Web3

from chain.local.accounts import ISSUER
from chain.local.node import LocalNode
from nftsvc.adapters.artifacts import artifact
from nftsvc.core.types import AssetKind
from tests import parts
from tests.chains import deploy
from tests.load import Load, read_answers
from tests.platform import Platform, platform
from tests.postgres import cluster
from tests.service import Service
from tests.table import write_table

BLOCK_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 600.0
RATES: Final = (10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs: a chain, and a database for the service."""

    node: LocalNode
    folder: Path
    database: sa.URL | None

    @contextmanager
    def service(self, name: str, **changed: object) -> "Iterator[Running]":
        """A new service with an empty ledger on contracts of its own."""
        own = platform(self.folder / name, self.node, deploy(self.node))
        url = sa.URL.create("sqlite", database=str(own.folder / "data" / "ledger.sqlite"))
        given: dict[str, object] = {"BATCH_DEADLINE_MS": 250} | changed
        if self.database is not None:
            url = _new_database(self.database, name)
            given["DATABASE_URL"] = url.render_as_string(hide_password=False)
        with Service(own, **given) as running:
            yield Running(running, own, url)


@dataclass(frozen=True, slots=True)
class Running:
    """A service under load, and its ledger as a reader beside it sees it."""

    service: Service
    platform: Platform
    ledger: sa.URL

    def until_mined(self, count: int) -> dict[str, float]:
        """When each of `count` issuances was mined, in seconds since 1970, once all of them are."""
        engine = sa.create_engine(self.ledger, poolclass=sa.NullPool)
        counted = sa.text("SELECT count(*) FROM issuance_events WHERE status = 'mined'")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with engine.connect() as connection:
                mined = connection.execute(counted).scalar_one()
                if mined >= count:
                    rows = connection.execute(
                        sa.text("SELECT issuance, at FROM issuance_events WHERE status = 'mined'")
                    ).all()
                    break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{mined} of {count} were mined in {PATIENCE_SECONDS} s")
            time.sleep(0.25)
        engine.dispose()
        return {row[0]: datetime.fromisoformat(row[1]).timestamp() for row in rows}

    def tokens(self, node: LocalNode) -> int:
        """How many tokens the chain holds: it has the last word."""
        w3 = Web3(HTTPProvider(node.url))
        contract = self.platform.deployment.contracts[AssetKind.EXPORT_CONTRACT].address
        topic = "0x" + Web3.keccak(text="Issued(uint256,address,address)").hex().removeprefix("0x")
        query: Any = {"fromBlock": 0, "address": contract, "topics": [topic]}
        return len(w3.eth.get_logs(query))


def naive(bench: Bench, count: int) -> float:
    """Tokens a second."""
    deployment = deploy(bench.node)
    w3 = Web3(HTTPProvider(bench.node.url))
    account = w3.eth.account.from_key(ISSUER.private_key)
    kind = AssetKind.EXPORT_CONTRACT
    contract = w3.eth.contract(
        address=Web3.to_checksum_address(deployment.contracts[kind].address),
        abi=artifact(kind)["abi"],
    )
    began = time.perf_counter()
    for _ in range(count):
        call = contract.functions.issue(account.address, os.urandom(32))
        sent = w3.eth.send_raw_transaction(
            account.sign_transaction(
                call.build_transaction(
                    {
                        "from": account.address,
                        "nonce": w3.eth.get_transaction_count(account.address),
                    }
                )
            ).raw_transaction
        )
        receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.002)
        assert receipt["status"] == 1
    return count / (time.perf_counter() - began)


def issued(running: Running, node: LocalNode, load: Load) -> dict[str, Any]:
    """Send a load, wait for its tokens; the rate, the spread, and what the cores did meanwhile."""
    before = cores(running, node)
    answers = read_answers(load.run(running.service.url, running.platform.folder / "answers"))
    accepted = time.time()
    mined = running.until_mined(load.count)
    began, ended = min(answers.values()), max(mined.values())
    assert running.tokens(node) == load.count, "the chain holds another number of tokens"
    waits = sorted(mined[id_] - sent for id_, sent in answers.items())
    return {
        "per_s": load.count / (ended - began),
        "accepted_per_s": load.count / (accepted - began),
        "p50_s": statistics.median(waits),
        "p99_s": waits[max(0, -(-99 * len(waits) // 100) - 1)],
        "cpu_s": {name: after - before[name] for name, after in cores(running, node).items()},
    }


def cores(running: Running, node: LocalNode) -> dict[str, float]:
    """CPU seconds so far: of the service, of its drafting processes, the chain, this machine."""
    ticks = os.sysconf("SC_CLK_TCK")
    machine = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    idle = int(machine[3]) + int(machine[4])
    own = running.service.pid
    return {
        "service": _cpu(own),
        "drafting": sum(map(_cpu, _children(own))),
        "chain": _cpu(node.pid),
        "machine": (sum(map(int, machine)) - idle) / ticks,
    }


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    try:
        found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for children in found for child in children]


def imported(bench: Bench, name: str, count: int) -> dict[str, float]:
    """Seconds from the start of `import --anchor` to its anchor's block, and the peak size."""
    folder = bench.folder / f"{name}-files"
    folder.mkdir()
    table = write_table(folder, count, first=0)
    with bench.service(name) as running, largest(running.service.pid) as size:
        words = [str(Path(sys.executable).with_name("nftsvc")), "import", str(folder)]
        words += ["--csv", str(table), "--anchor", "--wait", "--json", "--service"]
        words += [running.service.url, "--token-file", str(running.platform.folder / "api-token")]
        before, began = cores(running, bench.node), time.time()
        done = subprocess.run(words, check=True, capture_output=True)
        after = cores(running, bench.node)
        anchor = json.loads(done.stdout)["anchor"]
        assert (anchor["status"], anchor["items"]) == ("finalized", count), anchor
        (mined,) = (e["at"] for e in anchor["events"] if e["status"] == "mined")
    shutil.rmtree(folder)
    spent = {f"{who}_cpu_s": after[who] - before[who] for who in after}
    seconds = datetime.fromisoformat(mined).timestamp() - began
    return {"seconds": seconds, "peak_mib": size[0] / 1024} | spent


@contextmanager
def largest(pid: int) -> Iterator[list[int]]:
    """The largest resident size of a process and its children so far, in KiB."""
    found, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.25):
            found[0] = max(found[0], sum(map(_resident, (pid, *_children(pid)))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()


def _resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS: 0 kB")
    return int(line.split()[1])


@contextmanager
def mining(node: LocalNode) -> Iterator[None]:
    """A block every `BLOCK_SECONDS`, so that what was mined also becomes final."""
    ended = threading.Event()

    def mine() -> None:
        while not ended.wait(BLOCK_SECONDS):
            node.call("evm_mine")

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        yield
    finally:
        ended.set()
        miner.join()


def _new_database(administrator: sa.URL, name: str) -> sa.URL:
    with psycopg.connect(
        host=str(administrator.query["host"]), user="admin", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return administrator.set(database=name)


def measure(bench: Bench, chosen: argparse.Namespace) -> dict[str, Any]:
    """Every figure that was asked for, in one run."""
    few, found = chosen.quick, dict[str, Any]()
    wanted = set(chosen.only or ("naive", "single", "batch", "latency", "import"))
    if "naive" in wanted:
        found["naive_per_s"] = naive(bench, 100 if few else 1000)
    for way, count in (("single", 200 if few else 5000), ("batch", 500 if few else 20_000)):
        if way in wanted:
            with bench.service(way) as running:
                row = issued(running, bench.node, Load(way, chosen.count or count))
            found |= {f"{way}_per_s": row.pop("per_s"), way: row}
    if "latency" in wanted:
        found["latency"] = {}
        for rate in RATES[:2] if few else RATES:
            seconds = 3 if few else 20
            with bench.service(f"rate{rate}") as running:
                way = "single" if rate < 1000 else "batch"
                load = Load(way, rate * seconds, rate=rate)
                row = issued(running, bench.node, load)
            found["latency"][str(rate)] = row
    if "import" in wanted:
        less, more = (200, 2_000) if few else (10_000, 100_000)
        small, large = imported(bench, "less", less), imported(bench, "more", more)
        found["import"] = {str(less): small, str(more): large}
        found["import_100k_s" if not few else f"import_{more}_s"] = large["seconds"]
        found["rss_growth_mib"] = large["peak_mib"] - small["peak_mib"]
    if "naive_per_s" in found and "batch_per_s" in found:
        found["batch_over_naive"] = found["batch_per_s"] / found["naive_per_s"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench issue", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="few deals: does it run at all?")
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--only", action="append", metavar="WAY", help="repeat for more")
    parser.add_argument("--count", type=int, help="deals for single and batch requests")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=parts.ROOT, prefix=".bench-") as folder,
        LocalNode("anvil", block_seconds=0) as node,
        mining(node),
    ):
        if chosen.db == "postgres":
            with cluster() as administrator:
                found = measure(Bench(node, Path(folder), administrator), chosen)
        else:
            found = measure(Bench(node, Path(folder), None), chosen)
    found["machine"] = {"cores": os.cpu_count(), "database": chosen.db}
    if chosen.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    lines = []
    for name, value in found.items():
        if isinstance(value, float):
            lines.append(f"{name:<20}{value:10.1f}")
        elif isinstance(value, dict):
            lines += [f"{name:<20}{key}: {_short(inner)}" for key, inner in value.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(inner)}" for key, inner in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
