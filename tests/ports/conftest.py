"""The databases that the ledger and the leases are tried on."""

from pathlib import Path

import pytest
import sqlalchemy as sa


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> sa.URL:
    """An empty database, of each kind in turn."""
    if request.param == "postgresql":
        found: sa.URL = request.getfixturevalue("postgres_url")
        return found
    return sa.URL.create("sqlite+aiosqlite", database=str(tmp_path / "ledger.sqlite"))
