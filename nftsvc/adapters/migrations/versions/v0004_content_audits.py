"""The record of audits of the content stores."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "content_audits",
        sa.Column(
            "ordinal",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("store", sa.String(length=255), nullable=False),
        sa.Column("cid", sa.String(length=80), nullable=False),
        sa.Column("blocks", sa.Text(), nullable=True),
        sa.Column("result", sa.String(length=12), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_content_audits")),
    )
    op.create_index(op.f("ix_content_audits_cid"), "content_audits", ["cid"], unique=False)
    op.create_index(
        "ix_content_audits_store_result", "content_audits", ["store", "result"], unique=False
    )
    op.create_table(
        "content_alarms",
        sa.Column("cid", sa.String(length=80), nullable=False),
        sa.Column("have", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("cid", name=op.f("pk_content_alarms")),
    )
    op.create_index(op.f("ix_content_alarms_since"), "content_alarms", ["since"], unique=False)
