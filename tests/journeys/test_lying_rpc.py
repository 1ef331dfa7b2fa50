"""Endpoints that lie, before a real Anvil: the deal is issued once all the same."""

import asyncio
from typing import Any, Final

import pytest

from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.failover_chain import FailoverChain
from nftsvc.bootstrap import bootstrap
from nftsvc.core.alarms import AlarmCode
from nftsvc.core.errors import ChainUnavailable
from nftsvc.core.types import AssetKind
from nftsvc.ports import AlarmBook
from tests.platform import Platform, deal, deal_parts, pdf, until
from tests.proxy import Forward, Lost, Proxy, lying

FINAL: Final = ["accepted", "stored", "submitted", "mined", "safe", "finalized"]


def _refusing(message: str, *, times: int, code: int = -32000, passes: bool = False) -> Any:
    """Answers an error some times; `passes` hands the request on before it does."""
    left = times

    async def lie(_: list[Any], forward: Forward) -> Any:
        nonlocal left
        if left == 0:
            return await forward()
        left -= 1
        if passes:
            await forward()
        return {"error": {"code": code, "message": message}}

    return lie


def _losing(*, times: int) -> Any:
    """The node takes it, and the answer is lost."""
    left = times

    async def lie(_: list[Any], forward: Forward) -> Any:
        nonlocal left
        answer = await forward()
        if left == 0:
            return answer
        left -= 1
        raise Lost

    return lie


def _forgetting(*, after: int, times: int) -> Any:
    """Receipts are given, then are not for a while, then are again."""
    given = 0

    async def lie(_: list[Any], forward: Forward) -> Any:
        nonlocal given
        answer = await forward()
        given += answer.get("result") is not None
        return {"result": None} if after < given <= after + times else answer

    return lie


LIES: Final[dict[str, dict[str, Any]]] = {
    "already known, and it is": {
        "eth_sendRawTransaction": _refusing("already known", times=1, passes=True)
    },
    "already known, and it is not": {"eth_sendRawTransaction": _refusing("already known", times=1)},
    "nonce too low, and it is not": {"eth_sendRawTransaction": _refusing("nonce too low", times=2)},
    "underpriced": {
        "eth_sendRawTransaction": _refusing("replacement transaction underpriced", times=1)
    },
    "time-out after the node took it": {"eth_sendRawTransaction": _losing(times=1)},
    "rate limit": {"eth_sendRawTransaction": _refusing("limit", times=2, code=-32005)},
    "receipt that disappears": {"eth_getTransactionReceipt": _forgetting(after=1, times=3)},
}


@pytest.mark.parametrize("lie", LIES)
async def test_endpoint__lies__one_final_token(anvil_platform: Platform, lie: str) -> None:
    async with lying(anvil_platform.node.url) as proxy:
        proxy.lies |= LIES[lie]
        application = bootstrap(anvil_platform.settings(rpc_urls=proxy.url, rpc_seconds=2.0))
        await application.start()
        try:
            accepted = await application.accept(
                AssetKind.EXPORT_CONTRACT, key="deal", parts=deal_parts(deal(), pdf("deal"))
            )
            view = await until(application, accepted.id, "finalized", "failed", seconds=60)
            statuses = [change.status.value for change in view.events]
            assert [status for status in statuses if status != "reorged"][:3] == FINAL[:3]
            assert statuses[-3:] == FINAL[-3:]
            await asyncio.sleep(1.5)
            page = await application.history(str(view.asset))
            assert [item.record.kind.value for item in page.items] == ["issued"]
        finally:
            await application.stop()


async def test_endpoint__becomes_one_of_another_chain__is_named_and_nothing_is_sent_there(
    anvil_platform: Platform,
) -> None:
    async def other(_: list[Any], __: Forward) -> Any:
        return {"result": "0x2105"}

    async with lying(anvil_platform.node.url) as proxy:
        application = bootstrap(anvil_platform.settings(rpc_urls=proxy.url))
        await application.start()
        try:
            proxy.lies["eth_chainId"] = other
            accepted = await application.accept(
                AssetKind.EXPORT_CONTRACT, key="deal", parts=deal_parts(deal(), pdf("deal"))
            )
            book = application._adapters.alarms
            assert book is not None
            async with asyncio.timeout(60):
                while AlarmCode.WRONG_CHAIN not in await _active(book):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert (await application.issuance(accepted.id)).status in ("accepted", "stored")
            assert "eth_sendRawTransaction" not in proxy.asked
            proxy.lies.clear()
            await until(application, accepted.id, "finalized", seconds=60)
            assert AlarmCode.WRONG_CHAIN not in await _active(book)
        finally:
            await application.stop()


async def _active(book: AlarmBook) -> set[AlarmCode]:
    return {alarm.code for alarm in await book.alarms() if alarm.active}


def _chain(platform: Platform, proxy: Proxy, **options: Any) -> EvmChain:
    contracts = {kind: c.address for kind, c in platform.deployment.contracts.items()}
    return EvmChain(
        proxy.url, chain_id=platform.deployment.chain_id, contracts=contracts, **options
    )


async def test_failover__first_falls_behind_what_was_final__the_other_is_asked(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    async with lying(node.url) as one, lying(node.url) as other:
        chain = FailoverChain([_chain(anvil_platform, one), _chain(anvil_platform, other)])
        await asyncio.to_thread(node.call, "anvil_mine", hex(20))
        before = await chain.heads()
        old = node.call("eth_getBlockByNumber", "0x1", False)  # noqa: FBT003

        async def behind(_: list[Any], forward: Forward) -> Any:
            return {"result": old}

        one.lies["eth_getBlockByNumber"] = behind
        assert (await chain.heads()).latest.number >= before.latest.number
        asked = len(one.asked)
        await chain.heads()
        assert len(one.asked) == asked, "whoever is not behind is asked first from now on"
        await chain.close()


async def test_failover__both_behind__is_told_by_their_heads(anvil_platform: Platform) -> None:
    async with lying(anvil_platform.node.url) as proxy:
        chain = FailoverChain([_chain(anvil_platform, proxy)])
        proxy.lies["eth_getBlockByNumber"] = _refusing("unknown block", times=-1)
        with pytest.raises(ChainUnavailable):
            await chain.heads()
        await chain.close()


@pytest.mark.parametrize("answer", [{"result": None}, {"error": {"code": -32602, "message": "?"}}])
async def test_heads__chain_without_the_tags__finality_by_depth(
    anvil_platform: Platform, answer: dict[str, Any]
) -> None:
    node = anvil_platform.node
    await asyncio.to_thread(node.call, "anvil_mine", hex(20))
    async with lying(node.url) as proxy:

        async def no_tags(params: list[Any], forward: Forward) -> Any:
            return answer if params[0] in ("safe", "finalized") else await forward()

        proxy.lies["eth_getBlockByNumber"] = no_tags
        chain = _chain(anvil_platform, proxy, depth=12)
        heads = await chain.heads()
        assert heads.latest.number - heads.finalized.number == 12
        assert heads.latest.number - heads.safe.number == 6
        await chain.close()
