"""Manifests and private parts in a table of their own, which no change of status touches."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "manifests",
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_manifests_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("issuance", name=op.f("pk_manifests")),
    )
    op.execute(
        "INSERT INTO manifests (issuance, manifest, private)"
        " SELECT id, manifest, private FROM issuances WHERE way <> 'anchor'"
    )
    op.drop_column("issuances", "manifest")
    op.drop_column("issuances", "private")
