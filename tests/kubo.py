"""Fixtures: a real Kubo daemon on loopback, alone in the world, with a token on its RPC."""

import json
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import parts


@dataclass
class KuboNode:
    """One daemon: where its RPC listens, and the file with the token that it wants."""

    url: str
    repo: Path
    bearer_file: Path
    binary: Path
    gateway: str | None = None
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def bearer(self) -> str:
        return self.bearer_file.read_text()

    def ipfs(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Run the `ipfs` command against this daemon."""
        return subprocess.run(
            [self.binary, "--api-auth", f"bearer:{self.bearer}", *arguments],
            env={"IPFS_PATH": str(self.repo)},
            input=stdin,
            capture_output=True,
            check=True,
        ).stdout

    def start(self) -> None:
        with (self.repo / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "daemon", *([] if self.gateway else ["--offline"])],
                env={"IPFS_PATH": str(self.repo)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.repo / "daemon.log").read_text()[-2000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        request = urllib.request.Request(f"{self.url}/api/v0/id", method="POST", headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=2) as response:  # noqa: S310
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="session")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboNode]:
    """One daemon for the whole run; what is stored in it by one test may be seen by another."""
    node = new_node(tmp_path_factory.mktemp("kubo"))
    node.start()
    yield node
    node.kill()


def new_node(folder: Path, *, gateway: bool = False) -> KuboNode:
    """A fresh repository, not started. Skips the test where there is no Kubo.

    With a `gateway`, it gives what it has over HTTP, and reaches other nodes on loopback.
    """
    binary = parts.find("kubo")
    if binary is None:
        pytest.skip(parts.missing("kubo") or "")
    repo, bearer_file = folder / "repo", folder / "bearer"
    bearer_file.write_text(secrets.token_urlsafe(24))
    bearer_file.chmod(0o600)
    port = free_port()
    environment = {"IPFS_PATH": str(repo)}

    def run(*arguments: str) -> None:
        subprocess.run([binary, *arguments], env=environment, check=True, capture_output=True)

    run("init", "--profile", "server,test", "-e")
    config = {
        "AutoConf.Enabled": False,
        "Routing.Type": "none",
        "Addresses.API": f"/ip4/127.0.0.1/tcp/{port}",
        "Addresses.Gateway": [],
        "Addresses.Swarm": [],
        "Swarm.AddrFilters": [],
        "Addresses.NoAnnounce": [],
        "Gateway.NoFetch": True,
        "API.Authorizations": {
            "svc": {
                "AuthSecret": f"bearer:{bearer_file.read_text()}",
                "AllowedPaths": ["/api/v0"],
            },
            "operator": {
                "AuthSecret": f"basic:operator:{bearer_file.read_text()}",
                "AllowedPaths": ["/api/v0"],
            },
        },
    }
    address = None
    if gateway:
        ports = free_port(), free_port()
        config["Addresses.Gateway"] = f"/ip4/127.0.0.1/tcp/{ports[0]}"
        config["Addresses.Swarm"] = [f"/ip4/127.0.0.1/tcp/{ports[1]}"]
        address = f"http://127.0.0.1:{ports[0]}"
    for key, value in config.items():
        run("config", "--json", key, json.dumps(value))
    run("bootstrap", "rm", "--all")
    return KuboNode(f"http://127.0.0.1:{port}", repo, bearer_file, binary, address)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
