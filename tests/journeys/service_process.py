"""The service as a process of its own, started, asked over HTTP, killed.

Each is forked from a process that has imported the service, and done nothing else: what an import
takes would be most of what a test of many lives takes.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from chain.local.node import free_port
from tests.journeys import doomed_service
from tests.platform import API_TOKEN, Platform

START_SECONDS: Final = 60.0

_born: Final = multiprocessing.get_context("forkserver")
_born.set_forkserver_preload([doomed_service.__name__])


class ServiceProcess:
    """One life of the service, which ends without a word. `fate` is what `doomed_service` takes.

    `changed` are settings by their names in capitals.
    """

    def __init__(self, platform: Platform, *fate: str, **changed: object) -> None:
        self.port = free_port()
        self._log = platform.folder / f"service-{self.port}.log"
        own = {f"NFTSVC_{name}": str(value) for name, value in changed.items()}
        self._process = _born.Process(
            target=doomed_service.live,
            args=([str(self.port), *fate],),
            kwargs={"environment": os.environ | platform.environment | own, "log": self._log},
        )
        self._process.start()
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {API_TOKEN}"},
            timeout=30,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        self.signal(signal.SIGKILL)
        self._process.join()

    @property
    def was_killed(self) -> bool:
        """Whether the process ended by SIGKILL."""
        return self._process.exitcode == -signal.SIGKILL

    @property
    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def is_stopped(self) -> bool:
        """Whether SIGSTOP holds it."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process.pid is not None and not self.has_ended():
            os.kill(self._process.pid, number)

    def wait_until_stopped(self, seconds: float = 40.0) -> None:
        """Wait for the SIGSTOP that it sends itself."""
        self._wait(lambda: self.is_stopped, seconds, "it was not stopped")

    def wait_for_words(self, words: str, seconds: float = 40.0) -> None:
        """Wait until it has printed them."""
        self._wait(lambda: words in self.log, seconds, f"it did not say {words!r}")

    def wait_until_up(self) -> bool:
        """Whether it came up; False where it was killed on the way."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.http.get("/healthz")
            except httpx.TransportError:
                if self.has_ended():
                    if self.was_killed:
                        return False
                    raise RuntimeError(self._log.read_text()[-3000:]) from None
                time.sleep(0.05)
            else:
                return True
        raise TimeoutError(self._log.read_text()[-3000:])

    def wait_for_death(self, seconds: float) -> bool:
        """Whether it was killed within `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.has_ended():
            time.sleep(0.02)
        return self.was_killed

    def post_deal(self, deal: str, document: bytes, *, key: str) -> dict[str, Any] | None:
        """The issuance, or None where the service died before it answered."""
        files: dict[str, tuple[str | None, str | bytes, str]] = {
            "deal": (None, deal, "application/json"),
            "document": ("contract.pdf", document, "application/pdf"),
        }
        try:
            response = self.http.post("/v1/deals", files=files, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            return None
        assert response.status_code == 202, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def issuance(self, id_: str) -> dict[str, Any]:
        """How far it is."""
        answer: dict[str, Any] = self.http.get(f"/v1/issuances/{id_}").raise_for_status().json()
        return answer

    def is_up(self) -> bool:
        """Whether it answers now."""
        try:
            return self.http.get("/healthz", timeout=3).is_success
        except httpx.TransportError:
            return False

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.exitcode is not None

    def until_ended(self, id_: str, *, seconds: float = 40.0) -> dict[str, Any]:
        """The issuance once its status is an end."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.issuance(id_)
            if answer["status"] in ("finalized", "failed"):
                return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"{answer['events']}\n{self._log.read_text()[-3000:]}")
            time.sleep(0.1)

    def _wait(self, reached: Callable[[], bool], seconds: float, complaint: str) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline or self.has_ended():
                raise TimeoutError(f"{complaint}:\n{self.log[-3000:]}")
            time.sleep(0.05)


def calls_in(trace: Path) -> list[str]:
    """The calls that a life of the service made, in their order."""
    return trace.read_text().splitlines()
