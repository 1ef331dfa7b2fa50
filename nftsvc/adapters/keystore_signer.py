"""Signs with a key from an encrypted keystore file (Web3 Secret Storage)."""

import json
import os
from pathlib import Path
from typing import Self

from eth_account import Account
from eth_account.signers.local import LocalAccount

from nftsvc.core.errors import Misconfigured
from nftsvc.core.transaction import UnsignedTransaction
from nftsvc.core.types import parse_address
from nftsvc.ports import Signer


class KeystoreSigner(Signer):
    """One account whose key was read from a keystore file."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address = parse_address(account.address)

    @classmethod
    def load(cls, keystore: Path, *, password: str) -> Self:
        """Open a keystore file. Raises `Misconfigured`; neither key nor password is in it."""
        try:
            content = json.loads(keystore.read_text("utf-8"))
            key = Account.decrypt(content, password)
        except OSError as error:
            raise Misconfigured(f"cannot read the keystore: {error}") from error
        except (ValueError, KeyError, TypeError, NotImplementedError):
            raise Misconfigured(
                f"{keystore} is no keystore file, or its password is another one"
            ) from None
        return cls(Account.from_key(key))

    def __repr__(self) -> str:
        return f"KeystoreSigner({self.address})"

    async def _sign(self, transaction: UnsignedTransaction) -> bytes:
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": transaction.chain_id,
                "nonce": transaction.nonce,
                "to": bytes.fromhex(transaction.call.to[2:]),
                "data": transaction.call.data,
                "value": 0,
                "gas": transaction.gas,
                "maxFeePerGas": transaction.max_fee,
                "maxPriorityFeePerGas": transaction.max_priority_fee,
            }
        )
        return bytes(signed.raw_transaction)


def write_keystore(path: Path, *, private_key: bytes, password: str) -> None:
    """Encrypt a key into a new keystore file that only its owner can read."""
    content = json.dumps(Account.encrypt(private_key, password))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(content)
