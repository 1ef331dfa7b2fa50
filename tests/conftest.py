"""What all tests share: the fixtures' modules, the wall around unit tests, the list of skips."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from tests import parts

UNIT: Final = Path(__file__).parent / "unit"

_FIXTURES: Final = ("tests.chains", "tests.kubo", "tests.postgres", "tests.s3")
pytest_plugins = [name for name in _FIXTURES if find_spec(name)]

# A machine that is busy with something else is no reason for a test to fail.
settings.register_profile("nftsvc", deadline=None)
settings.load_profile("nftsvc")


class _Wall:
    """Stands between a unit test and every network: an internet socket cannot even be made."""

    up = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        # AF_UNIX stays: it is what an event loop wakes itself with.
        if self.up and event == "socket.__new__" and arguments[1] != 1:
            raise PermissionError("a unit test cannot open a socket")
        if self.up and event == "socket.getaddrinfo":
            raise PermissionError("a unit test cannot resolve a name")


_wall = _Wall()
sys.addaudithook(_wall)


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    _wall.up = request.node.path.is_relative_to(UNIT)
    yield
    _wall.up = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skips", metavar="FILE", help="write what was skipped, as JSON, to FILE")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for part in mark.args:
            if reason := parts.missing(part):
                pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    skips = [_skip(report) for report in terminalreporter.stats.get("skipped", [])]
    by_part: dict[str, list[str]] = defaultdict(list)
    for skip in skips:
        by_part[skip["part"]].append(f"{skip['test']}: {skip['reason']}")
    if skips:
        terminalreporter.section("not run on this machine", yellow=True)
    for part, lines in sorted(by_part.items()):
        terminalreporter.write_line(f"{part}: {len(lines)} skipped", yellow=True)
        for line in sorted(set(lines)):
            terminalreporter.write_line(f"  {line}")
    if path := config.getoption("--skips"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(skips, indent=2))


def _skip(report: Any) -> dict[str, str]:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    return {"test": report.nodeid, "part": parts.part_of(reason), "reason": reason}
