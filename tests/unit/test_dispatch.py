"""What waits is put together into as few batches as it fills."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from nftsvc.core.issuance import Way
from nftsvc.core.types import AssetKind, BatchId
from nftsvc.flows.dispatch import Dispatcher
from nftsvc.flows.sizing import GasMeter

DEAL: Final = AssetKind.EXPORT_CONTRACT


class Waiting:
    """Deals of some issuers; while a batch is put together one more comes in."""

    def __init__(self, *counts: int) -> None:
        self._counts = list(counts)
        self.batches: list[int] = []

    async def unassigned(self) -> Mapping[tuple[AssetKind, Way], tuple[int, ...]]:
        return {(DEAL, Way.TOKEN): tuple(filter(None, self._counts))}

    async def assign(self, kind: AssetKind, *, most: int, way: Way, **_: object) -> BatchId | None:
        assert (kind, way) == (DEAL, Way.TOKEN)
        issuer = next((n for n, count in enumerate(self._counts) if count), None)
        if issuer is None:
            return None
        size = min(most, self._counts[issuer])
        self._counts[issuer] -= size
        self.batches.append(size)
        self._counts[-1] += 1
        return BatchId(f"batch-{len(self.batches)}")


class Carrier:
    async def carry(self, *_: object) -> None:
        await asyncio.sleep(0)


async def _dispatched(waiting: Waiting) -> list[int]:
    parts: dict[str, Any] = {"ledger": waiting, "carrier": Carrier(), "clock": _Clock()}
    await Dispatcher(**parts, deadline=0.25, meter=GasMeter())._dispatch()
    return waiting.batches


class _Clock:
    def now(self) -> None:
        return None


async def test_dispatch__some_come_while_it_goes_on__are_no_batch_of_their_own() -> None:
    assert await _dispatched(Waiting(50)) == [50]


async def test_dispatch__more_than_one_transaction_holds__goes_on_until_all_are_under_way() -> None:
    most = GasMeter().most
    batches = await _dispatched(Waiting(2 * most + 1))
    assert batches[:2] == [most, most]
    assert len(batches) == 3


async def test_dispatch__of_several_issuers__each_has_its_batch() -> None:
    assert len(await _dispatched(Waiting(3, 4, 5))) == 3
