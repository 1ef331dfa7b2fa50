"""Versions of the ledger's schema: forward only, in the package, run when the service starts."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def migrate(connection: sa.Connection) -> None:
    """Bring the schema to the newest version, inside the transaction of `connection`."""
    config = Config()
    config.set_main_option("script_location", "nftsvc.adapters:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
