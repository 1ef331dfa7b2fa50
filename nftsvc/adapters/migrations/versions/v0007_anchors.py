"""Anchors: many issuances under one Merkle root, claimed on demand."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "anchors",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("sealed_at", sa.String(32), nullable=True),
        sa.Column("root", sa.String(length=64), nullable=True),
        sa.Column("issuer", sa.String(length=42), nullable=True),
        sa.Column("nodes", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anchors")),
    )
    op.add_column(
        "issuances",
        sa.Column("way", sa.String(length=8), nullable=False, server_default="token"),
    )
    op.add_column("issuances", sa.Column("anchor", sa.String(length=40), nullable=True))
    op.create_index("ix_issuances_anchor_status", "issuances", ["anchor", "status"], unique=False)
