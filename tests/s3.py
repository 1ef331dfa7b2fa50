"""Fixtures: a real S3 server on loopback, with one bucket, on a folder of its own."""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import parts
from tests.kubo import free_port


@dataclass
class S3Server:
    """One Versity S3 Gateway: where it listens, its bucket, and the file with its key."""

    url: str
    bucket: str
    key_file: Path
    folder: Path
    binary: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def line(self) -> str:
        """The store in the settings."""
        return f"s3+{self.url}/{self.bucket}/contents?key_file={self.key_file}"

    def start(self) -> None:
        access, _, secret = self.key_file.read_text().partition(":")
        port = int(self.url.rpartition(":")[2])
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, "--port", f"127.0.0.1:{port}", "posix", self.folder / "root"],
                env={"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)

    def object(self, key: str) -> Path:
        """The file that an object is."""
        return self.folder / "root" / self.bucket / "contents" / key

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for the whole run."""
    server = new_server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


def new_server(folder: Path) -> S3Server:
    """A fresh one, not started. Skips the test where there is none."""
    binary = parts.find("versitygw")
    if binary is None:
        pytest.skip(parts.missing("versitygw") or "")
    (folder / "root" / "evidence").mkdir(parents=True)
    key_file = folder / "key"
    key_file.write_text(f"{secrets.token_hex(8)}:{secrets.token_hex(16)}")
    key_file.chmod(0o600)
    return S3Server(f"http://127.0.0.1:{free_port()}", "evidence", key_file, folder, binary)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
