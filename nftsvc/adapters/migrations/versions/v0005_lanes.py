"""Alarms; tokens that the chain had before the ledger; which key issues an asset."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("first_at", sa.String(length=32), nullable=False),
        sa.Column("last_at", sa.String(length=32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", "subject", name=op.f("pk_alarms")),
    )
    op.create_table(
        "adoptions",
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_adoptions_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("issuance", name=op.f("pk_adoptions")),
    )
    with op.batch_alter_table("issuances") as table:
        table.add_column(sa.Column("issuer", sa.String(length=42), nullable=True))
    _name_issuers()
    with op.batch_alter_table("issuances") as table:
        table.alter_column("issuer", existing_type=sa.String(length=42), nullable=False)


def _name_issuers() -> None:
    """The manifest names the issuer, as `eip155:<chain>:<address>`."""
    issuances = sa.table(
        "issuances", sa.column("id"), sa.column("manifest"), sa.column("issuer", sa.String)
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(issuances.c.id, issuances.c.manifest)).all():
        issuer = json.loads(bytes(row.manifest))["issuer"].split(":")[2]
        connection.execute(
            sa.update(issuances).where(issuances.c.id == row.id).values(issuer=issuer)
        )
