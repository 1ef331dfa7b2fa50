"""Runs migrations on the connection that `migrate` is given."""

from alembic import context

from nftsvc.adapters.ledger_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
