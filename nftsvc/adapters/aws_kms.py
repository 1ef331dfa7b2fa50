"""Calls to AWS KMS. Needs boto3 (`nftsvc[aws]`).

boto3 finds credentials and region where AWS puts them: environment, profile, instance or task role.
"""

import asyncio
from typing import Any, Final

from nftsvc.core.errors import Misconfigured

SECONDS: Final = 10


class KmsRefusal(Exception):
    """It did not answer, or refused. `code` is its own name for why; carries nothing secret."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AwsKms:
    """A client that is made at the first call. `endpoint` is another address than AWS's own."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint
        self._client: Any | None = None

    async def call(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What it answers. Raises `KmsRefusal`, `Misconfigured`."""
        return await asyncio.to_thread(self._call, name, asked)

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
            raise KmsRefusal(error.response.get("Error", {}).get("Code", "refused")) from None
        except BotoCoreError as error:
            raise KmsRefusal(type(error).__name__) from None
        return answer
