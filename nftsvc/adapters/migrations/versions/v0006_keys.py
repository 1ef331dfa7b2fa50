"""Asset keys under a KEK, and erasures."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "key_encryption_keys",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_encryption_keys")),
    )
    op.create_table(
        "asset_keys",
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("share", sa.String(length=120), nullable=False),
        sa.Column("kek", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_asset_keys_issuance_issuances")
        ),
        sa.ForeignKeyConstraint(
            ["kek"], ["key_encryption_keys.id"], name=op.f("fk_asset_keys_kek_key_encryption_keys")
        ),
        sa.PrimaryKeyConstraint("issuance", name=op.f("pk_asset_keys")),
    )
    op.create_index(op.f("ix_asset_keys_kek"), "asset_keys", ["kek"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("requested_at", sa.String(length=32), nullable=False),
        sa.Column("requested_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("confirm_from", sa.String(length=32), nullable=False),
        sa.Column("confirmed_at", sa.String(length=32), nullable=True),
        sa.Column("confirmed_by", sa.String(length=120), nullable=True),
        sa.Column("finished_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_erasures_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("issuance", name=op.f("pk_erasures")),
    )
