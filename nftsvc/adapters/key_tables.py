"""The ledger's tables for keys and erasures."""

from typing import Final

import sqlalchemy as sa

from nftsvc.adapters.ledger_tables import Instant, metadata

key_encryption_keys: Final = sa.Table(
    "key_encryption_keys",
    metadata,
    sa.Column("id", sa.String(120), primary_key=True),
    sa.Column("retired", sa.Boolean, nullable=False),
)

asset_keys: Final = sa.Table(
    "asset_keys",
    metadata,
    sa.Column("issuance", sa.ForeignKey("issuances.id"), primary_key=True),
    sa.Column("share", sa.String(120), nullable=False),
    sa.Column("kek", sa.ForeignKey("key_encryption_keys.id"), nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

erasures: Final = sa.Table(
    "erasures",
    metadata,
    sa.Column("issuance", sa.ForeignKey("issuances.id"), primary_key=True),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("requested_by", sa.String(120), nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("confirm_from", Instant, nullable=False),
    sa.Column("confirmed_at", Instant),
    sa.Column("confirmed_by", sa.String(120)),
    sa.Column("finished_at", Instant),
)
