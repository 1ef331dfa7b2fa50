"""No block takes a transaction: its fee is raised by what real pools ask for, and it ends well."""

import asyncio
import time
from typing import Any

from chain.local.accounts import ISSUER
from chain.local.node import LocalNode
from nftsvc.bootstrap import bootstrap
from nftsvc.core.types import AssetKind
from tests.platform import Platform, deal, deal_parts, pdf, until


async def test_deal__its_transaction_hangs__is_paid_better_twice_and_becomes_one_token(
    still_platform: Platform,
) -> None:
    node = still_platform.node
    application = bootstrap(still_platform.settings(hang_blocks=0, hang_seconds=0.5))
    await application.start()
    try:
        accepted = await application.accept(
            AssetKind.EXPORT_CONTRACT, key="deal", parts=deal_parts(deal(), pdf("deal"))
        )
        await until(application, accepted.id, "submitted")
        seen = await _offers(node, 3)
        with node.mining(every=1.0):
            view = await until(application, accepted.id, "finalized")
        assert view.transaction is not None
        mined = view.transaction.transaction_hash
        assert mined not in list(seen)[:2]
        for cheaper, dearer in zip(list(seen.values()), list(seen.values())[1:], strict=False):
            assert all(10 * new >= 11 * old for old, new in zip(cheaper, dearer, strict=True))
        assert all(node.call("eth_getTransactionReceipt", h) is None for h in seen if h != mined)
        page = await application.history(str(accepted.asset))
        assert [item.record.kind.value for item in page.items] == ["issued"]
    finally:
        await application.stop()


async def _offers(node: LocalNode, count: int) -> dict[str, tuple[int, int]]:
    """The fee and tip of each transaction that waited in the pool, until `count` have."""
    seen: dict[str, tuple[int, int]] = {}
    deadline = time.monotonic() + 60
    while len(seen) < count:
        pending: dict[str, Any] = node.call("txpool_content")["pending"]
        for sender, by_nonce in pending.items():
            if sender.lower() == ISSUER.address.lower():
                for waiting in by_nonce.values():
                    fees = waiting["maxFeePerGas"], waiting["maxPriorityFeePerGas"]
                    seen.setdefault(waiting["hash"], (int(fees[0], 16), int(fees[1], 16)))
        if time.monotonic() > deadline:
            raise TimeoutError(f"the pool saw {seen}")
        await asyncio.sleep(0.05)
    return seen
