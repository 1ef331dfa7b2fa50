"""The Kubo store before a server that lies: over real sockets, byte by byte as told."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Final

import pytest

from nftsvc.adapters.kubo_store import KuboStore
from nftsvc.core.errors import (
    ContentCorrupt,
    ContentMissing,
    ContentUnavailable,
    Misconfigured,
    NftsvcError,
)
from nftsvc.core.unixfs import cid_of_bytes

DATA: Final = b"one block of content" * 50
CID: Final = cid_of_bytes(DATA)
FOREVER: Final = b"...for ever"


def answer(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(body: bytes, *, trailer: str = "", ended: bool = True) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n\r\n"
    end = f"0\r\n{trailer}\r\n".encode() if ended else b""
    return head + f"{len(body):x}\r\n".encode() + body + b"\r\n" + end


def named(cid: object) -> bytes:
    return json.dumps({"Name": "content", "Hash": str(cid), "Size": "1"}).encode() + b"\n"


def failed(message: str) -> bytes:
    return json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode()


ADDED: Final = chunked(named(CID))
PINNED: Final = answer(json.dumps({"Keys": {str(CID): {"Type": "recursive"}}}).encode())
NOT_PINNED: Final = answer(
    failed(f"path '{CID}' is not pinned"), status="500 Internal Server Error"
)


@dataclass
class LyingKubo:
    """Answers each command with the bytes it was told, and shuts the connection behind them."""

    answers: dict[str, bytes]
    url: str = ""
    heads: list[str] = field(default_factory=list)
    serving: set["asyncio.Task[None]"] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.tell(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side had enough
        finally:
            writer.transport.abort()

    async def tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if "transfer-encoding: chunked" in head.lower():
            await reader.readuntil(b"\r\n0\r\n\r\n")
        command = head.split()[1].partition("?")[0].removeprefix("/api/v0/")
        told = self.answers[command]
        writer.write(told.removesuffix(FOREVER))
        while told.endswith(FOREVER):
            writer.write(b"1\r\n.\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def lying(**answers: bytes) -> AsyncIterator[tuple[LyingKubo, KuboStore]]:
    kubo = LyingKubo({name.replace("_", "/"): told for name, told in answers.items()})
    server = await asyncio.start_server(kubo.accept, "127.0.0.1", 0)
    kubo.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    store = KuboStore(kubo.url, silence_seconds=2.0, whole_seconds=0.5)
    async with server:
        yield kubo, store
        await store.close()
    await asyncio.gather(*kubo.serving)


async def stream(data: bytes = DATA) -> AsyncIterator[bytes]:
    yield data


async def test_kubo__that_tells_the_truth__is_believed() -> None:
    async with lying(add=ADDED, pin_ls=PINNED, block_get=answer(DATA)) as (_, store):
        assert await store.put(stream()) == CID
        assert await store.verify(CID) == len(DATA)


@pytest.mark.parametrize(
    ("add", "pins", "error"),
    [
        pytest.param(b"", PINNED, ContentUnavailable, id="cut before the 200"),
        pytest.param(ADDED[:60], PINNED, ContentUnavailable, id="cut in the headers"),
        pytest.param(
            chunked(named(CID), ended=False), PINNED, ContentUnavailable, id="cut in the body"
        ),
        pytest.param(
            chunked(named(CID) + failed("pin: no space left on device")),
            PINNED,
            ContentUnavailable,
            id="an error line after the name",
        ),
        pytest.param(
            chunked(named(CID), trailer="X-Stream-Error: pin: no space left\r\n"),
            NOT_PINNED,
            ContentUnavailable,
            id="an error in the trailer",
        ),
        pytest.param(ADDED, answer(b'{"Keys":{}}'), ContentUnavailable, id="no pin"),
        pytest.param(
            ADDED,
            answer(json.dumps({"Keys": {str(cid_of_bytes(b"")): {}}}).encode()),
            ContentUnavailable,
            id="the pin of another",
        ),
        pytest.param(ADDED, answer(b"<html>"), ContentUnavailable, id="pins that are no JSON"),
        pytest.param(ADDED, answer(b"[]"), ContentUnavailable, id="pins that are a list"),
        pytest.param(answer(b""), PINNED, ContentUnavailable, id="nothing"),
        pytest.param(answer(b"<html>hello</html>"), PINNED, ContentUnavailable, id="no JSON"),
        pytest.param(answer(b"[" * 60_000), PINNED, ContentUnavailable, id="JSON too deep"),
        pytest.param(answer(b"[1]"), PINNED, ContentUnavailable, id="another JSON"),
        pytest.param(answer(b'{"Hash": 5}'), PINNED, ContentUnavailable, id="a name not text"),
        pytest.param(answer(named("Qmwhat")), PINNED, ContentUnavailable, id="a name not a CID"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", PINNED, ContentUnavailable, id="not HTTP"),
        pytest.param(answer(b" " * 70_000), PINNED, ContentUnavailable, id="far too much"),
        pytest.param(
            b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            PINNED,
            ContentUnavailable,
            id="elsewhere",
        ),
        pytest.param(
            answer(named(cid_of_bytes(b"other"))),
            answer(json.dumps({"Keys": {str(cid_of_bytes(b"other")): {}}}).encode()),
            ContentCorrupt,
            id="another CID",
        ),
    ],
)
async def test_put__kubo_that_lies_or_fails__is_a_typed_error(
    add: bytes, pins: bytes, error: type[NftsvcError]
) -> None:
    async with lying(add=add, pin_ls=pins) as (_, store):
        with pytest.raises(error):
            await store.put(stream())


@pytest.mark.parametrize(
    ("told", "error"),
    [
        pytest.param(answer(DATA)[:-30], ContentUnavailable, id="cut"),
        pytest.param(chunked(DATA, ended=False), ContentUnavailable, id="cut between chunks"),
        pytest.param(answer(DATA[:-1]), ContentCorrupt, id="a block cut short"),
        pytest.param(answer(DATA[:-1] + b"!"), ContentCorrupt, id="other bytes"),
        pytest.param(answer(bytes(2**21 + 1)), ContentUnavailable, id="more than any block"),
        pytest.param(
            answer(failed("block was not found locally: ipld: could not find x"), status="500 x"),
            ContentMissing,
            id="missing",
        ),
        pytest.param(
            answer(failed("merkledag: service not found"), status="500 x"),
            ContentUnavailable,
            id="a failure that only sounds like missing",
        ),
        pytest.param(
            answer(b"404 page not found", status="404 Not Found"),
            ContentUnavailable,
            id="no such command",
        ),
        pytest.param(
            answer(b"ipld: could not find it", status="502 Bad Gateway"),
            ContentUnavailable,
            id="a proxy that could not ask",
        ),
    ],
)
async def test_read__kubo_that_lies_or_fails__is_a_typed_error(
    told: bytes, error: type[NftsvcError]
) -> None:
    async with lying(block_get=told) as (_, store):
        with pytest.raises(error):
            await store.verify(CID)


@pytest.mark.parametrize("command", ["add", "pin_ls", "block_get"])
async def test_kubo__stream_that_trickles_for_ever__ends_in_time(command: str) -> None:
    trickle = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + FOREVER
    told = {"add": ADDED, "pin_ls": PINNED, "block_get": answer(DATA)} | {command: trickle}
    async with lying(**told) as (_, store):
        began = time.monotonic()
        asking = store.verify(CID) if command == "block_get" else store.put(stream())
        with pytest.raises(ContentUnavailable, match="in time"):
            await asking
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        ("401 Unauthorized", "", (5, 5)),
        ("403 Forbidden", "", (5, 5)),
        ("429 Too Many Requests", "Retry-After: 17\r\n", (17, 17)),
        ("503 Busy", "Retry-After: 0\r\n", (1, 1)),
        ("503 Busy", "Retry-After: 99999999\r\n", (3600, 3600)),
        ("503 Busy", "Retry-After: soon\r\n", (5, 5)),
        (
            "503 Busy",
            "Retry-After: IN NINE MINUTES\r\n",
            (60, 541),
        ),
    ],
)
async def test_kubo__refusal__is_unavailable_and_says_when_to_ask_again(
    status: str, header: str, wait: tuple[int, int]
) -> None:
    in_nine_minutes = format_datetime(datetime.now(UTC) + timedelta(minutes=9))
    header = header.replace("IN NINE MINUTES", in_nine_minutes)
    no = answer(b"no", status=status, headers=header)
    async with lying(add=no, pin_ls=no, block_get=no) as (_, store):
        for asking in (store.put(stream()), store.has(CID), store.verify(CID)):
            with pytest.raises(ContentUnavailable, match=status[:3]) as raised:
                await asking
            assert wait[0] <= raised.value.retry_after <= wait[1]


async def test_kubo__basic_auth__is_sent_as_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("svc:pass:word\n")
    async with lying(pin_ls=PINNED) as (kubo, _):
        store = KuboStore(kubo.url, basic_file=tmp_path / "secret")
        assert await store.has(CID)
        await store.close()
    sent = base64.b64encode(b"svc:pass:word").decode()
    assert f"authorization: basic {sent}".lower() in kubo.heads[-1].lower()


async def test_kubo__nobody_listens__is_unavailable() -> None:
    async with lying() as (kubo, _):
        url = kubo.url
    store = KuboStore(url)
    with pytest.raises(ContentUnavailable):
        await store.has(CID)
    await store.close()


def test_kubo__address_or_secret_that_is_none__is_misconfigured(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        KuboStore("http://[::1")
    with pytest.raises(Misconfigured):
        KuboStore("http://127.0.0.1:1", bearer_file=tmp_path / "none")
