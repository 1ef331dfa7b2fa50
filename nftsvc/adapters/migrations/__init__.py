"""Versions of the ledger's schema: forward only, in the package, run when the service starts."""

from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from nftsvc.core.errors import Misconfigured

NEWEST: Final = "head"


def migrate(connection: sa.Connection, *, to: str = NEWEST) -> None:
    """Bring the schema forward to a version, inside the transaction of `connection`.

    Raises `Misconfigured` where it is of a version that this release does not know.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise Misconfigured(
            "the database belongs to a newer release of this service: start that one"
        ) from error


def versions() -> tuple[str, ...]:
    """All versions that the schema ever had, the oldest first."""
    script = ScriptDirectory.from_config(_config())
    return tuple(revision.revision for revision in script.walk_revisions())[::-1]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "nftsvc.adapters:migrations")
    return config
