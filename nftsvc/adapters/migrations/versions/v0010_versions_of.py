"""An index of the versions of an asset, also of those that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

AMENDS = sa.text("amends IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_issuances_amends",
        "issuances",
        ["amends"],
        unique=False,
        sqlite_where=AMENDS,
        postgresql_where=AMENDS,
    )
