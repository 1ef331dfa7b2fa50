"""The service and the command line, as the processes that a user would start."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from chain.local.node import free_port
from scripts.demonstration.state import State

NFTSVC: Final = str(Path(sys.executable).with_name("nftsvc"))
START_SECONDS: Final = 60.0


class ServiceDidNotStart(Exception):
    """The service ended or kept silent; the message holds the last of its log."""


class Service:
    """`nftsvc serve`, running. Use as a context manager."""

    def __init__(self, state: State, *, rpc_url: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self.state = state
        self._log = state.service_log
        self._environment = state.environment(rpc_url=rpc_url, public_url=self.url)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [NFTSVC, "serve", "--port", str(self._port)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise ServiceDidNotStart(self._log.read_text("utf-8", "replace")[-3000:])
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process is None or self._process.poll() is not None

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def nftsvc(*arguments: str | Path) -> int:
    """Run a command of `nftsvc` in this terminal; its exit code."""
    sys.stdout.flush()
    return subprocess.run([NFTSVC, *map(str, arguments)], check=False).returncode


def nftsvc_json(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Run a command of `nftsvc` with `--json`; its exit code and its answer."""
    command: Sequence[str] = [NFTSVC, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return done.returncode, json.loads(done.stdout)
    except json.JSONDecodeError:
        return done.returncode, {"error": {"code": "internal", "detail": done.stderr[-2000:]}}


def port(usual: int) -> int:
    """The usual port, or a free one where somebody has it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", usual))
        except OSError:
            return free_port()
    return usual
