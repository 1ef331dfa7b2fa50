"""Keys and erasures in the ledger's database."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import key_tables as k
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.adapters.ledger_rows import key_of
from nftsvc.core.assets import Envelope, IssuanceRequest
from nftsvc.core.errors import KeyRetired, NotErasable, NotFound
from nftsvc.core.keys import AssetKey, Erasure, KekId, Wrapped
from nftsvc.core.types import IssuanceId
from nftsvc.ports import KeyLedger


class SqlKeys(KeyLedger):
    """The key ledger in the same database as the issuances."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def key(self, issuance: IssuanceId) -> AssetKey | None:
        query = sa.select(k.asset_keys).where(k.asset_keys.c.issuance == issuance)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return key_of(row) if row is not None else None

    async def not_under(self, kek: KekId, *, most: int) -> tuple[tuple[IssuanceId, Wrapped], ...]:
        query = sa.select(k.asset_keys).where(k.asset_keys.c.kek != kek).limit(most)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).all()
        return tuple((IssuanceId(row.issuance), key_of(row).wrapped) for row in found)

    async def rewrap(self, issuance: IssuanceId, *, old: Wrapped, new: Wrapped) -> bool:
        async with self._database.writing() as connection:
            await claim_kek(connection, self._database, new.kek)
            changed = await connection.execute(
                sa.update(k.asset_keys)
                .where(k.asset_keys.c.issuance == issuance, k.asset_keys.c.kek == old.kek)
                .where(k.asset_keys.c.sealed == old.sealed)
                .values(kek=new.kek, sealed=new.sealed)
            )
            return changed.rowcount == 1

    async def retire(self, kek: KekId) -> bool:
        table = k.key_encryption_keys
        async with self._database.writing() as connection:
            await connection.execute(self._database.insert_new(table).values(id=kek, retired=False))
            await connection.execute(sa.select(table).where(table.c.id == kek).with_for_update())
            under = sa.select(k.asset_keys.c.issuance).where(k.asset_keys.c.kek == kek).limit(1)
            if (await connection.execute(under)).one_or_none() is not None:
                return False
            await connection.execute(sa.update(table).where(table.c.id == kek).values(retired=True))
        return True

    async def unlocked(self, *, most: int) -> tuple[IssuanceId, ...]:
        has_key = sa.select(k.asset_keys.c.issuance)
        erased = sa.select(k.erasures.c.issuance).where(k.erasures.c.confirmed_at.is_not(None))
        query = (
            sa.select(t.envelopes.c.issuance)
            .distinct()
            .where(t.envelopes.c.issuance.not_in(has_key), t.envelopes.c.issuance.not_in(erased))
            .limit(most)
        )
        async with self._database.reading() as connection:
            return tuple(map(IssuanceId, (await connection.execute(query)).scalars()))

    async def adopt(
        self, issuance: IssuanceId, *, key: AssetKey, envelopes: Sequence[Envelope]
    ) -> None:
        async with self._database.writing() as connection:
            await claim_kek(connection, self._database, key.wrapped.kek)
            row = self._database.insert_new(k.asset_keys).values(key_row(issuance, key))
            if not (await connection.execute(row)).rowcount:
                return
            for envelope in envelopes:
                await connection.execute(
                    sa.update(t.envelopes)
                    .where(t.envelopes.c.issuance == issuance)
                    .where(t.envelopes.c.recipient == envelope.recipient)
                    .values(sealed=envelope.sealed)
                )

    async def add_envelope(self, issuance: IssuanceId, envelope: Envelope) -> None:
        async with self._database.writing() as connection:
            lock = sa.select(k.asset_keys).where(k.asset_keys.c.issuance == issuance)
            if (await connection.execute(lock.with_for_update())).one_or_none() is None:
                return
            known = sa.select(t.envelopes.c.ordinal).where(
                t.envelopes.c.issuance == issuance, t.envelopes.c.recipient == envelope.recipient
            )
            if (await connection.execute(known)).first() is None:
                await connection.execute(
                    sa.insert(t.envelopes).values(
                        issuance=issuance, recipient=envelope.recipient, sealed=envelope.sealed
                    )
                )

    async def request_erasure(self, erasure: Erasure) -> Erasure:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.delete(k.erasures).where(
                    k.erasures.c.issuance == erasure.issuance, k.erasures.c.confirmed_at.is_(None)
                )
            )
            await connection.execute(
                self._database.insert_new(k.erasures).values(_erasure_row(erasure))
            )
            found = await _erasure(connection, erasure.issuance)
        return found or erasure

    async def confirm_erasure(self, issuance: IssuanceId, *, by: str, at: datetime) -> Erasure:
        # Held, so that nobody amends the asset meanwhile.
        asset = sa.select(t.issuances.c.token_id).where(t.issuances.c.id == issuance)
        async with self._database.writing() as connection:
            token_id = (await connection.execute(asset.with_for_update())).scalar_one_or_none()
            found = await _erasure(connection, issuance)
            if found is None:
                raise NotFound("no erasure was requested for this asset")
            if found.confirmed_at is None:
                amending = sa.select(t.issuances.c.id).where(
                    t.issuances.c.amends == token_id, t.UNDER_WAY
                )
                if (await connection.execute(amending.limit(1))).first() is not None:
                    raise NotErasable("the asset is still being amended", reason="under-way")
                await connection.execute(
                    sa.update(k.erasures)
                    .where(k.erasures.c.issuance == issuance)
                    .values(confirmed_at=at, confirmed_by=by)
                )
                found = replace(found, confirmed_at=at, confirmed_by=by)
        return found

    async def erasure(self, issuance: IssuanceId) -> Erasure | None:
        async with self._database.reading() as connection:
            return await _erasure(connection, issuance)

    async def unfinished_erasures(self) -> tuple[IssuanceId, ...]:
        query = sa.select(k.erasures.c.issuance).where(
            k.erasures.c.confirmed_at.is_not(None), k.erasures.c.finished_at.is_(None)
        )
        async with self._database.reading() as connection:
            return tuple(map(IssuanceId, (await connection.execute(query)).scalars()))

    async def erase(self, issuance: IssuanceId) -> None:
        async with self._database.writing() as connection:
            for table in (k.asset_keys, t.envelopes, t.held_files):
                await connection.execute(sa.delete(table).where(table.c.issuance == issuance))
            await connection.execute(
                sa.update(t.manifests).where(t.manifests.c.issuance == issuance).values(private=b"")
            )
            # The key may be the contract's number, and the fingerprint confirms a guessed deal.
            await connection.execute(
                sa.update(t.idempotency_keys)
                .where(t.idempotency_keys.c.issuance == issuance)
                .where(t.idempotency_keys.c.key.not_like("erased:%"))
                .values(key=f"erased:{secrets.token_hex(16)}", fingerprint=secrets.token_bytes(32))
            )

    async def compact(self) -> None:
        await self._database.compact(
            [t.envelopes, k.asset_keys, t.idempotency_keys, t.manifests, t.issuances]
        )

    async def finish_erasure(self, issuance: IssuanceId, *, at: datetime) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(k.erasures)
                .where(k.erasures.c.issuance == issuance, k.erasures.c.finished_at.is_(None))
                .values(finished_at=at)
            )


async def insert_keys(
    connection: AsyncConnection, database: Database, requests: Sequence[IssuanceRequest]
) -> None:
    """Write down the keys of requests, in their transaction. Raises `KeyRetired`."""
    rows = [key_row(r.issuance, r.key) for r in requests if r.key is not None]
    for kek in sorted({KekId(row["kek"]) for row in rows}):
        await claim_kek(connection, database, kek)
    await database.insert_all(connection, k.asset_keys, rows)


async def claim_kek(connection: AsyncConnection, database: Database, kek: KekId) -> None:
    """Keep a KEK from being retired until this transaction ends. Raises `KeyRetired`."""
    table = k.key_encryption_keys
    await connection.execute(database.insert_new(table).values(id=kek, retired=False))
    query = sa.select(table.c.retired).where(table.c.id == kek).with_for_update(read=True)
    if (await connection.execute(query)).scalar_one():
        raise KeyRetired(kek)


def key_row(issuance: IssuanceId, key: AssetKey) -> dict[str, Any]:
    """An asset's key as a row."""
    return {
        "issuance": issuance,
        "share": key.share,
        "kek": key.wrapped.kek,
        "sealed": key.wrapped.sealed,
    }


def _erasure_row(erasure: Erasure) -> dict[str, Any]:
    return {
        "issuance": erasure.issuance,
        "requested_at": erasure.requested_at,
        "requested_by": erasure.requested_by,
        "reason": erasure.reason,
        "code": erasure.code,
        "confirm_from": erasure.confirm_from,
    }


async def _erasure(connection: AsyncConnection, issuance: IssuanceId) -> Erasure | None:
    query = sa.select(k.erasures).where(k.erasures.c.issuance == issuance)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Erasure(
        issuance=IssuanceId(row.issuance),
        requested_at=row.requested_at,
        requested_by=row.requested_by,
        reason=row.reason,
        code=row.code,
        confirm_from=row.confirm_from,
        confirmed_at=row.confirmed_at,
        confirmed_by=row.confirmed_by,
        finished_at=row.finished_at,
    )
