"""Settings: what is missing or wrong is named, and no secret is shown."""

import os
from pathlib import Path
from typing import Any, Final

import pytest

from nftsvc.core.errors import Misconfigured
from nftsvc.settings import Settings, VerifierSettings, read_secret


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("NFTSVC_"):
            monkeypatch.delenv(name)


def _given(**changed: Any) -> dict[str, Any]:
    return {
        "rpc_urls": "http://127.0.0.1:8545",
        "deployment_file": "deployment.json",
        "data_dir": "data",
        "api_token_files": "token",
        "recovery_identity_file": "recovery",
        "keystore_file": "keystore.json",
        "keystore_password_file": "password",
    } | changed


def test_load__everything_needed__is_frozen() -> None:
    settings = Settings.load(**_given())
    assert settings.rpc_urls == ("http://127.0.0.1:8545",)
    with pytest.raises(ValueError, match="frozen"):
        settings.quorum = 2


KEYS: Final = {"keystore_file", "keystore_password_file"}
"""Needed only where no device has the key: `test_keyring`."""


@pytest.mark.parametrize("name", sorted(_given().keys() - KEYS))
def test_load__one_is_missing__is_named(name: str) -> None:
    given = _given()
    del given[name]
    with pytest.raises(Misconfigured, match=f"NFTSVC_{name.upper()}"):
        Settings.load(**given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quorum", "0"),
        ("max_file_bytes", "many"),
        ("replicas", "0"),
        ("transaction_gas_cap", "99999999"),
        ("rpc_urls", ""),
        ("api_token_files", " , "),
    ],
)
def test_load__one_is_wrong__is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"NFTSVC_{name.upper()}"):
        Settings.load(**_given(**{name: value}))


def test_load__quorum_beyond_the_endpoints__is_refused() -> None:
    with pytest.raises(Misconfigured, match="quorum of 2"):
        Settings.load(**_given(quorum=2))
    assert VerifierSettings.load(rpc_urls="http://a, http://b", quorum=2).quorum == 2


def test_load__from_the_environment__lists_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in _given(rpc_urls="http://a,http://b").items():
        monkeypatch.setenv(f"NFTSVC_{name.upper()}", value)
    assert Settings.load().rpc_urls == ("http://a", "http://b")


def test_settings__shown__tell_no_secret() -> None:
    url = "postgresql://user:hunter2@db/nftsvc"
    settings = Settings.load(**_given(database_url=url))
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump())
    with pytest.raises(Misconfigured) as refused:
        Settings.load(**_given(database_url=url, quorum="hunter2"))
    assert "hunter2" not in str(refused.value)


def test_browser_endpoints__with_a_key_in_the_address__are_not_published() -> None:
    urls = "http://127.0.0.1:8545,https://rpc.example/v2/SECRET,https://u:p@rpc.example"
    assert Settings.load(**_given(rpc_urls=urls)).browser_rpc_urls() == ("http://127.0.0.1:8545",)
    own = Settings.load(**_given(rpc_urls=urls, public_rpc_urls="https://public.example/rpc"))
    assert own.browser_rpc_urls() == ("https://public.example/rpc",)


def test_secret__in_a_file__is_its_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("# a comment\nthe-secret\n")
    path.chmod(0o600)
    assert read_secret(path, setting="api_token_files") == "the-secret"


@pytest.mark.parametrize(
    ("content", "mode"), [("the-secret", 0o644), ("the-secret\nanother", 0o600), ("", 0o600)]
)
def test_secret__others_may_read_it_or_no_single_line__is_refused(
    tmp_path: Path, content: str, mode: int
) -> None:
    path = tmp_path / "secret"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match="NFTSVC_API_TOKEN_FILES") as refused:
        read_secret(path, setting="api_token_files")
    assert "the-secret" not in str(refused.value)


def test_secret__not_there__is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="NFTSVC_KEYSTORE_PASSWORD_FILE"):
        read_secret(tmp_path / "nothing", setting="keystore_password_file")
