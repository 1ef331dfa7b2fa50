"""Salted commitments: a document is named without being findable by guessing its text."""

import hashlib
import hmac
import secrets
from typing import Final

from nftsvc.core.types import Commitment, Digest, Salt

SALT_BYTES: Final = 16


def new_salt() -> Salt:
    """16 bytes from the system's secure random source."""
    return Salt(secrets.token_bytes(SALT_BYTES))


def commit(digest: Digest, *, salt: Salt) -> Commitment:
    """sha256(salt || digest): both of fixed length, so no two pairs share an input.

    Anyone can repeat it: `printf '<salt hex><sha256 hex>' | xxd -r -p | sha256sum`.
    """
    if len(salt) != SALT_BYTES or len(digest) != 32:
        raise ValueError("a salt has 16 bytes and a digest 32")
    return Commitment(hashlib.sha256(salt + digest).digest())


def opens(commitment: Commitment, *, digest: Digest, salt: Salt) -> bool:
    """Whether `salt` shows that `commitment` is to the document with `digest`."""
    return hmac.compare_digest(commit(digest, salt=salt), commitment)
