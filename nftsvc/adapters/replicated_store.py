"""Several independent stores as one: what is put is in enough of them, or it is an error.

    1  the first store that is not known to fail takes the bytes as they come
    2  every other one takes them from the first, which are checked again on the way
    3  as many as are wanted have it, or `TooFewReplicas`: the caller waits and tries again

A store that fails goes to the end of the line until it answers again, so one that is away
costs its timeout once in a while, and nothing waits for it where enough others are there.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentMissing, Contradiction, NftsvcError, TooFewReplicas
from nftsvc.core.errors import Unavailable as CouldNotAsk
from nftsvc.ports import ContentStore, Source

LEFT_ALONE_SECONDS: Final = 15.0
"""How long a store that failed is not asked where others are enough."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class ReplicatedStore(ContentStore):
    """`stores` with names of their own, of which `wanted` must keep each content."""

    def __init__(self, stores: Sequence[ContentStore], *, wanted: int) -> None:
        self._stores = tuple(stores)
        self._wanted = wanted
        self._failed_at: dict[str, float] = {}
        names = ", ".join(store.name for store in stores)
        self.name = names if wanted == len(stores) else f"at least {wanted} of {names}"

    @property
    def replicas(self) -> tuple[ContentStore, ...]:
        return self._stores

    async def put_many(self, sources: Sequence[Source], *, labels: Sequence[str] = ()) -> list[Cid]:
        first, *others = self._in_line()
        roots = await self._noting(first, first.put_many(sources, labels=labels))

        unreadable: list[NftsvcError] = []

        async def read_back(cid: Cid) -> AsyncIterator[bytes]:
            try:
                async for data in first.read(cid):
                    yield data
            except (CouldNotAsk, Contradiction) as error:
                unreadable.append(error)
                raise

        async def copy(store: ContentStore) -> None:
            await store.put_many([read_back(cid) for cid in roots], labels=labels)

        failed_before = dict(self._failed_at)
        try:
            await self._enough(copy, others, have=1)
        finally:
            if unreadable:
                # The others only passed on what was wrong with the first.
                self._failed_at = failed_before | {first.name: time.monotonic()}
        return roots

    async def read(self, cid: Cid) -> AsyncIterator[bytes]:
        given, failures = 0, []
        for store in self._in_line():
            passed = 0
            try:
                # Every store gives the same bytes, or none: another one goes on in the middle.
                async for data in store.read(cid):
                    passed += len(data)
                    if passed > given:
                        rest = data[len(data) - (passed - given) :]
                        given = passed
                        yield rest
                return
            except (CouldNotAsk, Contradiction) as error:
                self._note(store, error)
                failures.append(error)
        raise _most_telling(failures)

    async def verify(self, cid: Cid) -> int:
        (size,) = await self.verify_many([cid])
        return size

    async def verify_many(self, cids: Sequence[Cid]) -> list[int]:
        try:
            sizes = await self._enough(lambda store: store.verify_many(cids), self._stores, have=0)
        except TooFewReplicas as error:
            missing = [e for e in error.lacking.values() if isinstance(e, ContentMissing)]
            if len(missing) == len(self._stores):
                raise missing[0] from error
            raise
        return sizes[0]

    async def spot_check(self, cid: Cid, *, choose: Callable[[int], int]) -> list[Cid]:
        failures = []
        for store in self._in_line():
            try:
                return await store.spot_check(cid, choose=choose)
            except (CouldNotAsk, Contradiction) as error:
                self._note(store, error)
                failures.append(error)
        raise _most_telling(failures)

    async def remove(self, cid: Cid) -> None:
        await self._each(lambda store: store.remove(cid))

    async def has(self, cid: Cid) -> bool:
        failures = []
        for store in self._in_line():
            try:
                if await self._noting(store, store.has(cid)):
                    return True
            except CouldNotAsk as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return False

    async def ping(self) -> None:
        await self._enough(lambda store: store.ping(), self._stores, have=0)

    async def close(self) -> None:
        await self._each(lambda store: store.close())

    async def _enough(
        self,
        work: Callable[[ContentStore], Awaitable[T]],
        stores: Sequence[ContentStore],
        *,
        have: int,
    ) -> list[T]:
        """What `work` gave in each store where it could be done. Raises `TooFewReplicas`."""
        asked = [store for store in stores if not self._is_left_alone(store)]
        if have + len(asked) < self._wanted:
            asked = list(stores)
        outcomes = await asyncio.gather(
            *(self._noting(store, work(store)) for store in asked), return_exceptions=True
        )
        results: list[T] = []
        lacking: dict[str, NftsvcError] = {}
        for store, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, CouldNotAsk | Contradiction):
                lacking[store.name] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                results.append(outcome)
        if have + len(results) < self._wanted:
            raise TooFewReplicas(wanted=self._wanted, have=have + len(results), lacking=lacking)
        return results

    async def _each(self, work: Callable[[ContentStore], Awaitable[None]]) -> None:
        """`work` in every store, whatever becomes of the others; then the first error."""
        outcomes = await asyncio.gather(*map(work, self._stores), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _noting(self, store: ContentStore, work: Awaitable[T]) -> T:
        try:
            result = await work
        except (CouldNotAsk, Contradiction) as error:
            self._note(store, error)
            raise
        self._failed_at.pop(store.name, None)
        return result

    def _note(self, store: ContentStore, error: NftsvcError) -> None:
        if not isinstance(error, ContentMissing):
            self._failed_at[store.name] = time.monotonic()
            _log.warning("the store %s: %s (%s)", store.name, error, error.code)

    def _is_left_alone(self, store: ContentStore) -> bool:
        failed_at = self._failed_at.get(store.name)
        return failed_at is not None and time.monotonic() - failed_at < LEFT_ALONE_SECONDS

    def _in_line(self) -> list[ContentStore]:
        """The stores, those that failed last at the end."""
        return sorted(self._stores, key=lambda store: self._failed_at.get(store.name, 0.0))


def _most_telling(failures: Sequence[NftsvcError]) -> NftsvcError:
    """Missing everywhere is missing; otherwise what one of those says that may have it."""
    others = [error for error in failures if not isinstance(error, ContentMissing)]
    away = [error for error in others if isinstance(error, CouldNotAsk)]
    return (away or others or list(failures))[0]
