"""A key in AWS KMS (`ECC_SECG_P256K1`, `SIGN_VERIFY`). Needs boto3 (`nftsvc[aws]`).

boto3 finds credentials and region where AWS puts them: environment, profile, instance or task role.
"""

import asyncio
from typing import Any, Final

from nftsvc.core.errors import Misconfigured, SignerUnavailable

SECONDS: Final = 10


class AwsKmsDevice:
    """One key by its id, ARN or alias. `endpoint` is another address than AWS's own."""

    def __init__(self, key: str, *, endpoint: str | None = None) -> None:
        self.name = f"AWS KMS key {key}"
        self._key = key
        self._endpoint = endpoint
        self._client: Any | None = None

    async def public_key(self) -> bytes:
        answer = await asyncio.to_thread(self._call, "get_public_key", {"KeyId": self._key})
        return self._bytes(answer, "PublicKey")

    async def sign_digest(self, digest: bytes) -> bytes:
        asked = {
            "KeyId": self._key,
            "Message": digest,
            "MessageType": "DIGEST",
            "SigningAlgorithm": "ECDSA_SHA_256",
        }
        answer = await asyncio.to_thread(self._call, "sign", asked)
        return self._bytes(answer, "Signature")

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            import boto3  # noqa: PLC0415 - only who has keys in AWS needs it
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError:
            raise Misconfigured("AWS KMS needs boto3: install nftsvc[aws]") from None
        try:
            if self._client is None:
                config = Config(
                    connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 3}
                )
                self._client = boto3.client("kms", endpoint_url=self._endpoint, config=config)
            answer: dict[str, Any] = getattr(self._client, name)(**asked)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "refused")
            raise SignerUnavailable(f"{self.name}: {code}") from None
        except BotoCoreError as error:
            raise SignerUnavailable(f"{self.name}: {type(error).__name__}") from None
        return answer

    def _bytes(self, answer: dict[str, Any], member: str) -> bytes:
        value = answer.get(member)
        if not isinstance(value, bytes):
            raise SignerUnavailable(f"{self.name} gave no {member}")
        return value
