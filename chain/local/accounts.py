"""The local chain's accounts, the same at every start.

They come of the mnemonic that every Ethereum development tool uses. The whole world knows
these keys: nothing of value may ever be sent to them.
"""

from dataclasses import dataclass, field
from typing import Final

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

MNEMONIC: Final = "test test test test test test test test test test test junk"


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """One account of the mnemonic, by its place."""

    address: str
    private_key: bytes = field(repr=False)


def account(index: int) -> LocalAccount:
    """The account at `m/44'/60'/0'/0/<index>`."""
    seed = seed_from_mnemonic(MNEMONIC, "")
    key = key_from_seed(seed, f"m/44'/60'/0'/0/{index}")
    return LocalAccount(Account.from_key(key).address, bytes(key))


ADMIN: Final = account(0)
"""Deploys the contracts and names the issuers."""
ISSUER: Final = account(1)
"""Signs what the service issues."""
REGISTRAR: Final = account(2)
CUSTODY: Final = account(3)
"""Holds tokens for parties without a wallet."""
EXPORTER: Final = account(4)
BUYER: Final = account(5)
STRANGER: Final = account(6)
"""Has no role at all."""
