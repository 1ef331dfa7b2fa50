"""Anchors in SQL. The root on its way to the chain is an issuance with the anchor's id."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nftsvc.adapters import ledger_rows as rows
from nftsvc.adapters import ledger_tables as t
from nftsvc.adapters.database import Database
from nftsvc.core.anchors import Anchor, Claim, pack, proof_in
from nftsvc.core.assets import Issuance
from nftsvc.core.issuance import ACCEPTED_CAUSE, IssuanceStatus, Way
from nftsvc.core.merkle import Leaf, MerkleRoot
from nftsvc.core.types import (
    Address,
    AnchorId,
    AssetId,
    AssetKind,
    BatchId,
    Digest,
    IssuanceId,
)

_LEAVES = (Way.LEAF.value, Way.CLAIM.value)


class SqlAnchoring:
    """The part of the ledger that anchors are kept in."""

    _database: Database

    async def open_anchor(self, anchor: AnchorId, *, at: datetime) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                self._database.insert_new(t.anchors).values(id=anchor, opened_at=at)
            )

    async def anchor(self, anchor: AnchorId) -> Anchor | None:
        query = sa.select(t.anchors.c.id, t.anchors.c.sealed_at, t.anchors.c.root).where(
            t.anchors.c.id == anchor
        )
        counted = sa.select(sa.func.count()).where(t.issuances.c.anchor == anchor)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
            count = (await connection.execute(counted)).scalar_one()
        if row is None:
            return None
        root = MerkleRoot(bytes.fromhex(row.root)) if row.root is not None else None
        return Anchor(anchor, row.sealed_at is not None, count, root)

    async def seal_anchor(self, anchor: AnchorId, *, at: datetime) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                sa.update(t.anchors)
                .where(t.anchors.c.id == anchor, t.anchors.c.sealed_at.is_(None))
                .values(sealed_at=at)
            )

    async def unrooted(self) -> Sequence[AnchorId]:
        under_way = sa.exists().where(
            t.issuances.c.anchor == t.anchors.c.id,
            t.issuances.c.status == IssuanceStatus.ACCEPTED.value,
        )
        query = sa.select(t.anchors.c.id).where(
            t.anchors.c.sealed_at.is_not(None), t.anchors.c.root.is_(None), ~under_way
        )
        async with self._database.reading() as connection:
            return [AnchorId(id_) for id_ in (await connection.execute(query)).scalars()]

    async def leaves_of(self, anchor: AnchorId) -> bytes:
        query = (
            sa.select(t.issuances.c.holder, t.issuances.c.token_id)
            .where(
                t.issuances.c.anchor == anchor,
                t.issuances.c.status == IssuanceStatus.STORED.value,
            )
            .order_by(t.issuances.c.ordinal)
        )
        packed = bytearray()
        async with self._database.reading() as connection:
            found = await connection.stream(query.execution_options(yield_per=1000))
            async for holder, token_id in found:
                packed += pack(Address(holder), Digest(bytes.fromhex(token_id)))
        return bytes(packed)

    async def root_anchor(
        self,
        anchor: AnchorId,
        *,
        kind: AssetKind,
        asset: AssetId,
        issuer: Address,
        root: MerkleRoot,
        nodes: bytes,
        at: datetime,
    ) -> None:
        async with self._database.writing() as connection:
            rooted = await connection.execute(
                sa.update(t.anchors)
                .where(t.anchors.c.id == anchor, t.anchors.c.root.is_(None))
                .values(root=root.hex(), issuer=issuer, nodes=nodes)
            )
            if not rooted.rowcount:
                return
            await connection.execute(
                sa.insert(t.issuances).values(
                    id=anchor,
                    kind=kind.value,
                    way=Way.ANCHOR.value,
                    chain_id=asset.chain_id,
                    contract=asset.contract,
                    token_id=root.hex(),
                    holder=issuer,
                    issuer=issuer,
                    status=IssuanceStatus.STORED.value,
                    accepted_at=at,
                )
            )
            events = [
                rows.event_row(anchor, IssuanceStatus.ACCEPTED, at, ACCEPTED_CAUSE),
                rows.event_row(anchor, IssuanceStatus.STORED, at, "all its leaves are stored"),
            ]
            await connection.execute(sa.insert(t.issuance_events), events)

    async def claim_of(self, issuance: IssuanceId) -> Claim | None:
        async with self._database.reading() as connection:
            return await _claim_of(connection, issuance)

    async def begin_claim(self, issuance: IssuanceId) -> bool:
        async with self._database.writing() as connection:
            begun = await connection.execute(
                sa.update(t.issuances)
                .where(
                    t.issuances.c.id == issuance,
                    t.issuances.c.way == Way.LEAF.value,
                    t.issuances.c.status == IssuanceStatus.STORED.value,
                )
                .values(way=Way.CLAIM.value, batch=None)
            )
            return bool(begun.rowcount)

    async def way_of(self, batch: BatchId) -> Way:
        query = sa.select(t.issuances.c.way).where(t.issuances.c.batch == batch).limit(1)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return Way(found) if found is not None else Way.TOKEN

    async def issuance_of_anchor(self, anchor: AnchorId) -> Issuance | None:
        where = sa.and_(t.issuances.c.id == anchor, t.issuances.c.way == Way.ANCHOR.value)
        async with self._database.reading() as connection:
            found = await rows.read_issuances(connection, where)
        return found[0] if found else None


async def _claim_of(connection: AsyncConnection, issuance: IssuanceId) -> Claim | None:
    query = (
        sa.select(
            t.issuances.c.holder, t.issuances.c.token_id, t.anchors.c.issuer, t.anchors.c.nodes
        )
        .join(t.anchors, t.anchors.c.id == t.issuances.c.anchor)
        .where(t.issuances.c.id == issuance, t.issuances.c.way.in_(_LEAVES))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or row.nodes is None:
        return None
    leaf = Leaf(Address(row.holder), Digest(bytes.fromhex(row.token_id)))
    root = MerkleRoot(row.nodes[:32])
    return Claim(Address(row.issuer), root, leaf, proof_in(row.nodes, leaf))
