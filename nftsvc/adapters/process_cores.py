"""Work on other cores, in processes of our own: Python's lock lets one thread compute at a time."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait

from nftsvc.core.errors import Unavailable
from nftsvc.ports import Cores
from nftsvc.ports.cores import Arguments, Result


class ProcessCores(Cores):
    """At most `count` processes, started with the first work; with 0 it runs in a thread.

    By default there is one for each core but one, which is the event loop's.
    """

    def __init__(self, count: int | None = None) -> None:
        cores = os.cpu_count() or 1
        self._count = max(1, cores - 1) if count is None else count
        self._pool: ProcessPoolExecutor | None = None

    async def run(
        self,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        bound = partial(work, *arguments, **named)
        if not self._count:
            return await asyncio.to_thread(bound)
        for _ in range(2):
            pool = self._pool = self._pool or self._new_pool()
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, bound)
            except BrokenProcessPool:
                if self._pool is pool:
                    self._pool = None
        raise Unavailable("the processes that draft end at once", retry_after=1)

    async def stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_live_as_long_as_the_service,
        )


def _live_as_long_as_the_service() -> None:
    """A service that is killed tells nobody: who works for it must see that by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
