"""Work on other cores: results, errors, processes that die, and a service that does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chain.local.node import ROOT
from nftsvc.adapters.process_cores import ProcessCores
from nftsvc.core.errors import InvalidField
from nftsvc.ports import Cores


def double(number: int) -> int:
    return 2 * number


def refuse(path: str) -> None:
    raise InvalidField(path, reason="bad", detail="no")


def whoami() -> int:
    return os.getpid()


@pytest.fixture(params=[0, 1])
async def cores(request: pytest.FixtureRequest) -> AsyncIterator[Cores]:
    found = ProcessCores(request.param)
    yield found
    await found.stop()


async def test_run__work__gives_its_result(cores: Cores) -> None:
    assert await cores.run(double, 21) == 42


async def test_run__work_raises_an_error_of_ours__it_comes_over_whole(cores: Cores) -> None:
    with pytest.raises(InvalidField) as refused:
        await cores.run(refuse, "goods[0]")
    assert (refused.value.path, refused.value.reason, refused.value.detail) == (
        "goods[0]",
        "bad",
        "no",
    )


async def test_run__process_was_killed__another_takes_the_work() -> None:
    cores = ProcessCores(1)
    os.kill(await cores.run(whoami), signal.SIGKILL)
    assert await cores.run(double, 4) == 8
    await cores.stop()


def test_run__service_is_killed__its_processes_end() -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        "from tests.ports.test_process_cores import ProcessCores, whoami\n"
        "async def main():\n"
        "    sys.stdout.write(str(await ProcessCores(1).run(whoami)))\n"
        "    sys.stdout.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    child, deadline = int(done.stdout), time.monotonic() + 20
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # What nobody waits for any more stays listed: dead all the same.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
