"""`nftsvc import`: every row becomes one token, however often the import is broken off."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.local.node import LocalNode
from tests.chains import deploy
from tests.journeys.test_command_line import NFTSVC, nftsvc
from tests.journeys.test_kill import _records
from tests.platform import Platform, pdf, platform
from tests.service import Service
from tests.table import ROW, write_table

pytestmark = pytest.mark.needs("anvil")


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path_factory.mktemp("import"), node, deploy(node))


@pytest.fixture
def service(own_platform: Platform) -> Iterator[Service]:
    with Service(own_platform) as running:
        yield running


def run(service: Service, folder: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    code, out, err = nftsvc(
        *("import", folder, "--csv", folder / "deals.csv", "--json", *more),
        *("--service", service.url, "--token-file", service.folder / "api-token"),
    )
    return code, json.loads(out), err


def journal(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "deals.journal.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines if line]


def test_import__good_rows__are_accepted_once(service: Service, tmp_path: Path) -> None:
    write_table(tmp_path, 30, first=0)
    assert run(service, tmp_path)[:2] == (
        0,
        {
            "rows": 30,
            "accepted": 30,
            "already": 0,
            "refused": 0,
            "report": str(tmp_path / "deals.refused.csv"),
        },
    )
    noted = journal(tmp_path)
    assert [entry["row"] for entry in noted] == list(range(2, 32))
    assert (tmp_path / "deals.journal.ndjson").stat().st_mode & 0o077 == 0
    ended = service.until_ended(noted[0]["issuance"]["id"])
    assert ended["status"] == "finalized"
    assert run(service, tmp_path)[1]["already"] == 30
    # Without the journal the service still knows every row by its key.
    (tmp_path / "deals.journal.ndjson").unlink()
    assert run(service, tmp_path)[1]["accepted"] == 30
    ids = {entry["issuance"]["id"] for entry in journal(tmp_path)}
    assert ids == {entry["issuance"]["id"] for entry in noted}


def test_import__some_rows_bad__the_others_go_and_the_report_tells_why(
    service: Service, tmp_path: Path
) -> None:
    write_table(
        tmp_path,
        3,
        first=100,
        more=[
            ROW | {"documents": "missing.pdf"},
            ROW | {"documents": ""},
            ROW | {"documents": "0.pdf", "currency": "WON"},
            ROW | {"documents": "page.txt"},
        ],
    )
    (tmp_path / "page.txt").write_text("x")
    (tmp_path / "0.pdf").write_bytes(pdf("zero"))
    code, counts, _ = run(service, tmp_path)
    assert (code, counts["accepted"], counts["refused"]) == (1, 3, 4)
    with (tmp_path / "deals.refused.csv").open(newline="") as file:
        told = [(row["row"], row["column"], row["reason"]) for row in csv.DictReader(file)]
    assert told == [
        ("5", "documents", "unreadable"),
        ("6", "documents", "missing"),
        ("7", "currency", "unknown-currency"),
        ("8", "documents", "invalid-media"),
    ]


def test_import__large_document__goes_alone(service: Service, tmp_path: Path) -> None:
    write_table(tmp_path, 2, first=200)
    (tmp_path / "200.pdf").write_bytes(pdf("x" * 900_000))
    assert run(service, tmp_path)[1]["accepted"] == 2


def test_import__dry_run__tells_every_problem_of_a_row_and_asks_nobody(tmp_path: Path) -> None:
    bad = {
        "contractDate": "2026-02-30",
        "currency": "WON",
        "goods[0].hsCode": "999999",
        "exporter.country": "",
        "documents": "none.pdf",
    }
    write_table(tmp_path, 2, first=0, more=[ROW | bad])
    code, out, _ = nftsvc(
        "import", tmp_path, "--csv", tmp_path / "deals.csv", "--dry-run", "--json"
    )
    assert (code, json.loads(out)["rows"], json.loads(out)["refused"]) == (1, 3, 1)
    with (tmp_path / "deals.refused.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["row"] for row in rows} == {"4"}
    assert {row["column"] for row in rows} == set(bad)
    assert not (tmp_path / "deals.journal.ndjson").exists()


def test_import__dry_run_of_good_rows__is_done_and_leaves_no_report(tmp_path: Path) -> None:
    write_table(tmp_path, 3, first=0)
    code, out, err = nftsvc("import", tmp_path, "--csv", tmp_path / "deals.csv", "--dry-run")
    assert (code, out.strip()) == (0, "3 rows checked, 0 would be refused"), err
    assert not (tmp_path / "deals.refused.csv").exists()


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("contractNumber,documents,price", "price"),
        ("contractNumber,documents,contractNumber", "contractNumber"),
        ("contractNumber,currency", "documents"),
        ("documents,goods[500].unit", "goods[500].unit"),
    ],
)
def test_import__column_that_no_deal_has__is_wrong_use(
    tmp_path: Path, header: str, column: str
) -> None:
    (tmp_path / "deals.csv").write_text(f"{header}\n")
    code, _, err = nftsvc("import", tmp_path, "--csv", tmp_path / "deals.csv", "--dry-run")
    assert code == 64
    assert column in err


def test_import__no_service__could_not_ask(tmp_path: Path) -> None:
    write_table(tmp_path, 1, first=0)
    (tmp_path / "token").write_text("token")
    code, _, err = nftsvc(
        *("import", tmp_path, "--csv", tmp_path / "deals.csv", "--patience", "1"),
        *("--service", "http://127.0.0.1:9", "--token-file", tmp_path / "token"),
    )
    assert code == 2, err


@pytest.mark.slow
def test_import__importer_and_service_killed__resumed_to_one_token_for_each_row(
    own_platform: Platform, tmp_path: Path
) -> None:
    count = 1500
    write_table(tmp_path, count, first=10_000)
    service = Service(own_platform).start()
    command = [NFTSVC, "import", str(tmp_path), "--csv", str(tmp_path / "deals.csv")]
    command += ["--token-file", str(own_platform.folder / "api-token"), "--service"]
    importer = subprocess.Popen([*command, service.url], stderr=subprocess.DEVNULL)
    _until_noted(tmp_path, 1)
    service.kill()
    importer.send_signal(signal.SIGKILL)
    importer.wait()
    with Service(own_platform) as again:
        importer = subprocess.Popen([*command, again.url], stderr=subprocess.DEVNULL)
        _until_noted(tmp_path, count // 3)
        os.kill(importer.pid, signal.SIGKILL)
        importer.wait()
        code, counts, err = run(again, tmp_path)
        assert (code, counts["refused"]) == (0, 0), err
        assert counts["accepted"] + counts["already"] == count
        by_row = {entry["row"]: entry["issuance"] for entry in journal(tmp_path)}
        assert len(by_row) == count
        tokens = [int(issuance["tokenId"], 16) for issuance in by_row.values()]
        assert len(set(tokens)) == count
        for entry in (by_row[2], by_row[count + 1]):
            assert again.until_ended(entry["id"])["status"] == "finalized"
        deadline = time.monotonic() + 60
        while True:
            issued = [record.token_id for record in asyncio.run(_records(own_platform))]
            if set(tokens) <= set(issued) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert sorted(token for token in issued if token in set(tokens)) == sorted(tokens)


def _until_noted(folder: Path, count: int) -> None:
    path, deadline = folder / "deals.journal.ndjson", time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline, "nothing was accepted"
        time.sleep(0.02)
