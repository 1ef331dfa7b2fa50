"""Which keys the settings name, and what is said where they do not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from chain.local.accounts import EXPORTER, ISSUER, STRANGER, LocalAccount
from nftsvc.core.errors import Misconfigured
from nftsvc.core.types import Address
from nftsvc.keyring import open_signers
from nftsvc.settings import Settings


def _settings(folder: Path, **changed: Any) -> Settings:
    nowhere = folder / "nowhere"
    given: dict[str, Any] = {
        "rpc_urls": "http://127.0.0.1:8545",
        "deployment_file": nowhere,
        "data_dir": folder,
        "api_token_files": str(nowhere),
        "recovery_identity_file": nowhere,
    }
    return Settings.load(**(given | changed))


def _keystore(folder: Path, account: LocalAccount) -> Path:
    path = folder / f"{account.address}.json"
    path.write_text(json.dumps(Account.encrypt(account.private_key, "x", "pbkdf2", 1)))
    return path


def _secret(folder: Path) -> Path:
    path = folder / "secret"
    path.write_text("x")
    path.chmod(0o600)
    return path


def test_keys__several_keystores__the_deployments_issuer_first(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        keystore_file=_keystore(tmp_path, EXPORTER),
        colleague_keystore_files=str(_keystore(tmp_path, ISSUER)),
        keystore_password_file=_secret(tmp_path),
    )
    signers = open_signers(settings, issuer=Address(ISSUER.address))
    assert [signer.address for signer in signers] == [ISSUER.address, EXPORTER.address]
    with pytest.raises(Misconfigured, match=STRANGER.address):
        open_signers(settings, issuer=Address(STRANGER.address))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "NFTSVC_KEYSTORE_FILE"),
        ({"keystore_file": "somewhere"}, "NFTSVC_KEYSTORE_PASSWORD_FILE"),
        ({"pkcs11_keys": "issuer"}, "NFTSVC_PKCS11_MODULE"),
        ({"pkcs11_keys": "issuer", "pkcs11_module": "m"}, "NFTSVC_PKCS11_PIN_FILE"),
        (
            {"pkcs11_keys": "issuer", "pkcs11_module": "m", "pkcs11_pin_file": "p"},
            "NFTSVC_PKCS11_TOKEN",
        ),
    ],
)
def test_keys__something_is_missing__is_named(
    tmp_path: Path, given: dict[str, str], named: str
) -> None:
    with pytest.raises(Misconfigured, match=named):
        open_signers(_settings(tmp_path, **given), issuer=Address(ISSUER.address))


def test_keys__one_named_twice__is_refused(tmp_path: Path) -> None:
    keystore = _keystore(tmp_path, ISSUER)
    settings = _settings(
        tmp_path,
        keystore_file=keystore,
        colleague_keystore_files=str(keystore),
        keystore_password_file=_secret(tmp_path),
    )
    with pytest.raises(Misconfigured, match="twice"):
        open_signers(settings, issuer=Address(ISSUER.address))
