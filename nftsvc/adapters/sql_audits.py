"""The record of audits in SQL."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from nftsvc.adapters import key_tables as k
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.audits import (
    Alarm,
    Audit,
    AuditResult,
    KeptContent,
    StoreRecord,
    content_label,
)
from nftsvc.core.cid import Cid
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.types import AssetKind, Digest, TokenId
from nftsvc.ports import Audits

_NOT_KEPT: Final = (IssuanceStatus.ACCEPTED.value, IssuanceStatus.FAILED.value)
# What was erased is given up by the stores, and must not be brought back.
_ERASED: Final = sa.select(k.erasures.c.issuance).where(k.erasures.c.confirmed_at.is_not(None))
_STILL_WANTED: Final = t.content_alarms.c.cid.not_in(
    sa.select(t.documents.c.cid).where(t.documents.c.issuance.in_(_ERASED))
)


class SqlAudits(Audits):
    """Audits in the ledger's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        async with self._database.reading() as connection:
            newest = await connection.scalar(sa.select(sa.func.max(t.issuances.c.ordinal)))
        return newest or 0

    async def kept(
        self, *, after: int, limit: int
    ) -> Sequence[tuple[int, tuple[KeptContent, ...]]]:
        issuances = (
            sa.select(
                t.issuances.c.ordinal,
                t.issuances.c.id,
                t.issuances.c.kind,
                t.issuances.c.token_id,
                t.issuances.c.amends,
                t.issuances.c.version,
            )
            .where(
                t.issuances.c.ordinal > after,
                t.issuances.c.status.not_in(_NOT_KEPT),
                t.issuances.c.way != Way.ANCHOR.value,
            )
            .order_by(t.issuances.c.ordinal)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            found = (await connection.execute(issuances)).all()
            documents = sa.select(
                t.documents.c.issuance, t.documents.c.position, t.documents.c.cid
            ).where(
                t.documents.c.issuance.in_([row.id for row in found]),
                t.documents.c.issuance.not_in(_ERASED),
            )
            cids: dict[str, list[tuple[int, str]]] = {}
            for issuance, position, cid in await connection.execute(documents):
                cids.setdefault(issuance, []).append((position, cid))
        return [(row.ordinal, _contents(row, cids.get(row.id, []))) for row in found]

    async def record(self, audits: Sequence[Audit]) -> None:
        if not audits:
            return
        rows = [
            {
                "at": audit.at,
                "store": audit.store,
                "cid": str(audit.cid),
                "blocks": " ".join(map(str, audit.blocks)) if audit.blocks is not None else None,
                "result": audit.result.value,
                "detail": audit.detail,
            }
            for audit in audits
        ]
        async with self._database.writing() as connection:
            await connection.execute(sa.insert(t.content_audits), rows)

    async def raise_alarm(self, alarm: Alarm) -> None:
        values = {"have": alarm.have, "since": alarm.since}
        async with self._database.writing() as connection:
            await connection.execute(
                self._database.insert_new(t.content_alarms).values(cid=str(alarm.cid), **values)
            )
            await connection.execute(
                sa.update(t.content_alarms)
                .where(t.content_alarms.c.cid == str(alarm.cid))
                .values(have=alarm.have)
            )

    async def end_alarm(self, cid: Cid) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.delete(t.content_alarms).where(t.content_alarms.c.cid == str(cid))
            )

    async def alarms(self, *, limit: int) -> Sequence[Alarm]:
        query = (
            sa.select(t.content_alarms)
            .where(_STILL_WANTED)
            .order_by(t.content_alarms.c.since)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [Alarm(Cid.parse(row.cid), row.have, row.since) for row in rows]

    async def count_alarms(self) -> int:
        query = sa.select(sa.func.count()).select_from(t.content_alarms).where(_STILL_WANTED)
        async with self._database.reading() as connection:
            return await connection.scalar(query) or 0

    async def records(self) -> Sequence[StoreRecord]:
        a = t.content_audits.c
        losses = [result.value for result in AuditResult if result.is_loss]
        counts = (
            sa.select(
                a.store,
                sa.func.count().label("audits"),
                sa.func.count().filter(a.result.in_(losses)).label("losses"),
                sa.func.count().filter(a.result == AuditResult.REPAIRED.value).label("repaired"),
                sa.func.max(a.ordinal).label("newest"),
            )
            .group_by(a.store)
            .subquery()
        )
        query = (
            sa.select(counts, a.at, a.result)
            .join(t.content_audits, a.ordinal == counts.c.newest)
            .order_by(counts.c.store)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            StoreRecord(
                store=row.store,
                audits=row.audits,
                losses=row.losses,
                repaired=row.repaired,
                last_at=row.at,
                last_result=AuditResult(row.result),
            )
            for row in rows
        ]


def _contents(row: Any, documents: Sequence[tuple[int, str]]) -> tuple[KeptContent, ...]:
    token_id = TokenId(int(row.amends or row.token_id, 16))

    def label(part: str) -> str:
        return content_label(AssetKind(row.kind), token_id, part, version=row.version)

    manifest = KeptContent(Cid.raw(Digest(bytes.fromhex(row.token_id))), label("manifest"))
    return (
        manifest,
        *(
            KeptContent(Cid.parse(cid), label(f"document {position}"))
            for position, cid in sorted(documents)
        ),
    )
