"""The platforms that use the service: each repeats its request until it is answered."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from nftsvc.core.errors import IdempotencyKeyBusy, TooSlow, Unavailable
from nftsvc.core.types import AssetId, AssetKind, IssuanceId
from nftsvc.flows.views import IssuanceView
from tests.platform import PDF, deal, deal_parts
from tests.simulation.world import World

PATIENCE_SECONDS: Final = 20.0


@dataclass(slots=True)
class PostedDeal:
    """One deal, and every answer that its platform got."""

    key: str
    issuance: IssuanceId | None = None
    asset: AssetId | None = None
    ended: bool = False
    other_answers: int = 0


class Platforms:
    """Posts deals, some of them again."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._tasks: set[asyncio.Task[None]] = set()
        self.deals: list[PostedDeal] = []
        self.surprises: list[str] = []

    @property
    def open(self) -> int:
        """How many deals have not come to an end."""
        return sum(not posted.ended for posted in self.deals)

    def post(self) -> None:
        """A deal closes."""
        posted = PostedDeal(f"deal-{len(self.deals)}")
        self.deals.append(posted)
        self._begin(posted)

    def post_again(self) -> None:
        """The network delivers a request once more."""
        if self.deals:
            self._begin(self._rng.choice(self.deals[-20:]))

    def _begin(self, posted: PostedDeal) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(posted))
        self._tasks.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.surprises.append(repr(error))

    async def _deliver(self, posted: PostedDeal) -> None:
        while True:
            view = await self._ask(posted)
            if view is not None:
                break
            await asyncio.sleep(self._rng.uniform(0.5, 3))
        if posted.issuance is None:
            posted.issuance, posted.asset = view.id, view.asset
        elif (posted.issuance, posted.asset) != (view.id, view.asset):
            posted.other_answers += 1

    async def _ask(self, posted: PostedDeal) -> IssuanceView | None:
        """One attempt; None where there was no answer."""
        ready = [p for p in self._world.processes.values() if p.alive and p.ready.is_set()]
        if not ready:
            return None
        number = posted.key.removeprefix("deal-")
        content = deal(contractNumber=f"KR-2026-{number}")
        parts = deal_parts(content, PDF.replace(b"\n", b"\n%" + number.encode() + b"\n", 1))
        process = self._rng.choice(ready)
        request = process.spawn(
            process.application.accept(AssetKind.EXPORT_CONTRACT, key=posted.key, parts=parts)
        )
        await asyncio.wait({request}, timeout=PATIENCE_SECONDS)
        if not request.done() or request.cancelled():
            return None
        error = request.exception()
        if isinstance(error, Unavailable | IdempotencyKeyBusy | TooSlow):
            return None
        return request.result()
