"""Later versions of assets: of one version at most one is under way or done."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

STANDS = sa.text("amends IS NOT NULL AND status <> 'failed'")


def upgrade() -> None:
    op.add_column("issuances", sa.Column("amends", sa.String(length=64), nullable=True))
    op.add_column(
        "issuances", sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    )
    op.create_index(
        "uq_issuances_amends_version",
        "issuances",
        ["amends", "version"],
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )
