"""An index of the issuances that have not ended, so that counting them costs what they are."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

UNDER_WAY = sa.text("status NOT IN ('finalized', 'failed')")


def upgrade() -> None:
    op.create_index(
        "ix_issuances_under_way",
        "issuances",
        ["status", "accepted_at"],
        unique=False,
        sqlite_where=UNDER_WAY,
        postgresql_where=UNDER_WAY,
    )
