"""Many processes on one PostgreSQL: workers that die, hang, race and differ; one token each."""

import asyncio
import json
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from nftsvc.core.types import AssetId
from tests.journeys.conftest import Start
from tests.journeys.service_process import ServiceProcess
from tests.journeys.test_kill import _records, faults
from tests.platform import API_TOKEN, Platform, deal, pdf

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]

TAKEOVER_SECONDS: Final = 30.0
DOCUMENT: Final = pdf("a deal for many workers")
POINTS: Final = [
    ("before", "contents.put_many"),
    ("after", "ledger.advance"),
    ("before", "ledger.write"),
    ("after", "signer.sign"),
    ("after", "ledger.write"),
    ("before", "chain.broadcast"),
    ("after", "chain.broadcast"),
    ("after", "ledger.mined"),
    ("before", "ledger.finish"),
]


def up(*processes: ServiceProcess) -> None:
    for process in processes:
        assert process.wait_until_up()


def post(api: ServiceProcess, key: str) -> dict[str, Any]:
    answer = api.post_deal(json.dumps(deal(contractNumber=key)), DOCUMENT, key=key)
    assert answer is not None
    return answer


def _asleep(process: ServiceProcess) -> None:
    process.signal(signal.SIGSTOP)
    process.wait_until_stopped()


def test_workers__each_killed_at_another_step__the_last_finishes_all_within_thirty_seconds(
    start: Start, own_platform: Platform
) -> None:
    api, other = start("api"), start("worker")
    doomed = {point: start("worker", "--die", *point, "1") for point in POINTS}
    up(api, other, *doomed.values())
    for process in (other, *doomed.values()):
        _asleep(process)
    answers = {}
    for point, process in doomed.items():
        process.signal(signal.SIGCONT)
        answers[point] = post(api, "-".join(point))
        assert process.wait_for_death(40), f"not killed {point}: nothing was tried"
    died = time.monotonic()
    other.signal(signal.SIGCONT)
    ended = {point: api.until_ended(answer["id"], seconds=60) for point, answer in answers.items()}
    assert time.monotonic() - died < TAKEOVER_SECONDS
    assert [point for point, each in ended.items() if faults(own_platform, each)] == []


def test_worker__stopped_with_a_transaction_open__holds_nobody_up(
    start: Start, own_platform: Platform
) -> None:
    api = start("api", LEASE_SECONDS=3)
    hung = start("worker", "--stop", "after", "signer.sign", "1", LEASE_SECONDS=3)
    up(api, hung)
    answer = post(api, "deal")
    hung.wait_until_stopped()
    other = start("worker", LEASE_SECONDS=3)
    up(other)
    since = time.monotonic()
    ended = api.until_ended(answer["id"], seconds=60)
    assert time.monotonic() - since < TAKEOVER_SECONDS
    hung.signal(signal.SIGCONT)
    hung.wait_for_words("is carried by another worker now")
    assert faults(own_platform, ended) == []
    assert api.issuance(answer["id"]) == ended


def test_workers__two_race_for_two_hundred_deals__one_token_each_and_both_did_work(
    start: Start, own_platform: Platform, postgres_url: sa.URL
) -> None:
    small = {"TRANSACTION_GAS_CAP": 65_000 * 5}
    api = start("api")
    workers = [start("worker", **small), start("worker", **small)]
    up(api, *workers)
    posted = _post_until_both_work(api, postgres_url, "executor_id")
    posted += _post_many(api, 200 - len(posted), first=len(posted))
    _judge_all(api, own_platform, posted)


def test_workers__of_two_releases__lose_nothing_while_one_goes(
    start: Start, own_platform: Platform, postgres_url: sa.URL
) -> None:
    small = {"TRANSACTION_GAS_CAP": 65_000 * 5}
    api = start("api")
    old = start("worker", "--journey-version", "1", **small)
    new = start("worker", "--journey-version", "2", **small)
    up(api, old, new)
    posted = _post_until_both_work(api, postgres_url, "application_version")
    posted += _post_many(api, 20, first=len(posted))
    old.signal(signal.SIGTERM)
    posted += _post_many(api, 20, first=len(posted))
    _judge_all(api, own_platform, posted)
    assert old.has_ended()


def test_workers__with_clocks_that_jump__are_not_taken_for_dead(
    start: Start, own_platform: Platform
) -> None:
    api = start("api", "--jumping-clock", LEASE_SECONDS=4)
    workers = [start("worker", "--jumping-clock", LEASE_SECONDS=4) for _ in range(2)]
    up(api, *workers)
    _judge_all(api, own_platform, _post_many(api, 20))
    for process in (api, *workers):
        assert "dead" not in process.log


def test_keys__the_same_from_fifty_connections_to_two_processes__one_issuance_and_one_answer(
    start: Start, own_platform: Platform
) -> None:
    apis = [start("api"), start("api")]
    up(*apis)

    def ask(number: int, content: dict[str, Any]) -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{apis[number % 2].port}/v1/deals",
            files={
                "deal": (None, json.dumps(content), "application/json"),
                "document": ("contract.pdf", DOCUMENT, "application/pdf"),
            },
            headers={"Idempotency-Key": "one", "Authorization": f"Bearer {API_TOKEN}"},
            timeout=60,
        )

    def ask_until_told(number: int) -> dict[str, Any]:
        while (answer := ask(number, deal())).status_code == 409:
            assert answer.json()["code"] == "idempotency-key-busy"
            time.sleep(int(answer.headers["retry-after"]))
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()
        return told

    with ThreadPoolExecutor(50) as connections:
        answers = list(connections.map(ask_until_told, range(50)))
    assert len({json.dumps(_fixed(answer)) for answer in answers}) == 1
    for number in (0, 1):
        other = ask(number, deal(contractNumber="another"))
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    again = start("both")
    up(again)
    assert _fixed(_post_same(again)) == _fixed(answers[0])
    assert faults(own_platform, again.until_ended(answers[0]["id"])) == []


def _post_same(process: ServiceProcess) -> dict[str, Any]:
    answer = process.post_deal(json.dumps(deal()), DOCUMENT, key="one")
    assert answer is not None
    return answer


def _fixed(answer: dict[str, Any]) -> dict[str, Any]:
    """What must be the same in every answer: links bear the address that was asked."""
    return {name: answer[name] for name in ("id", "asset", "tokenId", "manifestCid", "acceptedAt")}


def _post_many(api: ServiceProcess, count: int, *, first: int = 0) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(8) as connections:
        keys = [f"deal-{number}" for number in range(first, first + count)]
        return list(connections.map(lambda key: post(api, key), keys))


def _post_until_both_work(api: ServiceProcess, url: sa.URL, by: str) -> list[dict[str, Any]]:
    """Deals, until each of two workers has seen some of them to their end."""
    deadline = time.monotonic() + 60
    posted: list[dict[str, Any]] = []
    while len(found := _carried(url, by)) < 2:
        assert time.monotonic() < deadline, found
        posted += _post_many(api, 20, first=len(posted))
    return posted


def _judge_all(api: ServiceProcess, own: Platform, posted: list[dict[str, Any]]) -> None:
    """Each has come to its end, and has one token; nothing else has one."""
    ended = [api.until_ended(answer["id"], seconds=120) for answer in posted]
    assert Counter(each["status"] for each in ended) == {"finalized": len(posted)}
    tokens = Counter(record.token_id for record in asyncio.run(_records(own)))
    mine = {AssetId.parse(each["asset"]).token_id for each in ended}
    assert len(mine) == len(posted)
    assert {tokens[token] for token in mine} == {1}


def _carried(url: sa.URL, by: str) -> Counter[str]:
    """How many batches were carried, as the engine has it on record."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(f"SELECT {by} FROM dbos.workflow_status WHERE status = 'SUCCESS'")  # noqa: S608
        )
        found = Counter(rows.scalars())
    engine.dispose()
    return found
