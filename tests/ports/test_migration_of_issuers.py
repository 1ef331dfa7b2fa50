"""Assets that were accepted before an issuer was kept get the one that their manifest names."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from nftsvc.adapters.migrations import migrate

ISSUER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_migrate__issuance_of_an_older_version__is_given_its_manifests_issuer(
    tmp_path: Path,
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "nftsvc.adapters:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        old = {
            "id": "iss-1",
            "kind": "export-contract",
            "chain_id": 31337,
            "contract": "0x" + "a1" * 20,
            "token_id": "0" * 64,
            "holder": ISSUER,
            "manifest": b'{"issuer":"eip155:31337:%s"}' % ISSUER.encode(),
            "private": b"",
            "status": "accepted",
            "accepted_at": "2026-05-04T12:00:00.000000+00:00",
        }
        names = ", ".join(old)
        values = ", ".join(f":{name}" for name in old)
        connection.execute(sa.text(f"INSERT INTO issuances ({names}) VALUES ({values})"), old)  # noqa: S608
        migrate(connection)
        found = connection.execute(sa.text("SELECT issuer FROM issuances")).scalar_one()
    engine.dispose()
    assert found == ISSUER
