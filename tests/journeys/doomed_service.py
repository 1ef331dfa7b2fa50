"""The real service, which kills itself with SIGKILL before or after a call that is named.

    python -m tests.journeys.doomed_service PORT [--die before|after PORT.METHOD NTH] [--bug NAME]

Stands between the service and its adapters, so that nothing in the package knows of it. With
`--stop` in the place of `--die` it stops itself with SIGSTOP, until somebody sends SIGCONT. With
`--trace FILE` every call is written down instead. `--journey-version` makes it look like the
service of another release; `--jumping-clock` gives it a wall clock that jumps by hours.
"""

import argparse
import asyncio
import inspect
import os
import random
import signal
import time
from collections import Counter
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvicorn

from nftsvc.adapters.database import database_urls
from nftsvc.adapters.dbos_engine import DbosEngine
from nftsvc.bootstrap import Adapters, bootstrap
from nftsvc.core.transaction import Attempt
from nftsvc.core.types import Nonce
from nftsvc.ports import Source
from nftsvc.settings import Settings
from nftsvc.web.app import create_app

WATCHED: Final = ("ledger", "chain", "signer", "contents", "spool", "engine")


class Fate:
    """Counts calls, and sends this process a signal at the one that was chosen."""

    def __init__(
        self, *, when: str, call: str, nth: int, trace: Path | None, by: signal.Signals
    ) -> None:
        self._when, self._call, self._nth, self._trace = when, call, nth, trace
        self._by = by
        self._counts: Counter[str] = Counter()

    def before(self, call: str) -> int:
        self._counts[call] += 1
        if self._trace is not None:
            with self._trace.open("a") as file:
                file.write(f"{call}\n")
        self._meet("before", call, self._counts[call])
        return self._counts[call]

    def after(self, call: str, count: int) -> None:
        self._meet("after", call, count)

    def _meet(self, when: str, call: str, count: int) -> None:
        if (when, call, count) == (self._when, self._call, self._nth):
            os.kill(os.getpid(), self._by)


class Watched:
    """Any adapter, with every call told to `Fate`."""

    def __init__(self, port: str, adapter: Any, fate: Fate) -> None:
        self._port, self._adapter, self._fate = port, adapter, fate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        call = f"{self._port}.{name}"
        if inspect.iscoroutinefunction(value):

            async def told(*args: Any, **kwargs: Any) -> Any:
                if name == "put_many":
                    args = ([_watched(source, self._fate) for source in args[0]], *args[1:])
                count = self._fate.before(call)
                result = await value(*args, **kwargs)
                self._fate.after(call, count)
                return result

            return told
        if name == "stage":
            return lambda issuance: WatchedStaging(value(issuance), self._fate)
        if name == "fenced":
            return lambda fence: Watched(self._port, value(fence), self._fate)
        return value


def _watched(source: Source, fate: Fate) -> Source:
    """One of the contents that are put together: a death between two of them is another one."""
    if not isinstance(source, bytes):
        return _streamed(source, fate)
    fate.after("contents.read_source", fate.before("contents.read_source"))
    return source


async def _streamed(source: AsyncIterable[bytes], fate: Fate) -> AsyncIterator[bytes]:
    count = fate.before("contents.read_source")
    async for data in source:
        yield data
    fate.after("contents.read_source", count)


class WatchedStaging:
    """A request's files on their way in."""

    def __init__(self, staging: Any, fate: Fate) -> None:
        self._staging, self._fate = staging, fate

    async def __aenter__(self) -> "WatchedStaging":
        await self._staging.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._staging.__aexit__(*error)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._staging, name)
        if name != "commit":
            return value
        return Watched("staging", self._staging, self._fate).__getattr__(name)


class BroadcastsBeforeItWrites:
    """A ledger with the oldest bug put back: the bytes go out before they are written down."""

    def __init__(self, ledger: Any, chain: Any) -> None:
        self._ledger, self._chain = ledger, chain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def fenced(self, fence: Any) -> Any:
        return BroadcastsBeforeItWrites(self._ledger.fenced(fence), self._chain)

    async def write(
        self, *args: Any, sign: Callable[[Nonce], Awaitable[Attempt]], **kwargs: Any
    ) -> Any:
        async def sign_and_send(nonce: Nonce) -> Attempt:
            attempt = await sign(nonce)
            await self._chain.broadcast(attempt.signed)
            return attempt

        return await self._ledger.write(*args, sign=sign_and_send, **kwargs)


class WithoutFence:
    """A ledger with the fence taken away: who was thought dead writes on."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def fenced(self, _: Any) -> Any:
        return self


class JumpingClock:
    """A wall clock that is up to three hours wrong, and each time otherwise."""

    def __init__(self) -> None:
        self._true = time.time
        self._chance = random.Random(7)
        time.time = self.seconds

    def seconds(self) -> float:
        return self._true() + self._chance.uniform(-3, 3) * 3600

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def live(arguments: list[str], *, environment: Mapping[str, str], log: Path) -> None:
    """A life in this process, which has imported all of it already."""
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    main(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--die", nargs=3)
    parser.add_argument("--stop", nargs=3)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--bug", choices=["broadcast-before-write", "no-fence"])
    parser.add_argument("--journey-version")
    parser.add_argument("--jumping-clock", action="store_true")
    chosen = parser.parse_args(arguments)
    when, call, nth = chosen.die or chosen.stop or ("never", "", "0")
    by = signal.SIGSTOP if chosen.stop else signal.SIGKILL
    fate = Fate(when=when, call=call, nth=int(nth), trace=chosen.trace, by=by)
    settings = Settings.load()

    def around(own: Adapters) -> Adapters:
        if chosen.journey_version:
            own = replace(own, engine=_engine(settings, own, version=chosen.journey_version))
        if chosen.jumping_clock:
            own = replace(own, clock=JumpingClock())
        watched: dict[str, Any] = {
            field.name: Watched(field.name, getattr(own, field.name), fate)
            for field in fields(own)
            if field.name in WATCHED
        }
        if chosen.bug == "broadcast-before-write":
            watched["ledger"] = BroadcastsBeforeItWrites(watched["ledger"], watched["chain"])
        elif chosen.bug == "no-fence":
            watched["ledger"] = WithoutFence(watched["ledger"])
        return replace(own, **watched)

    application = bootstrap(settings, around=around)
    uvicorn.run(create_app(application), host="127.0.0.1", port=chosen.port, log_level="warning")


def _engine(settings: Settings, own: Adapters, *, version: str) -> DbosEngine:
    given = settings.database_url.get_secret_value() if settings.database_url else None
    _, url = database_urls(settings.data_dir, given=given)
    return DbosEngine(url, executor=own.leases.worker, version=version)


if __name__ == "__main__":
    main()
