"""A PostgreSQL cluster of the tests' own, on a Unix socket in a temporary folder."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import parts


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then it runs as its own user, or as nobody."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def cluster() -> Iterator[sa.URL]:
    """A running cluster; the URL of its administrator."""
    initdb = parts.find("postgresql")
    if initdb is None:
        raise FileNotFoundError(parts.missing("postgresql"))
    programs, user = initdb.resolve().parent, _user()
    folder = Path(tempfile.mkdtemp(prefix="nftsvc-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [programs / program, "-D", data, *arguments],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    run("initdb", "--auth=trust", "--username=admin", "--encoding=UTF8", "--no-locale")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
    run("pg_ctl", "-w", "-l", str(log), "-o", options, "start")
    try:
        yield sa.URL.create(
            "postgresql+psycopg",
            username="admin",
            database="postgres",
            query={"host": str(folder)},
        )
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[sa.URL]:
    """One cluster for all tests."""
    if parts.find("postgresql") is None:
        pytest.skip(parts.missing("postgresql") or "")
    with cluster() as administrator:
        yield administrator


@pytest.fixture
def postgres_url(postgres_cluster: sa.URL) -> sa.URL:
    """An empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(postgres_cluster, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgres_cluster.set(database=name)
