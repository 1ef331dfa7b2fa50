"""Deals by the thousand, sent to a service from a process of its own.

    python -m tests.load URL ANSWERS --way single|batch --count N [--rate R]

Each answer is a line of the file ANSWERS: the issuance, and when its request began to be sent.
"""

import argparse
import asyncio
import base64
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.platform import API_TOKEN, deal, pdf

CLIENTS: Final = {"single": 64, "batch": 4}
ITEMS: Final = 500
DOCUMENT_BYTES: Final = 1024
_BOUNDARY: Final = "load-load-load"


@dataclass(frozen=True, slots=True)
class Load:
    """`count` deals; `rate` is how many a second, 0 as many as can be."""

    way: str
    count: int
    rate: float = 0

    def run(self, url: str, answers: Path) -> Path:
        """Send all of it, and wait for the answers."""
        words = [sys.executable, "-m", "tests.load", url, str(answers), "--way", self.way]
        words += ["--count", str(self.count), "--rate", str(self.rate)]
        subprocess.run(words, check=True)
        return answers


def read_answers(answers: Path) -> dict[str, float]:
    """When the request of each issuance began to be sent, in seconds since 1970."""
    rows = [line.split(" ") for line in answers.read_text().splitlines()]
    return {id_: float(sent) for id_, sent in rows}


def document(number: int) -> bytes:
    """A PDF of `DOCUMENT_BYTES` that no other deal has."""
    text = f"document {number} "
    return pdf(text.ljust(DOCUMENT_BYTES - len(pdf("")), "."))


def item(number: int) -> dict[str, Any]:
    """A deal as a batch request holds it."""
    encoded = base64.b64encode(document(number)).decode()
    return {
        "idempotencyKey": f"load-{number}",
        "deal": deal(contractNumber=f"L-{number}"),
        "documents": [
            {"name": f"계약서-{number}.pdf", "mediaType": "application/pdf", "base64": encoded}
        ],
    }


class _Connection:
    """Just enough HTTP/1.1 that the load costs less than what it is for."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        # The service closes a connection that is idle for some seconds.
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        lines = [f"POST {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"Authorization: Bearer {API_TOKEN}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if "transfer-encoding: chunked" in head:
            answer = b""
            while size := int(await reader.readline(), 16):
                answer += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            _, _, rest = head.partition("content-length:")
            answer = await reader.readexactly(int(rest.split("\r\n", 1)[0]))
        if head.split(" ", 2)[1] not in ("200", "202"):
            raise SystemExit(f"the service answered {head}\n{answer.decode()}")
        return answer


def _single(numbers: range) -> "_Post":
    (number,) = numbers
    body = (
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name=deal\r\n"
        f"Content-Type: application/json\r\n\r\n{json.dumps(deal(contractNumber=f'L-{number}'))}"
        f"\r\n--{_BOUNDARY}\r\nContent-Disposition: form-data; name=document; "
        f'filename="contract-{number}.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    ).encode()
    body += document(number) + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {
        "Idempotency-Key": f"load-{number}",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
    }
    return _Post("/v1/deals", headers, body, numbers)


def _batch(numbers: range) -> "_Post":
    body = b"".join(json.dumps(item(number)).encode() + b"\n" for number in numbers)
    headers = {"Content-Type": "application/x-ndjson"}
    return _Post("/v1/deals:batch", headers, body, numbers)


@dataclass(frozen=True, slots=True)
class _Post:
    """A request, made before the clock runs: the service is measured, not the load."""

    path: str
    headers: dict[str, str]
    body: bytes
    numbers: range

    def issuances(self, answer: bytes) -> list[str]:
        """What was accepted, which must be all of it."""
        if len(self.numbers) == 1 and not self.path.endswith(":batch"):
            return [json.loads(answer)["id"]]
        lines = [json.loads(line) for line in answer.splitlines()]
        refused = [line for line in lines if line["status"] != 202]
        if refused or len(lines) != len(self.numbers):
            raise SystemExit(f"refused: {refused[:3]}")
        return [line["issuance"]["id"] for line in lines]


async def send(url: str, load: Load) -> list[tuple[str, float]]:
    """Each issuance with the time at which its request began to be sent."""
    post = _single if load.way == "single" else _batch
    most = 1 if load.way == "single" else ITEMS
    if load.rate:
        # A steady rate: what comes together in a tenth of a second.
        most = min(most, max(1, int(load.rate / 10)))
    posts = [post(range(n, min(n + most, load.count))) for n in range(0, load.count, most)]
    posts.reverse()
    began, answers = time.time(), list[tuple[float, _Post, bytes]]()

    async def client() -> None:
        connection = _Connection(url)
        while posts:
            next_ = posts.pop()
            if load.rate:
                await asyncio.sleep(began + next_.numbers.start / load.rate - time.time())
            sent = time.time()
            answer = await connection.post(next_.path, next_.headers, next_.body)
            answers.append((sent, next_, answer))

    await asyncio.gather(*(client() for _ in range(CLIENTS[load.way])))
    return [(id_, sent) for sent, asked, answer in answers for id_ in asked.issuances(answer)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("answers", type=Path)
    parser.add_argument("--way", choices=sorted(CLIENTS), required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0)
    chosen = parser.parse_args()
    load = Load(chosen.way, chosen.count, chosen.rate)
    answers = asyncio.run(send(chosen.url, load))
    chosen.answers.write_text("".join(f"{id_} {sent}\n" for id_, sent in answers))


if __name__ == "__main__":
    main()
