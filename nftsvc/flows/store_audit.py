"""Content is looked at again, for ever: one asset after the other, at random, in every store.

1  the content is fetched from each store and compared: a random path of blocks, or all
2  a store that has lost it, or gives other bytes, gets it from one that has it whole
3  what was found is written down; fewer than wanted is an alarm until it is mended
"""

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Final

from nftsvc.core.audits import Alarm, Audit, AuditResult, KeptContent, StoreRecord
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt, ContentMissing, Contradiction, Unavailable
from nftsvc.ports import Audits, Clock, ContentStore

PAGE: Final = 100
MOST_ALARMS: Final = 100

_log = logging.getLogger(__name__)
_R = AuditResult


@dataclass(frozen=True, slots=True)
class StoreReport:
    """How the stores stand, as far as it was looked at."""

    wanted: int
    stores: tuple[str, ...]
    records: tuple[StoreRecord, ...]
    lacking: int
    alarms: tuple[Alarm, ...]


class StoreAudit:
    """Looks at what `contents` keeps, of which `wanted` replicas must be whole."""

    def __init__(
        self,
        *,
        audits: Audits,
        contents: ContentStore,
        wanted: int,
        clock: Clock,
        random: Random | None = None,
    ) -> None:
        self._audits = audits
        self._contents = contents
        self._wanted = wanted
        self._clock = clock
        self._random = random or SystemRandom()

    async def run(self, *, every: float) -> None:
        """Look at one asset every so many seconds, and at a content in alarm, for ever."""
        while True:
            await self._clock.sleep(every)
            try:
                if alarms := await self._audits.alarms(limit=MOST_ALARMS):
                    alarm = self._random.choice(alarms)
                    await self.look_at(KeptContent(alarm.cid, ""), whole=True)
                await self.sample()
            except (Unavailable, Contradiction) as error:
                _log.warning("the audit of the stores: %s (%s)", error, error.code)

    async def sample(self) -> list[Audit]:
        """Look at all contents of one asset, chosen at random."""
        newest = await self._audits.newest()
        if not newest:
            return []
        after = self._random.randrange(newest)
        found = await self._audits.kept(after=after, limit=1)
        # Those behind the last that was stored are not kept yet.
        found = found or await self._audits.kept(after=0, limit=1)
        contents = [content for _, kept in found for content in kept]
        return [a for content in contents for a in await self.look_at(content, whole=False)]

    async def everything(self) -> AsyncIterator[list[Audit]]:
        """Look at every byte of everything; gives the audits of one content at a time."""
        after = 0
        while page := await self._audits.kept(after=after, limit=PAGE):
            for after, kept in page:  # noqa: B007 - the next page begins behind it
                for content in kept:
                    yield await self.look_at(content, whole=True)

    async def look_at(self, content: KeptContent, *, whole: bool) -> list[Audit]:
        """Look at one content in each store, and mend what can be mended."""
        looks = [
            (store, await self._look(store, content, whole=whole))
            for store in self._contents.replicas
        ]
        sources = [store for store, audit in looks if audit.result is _R.WHOLE]
        audits = []
        for store, audit in looks:
            audits.append(audit)
            if audit.result.is_loss:
                _log.error("%s: %s in %s", content.cid, audit.result, store.name)
                audits += await self._mend(store, content, sources)
        await self._audits.record(audits)
        await self._judge(content, audits)
        return audits

    async def report(self) -> StoreReport:
        """How the stores stand."""
        return StoreReport(
            wanted=self._wanted,
            stores=tuple(store.name for store in self._contents.replicas),
            records=tuple(await self._audits.records()),
            lacking=await self._audits.count_alarms(),
            alarms=tuple(await self._audits.alarms(limit=MOST_ALARMS)),
        )

    async def _look(self, store: ContentStore, content: KeptContent, *, whole: bool) -> Audit:
        def audit(result: AuditResult, error: Exception | None = None) -> Audit:
            at = self._clock.now()
            named = None if whole else tuple(blocks)
            detail = str(error)[:500] if error else ""
            return Audit(at, store.name, content.cid, named, result, detail)

        blocks: list[Cid] = []
        try:
            if not await store.has(content.cid):
                return audit(_R.MISSING)
            if whole:
                await store.verify(content.cid)
            else:
                blocks = await store.spot_check(content.cid, choose=self._random.randrange)
        except ContentMissing as error:
            return audit(_R.MISSING, error)
        except ContentCorrupt as error:
            return audit(_R.CORRUPT, error)
        except Unavailable as error:
            return audit(_R.UNAVAILABLE, error)
        return audit(_R.WHOLE)

    async def _mend(
        self, store: ContentStore, content: KeptContent, sources: Sequence[ContentStore]
    ) -> list[Audit]:
        for source in sources:
            try:
                await source.verify(content.cid)
                await self._put_anew(store, content, source)
            except (Unavailable, Contradiction) as error:
                _log.warning("%s from %s: %s", content.cid, source.name, error)
                continue
            detail = f"from {source.name}"
            at = self._clock.now()
            return [Audit(at, store.name, content.cid, None, _R.REPAIRED, detail)]
        return []

    async def _put_anew(
        self, store: ContentStore, content: KeptContent, source: ContentStore
    ) -> None:
        await store.put(source.read(content.cid), label=content.label)
        try:
            await store.verify(content.cid)
        except Contradiction:
            # A store that holds other bytes for right keeps them until they are taken from it.
            await store.remove(content.cid)
            await store.put(source.read(content.cid), label=content.label)
            await store.verify(content.cid)

    async def _judge(self, content: KeptContent, audits: Sequence[Audit]) -> None:
        last = {audit.store: audit.result for audit in audits}
        have = sum(result.is_whole for result in last.values())
        if have >= self._wanted:
            await self._audits.end_alarm(content.cid)
            return
        _log.critical("%s: %d of %d stores have it", content.cid, have, self._wanted)
        await self._audits.raise_alarm(Alarm(content.cid, have, self._clock.now()))
