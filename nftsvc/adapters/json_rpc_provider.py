"""web3.py's JSON-RPC over connections that are kept, and that no cancelled call can lock up.

web3.py's own HTTP provider opens a connection for each request, and takes one lock for the whole
process before it; a call that is cancelled while it waits for the lock leaves it taken for ever.
"""

import asyncio
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

KEPT_SECONDS: Final = 4.0
"""Shorter than any node keeps an idle connection: Node's HTTP server closes it after five."""


class JsonRpcProvider(AsyncJSONBaseProvider):
    """One endpoint. `timeout` in seconds is for a whole request.

    `make_request` raises aiohttp's `ClientError`, `TimeoutError`, and `ValueError` for no JSON.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        super().__init__()
        self.url = url
        self._timeout = ClientTimeout(total=timeout)
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientSession] = (
            WeakKeyDictionary()
        )

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        asked = self.encode_rpc_request(method, params)
        async with self._session().post(self.url, data=asked) as answer:
            answer.raise_for_status()
            answered: RPCResponse = orjson.loads(await answer.read())
            return answered

    async def disconnect(self) -> None:
        """Close the connections of the running loop."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _session(self) -> ClientSession:
        loop = asyncio.get_running_loop()
        if loop not in self._sessions:
            self._sessions[loop] = ClientSession(
                connector=TCPConnector(keepalive_timeout=KEPT_SECONDS),
                timeout=self._timeout,
                headers={"Content-Type": "application/json"},
            )
        return self._sessions[loop]
