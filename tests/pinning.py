"""A pinning service for tests: the IPFS Pinning Service API 1.0.0 before a real Kubo.

Requests that the API's description does not allow are refused with 400. What is pinned is fetched
by the Kubo behind it, from the origins that the request names, over the real network of nodes.
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from nftsvc.core.cid import Cid
from nftsvc.core.errors import InvalidCid
from tests.kubo import KuboNode

TOKEN: Final = "a-token-of-the-pinning-service"
STATUSES: Final = {"queued", "pinning", "pinned", "failed"}
QUERY: Final = {"cid", "name", "match", "status", "before", "after", "limit", "meta"}


class Invalid(Exception):
    """A request that the API does not know."""


@dataclass
class PinningService:
    """`fault` makes it lie: `other cid`, `fails`, `hangs`, `trickles`, `no json`, `forgets`."""

    node: KuboNode
    fault: str | None = None
    pins: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    url: str = ""
    workers: list[threading.Thread] = field(default_factory=list)

    def begin(self, pin: dict[str, Any]) -> dict[str, Any]:
        status = {
            "requestid": uuid4().hex,
            "status": "queued",
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "pin": pin,
            "delegates": self.delegates(),
        }
        self.pins[status["requestid"]] = status
        if self.fault != "hangs":
            worker = threading.Thread(target=self.fetch, args=(status,))
            self.workers.append(worker)
            worker.start()
        return status

    def delegates(self) -> list[str]:
        return list(json.loads(self.node.ipfs("id"))["Addresses"])

    def fetch(self, status: dict[str, Any]) -> None:
        status["status"] = "pinning"
        pin = status["pin"]
        if self.fault == "fails":
            status["status"], status["info"] = "failed", {"status_details": "no room here"}
            return
        try:
            for origin in pin.get("origins", ()):
                self.node.ipfs("swarm", "connect", origin)
            if self.fault != "forgets":
                self.node.ipfs("--timeout=60s", "pin", "add", pin["cid"])
        except subprocess.CalledProcessError as error:
            status["status"] = "failed"
            status["info"] = {"status_details": error.stderr.decode()[:200]}
        else:
            status["status"] = "pinned"

    def drop(self, requestid: str) -> None:
        cid = self.pins.pop(requestid)["pin"]["cid"]
        if not any(other["pin"]["cid"] == cid for other in self.pins.values()):
            self.node.ipfs("pin", "rm", cid)
            self.node.ipfs("repo", "gc", "--quiet")


def checked_pin(body: Any) -> dict[str, Any]:
    """The schema `Pin` of the API's description."""
    if not isinstance(body, dict) or body.keys() - {"cid", "name", "origins", "meta"}:
        raise Invalid("not a Pin")
    try:
        Cid.parse(body["cid"])
    except (KeyError, TypeError, AttributeError, InvalidCid) as error:
        raise Invalid("cid") from error
    name, origins, meta = body.get("name", ""), body.get("origins", []), body.get("meta", {})
    if not isinstance(name, str) or len(name) > 255:
        raise Invalid("name")
    if not isinstance(origins, list) or len(origins) > 20 or len(set(origins)) < len(origins):
        raise Invalid("origins")
    if not all(isinstance(origin, str) and "/p2p/" in origin for origin in origins):
        raise Invalid("origins")
    if not isinstance(meta, dict) or not all(isinstance(value, str) for value in meta.values()):
        raise Invalid("meta")
    return body


def checked_query(text: str) -> dict[str, str]:
    """The parameters of `GET /pins`."""
    query = {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}
    if unknown := query.keys() - QUERY:
        raise Invalid(f"parameters {unknown}")
    if not 1 <= int(query.get("limit", "10")) <= 1000:
        raise Invalid("limit")
    if set(query.get("status", "pinned").split(",")) - STATUSES:
        raise Invalid("status")
    if not 1 <= len(query.get("cid", "x").split(",")) <= 10:
        raise Invalid("cid")
    return query


class Handler(BaseHTTPRequestHandler):
    """One request."""

    service: ClassVar[PinningService]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.tell(401, {"error": {"reason": "UNAUTHORIZED"}})
            return
        try:
            status, said = self.perform(body)
        except (Invalid, ValueError) as error:
            self.service.refused.append(f"{self.command} {self.path}: {error}")
            status, said = 400, {"error": {"reason": "BAD_REQUEST", "details": str(error)}}
        self.tell(status, said)

    def perform(self, body: bytes) -> tuple[int, Any]:
        service, parts = self.service, urlsplit(self.path)
        _, _, requestid = parts.path.removeprefix("/psa").partition("/pins")
        requestid = requestid.strip("/")
        if self.command == "POST" and not requestid:
            return 202, self.as_told(service.begin(checked_pin(json.loads(body))))
        if self.command == "GET" and not requestid:
            return 200, self.listed(checked_query(parts.query))
        if requestid not in service.pins:
            return 404, {"error": {"reason": "NOT_FOUND"}}
        if self.command == "GET":
            return 200, self.as_told(service.pins[requestid])
        if self.command == "DELETE":
            service.drop(requestid)
            return 202, None
        raise Invalid(f"{self.command} {parts.path}")

    def listed(self, query: dict[str, str]) -> dict[str, Any]:
        statuses = query.get("status", "pinned").split(",")
        cids = query["cid"].split(",") if "cid" in query else None
        found = [
            pin
            for pin in self.service.pins.values()
            if pin["status"] in statuses
            and (cids is None or pin["pin"]["cid"] in cids)
            and query.get("name", pin["pin"].get("name")) == pin["pin"].get("name")
        ]
        return {"count": len(found), "results": found[: int(query.get("limit", "10"))]}

    def as_told(self, pin: dict[str, Any]) -> dict[str, Any]:
        if self.service.fault == "other cid":
            return pin | {"pin": pin["pin"] | {"cid": str(Cid.of_block(b"another"))}}
        return pin

    def tell(self, status: int, said: Any) -> None:
        body = b"" if said is None else json.dumps(said).encode()
        if self.service.fault == "no json" and self.command == "POST":
            body = b"<html>"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.service.fault == "trickles":
            threading.Event().wait(2.0)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def pinning_service(node: KuboNode) -> Iterator[PinningService]:
    """The service, listening on loopback while the context lasts."""
    service = PinningService(node)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (Handler,), {"service": service})
    )
    service.url = f"http://127.0.0.1:{server.server_port}/psa"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        for worker in service.workers:
            worker.join()
        server.server_close()
