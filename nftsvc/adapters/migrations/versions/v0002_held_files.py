"""Small files are written down with their request, in one transaction."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "held_files",
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_held_files_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("issuance", "position", name=op.f("pk_held_files")),
    )
