"""Thousands of requests in one: read as they come, drafted on every core, answered one by one.

1  lines are read in shares: neither the body nor its documents are ever in memory as a whole
2  a share is drafted: parsed, checked, encrypted, its manifests fixed
3  one ledger transaction accepts the share; its files ride in it
4  an item whose key is known gets the answer of its first request

Some shares are under way at a time, so that reading, drafting and writing overlap. An item that
is bad, or a share that cannot be written now, does not sink the others; the whole request may be
repeated and gives the same answers.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nftsvc.core.errors import InvalidField, NftsvcError, TooLarge, Unavailable
from nftsvc.core.types import AnchorId, AssetKind, IssuanceId
from nftsvc.flows.draft import Drafted, Drafter
from nftsvc.flows.item import DraftedItem, ItemLimits, draft_items
from nftsvc.flows.keyring import Keyring
from nftsvc.ports import Clock, Cores, Ledger

SHARE: Final = 200
SHARE_BYTES: Final = 4 * 1024 * 1024
UNDER_WAY: Final = 3

Line = bytes | TooLarge


@dataclass(frozen=True, slots=True)
class Answer:
    """To one item: a new issuance, that of the first request with its key, or what is wrong."""

    key: str | None
    outcome: Drafted | IssuanceId | NftsvcError


class BatchFlow:
    """Accepts batch requests; `limits` are those of each item."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        drafter: Drafter,
        keyring: Keyring,
        cores: Cores,
        clock: Clock,
        limits: ItemLimits,
    ) -> None:
        self._ledger = ledger
        self._drafter = drafter
        self._keyring = keyring
        self._cores = cores
        self._clock = clock
        self._limits = limits

    async def accept(
        self,
        kind: AssetKind,
        lines: AsyncIterator[Line],
        *,
        most: int,
        anchor: AnchorId | None = None,
    ) -> AsyncIterator[list[Answer]]:
        """An answer for each line, in their order; beyond `most` lines each is refused.

        With an `anchor` they become its leaves instead of tokens.
        """
        under_way = deque[asyncio.Task[list[Answer]]]()
        try:
            async for share in _shares(lines, most=most):  # 1
                under_way.append(asyncio.create_task(self._accept(kind, share, anchor)))
                if len(under_way) == UNDER_WAY:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            # What was read is written down to its end: the caller may be gone, the deals are not.
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _accept(
        self, kind: AssetKind, share: Sequence[Line | InvalidField], anchor: AnchorId | None
    ) -> list[Answer]:
        lines = [line for line in share if not isinstance(line, InvalidField)]
        try:
            items = await self._cores.run(  # 2
                draft_items,
                self._drafter,
                kind,
                lines,
                limits=self._limits,
                at=self._clock.now(),
            )
        except Unavailable as error:
            return [Answer(None, error) for _ in share]
        answers = iter(await self._write(items, anchor))
        return [
            Answer(None, line) if isinstance(line, InvalidField) else next(answers)
            for line in share
        ]

    async def _write(self, items: Sequence[DraftedItem], anchor: AnchorId | None) -> list[Answer]:
        if anchor is not None:
            items = [_under(anchor, item) for item in items]
        requests = [item.outcome.request for item in items if isinstance(item.outcome, Drafted)]
        try:
            kept = await self._keyring.keep(requests)
            accepted = iter(await self._ledger.accept_all(kept) if kept else ())  # 3
        except Unavailable as error:
            return [
                Answer(item.key, error if isinstance(item.outcome, Drafted) else item.outcome)
                for item in items
            ]
        answers = []
        for item in items:
            outcome: Drafted | IssuanceId | NftsvcError = item.outcome
            if isinstance(outcome, Drafted):
                found = next(accepted)
                if found != outcome.request.issuance:  # 4
                    outcome = found
            answers.append(Answer(item.key, outcome))
        return answers


def _under(anchor: AnchorId, item: DraftedItem) -> DraftedItem:
    if not isinstance(item.outcome, Drafted):
        return item
    request = replace(item.outcome.request, anchor=anchor)
    return replace(item, outcome=replace(item.outcome, request=request))


async def _shares(
    lines: AsyncIterator[Line], *, most: int
) -> AsyncIterator[list[Line | InvalidField]]:
    share: list[Line | InvalidField] = []
    size = count = 0
    async for line in lines:
        count += 1
        if count > most:
            share.append(
                InvalidField("", reason="out-of-range", detail=f"more than {most} in one request")
            )
        else:
            share.append(line)
            size += len(line) if isinstance(line, bytes) else 0
        if len(share) == SHARE or size >= SHARE_BYTES:
            yield share
            share, size = [], 0
    if share:
        yield share
