"""A Forge project of the contracts and their tests, in a folder that may be changed at will.

Forge serves where a thing is asked of the compiled contracts many times or by tools that read its
build; what is deployed is compiled by Hardhat and py-solc-x (see scripts/compile). Unoptimized,
since that compiles in a tenth of the time: what is asked here is what the sources mean.
"""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_CONFIG: Final = """[profile.default]
src = "contracts"
test = "tests/contracts"
out = "out"
libs = ["node_modules"]
remappings = ["@openzeppelin/=node_modules/@openzeppelin/", "solady/=node_modules/solady/"]
auto_detect_remappings = false
solc = "{solc}"
offline = true
evm_version = "cancun"
optimizer = false
bytecode_hash = "none"
code_size_limit = 1000000
ast = {ast}
fs_permissions = [{{ access = "read", path = "tests/vectors" }}]

[fuzz]
runs = 16
seed = "0x1"

[invariant]
runs = 8
depth = 30

[lint]
lint_on_build = false
"""


@dataclass(frozen=True, slots=True)
class ForgeProject:
    """The folder of one project."""

    folder: Path

    def run(
        self, *arguments: str, seconds: float, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """One Forge command. Raises `subprocess.TimeoutExpired`."""
        return subprocess.run(
            [str(forge_binary()), *arguments],
            cwd=self.folder,
            env=os.environ | {"NO_COLOR": "1", "PATH": path_with_node()} | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )


def project(
    folder: Path, *, solc: Path = ROOT / "scripts" / "solc", ast: bool = False
) -> ForgeProject:
    """Make the project anew from the checkout; what Forge had compiled in it stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("contracts", "tests"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(ROOT / "contracts", folder / "contracts")
    for part in ("contracts", "symbolic"):
        shutil.copytree(ROOT / "tests" / part, folder / "tests" / part)
    for part in ("node_modules", "tests/vectors"):
        (folder / part).unlink(missing_ok=True)
        (folder / part).symlink_to(ROOT / part)
    config = _CONFIG.format(solc=solc, ast=str(ast).lower())
    (folder / "foundry.toml").write_text(config, "utf-8")
    return ForgeProject(folder)


def forge_binary() -> Path:
    """Forge from the npm lock file, for this machine."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"@foundry-rs/forge-{platform.system().lower()}-{machine}"
    return ROOT / "node_modules" / package / "bin" / "forge"


def node_binary() -> Path:
    """The Node that scripts/setup chose."""
    found = subprocess.run(
        [str(ROOT / "scripts" / "setup"), "--node"], capture_output=True, text=True, check=True
    )
    return Path(found.stdout.strip())


def path_with_node() -> str:
    """A PATH on which Forge and the scripts that run on Node find their Node."""
    return f"{forge_binary().parent}:{node_binary().parent}:{os.environ['PATH']}"
