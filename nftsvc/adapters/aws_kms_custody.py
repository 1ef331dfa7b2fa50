"""Key-encryption keys in AWS KMS (`SYMMETRIC_DEFAULT`, `ENCRYPT_DECRYPT`), which never leave it.

What is wrapped in one go shares one data key (`GenerateDataKey`), so that many keys cost one call;
each carries the data key as KMS encrypted it: its length in 2 bytes, itself, nonce, AES-256-GCM.
"""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nftsvc.adapters.aws_kms import AwsKms, KmsRefusal
from nftsvc.core.errors import KeyCustodyUnavailable, KeyRetired, Misconfigured, SealUnreadable
from nftsvc.core.keys import KekId, Wrapped
from nftsvc.ports import KeyCustody

CONTEXT: Final = {"nftsvc": "asset-key"}
"""KMS binds it to the data key, and its audit log shows it."""

UNREADABLE: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_PREFIX: Final = "aws-kms:"
_KEY_BYTES: Final = 32
_NONCE: Final = 12


class AwsKmsCustody(KeyCustody):
    """KEKs by their ids or ARNs, oldest first; the last one wraps.

    Who rotates names a new key at the end. A retired key is removed in KMS by whoever owns it.
    """

    def __init__(self, keys: Sequence[str], *, endpoint: str | None = None) -> None:
        if not keys or len(set(keys)) < len(keys) or any("alias/" in key for key in keys):
            # An alias may be moved to another key, and what it wrapped would be lost.
            raise Misconfigured(
                "NFTSVC_AWS_KMS_WRAPPING_KEYS: needs different keys, by id or ARN, not by alias"
            )
        self._keys = tuple(keys)
        self._kms = AwsKms(endpoint)

    async def current(self) -> KekId:
        return _kek(self._keys[-1])

    async def wrap(self, data: bytes) -> Wrapped:
        (wrapped,) = await self.wrap_all([data])
        return wrapped

    async def wrap_all(self, items: Sequence[bytes]) -> list[Wrapped]:
        if not items:
            return []
        key = self._keys[-1]
        asked = {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": CONTEXT}
        answer = await self._asked("generate_data_key", asked, key=key)
        plain = self._bytes(answer, "Plaintext", key=key)
        blob = self._bytes(answer, "CiphertextBlob", key=key)
        if len(plain) != _KEY_BYTES:
            raise KeyCustodyUnavailable(f"AWS KMS key {key} gave a data key of another size")
        return await asyncio.to_thread(_wrapped, items, kek=_kek(key), plain=plain, blob=blob)

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        key = wrapped.kek.removeprefix(_PREFIX)
        if wrapped.kek != _kek(key) or key not in self._keys:
            raise KeyRetired(wrapped.kek)
        end = 2 + int.from_bytes(wrapped.sealed[:2], "big")
        blob, sealed = wrapped.sealed[2:end], wrapped.sealed[end:]
        if not blob:
            raise SealUnreadable("there is no data key before these bytes")
        asked = {"KeyId": key, "CiphertextBlob": blob, "EncryptionContext": CONTEXT}
        plain = self._bytes(await self._asked("decrypt", asked, key=key), "Plaintext", key=key)
        try:
            return AESGCM(plain).decrypt(sealed[:_NONCE], sealed[_NONCE:], wrapped.kek.encode())
        except (InvalidTag, ValueError) as error:
            raise SealUnreadable("the data key does not open these bytes") from error

    async def begin_rotation(self) -> None:
        if len(self._keys) < 2:
            raise Misconfigured(
                "NFTSVC_AWS_KMS_WRAPPING_KEYS: to rotate, name the new key after the old one"
            )

    async def old(self) -> tuple[KekId, ...]:
        return tuple(_kek(key) for key in self._keys[:-1])

    async def retire(self, kek: KekId) -> None:
        if kek == await self.current():
            raise ValueError("the current key-encryption key cannot be retired")

    async def close(self) -> None:
        await self._kms.close()

    async def _asked(self, name: str, asked: dict[str, Any], *, key: str) -> dict[str, Any]:
        try:
            answer = await self._kms.call(name, asked)
        except KmsRefusal as error:
            if error.code in UNREADABLE:
                raise SealUnreadable(f"AWS KMS key {key}: {error.code}") from None
            raise KeyCustodyUnavailable(f"AWS KMS key {key}: {error.code}") from None
        used = str(answer.get("KeyId"))
        if used != key and not used.endswith(f":key/{key}"):
            raise KeyCustodyUnavailable(f"AWS KMS used another key than {key}")
        return answer

    def _bytes(self, answer: dict[str, Any], member: str, *, key: str) -> bytes:
        value = answer.get(member)
        if not isinstance(value, bytes):
            raise KeyCustodyUnavailable(f"AWS KMS key {key} gave no {member}")
        return value


def _kek(key: str) -> KekId:
    return KekId(f"{_PREFIX}{key}")


def _wrapped(items: Sequence[bytes], *, kek: KekId, plain: bytes, blob: bytes) -> list[Wrapped]:
    cipher = AESGCM(plain)
    head = len(blob).to_bytes(2, "big") + blob
    nonces = [secrets.token_bytes(_NONCE) for _ in items]
    return [
        Wrapped(kek, head + nonce + cipher.encrypt(nonce, data, kek.encode()))
        for nonce, data in zip(nonces, items, strict=True)
    ]
