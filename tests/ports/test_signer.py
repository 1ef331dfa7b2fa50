"""The signer: keystore files, and that its bytes are what was asked for."""

import stat
from pathlib import Path
from typing import Final

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from chain.local.accounts import ISSUER
from nftsvc.adapters.keystore_signer import KeystoreSigner, write_keystore
from nftsvc.core.errors import Misconfigured
from nftsvc.core.transaction import Call, UnsignedTransaction
from nftsvc.core.types import Address, ChainId, Gas, Nonce, Wei

TRANSACTION: Final = UnsignedTransaction(
    ChainId(31337), Nonce(7), Call(Address(ISSUER.address), b"data"), Gas(90_000), Wei(9), Wei(2)
)


async def test_sign__a_transaction__is_signed_by_the_account_and_named_by_its_hash() -> None:
    signer = KeystoreSigner(Account.from_key(ISSUER.private_key))
    signed = await signer.sign(TRANSACTION)
    assert Account.recover_transaction(signed.raw) == signer.address == ISSUER.address
    fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert (fields["chainId"], fields["nonce"], fields["gas"]) == (31337, 7, 90_000)
    assert (fields["maxFeePerGas"], fields["maxPriorityFeePerGas"]) == (9, 2)
    assert await signer.sign(TRANSACTION) == signed, "the same transaction has the same bytes"


def test_keystore__written_and_read__same_account_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    write_keystore(path, private_key=ISSUER.private_key, password="right")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ISSUER.private_key.hex() not in path.read_text()
    assert KeystoreSigner.load(path, password="right").address == ISSUER.address
    with pytest.raises(Misconfigured) as refused:
        KeystoreSigner.load(path, password="a wrong secret")
    assert "a wrong secret" not in str(refused.value)
    with pytest.raises(FileExistsError):
        write_keystore(path, private_key=ISSUER.private_key, password="right")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"crypto": {"kdf": "none"}}', "\x00"])
def test_keystore__not_one__is_misconfigured(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(content)
    with pytest.raises(Misconfigured):
        KeystoreSigner.load(path, password="x")


def test_signer__shown__tells_no_key() -> None:
    signer = KeystoreSigner(Account.from_key(ISSUER.private_key))
    assert repr(signer) == f"KeystoreSigner({ISSUER.address})"
