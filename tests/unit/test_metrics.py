"""Each metric is there, is described, and is what Prometheus reads."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from nftsvc.core.alarms import Alarm, AlarmCode
from nftsvc.core.history import Block, Heads
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.types import Address, BlockHash, BlockNumber, Nonce, Wei, WorkerId
from nftsvc.flows.status import LaneStatus, Status
from nftsvc.ports import Lane, Queue, Role, Worker
from nftsvc.web.metrics import METRICS, exposition
from nftsvc.web.status_schemas import Status as StatusSchema

NOW: Final = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SENDER: Final = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
DOCS: Final = Path(__file__).parents[2] / "docs"


def _block(number: int) -> Block:
    return Block(BlockNumber(number), BlockHash("0x1"), BlockHash("0x0"), number * 12)


STATUS: Final = Status(
    at=NOW,
    worker=WorkerId("worker-1"),
    queue=Queue(12, 3000, NOW),
    waited=1.5,
    under_way={IssuanceStatus.ACCEPTED: 12, IssuanceStatus.MINED: 0},
    batches=2,
    lanes=(LaneStatus(SENDER, Lane(SENDER, Nonce(8), 1), Wei(10**18)),),
    heads=Heads(_block(70), _block(38), _block(6)),
    followed=BlockNumber(69),
    finalized=BlockNumber(6),
    workers=(
        Worker(WorkerId("worker-1"), Role.WORKER, "0.1.0/1", "host:1", NOW, 7, 0.5, 3),
        Worker(WorkerId("worker-2"), Role.API, "0.1.0/1", "host:2", NOW, 7, 0.25, 0),
    ),
    alarms=(Alarm(AlarmCode.BALANCE_LOW, SENDER, "1 wei", NOW, NOW, 2, active=True),),
    requests=4,
    let_in=100,
    turned_away=3,
)


def _read(status: Status) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = exposition(status).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics__of_a_service_at_work__say_what_the_status_says() -> None:
    found = _read(STATUS)
    assert {name for name, _ in found} == set(METRICS)
    assert found["nftsvc_queue_issuances", ()] == 12
    assert found["nftsvc_issuances", (("status", "accepted"),)] == 12
    assert found["nftsvc_lane_balance_wei", (("sender", SENDER),)] == 10**18
    assert found["nftsvc_chain_block", (("kind", "finalized"),)] == 6
    assert found["nftsvc_follower_lag_blocks", ()] == 1
    assert found["nftsvc_workers", (("role", "both"),)] == 0
    assert found["nftsvc_worker_leases", (("role", "worker"), ("worker", "worker-1"))] == 3
    assert found["nftsvc_alarms", (("code", "balance-low"),)] == 1
    assert found["nftsvc_requests_turned_away_total", ()] == 3


def test_metrics__chain_is_away__what_is_not_known_is_absent() -> None:
    away = replace(
        STATUS, heads=None, followed=None, lanes=(LaneStatus(SENDER, None, None),), finalized=None
    )
    found = _read(away)
    assert found["nftsvc_chain_up", ()] == 0
    absent = {"nftsvc_chain_block", "nftsvc_lane_balance_wei", "nftsvc_follower_lag_blocks"}
    assert absent.isdisjoint(name for name, _ in found)
    shown = StatusSchema.of(away)
    assert (shown.chain, shown.follower.lag, shown.lanes[0].balance) == (None, None, None)


def test_metrics__every_one__is_in_the_reference() -> None:
    text = (DOCS / "reference" / "metrics.md").read_text("utf-8")
    for name, described in METRICS.items():
        assert f"| `{name}` |" in text
        assert described.meaning in text
