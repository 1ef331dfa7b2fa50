"""The book of alarms, in the ledger's database."""

from datetime import datetime

import sqlalchemy as sa

from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.alarms import Alarm, AlarmCode
from nftsvc.ports import AlarmBook


class SqlAlarms(AlarmBook):
    """One row for each code and subject."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sound(self, code: AlarmCode, *, subject: str, detail: str, at: datetime) -> None:
        new = {
            "code": code.value,
            "subject": subject,
            "detail": detail,
            "first_at": at,
            "last_at": at,
            "times": 0,
            "active": True,
        }
        async with self._database.writing() as connection:
            await connection.execute(self._database.insert_new(t.alarms).values(new))
            await connection.execute(
                sa.update(t.alarms)
                .where(_is(code, subject))
                .values(detail=detail, last_at=at, times=t.alarms.c.times + 1, active=True)
            )

    async def end(self, code: AlarmCode, *, subject: str, at: datetime) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.alarms)
                .where(_is(code, subject), t.alarms.c.active.is_(True))
                .values(last_at=at, active=False)
            )

    async def alarms(self) -> tuple[Alarm, ...]:
        query = sa.select(t.alarms).order_by(t.alarms.c.last_at.desc())
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).all()
        return tuple(
            Alarm(
                AlarmCode(row.code),
                row.subject,
                row.detail,
                row.first_at,
                row.last_at,
                row.times,
                row.active,
            )
            for row in found
        )


def _is(code: AlarmCode, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(t.alarms.c.code == code.value, t.alarms.c.subject == subject)
