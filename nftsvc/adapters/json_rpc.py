"""JSON-RPC to one endpoint, with its errors told apart."""

from typing import Any, Final

from aiohttp import ClientError
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from nftsvc.adapters.json_rpc_provider import JsonRpcProvider
from nftsvc.adapters.rpc_refusals import broadcast_refusal
from nftsvc.core.errors import ChainUnavailable

_LIMITS: Final = frozenset({429, -32005, -32007, -32029})
"""Codes that providers give for "too many requests": could not ask, whatever the method."""


class RpcRefusal(Exception):
    """The node understood the call and refused it. `data` is what a revert returned."""

    def __init__(
        self, method: str, *, message: str, data: bytes | None, code: int | None = None
    ) -> None:
        super().__init__(f"{method}: {message}")
        self.code = code
        self.message = message
        self.data = data


class JsonRpc:
    """One endpoint. `timeout` in seconds is for a whole call."""

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self.url = url
        self._provider = JsonRpcProvider(url, timeout=timeout)

    async def call(self, method: str, *params: object) -> Any:
        """The result. Raises `RpcRefusal`, and `ChainUnavailable` where there is no answer."""
        try:
            answer: Any = await self._provider.make_request(RPCEndpoint(method), list(params))
        except (Web3Exception, ClientError, OSError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ChainUnavailable(f"{self.url} did not answer {method}: {reason}") from error
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise ChainUnavailable(f"{self.url} answered {method} with no JSON-RPC answer")
        if not answer.get("error"):
            return answer.get("result")
        fault = answer["error"]
        if not isinstance(fault, dict):
            raise ChainUnavailable(f"{self.url} answered {method} with an unreadable error")
        message = str(fault.get("message", ""))
        code = fault.get("code")
        # Besu says -32005 for a transaction with more gas than a block.
        if code in _LIMITS and broadcast_refusal(message, code=code) is None:
            raise ChainUnavailable(f"{self.url} limits requests: {message}", retry_after=10)
        data = _revert_data(fault.get("data"))
        raise RpcRefusal(method, message=message, data=data, code=code)

    async def close(self) -> None:
        """Close the connections."""
        await self._provider.disconnect()


def _revert_data(data: object) -> bytes | None:
    """What the revert returned: geth and Anvil give it as it is, Hardhat's node in an object."""
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return None
    return None
