"""A proxy before a real node that lies, loses and delays: what an RPC endpoint may do to us."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

Forward = Callable[[], Awaitable[Any]]
Lie = Callable[[list[Any], Forward], Awaitable[Any]]


class Lost(Exception):
    """The connection breaks off instead of an answer."""


class Proxy:
    """`lies` are by method: each is given the parameters, and how to ask the node itself."""

    def __init__(self, url: str) -> None:
        self.node = url
        self.url = ""
        self.lies: dict[str, Lie] = {}
        self.asked: list[str] = []

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The whole JSON-RPC answer to one request."""
        method, params = request["method"], request.get("params", [])
        self.asked.append(method)

        async def forward() -> Any:
            async with httpx.AsyncClient(timeout=30) as client:
                return (await client.post(self.node, json=request)).json()

        lie = self.lies.get(method)
        found = await (lie(params, forward) if lie else forward())
        return {"jsonrpc": "2.0", "id": request["id"]} | {
            name: found[name] for name in ("result", "error") if name in found
        }


@asynccontextmanager
async def lying(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the node at `url`; honest until it is given lies."""
    proxy = Proxy(url)
    serving: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next(int(ln[15:]) for ln in lines if ln.startswith(b"content-length:"))
                answer = await proxy.answer(json.loads(await reader.readexactly(length)))
                body = json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, Lost):
            pass
        finally:
            writer.close()
            serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
