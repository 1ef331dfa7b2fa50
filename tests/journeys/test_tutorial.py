"""The tutorial, run as it is written: every block of its shell commands, in order."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chain.local.node import LocalNode
from tests.chains import deploy
from tests.platform import platform
from tests.service import Service

ROOT = Path(__file__).parents[2]
BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_tutorial__every_block_in_order__does_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs/tutorial/first-deal.md").read_text("utf-8")
    script = "set -euo pipefail\n" + "".join(BLOCKS.findall(text))
    work = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts/samples", work / "scripts/samples")
    (work / ".venv").symlink_to(ROOT / ".venv")
    with LocalNode("anvil", block_seconds=1) as node:
        own = platform(tmp_path / "platform", node, deploy(node))
        with Service(own) as service:
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=work,
                env={
                    "PATH": os.environ["PATH"],
                    "LANG": "C.UTF-8",
                    "NFTSVC_URL": service.url,
                    "NFTSVC_API_TOKEN_FILE": str(own.folder / "api-token"),
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AUTHENTIC" in done.stdout
    assert "MISMATCH" in done.stdout
    assert "(invalid-link)" in done.stderr
    assert "Issued to" in done.stdout
