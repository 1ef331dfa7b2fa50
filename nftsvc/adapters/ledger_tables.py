"""The ledger's tables, alike on SQLite and PostgreSQL. Each change of them is a migration."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


@lru_cache(256)
def _text_of(value: datetime) -> str:
    # The rows of one batch share their time.
    return value.astimezone(UTC).isoformat(timespec="microseconds")


class Instant(sa.TypeDecorator[datetime]):
    """An aware time as ISO 8601 text in UTC: sorts as it reads, on every database."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else _text_of(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


Counter: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite counts up by itself only in an INTEGER primary key."""

Hex32: Final = sa.String(64)

# `token_id` is the digest that is anchored: the token's id, but for a later version, which
# `amends` the token with that id.
issuances: Final = sa.Table(
    "issuances",
    metadata,
    sa.Column("ordinal", Counter, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("chain_id", sa.BigInteger, nullable=False),
    sa.Column("contract", sa.String(42), nullable=False),
    sa.Column("token_id", Hex32, nullable=False, unique=True),
    sa.Column("holder", sa.String(42), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("batch", sa.String(40)),
    sa.Column("issuer", sa.String(42), nullable=False),
    sa.Column("failure_code", sa.String(80)),
    sa.Column("failure_detail", sa.Text),
    sa.Column("way", sa.String(8), nullable=False, server_default="token"),
    sa.Column("anchor", sa.String(40)),
    sa.Column("amends", Hex32),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Index("ix_issuances_kind_batch_ordinal", "kind", "batch", "ordinal"),
    sa.Index("ix_issuances_batch", "batch"),
    sa.Index("ix_issuances_anchor_status", "anchor", "status"),
)

UNDER_WAY: Final = sa.text("status NOT IN ('finalized', 'failed')")
sa.Index(
    "ix_issuances_under_way",
    issuances.c.status,
    issuances.c.accepted_at,
    sqlite_where=UNDER_WAY,
    postgresql_where=UNDER_WAY,
)

AMENDS: Final = sa.text("amends IS NOT NULL")
sa.Index(
    "ix_issuances_amends",
    issuances.c.amends,
    sqlite_where=AMENDS,
    postgresql_where=AMENDS,
)
STANDS: Final = sa.text("amends IS NOT NULL AND status <> 'failed'")
sa.Index(
    "uq_issuances_amends_version",
    issuances.c.amends,
    issuances.c.version,
    unique=True,
    sqlite_where=STANDS,
    postgresql_where=STANDS,
)

# Apart from the row that changes with every status: SQLite writes a changed row as a whole.
manifests: Final = sa.Table(
    "manifests",
    metadata,
    sa.Column("issuance", sa.ForeignKey("issuances.id"), primary_key=True),
    sa.Column("manifest", sa.LargeBinary, nullable=False),
    sa.Column("private", sa.LargeBinary, nullable=False),
)

issuance_events: Final = sa.Table(
    "issuance_events",
    metadata,
    sa.Column("ordinal", Counter, primary_key=True, autoincrement=True),
    sa.Column("issuance", sa.ForeignKey("issuances.id"), nullable=False, index=True),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
)

idempotency_keys: Final = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("issuance", sa.String(40), nullable=False),
    sa.Column("at", Instant, nullable=False),
)

documents: Final = sa.Table(
    "documents",
    metadata,
    sa.Column("issuance", sa.ForeignKey("issuances.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("cid", sa.String(80), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.String(100), nullable=False),
    sa.Column("name", sa.String(255)),
    sa.Column("sha256", Hex32, index=True),
)

envelopes: Final = sa.Table(
    "envelopes",
    metadata,
    sa.Column("ordinal", Counter, primary_key=True, autoincrement=True),
    sa.Column("issuance", sa.ForeignKey("issuances.id"), nullable=False, index=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

anchors: Final = sa.Table(
    "anchors",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("sealed_at", Instant),
    sa.Column("root", Hex32),
    sa.Column("issuer", sa.String(42)),
    sa.Column("nodes", sa.LargeBinary),
)

held_files: Final = sa.Table(
    "held_files",
    metadata,
    sa.Column("issuance", sa.ForeignKey("issuances.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

batches: Final = sa.Table(
    "batches",
    metadata,
    sa.Column("ordinal", Counter, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("finished", sa.Boolean, nullable=False, index=True),
)

lanes: Final = sa.Table(
    "lanes",
    metadata,
    sa.Column("sender", sa.String(42), primary_key=True),
    sa.Column("next_nonce", sa.BigInteger, nullable=False),
)

transactions: Final = sa.Table(
    "transactions",
    metadata,
    sa.Column("ordinal", Counter, primary_key=True, autoincrement=True),
    sa.Column("batch", sa.ForeignKey("batches.id"), nullable=False),
    sa.Column("sender", sa.String(42), nullable=False),
    sa.Column("nonce", sa.BigInteger, nullable=False),
    sa.Column("abandoned", sa.Boolean, nullable=False),
    sa.Column("mined_hash", sa.String(66)),
    sa.Column("mined_block", sa.BigInteger),
    sa.Column("mined_block_hash", sa.String(66)),
)
_HOLDS: Final = sa.text("abandoned IS FALSE")
sa.Index(
    "uq_transactions_batch",
    transactions.c.batch,
    unique=True,
    sqlite_where=_HOLDS,
    postgresql_where=_HOLDS,
)
sa.Index(
    "uq_transactions_sender_nonce",
    transactions.c.sender,
    transactions.c.nonce,
    unique=True,
    sqlite_where=_HOLDS,
    postgresql_where=_HOLDS,
)

attempts: Final = sa.Table(
    "attempts",
    metadata,
    sa.Column("hash", sa.String(66), primary_key=True),
    sa.Column("transaction", sa.ForeignKey("transactions.ordinal"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("max_fee", sa.BigInteger, nullable=False),
    sa.Column("max_priority_fee", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

adoptions: Final = sa.Table(
    "adoptions",
    metadata,
    sa.Column("issuance", sa.ForeignKey("issuances.id"), primary_key=True),
    sa.Column("hash", sa.String(66), nullable=False),
    sa.Column("block", sa.BigInteger, nullable=False),
    sa.Column("block_hash", sa.String(66), nullable=False),
)

alarms: Final = sa.Table(
    "alarms",
    metadata,
    sa.Column("code", sa.String(40), primary_key=True),
    sa.Column("subject", sa.String(80), primary_key=True),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("first_at", Instant, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)

blocks: Final = sa.Table(
    "blocks",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(66), nullable=False, unique=True),
    sa.Column("parent", sa.String(66), nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
)

records: Final = sa.Table(
    "records",
    metadata,
    sa.Column("block_hash", sa.String(66), primary_key=True),
    sa.Column("log_index", sa.Integer, primary_key=True),
    sa.Column("block_number", sa.BigInteger, nullable=False, index=True),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("transaction", sa.String(66), nullable=False),
    sa.Column("contract", sa.String(42), nullable=False),
    sa.Column("token_id", Hex32, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("previous_block", sa.BigInteger),
    sa.Column("actor", sa.String(42)),
    sa.Column("holder_from", sa.String(42)),
    sa.Column("holder_to", sa.String(42)),
    sa.Column("digest", Hex32),
    sa.Column("version", sa.Integer),
    sa.Column("status", sa.String(12)),
    sa.Column("reason", sa.LargeBinary),
    sa.Index("ix_records_token_id_block_number_log_index", "token_id", "block_number", "log_index"),
)

follower: Final = sa.Table(
    "follower",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("finalized", sa.BigInteger, nullable=False),
)

workers: Final = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("place", sa.String(255), nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("beats", sa.BigInteger, nullable=False),
)

leases: Final = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("holder", sa.ForeignKey("workers.id"), index=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
)

content_audits: Final = sa.Table(
    "content_audits",
    metadata,
    sa.Column("ordinal", Counter, primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("store", sa.String(255), nullable=False),
    sa.Column("cid", sa.String(80), nullable=False, index=True),
    sa.Column("blocks", sa.Text),
    sa.Column("result", sa.String(12), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("ix_content_audits_store_result", "store", "result"),
)

content_alarms: Final = sa.Table(
    "content_alarms",
    metadata,
    sa.Column("cid", sa.String(80), primary_key=True),
    sa.Column("have", sa.Integer, nullable=False),
    sa.Column("since", Instant, nullable=False, index=True),
)
