"""A key in AWS KMS (`ECC_SECG_P256K1`, `SIGN_VERIFY`) that signs."""

from typing import Any

from nftsvc.adapters.aws_kms import AwsKms, KmsRefusal
from nftsvc.core.errors import SignerUnavailable


class AwsKmsDevice:
    """One key by its id, ARN or alias. `endpoint` is another address than AWS's own."""

    def __init__(self, key: str, *, endpoint: str | None = None) -> None:
        self.name = f"AWS KMS key {key}"
        self._key = key
        self._kms = AwsKms(endpoint)

    async def public_key(self) -> bytes:
        return await self._asked("get_public_key", {"KeyId": self._key}, member="PublicKey")

    async def sign_digest(self, digest: bytes) -> bytes:
        asked = {
            "KeyId": self._key,
            "Message": digest,
            "MessageType": "DIGEST",
            "SigningAlgorithm": "ECDSA_SHA_256",
        }
        return await self._asked("sign", asked, member="Signature")

    async def close(self) -> None:
        await self._kms.close()

    async def _asked(self, name: str, asked: dict[str, Any], *, member: str) -> bytes:
        try:
            answer = await self._kms.call(name, asked)
        except KmsRefusal as error:
            raise SignerUnavailable(f"{self.name}: {error.code}") from None
        value = answer.get(member)
        if not isinstance(value, bytes):
            raise SignerUnavailable(f"{self.name} gave no {member}")
        return value
