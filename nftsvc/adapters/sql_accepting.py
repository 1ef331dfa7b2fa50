"""Requests in SQL: many of them in one transaction, with the small files that they hold."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import key_tables as k
from nftsvc.adapters import ledger_rows as rows
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.adapters.sql_among import among
from nftsvc.adapters.sql_keys import insert_keys
from nftsvc.core.assets import Issuance, IssuanceRequest
from nftsvc.core.errors import (
    IdempotencyKeyReused,
    InvalidField,
    LedgerUnavailable,
    NotAmendable,
    Refused,
)
from nftsvc.core.issuance import ACCEPTED_CAUSE, IssuanceStatus, Way
from nftsvc.core.manifest import manifest_digest
from nftsvc.core.types import AnchorId, IssuanceId
from nftsvc.ports import KnownRequest


class SqlAccepting:
    """The part of the ledger that requests are written down in."""

    _database: Database

    async def accept_all(self, requests: Sequence[IssuanceRequest]) -> list[IssuanceId | Refused]:
        async with self._database.writing() as connection:
            closed = await _closed(connection, requests)
            amended = await _amended(connection, requests)
            first: dict[str, IssuanceRequest] = {}
            for request in requests:
                if request.anchor not in closed and request.issuance not in amended:
                    first.setdefault(request.idempotency_key, request)
            # In the order of the keys: two processes never wait for each other crosswise.
            keys = [
                {
                    "key": key,
                    "fingerprint": first[key].fingerprint,
                    "issuance": first[key].issuance,
                    "at": first[key].accepted_at,
                }
                for key in sorted(first)
            ]
            await self._database.insert_all(connection, t.idempotency_keys, keys, only_new=True)
            known = await _known(connection, {r.idempotency_key for r in requests})
            if not first.keys() <= known.keys():
                raise LedgerUnavailable("an idempotency key vanished while it was written")
            new = [r for r in first.values() if known[r.idempotency_key].issuance == r.issuance]
            for table, values in _rows(new):
                await self._database.insert_all(connection, table, values)
            await insert_keys(connection, self._database, new)
        return [_answer(request, known.get(request.idempotency_key)) for request in requests]

    async def requests_of(self, keys: Collection[str]) -> Mapping[str, KnownRequest]:
        async with self._database.reading() as connection:
            return await _known(connection, keys)

    async def issuances(self, ids: Collection[IssuanceId]) -> Mapping[IssuanceId, Issuance]:
        if not ids:
            return {}
        async with self._database.reading() as connection:
            return {
                issuance.issuance: issuance
                for issuance in await rows.read_issuances(connection, among(t.issuances.c.id, ids))
            }

    async def held(
        self, issuances: Collection[IssuanceId]
    ) -> Mapping[tuple[IssuanceId, int], bytes]:
        query = sa.select(t.held_files).where(among(t.held_files.c.issuance, issuances))
        async with self._database.reading() as connection:
            return {
                (IssuanceId(row.issuance), row.position): row.data
                for row in await connection.execute(query)
            }

    async def drop_held(self, issuances: Collection[IssuanceId]) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.delete(t.held_files).where(among(t.held_files.c.issuance, issuances))
            )


async def _closed(
    connection: AsyncConnection, requests: Sequence[IssuanceRequest]
) -> frozenset[AnchorId]:
    """The anchors of the requests that take no leaves. Those that do stay open until the end."""
    wanted = {request.anchor for request in requests if request.anchor is not None}
    if not wanted:
        return frozenset()
    query = (
        sa.select(t.anchors.c.id)
        .where(t.anchors.c.id.in_(sorted(wanted)), t.anchors.c.sealed_at.is_(None))
        .with_for_update(read=True)
    )
    return frozenset(wanted) - {
        AnchorId(id_) for id_ in (await connection.execute(query)).scalars()
    }


async def _amended(
    connection: AsyncConnection, requests: Sequence[IssuanceRequest]
) -> frozenset[IssuanceId]:
    """The requests for a version that is there or under way already, or of an erased asset."""
    wanted = [(r, rows.hex_of(r.asset.token_id)) for r in requests if r.way is Way.AMEND]
    if not wanted:
        return frozenset()
    tokens = {token_id for _, token_id in wanted}
    # Locked, in one order: of two processes that amend or erase an asset, the other one waits here.
    first = sa.select(t.issuances.c.id, t.issuances.c.token_id).where(
        t.issuances.c.token_id.in_(tokens)
    )
    held = (await connection.execute(first.order_by(t.issuances.c.id).with_for_update())).all()
    confirmed = sa.select(k.erasures.c.issuance).where(
        k.erasures.c.issuance.in_([row.id for row in held]), k.erasures.c.confirmed_at.is_not(None)
    )
    gone = set((await connection.execute(confirmed)).scalars())
    erased = {row.token_id for row in held if row.id in gone}
    there = sa.select(t.issuances.c.amends, t.issuances.c.version).where(
        t.issuances.c.amends.in_(tokens), t.issuances.c.status != IssuanceStatus.FAILED.value
    )
    taken = {(row.amends, row.version) for row in await connection.execute(there)}
    late: set[IssuanceId] = set()
    for request, token_id in wanted:
        if token_id in erased or (token_id, request.version) in taken:
            late.add(request.issuance)
        taken.add((token_id, request.version))
    return frozenset(late)


def _answer(request: IssuanceRequest, known: KnownRequest | None) -> IssuanceId | Refused:
    if known is None and request.way is Way.AMEND:
        detail = f"version {request.version} is being issued already"
        return NotAmendable(detail, reason="under-way")
    if known is None:
        return InvalidField("anchor", reason="not-open", detail="the anchor takes no items")
    if known.fingerprint != request.fingerprint:
        return IdempotencyKeyReused("the Idempotency-Key was used for another request")
    return known.issuance


async def _known(connection: AsyncConnection, keys: Collection[str]) -> dict[str, KnownRequest]:
    table = t.idempotency_keys.c
    query = sa.select(table.key, table.fingerprint, table.issuance).where(among(table.key, keys))
    return {
        key: KnownRequest(fingerprint, IssuanceId(issuance))
        for key, fingerprint, issuance in await connection.execute(query)
    }


def _rows(requests: Sequence[IssuanceRequest]) -> list[tuple[sa.Table, list[dict[str, Any]]]]:
    return [
        (t.issuances, [_issuance_row(request) for request in requests]),
        (t.manifests, [_manifest_row(request) for request in requests]),
        (t.documents, [row for request in requests for row in _document_rows(request)]),
        (t.envelopes, [row for request in requests for row in _envelope_rows(request)]),
        (t.held_files, [row for request in requests for row in _held_rows(request)]),
        (t.issuance_events, [_event_row(request) for request in requests]),
    ]


def _issuance_row(request: IssuanceRequest) -> dict[str, Any]:
    token_id = rows.hex_of(request.asset.token_id)
    amends = token_id if request.way is Way.AMEND else None
    return {
        "id": request.issuance,
        "kind": request.kind.value,
        "chain_id": request.asset.chain_id,
        "contract": request.asset.contract,
        "token_id": token_id if amends is None else manifest_digest(request.manifest).hex(),
        "holder": request.holder,
        "status": IssuanceStatus.ACCEPTED.value,
        "accepted_at": request.accepted_at,
        "issuer": request.issuer,
        "way": request.way.value,
        "anchor": request.anchor,
        "version": request.version,
        "amends": amends,
    }


def _manifest_row(request: IssuanceRequest) -> dict[str, Any]:
    return {
        "issuance": request.issuance,
        "manifest": request.manifest,
        "private": request.private,
    }


def _document_rows(request: IssuanceRequest) -> list[dict[str, Any]]:
    return [
        {
            "issuance": request.issuance,
            "position": position,
            "cid": str(document.cid),
            "size": document.size,
            "media_type": document.media_type,
            "name": document.name,
            "sha256": document.sha256.hex() if document.sha256 is not None else None,
        }
        for position, document in enumerate(request.documents)
    ]


def _envelope_rows(request: IssuanceRequest) -> list[dict[str, Any]]:
    return [
        {"issuance": request.issuance, "recipient": e.recipient, "sealed": e.sealed}
        for e in request.envelopes
    ]


def _held_rows(request: IssuanceRequest) -> list[dict[str, Any]]:
    return [
        {"issuance": request.issuance, "position": file.position, "data": file.data}
        for file in request.held
    ]


def _event_row(request: IssuanceRequest) -> dict[str, Any]:
    return {
        "issuance": request.issuance,
        "status": IssuanceStatus.ACCEPTED.value,
        "at": request.accepted_at,
        "cause": ACCEPTED_CAUSE,
    }
