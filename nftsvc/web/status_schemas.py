"""The JSON of the service's status, with examples."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field

from nftsvc.core.alarms import AlarmCode
from nftsvc.flows import status as status_flow
from nftsvc.ports import Role
from nftsvc.web.schemas import Schema


def _example(value: object) -> Any:
    return Field(examples=[value])


_ACCOUNT: Final = _example("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")


class QueueStatus(Schema):
    """What was accepted and not sent yet."""

    issuances: Annotated[int, _example(120)]
    bytes: Annotated[int, _example(122_880)]
    oldest_seconds: Annotated[float, _example(0.8)]


class LaneStatus(Schema):
    """One sender. `balance` in wei, as text; null where the chain could not be asked."""

    sender: Annotated[str, _ACCOUNT]
    next_nonce: Annotated[int | None, _example(58)]
    in_flight: Annotated[int, _example(2)]
    balance: Annotated[str | None, _example("9999920000000000000000")]


class ChainStatus(Schema):
    """The newest blocks, as the chain names them."""

    latest: Annotated[int, _example(4711)]
    safe: Annotated[int, _example(4679)]
    finalized: Annotated[int, _example(4647)]


class FollowerStatus(Schema):
    """What of the chain is in the ledger. `lag` in blocks."""

    block: Annotated[int | None, _example(4711)]
    finalized: Annotated[int | None, _example(4647)]
    lag: Annotated[int | None, _example(0)]


class WorkerStatus(Schema):
    """One process. `silentSeconds` since its last heartbeat."""

    id: Annotated[str, _example("worker-5f3a9c0b12de")]
    role: Annotated[Role, _example("worker")]
    version: Annotated[str, _example("0.1.0/1")]
    place: Annotated[str, _example("host-1:4021")]
    started_at: datetime
    silent_seconds: Annotated[float, _example(0.7)]
    leases: Annotated[int, _example(3)]


class AlarmStatus(Schema):
    """Something that an operator must look at, and that has not gone."""

    code: Annotated[AlarmCode, _example("balance-low")]
    subject: Annotated[str, _ACCOUNT]
    detail: str
    first_at: datetime
    last_at: datetime
    times: Annotated[int, _example(3)]


class RequestStatus(Schema):
    """Of the process that answered: what it takes in now, and what it did since its start."""

    under_way: Annotated[int, _example(4)]
    let_in: Annotated[int, _example(5200)]
    turned_away: Annotated[int, _example(0)]


class Status(Schema):
    """How the service stands. `chain` is null where the chain could not be asked.

    `status` is `attention` where it is, or where there is an alarm.
    """

    status: Annotated[Literal["ok", "attention"], _example("ok")]
    at: datetime
    answered_by: Annotated[str, _example("worker-5f3a9c0b12de")]
    queue: QueueStatus
    issuances: Annotated[dict[str, int], _example({"accepted": 100, "stored": 20})]
    batches: Annotated[int, _example(2)]
    lanes: list[LaneStatus]
    chain: ChainStatus | None
    follower: FollowerStatus
    workers: list[WorkerStatus]
    alarms: list[AlarmStatus]
    requests: RequestStatus

    @classmethod
    def of(cls, status: status_flow.Status) -> Self:
        """As the flow gives it."""
        heads = status.heads
        return cls(
            status="ok" if status.is_well else "attention",
            at=status.at,
            answered_by=status.worker,
            queue=QueueStatus(
                issuances=status.queue.issuances,
                bytes=status.queue.size,
                oldest_seconds=status.waited,
            ),
            issuances={each.value: count for each, count in status.under_way.items()},
            batches=status.batches,
            lanes=[
                LaneStatus(
                    sender=each.sender,
                    next_nonce=each.lane.next_nonce if each.lane else None,
                    in_flight=each.lane.in_flight if each.lane else 0,
                    balance=str(each.balance) if each.balance is not None else None,
                )
                for each in status.lanes
            ],
            chain=ChainStatus(
                latest=heads.latest.number,
                safe=heads.safe.number,
                finalized=heads.finalized.number,
            )
            if heads is not None
            else None,
            follower=FollowerStatus(
                block=status.followed, finalized=status.finalized, lag=status.lag
            ),
            workers=[
                WorkerStatus(
                    id=each.worker,
                    role=each.role,
                    version=each.version,
                    place=each.place,
                    started_at=each.started_at,
                    silent_seconds=each.silent,
                    leases=each.leases,
                )
                for each in status.workers
            ],
            alarms=[
                AlarmStatus(
                    code=each.code,
                    subject=each.subject,
                    detail=each.detail,
                    first_at=each.first_at,
                    last_at=each.last_at,
                    times=each.times,
                )
                for each in status.alarms
            ],
            requests=RequestStatus(
                under_way=status.requests,
                let_in=status.let_in,
                turned_away=status.turned_away,
            ),
        )
