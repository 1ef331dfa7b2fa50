"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column(
            "ordinal",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_batches")),
        sa.UniqueConstraint("id", name=op.f("uq_batches_id")),
    )
    op.create_index(op.f("ix_batches_finished"), "batches", ["finished"], unique=False)
    op.create_table(
        "blocks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("parent", sa.String(length=66), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_blocks")),
        sa.UniqueConstraint("hash", name=op.f("uq_blocks_hash")),
    )
    op.create_table(
        "follower",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("finalized", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follower")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "issuances",
        sa.Column(
            "ordinal",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(length=42), nullable=False),
        sa.Column("token_id", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=42), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("accepted_at", sa.String(32), nullable=False),
        sa.Column("batch", sa.String(length=40), nullable=True),
        sa.Column("failure_code", sa.String(length=80), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_issuances")),
        sa.UniqueConstraint("id", name=op.f("uq_issuances_id")),
        sa.UniqueConstraint("token_id", name=op.f("uq_issuances_token_id")),
    )
    op.create_index("ix_issuances_batch", "issuances", ["batch"], unique=False)
    op.create_index(
        "ix_issuances_kind_batch_ordinal", "issuances", ["kind", "batch", "ordinal"], unique=False
    )
    op.create_table(
        "lanes",
        sa.Column("sender", sa.String(length=42), nullable=False),
        sa.Column("next_nonce", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sender", name=op.f("pk_lanes")),
    )
    op.create_table(
        "records",
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("transaction", sa.String(length=66), nullable=False),
        sa.Column("contract", sa.String(length=42), nullable=False),
        sa.Column("token_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("previous_block", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=42), nullable=True),
        sa.Column("holder_from", sa.String(length=42), nullable=True),
        sa.Column("holder_to", sa.String(length=42), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("block_hash", "log_index", name=op.f("pk_records")),
    )
    op.create_index(op.f("ix_records_block_number"), "records", ["block_number"], unique=False)
    op.create_index(
        "ix_records_token_id_block_number_log_index",
        "records",
        ["token_id", "block_number", "log_index"],
        unique=False,
    )
    op.create_table(
        "documents",
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cid", sa.String(length=80), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_documents_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("issuance", "position", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_cid"), "documents", ["cid"], unique=False)
    op.create_index(op.f("ix_documents_sha256"), "documents", ["sha256"], unique=False)
    op.create_table(
        "envelopes",
        sa.Column(
            "ordinal",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_envelopes_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_envelopes")),
    )
    op.create_index(op.f("ix_envelopes_issuance"), "envelopes", ["issuance"], unique=False)
    op.create_table(
        "issuance_events",
        sa.Column(
            "ordinal",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("issuance", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance"], ["issuances.id"], name=op.f("fk_issuance_events_issuance_issuances")
        ),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_issuance_events")),
    )
    op.create_index(
        op.f("ix_issuance_events_issuance"), "issuance_events", ["issuance"], unique=False
    )
    op.create_table(
        "transactions",
        sa.Column(
            "ordinal",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("batch", sa.String(length=40), nullable=False),
        sa.Column("sender", sa.String(length=42), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("abandoned", sa.Boolean(), nullable=False),
        sa.Column("mined_hash", sa.String(length=66), nullable=True),
        sa.Column("mined_block", sa.BigInteger(), nullable=True),
        sa.Column("mined_block_hash", sa.String(length=66), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch"], ["batches.id"], name=op.f("fk_transactions_batch_batches")
        ),
        sa.PrimaryKeyConstraint("ordinal", name=op.f("pk_transactions")),
    )
    op.create_index(
        "uq_transactions_batch",
        "transactions",
        ["batch"],
        unique=True,
        sqlite_where=sa.text("abandoned IS FALSE"),
        postgresql_where=sa.text("abandoned IS FALSE"),
    )
    op.create_index(
        "uq_transactions_sender_nonce",
        "transactions",
        ["sender", "nonce"],
        unique=True,
        sqlite_where=sa.text("abandoned IS FALSE"),
        postgresql_where=sa.text("abandoned IS FALSE"),
    )
    op.create_table(
        "attempts",
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column(
            "transaction", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", sa.BigInteger(), nullable=False),
        sa.Column("max_priority_fee", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction"],
            ["transactions.ordinal"],
            name=op.f("fk_attempts_transaction_transactions"),
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_transaction"), "attempts", ["transaction"], unique=False)
