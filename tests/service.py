"""A real service: the process that `nftsvc serve` is, and a platform's view of it."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from chain.local.node import free_port
from tests.platform import API_TOKEN, Platform

START_SECONDS: Final = 40.0
AUTHORIZED: Final = {"Authorization": f"Bearer {API_TOKEN}"}

File = tuple[str, bytes, str]
"""Name, bytes, media type."""


class ServiceDidNotStart(Exception):
    """The process ended or kept silent; the message holds what it printed."""


class Service:
    """One running service. `changed` are settings by their names in capitals."""

    def __init__(self, platform: Platform, **changed: object) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._environment = (
            platform.environment
            | {"NFTSVC_PUBLIC_URL": self.url}
            | {f"NFTSVC_{name}": str(value) for name, value in changed.items()}
        )
        self.folder = platform.folder
        self._log = platform.folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start and wait until it is ready. Raises `ServiceDidNotStart`."""
        command = [str(Path(sys.executable).with_name("nftsvc")), "serve", "--port"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(self._port)],
                env={"PATH": "/usr/bin:/bin", "HOME": str(self._log.parent)} | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServiceDidNotStart(self._log.read_text(errors="replace")[-4000:])
            time.sleep(0.1)
        return self

    @property
    def pid(self) -> int:
        """The process id of the running service."""
        if self._process is None:
            raise ServiceDidNotStart("not started")
        return self._process.pid

    def stop(self) -> None:
        """End it as an operator does."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(15)

    def post(
        self, noun: str, part: str, body: object, *, files: list[File], key: str
    ) -> httpx.Response:
        """POST /v1/deals, for one; `body` is the JSON part, as bytes or to be encoded."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        field = "document" if part == "deal" else "file"
        parts: list[tuple[str, Any]] = [(part, (None, data, "application/json"))]
        parts += [(field, (name, content, media_type)) for name, content, media_type in files]
        headers = AUTHORIZED | {"Idempotency-Key": key}
        return httpx.post(f"{self.url}/v1/{noun}", files=parts, headers=headers, timeout=30)

    def issue(self, noun: str, part: str, body: object, *, files: list[File]) -> dict[str, Any]:
        """Issue and wait until it is final. The issuance as the API shows it."""
        accepted = self.post(noun, part, body, files=files, key=f"{noun}-{time.monotonic_ns()}")
        if accepted.status_code != 202:
            raise AssertionError(accepted.text)
        address = f"{self.url}{accepted.headers['location']}"
        deadline = time.monotonic() + 60
        while True:
            issuance: dict[str, Any] = httpx.get(address, headers=AUTHORIZED).json()
            if issuance["status"] == "finalized":
                return issuance
            if issuance["status"] == "failed" or time.monotonic() > deadline:
                raise AssertionError(issuance)
            time.sleep(0.2)

    def until_ended(self, id_: str) -> dict[str, Any]:
        """The issuance once its status is an end."""
        deadline = time.monotonic() + 60
        while True:
            answer = httpx.get(f"{self.url}/v1/issuances/{id_}", headers=AUTHORIZED, timeout=30)
            issuance: dict[str, Any] = answer.json()
            if issuance["status"] in ("finalized", "failed"):
                return issuance
            if time.monotonic() > deadline:
                raise AssertionError(issuance)
            time.sleep(0.2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
