"""Rows of the ledger's tables, read as what they stand for and written from it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import key_tables as k
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.sql_among import among
from nftsvc.core.assets import Envelope, Failure, Issuance, KeptDocument, TransactionSeen
from nftsvc.core.cid import Cid
from nftsvc.core.history import Block, RecordEvent, RecordKind
from nftsvc.core.issuance import IssuanceStatus, StatusChange, Way, may_become
from nftsvc.core.keys import AssetKey, KekId, SharePlace, Wrapped
from nftsvc.core.transaction import Attempt, SignedTransaction
from nftsvc.core.types import (
    Address,
    AnchorId,
    AssetId,
    AssetKind,
    BatchId,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    IssuanceId,
    TokenId,
    TokenStatus,
    TransactionHash,
    Wei,
)


async def read_issuances(
    connection: AsyncConnection,
    where: sa.ColumnElement[bool],
    *,
    whole: bool = True,
    contents: bool = True,
) -> tuple[Issuance, ...]:
    """The issuances that `where` selects, in the order of their acceptance.

    Without `whole` what is sealed and their changes are left out, which no journey needs, and
    without `contents` their manifests and documents.
    """
    query = sa.select(t.issuances).where(where).order_by(t.issuances.c.ordinal)
    if contents:
        kept = [t.manifests.c.manifest, *([t.manifests.c.private] if whole else [])]
        query = query.add_columns(*kept).outerjoin(
            t.manifests, t.manifests.c.issuance == t.issuances.c.id
        )
    rows = (await connection.execute(query)).all()
    if not rows:
        return ()
    ids = [row.id for row in rows]
    batches = {row.batch for row in rows if row.batch is not None}
    files = defaultdict[str, list[Any]](list)
    if contents:
        files = await _grouped(connection, t.documents, t.documents.c.position, ids)
    envelopes, changes = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    keys, erasures = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    if whole:
        envelopes = await _grouped(connection, t.envelopes, t.envelopes.c.ordinal, ids)
        changes = await _grouped(connection, t.issuance_events, t.issuance_events.c.ordinal, ids)
        keys = await _grouped(connection, k.asset_keys, k.asset_keys.c.issuance, ids)
        erasures = await _grouped(connection, k.erasures, k.erasures.c.issuance, ids)
    seen = {batch: await _seen(connection, batch) for batch in batches}
    adopted = await _adopted(connection, ids)
    return tuple(
        Issuance(
            issuance=IssuanceId(row.id),
            asset=asset_of(row),
            kind=AssetKind(row.kind),
            holder=Address(row.holder),
            issuer=Address(row.issuer),
            status=IssuanceStatus(row.status),
            accepted_at=row.accepted_at,
            manifest=(row.manifest or b"") if contents else b"",
            documents=tuple(map(document_of, files[row.id])),
            private=(row.private or b"") if whole else b"",
            envelopes=tuple(Envelope(e.recipient, e.sealed) for e in envelopes[row.id]),
            changes=tuple(
                StatusChange(IssuanceStatus(c.status), c.at, c.cause) for c in changes[row.id]
            ),
            key=next(map(key_of, keys[row.id]), None),
            erased_at=next((e.confirmed_at for e in erasures[row.id]), None),
            batch=None if row.batch is None else BatchId(row.batch),
            transaction=adopted.get(row.id)
            or (seen.get(row.batch) if _is_sent(row.status) else None),
            failure=Failure(row.failure_code, row.failure_detail) if row.failure_code else None,
            way=Way(row.way),
            anchor=_optional(AnchorId, row.anchor),
            version=row.version,
            amended=Digest(bytes.fromhex(row.token_id)) if row.amends else None,
        )
        for row in rows
    )


def key_of(row: Any) -> AssetKey:
    """An asset's key."""
    return AssetKey(SharePlace(row.share), Wrapped(KekId(row.kek), row.sealed))


def asset_of(row: Any) -> AssetId:
    """The asset that an issuance makes or amends."""
    token_id = TokenId(int(row.amends or row.token_id, 16))
    return AssetId(ChainId(row.chain_id), Address(row.contract), token_id)


def document_of(row: Any) -> KeptDocument:
    """A kept document."""
    return KeptDocument(
        cid=Cid.parse(row.cid),
        size=row.size,
        media_type=row.media_type,
        name=row.name,
        sha256=Digest(bytes.fromhex(row.sha256)) if row.sha256 else None,
    )


def attempt_of(row: Any) -> Attempt:
    """A signed attempt."""
    return Attempt(
        SignedTransaction(row.raw, TransactionHash(row.hash)),
        Wei(row.max_fee),
        Wei(row.max_priority_fee),
    )


def block_of(row: Any) -> Block:
    """A followed block."""
    return Block(BlockNumber(row.number), BlockHash(row.hash), BlockHash(row.parent), row.timestamp)


def block_row(block: Block) -> dict[str, Any]:
    """Inverse of `block_of`."""
    return {
        "number": block.number,
        "hash": block.block_hash,
        "parent": block.parent_hash,
        "timestamp": block.timestamp,
    }


def hex_of(token_id: TokenId) -> str:
    """A token id as it is kept: 64 hex digits."""
    return f"{token_id:064x}"


def record_row(event: RecordEvent) -> dict[str, Any]:
    """A record as a row of `records`."""
    return {
        "block_hash": event.block_hash,
        "log_index": event.log_index,
        "block_number": event.block_number,
        "timestamp": event.timestamp,
        "transaction": event.transaction,
        "contract": event.contract,
        "token_id": hex_of(event.token_id),
        "kind": event.kind.value,
        "previous_block": event.previous_block,
        "actor": event.actor,
        "holder_from": event.holder_from,
        "holder_to": event.holder_to,
        "digest": event.digest.hex() if event.digest is not None else None,
        "version": event.version,
        "status": event.status.value if event.status is not None else None,
        "reason": event.reason,
    }


def record_of(row: Any) -> RecordEvent:
    """Inverse of `record_row`."""
    return RecordEvent(
        kind=RecordKind(row.kind),
        contract=Address(row.contract),
        token_id=TokenId(int(row.token_id, 16)),
        block_number=BlockNumber(row.block_number),
        block_hash=BlockHash(row.block_hash),
        transaction=TransactionHash(row.transaction),
        log_index=row.log_index,
        timestamp=row.timestamp,
        previous_block=_optional(BlockNumber, row.previous_block),
        actor=_optional(Address, row.actor),
        holder_from=_optional(Address, row.holder_from),
        holder_to=_optional(Address, row.holder_to),
        digest=Digest(bytes.fromhex(row.digest)) if row.digest else None,
        version=row.version,
        status=TokenStatus(row.status) if row.status else None,
        reason=row.reason,
    )


def event_row(issuance: str, status: IssuanceStatus, at: datetime, cause: str) -> dict[str, Any]:
    """A change of status as a row of `issuance_events`."""
    return {"issuance": issuance, "status": status.value, "at": at, "cause": cause}


async def advance(
    connection: AsyncConnection,
    issuances: Collection[str],
    *,
    current: IssuanceStatus,
    to: IssuanceStatus,
    at: datetime,
    cause: str,
) -> int:
    """Move the issuances that stand at `current`, each with its event; gives how many moved."""
    if not may_become(current, to):
        raise ValueError(f"an issuance that is {current} cannot become {to}")
    standing = sa.and_(among(t.issuances.c.id, issuances), t.issuances.c.status == current.value)
    # Locked first (on PostgreSQL; SQLite has one writer): of two workers one finds nothing left.
    moving = (
        sa.select(
            t.issuances.c.id,
            sa.literal(to.value),
            sa.literal(at, t.issuance_events.c.at.type),
            sa.literal(cause),
        )
        .where(standing)
        .order_by(t.issuances.c.ordinal)
        .with_for_update()
    )
    names = ["issuance", "status", "at", "cause"]
    await connection.execute(sa.insert(t.issuance_events).from_select(names, moving))
    moved = await connection.execute(sa.update(t.issuances).where(standing).values(status=to.value))
    return moved.rowcount


def _optional(kind: Any, value: Any) -> Any:
    return None if value is None else kind(value)


def _is_sent(status: str) -> bool:
    return status not in (IssuanceStatus.ACCEPTED, IssuanceStatus.STORED)


async def _grouped(
    connection: AsyncConnection, table: sa.Table, order: sa.Column[Any], ids: Sequence[str]
) -> defaultdict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    query = sa.select(table).where(among(table.c.issuance, ids)).order_by(order)
    for row in await connection.execute(query):
        found[row.issuance].append(row)
    return found


async def _adopted(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, TransactionSeen]:
    query = sa.select(t.adoptions).where(among(t.adoptions.c.issuance, ids))
    return {
        row.issuance: TransactionSeen(TransactionHash(row.hash), BlockNumber(row.block))
        for row in await connection.execute(query)
    }


async def _seen(connection: AsyncConnection, batch: str) -> TransactionSeen | None:
    newest = (
        sa.select(t.attempts.c.hash)
        .where(t.attempts.c.transaction == t.transactions.c.ordinal)
        .order_by(t.attempts.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(t.transactions, newest.label("newest")).where(
        t.transactions.c.batch == batch, t.transactions.c.abandoned.is_(False)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return TransactionSeen(
        TransactionHash(row.mined_hash or row.newest), _optional(BlockNumber, row.mined_block)
    )
