"""The status as Prometheus metrics, in its text format; each is described in `METRICS`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from nftsvc.flows.status import Status
from nftsvc.ports import Role

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Described:
    """A metric: what it says, by which labels, and whether it only ever counts up."""

    meaning: str
    labels: tuple[str, ...] = ()
    counts: bool = False


METRICS: Final[dict[str, Described]] = {
    "nftsvc_queue_issuances": Described("Issuances that wait to be sent."),
    "nftsvc_queue_bytes": Described("Bytes of documents that wait to be stored."),
    "nftsvc_queue_oldest_seconds": Described("Age of the oldest issuance that waits, 0 for none."),
    "nftsvc_issuances": Described("Issuances that have not ended, by status.", ("status",)),
    "nftsvc_batches": Described("Batches that are not finished."),
    "nftsvc_lane_next_nonce": Described("Nonce of a sender's next transaction.", ("sender",)),
    "nftsvc_lane_in_flight": Described("Transactions that no block holds yet.", ("sender",)),
    "nftsvc_lane_balance_wei": Described(
        "What a sender has, in wei; absent where the chain could not be asked.", ("sender",)
    ),
    "nftsvc_chain_up": Described("Whether the chain answers: 1 or 0."),
    "nftsvc_chain_block": Described(
        "Newest block of each kind (latest, safe, finalized) that the chain names.", ("kind",)
    ),
    "nftsvc_follower_block": Described("Newest block whose records are in the ledger."),
    "nftsvc_follower_finalized_block": Described("Highest block that was ever seen final."),
    "nftsvc_follower_lag_blocks": Described("Blocks that the ledger is behind the chain."),
    "nftsvc_workers": Described("Processes that give a heartbeat, by role.", ("role",)),
    "nftsvc_worker_silent_seconds": Described(
        "Seconds since a process's last heartbeat, by the database's clock.", ("worker", "role")
    ),
    "nftsvc_worker_leases": Described("Leases that a process holds.", ("worker", "role")),
    "nftsvc_alarms": Described("Alarms whose cause has not gone, by code.", ("code",)),
    "nftsvc_requests": Described("Requests that this process is taking in."),
    "nftsvc_requests_let_in_total": Described("Requests that this process let in.", counts=True),
    "nftsvc_requests_turned_away_total": Described(
        "Requests that this process answered with 429.", counts=True
    ),
}


def exposition(status: Status) -> bytes:
    """All metrics as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(status))
    return generate_latest(registry)


class _Collector:
    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        for name, samples in _samples(self._status):
            described = METRICS[name]
            family = CounterMetricFamily if described.counts else GaugeMetricFamily
            metric = family(name, described.meaning, labels=described.labels)
            for labels, value in samples:
                metric.add_metric(labels, value)
            yield metric


def _samples(status: Status) -> Iterator[tuple[str, Iterable[Sample]]]:
    yield "nftsvc_queue_issuances", [((), status.queue.issuances)]
    yield "nftsvc_queue_bytes", [((), status.queue.size)]
    yield "nftsvc_queue_oldest_seconds", [((), status.waited)]
    yield "nftsvc_issuances", [((s.value,), n) for s, n in status.under_way.items()]
    yield "nftsvc_batches", [((), status.batches)]
    lanes = [each.lane for each in status.lanes if each.lane is not None]
    yield "nftsvc_lane_next_nonce", [((lane.sender,), lane.next_nonce) for lane in lanes]
    yield "nftsvc_lane_in_flight", [((lane.sender,), lane.in_flight) for lane in lanes]
    yield (
        "nftsvc_lane_balance_wei",
        [((each.sender,), each.balance) for each in status.lanes if each.balance is not None],
    )
    yield "nftsvc_chain_up", [((), float(status.heads is not None))]
    if status.heads is not None:
        blocks = ("latest", "safe", "finalized")
        yield (
            "nftsvc_chain_block",
            [((kind,), getattr(status.heads, kind).number) for kind in blocks],
        )
    yield "nftsvc_follower_block", _known(status.followed)
    yield "nftsvc_follower_finalized_block", _known(status.finalized)
    yield "nftsvc_follower_lag_blocks", _known(status.lag)
    roles = [worker.role for worker in status.workers]
    yield "nftsvc_workers", [((role.value,), roles.count(role)) for role in Role]
    workers = [((w.worker, w.role.value), w) for w in status.workers]
    yield "nftsvc_worker_silent_seconds", [(labels, w.silent) for labels, w in workers]
    yield "nftsvc_worker_leases", [(labels, w.leases) for labels, w in workers]
    codes = [alarm.code.value for alarm in status.alarms]
    yield "nftsvc_alarms", [((code,), codes.count(code)) for code in sorted(set(codes))]
    yield "nftsvc_requests", [((), status.requests)]
    yield "nftsvc_requests_let_in_total", [((), status.let_in)]
    yield "nftsvc_requests_turned_away_total", [((), status.turned_away)]


def _known(value: int | None) -> list[Sample]:
    return [] if value is None else [((), value)]
