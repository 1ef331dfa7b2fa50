"""The chain reorganises, or something is away: nothing is lost, nothing is half done."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from chain.local.node import LocalNode
from nftsvc.adapters import spool
from nftsvc.adapters.memory_store import MemoryStore, StoreFault
from nftsvc.bootstrap import Adapters, Application, bootstrap
from nftsvc.core.errors import ChainWiped, DiskFull, InvalidMedia, NotFound
from nftsvc.core.types import AssetKind
from nftsvc.flows.intake import Part
from nftsvc.flows.views import IssuanceView
from tests.kubo import new_node
from tests.platform import Platform, deal, deal_parts, pdf, until

FINAL: Final = ["accepted", "stored", "submitted", "mined", "safe", "finalized"]


async def _accept(application: Application, *, key: str = "deal") -> IssuanceView:
    return await application.accept(
        AssetKind.EXPORT_CONTRACT, key=key, parts=deal_parts(deal(), pdf(key))
    )


async def test_reorg__of_a_mined_block__is_announced_and_ends_in_one_final_token(
    still_platform: Platform,
) -> None:
    node = still_platform.node
    application = bootstrap(still_platform.settings())
    await application.start()
    try:
        accepted = await _accept(application)
        submitted = await until(application, accepted.id, "submitted")
        await _once_pending(node, submitted)
        node.mine()  # the block that holds it stays the newest
        await until(application, accepted.id, "mined")
        await _once_followed(application, str(accepted.asset))
        node.reorg(1)
        reorged = await _until_event(application, accepted, "reorged")
        assert reorged.transaction is not None
        with node.mining(every=1.0):
            view = await until(application, accepted.id, "finalized")
            await asyncio.sleep(2.5)
        statuses = [change.status.value for change in view.events]
        assert statuses[:5] == ["accepted", "stored", "submitted", "mined", "reorged"]
        assert statuses[-4:] == ["submitted", "mined", "safe", "finalized"]
        page = await application.history(str(accepted.asset))
        assert [item.record.kind.value for item in page.items] == ["issued"]
        assert view.transaction is not None
        assert page.items[0].record.block_number == view.transaction.block_number
    finally:
        await application.stop()


async def _once_pending(node: LocalNode, view: IssuanceView) -> None:
    """Submitted is said before the first broadcast: wait until the node has it."""
    assert view.transaction is not None
    for _ in range(100):
        if node.call("eth_getTransactionByHash", view.transaction.transaction_hash):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{view.transaction.transaction_hash} was not broadcast")


async def test_reorg__beyond_finality__is_an_alarm_and_stops_the_follower(
    still_platform: Platform,
) -> None:
    application = bootstrap(still_platform.settings())
    await application.start()
    try:
        accepted = await _accept(application)
        with still_platform.node.mining(every=1.0):
            await until(application, accepted.id, "finalized")
            await asyncio.sleep(1.5)
        still_platform.node.reorg(6)
        for _ in range(60):
            parts = (await application.readiness()).parts
            if parts["follower"] == "chain-rewritten":
                break
            await asyncio.sleep(0.1)
        assert parts["follower"] == "chain-rewritten"
        assert (await application.issuance(accepted.id)).status == "finalized"
    finally:
        await application.stop()


async def test_store__away_then_lying_then_back__deal_waits_and_is_issued(
    anvil_platform: Platform,
) -> None:
    store = MemoryStore()
    application = bootstrap(anvil_platform.settings(), around=_with(contents=store))
    store.fault = StoreFault.AWAY
    await application.start()
    try:
        accepted = await _accept(application)
        await asyncio.sleep(1.5)
        assert (await application.issuance(accepted.id)).status == "accepted"
        assert (await application.readiness()).parts["content"] == "content-unavailable"
        store.fault = StoreFault.OTHER_BYTES
        await asyncio.sleep(2.0)
        assert (await application.issuance(accepted.id)).status == "accepted"
        store.fault = None
        view = await until(application, accepted.id, "finalized")
        assert [change.status.value for change in view.events] == FINAL
    finally:
        await application.stop()


async def test_chain__away_at_start_and_on_the_way__deal_waits_and_is_issued(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    os.kill(node.pid, signal.SIGSTOP)
    application = bootstrap(anvil_platform.settings(rpc_seconds=0.3))
    await application.start()
    try:
        accepted = await _accept(application)
        await asyncio.sleep(1.0)
        assert (await application.issuance(accepted.id)).status == "accepted"
        assert (await application.readiness()).parts["chain"] == "chain-unavailable"
        os.kill(node.pid, signal.SIGCONT)
        await until(application, accepted.id, "submitted", "mined", "safe", "finalized")
        os.kill(node.pid, signal.SIGSTOP)
        await asyncio.sleep(1.0)
        os.kill(node.pid, signal.SIGCONT)
        view = await until(application, accepted.id, "finalized")
        assert [change.status.value for change in view.events] == FINAL
    finally:
        os.kill(node.pid, signal.SIGCONT)
        await application.stop()


async def test_spool__disk_full_while_a_file_comes_in__refused_and_nothing_kept(
    anvil_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = bootstrap(anvil_platform.settings())
    await application.start()
    try:
        spool = anvil_platform.folder / "data" / "spool"
        full = _SmallDisk(monkeypatch)
        large = deal_parts(deal(), pdf("more than is held in the ledger" * 30_000))
        with full, pytest.raises(DiskFull):
            await application.accept(AssetKind.EXPORT_CONTRACT, key="large", parts=large)
        assert [path for path in spool.rglob("*") if path.is_file()] == []
        view = await until(application, (await _accept(application)).id, "finalized")
        assert [change.status.value for change in view.events] == FINAL
    finally:
        await application.stop()


async def test_request__refused_in_the_middle__leaves_nothing_behind(
    anvil_platform: Platform,
) -> None:
    application = bootstrap(anvil_platform.settings())
    await application.start()
    try:
        with pytest.raises(InvalidMedia):
            await application.accept(
                AssetKind.EXPORT_CONTRACT,
                key="deal",
                parts=deal_parts(deal(), pdf("good"), b"this is no PDF at all" * 4000),
            )
        assert not any(p.is_file() for p in (anvil_platform.folder / "data/spool").rglob("*"))
        await until(application, (await _accept(application)).id, "submitted", "finalized")
    finally:
        await application.stop()


async def test_request__same_key_from_many_at_once__one_issuance(
    anvil_platform: Platform,
) -> None:
    application = bootstrap(anvil_platform.settings())
    other = bootstrap(anvil_platform.settings(role="api"))
    await application.start()
    await other.start()
    try:
        gate = asyncio.Event()

        async def slowly(service: Application) -> Any:
            async def parts() -> AsyncIterator[Part]:
                async for part in deal_parts(deal(), pdf("one")):
                    await gate.wait()
                    yield part

            try:
                return await service.accept(AssetKind.EXPORT_CONTRACT, key="one", parts=parts())
            except Exception as error:  # noqa: BLE001 - judged below
                return error

        asked = [asyncio.create_task(slowly(s)) for s in (application, other) * 25]
        await asyncio.sleep(0.2)
        gate.set()
        answers = await asyncio.gather(*asked)
        given = [answer for answer in answers if isinstance(answer, IssuanceView)]
        busy = [getattr(a, "code", repr(a)) for a in answers if not isinstance(a, IssuanceView)]
        assert len(given) >= 2  # one in each service, which do not know of each other
        assert len({view.id for view in given}) == 1
        assert set(busy) == {"idempotency-key-busy"}
    finally:
        await other.stop()
        await application.stop()


def _with(**changed: Any) -> Callable[[Adapters], Adapters]:
    return lambda own: replace(own, **changed)


class _SmallDisk:
    """`/dev/full` in the place of every file that the spool begins."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def __enter__(self) -> None:
        begin = Path.open

        def full(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if mode != "xb":
                return begin(path, mode, *args, **kwargs)
            path.symlink_to("/dev/full")
            return begin(path, "wb", *args, **kwargs)

        self._patch.setattr(spool.Path, "open", full)

    def __exit__(self, *error: object) -> None:
        self._patch.undo()


async def _until_event(
    application: Application, accepted: IssuanceView, status: str
) -> IssuanceView:
    for _ in range(150):
        view = await application.issuance(accepted.id)
        if status in [change.status for change in view.events]:
            return view
        await asyncio.sleep(0.1)
    raise TimeoutError(f"never {status}: {view.events}")


async def _once_followed(application: Application, token: str) -> None:
    for _ in range(50):
        try:
            await application.asset(token)
        except NotFound:
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError(token)


async def test_chain__back_as_another_one__is_not_worked_on(
    anvil_platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    port = anvil_platform.node.port
    anvil_platform.node.kill()
    application = bootstrap(anvil_platform.settings(rpc_seconds=0.5))
    await application.start()
    try:
        accepted = await _accept(application)
        with LocalNode("anvil", port=port):
            for _ in range(100):
                if (await application.readiness()).parts["follower"] == "chain-wiped":
                    break
                await asyncio.sleep(0.1)
            assert (await application.readiness()).parts["follower"] == "chain-wiped"
            assert not (await application.health()).alive
            told = [record for record in caplog.records if record.levelname == "CRITICAL"][-1]
            assert told.message.endswith("ended: restart this process")
            assert told.exc_info is not None
            assert isinstance(told.exc_info[1], ChainWiped)
            assert (await application.issuance(accepted.id)).status == "accepted"
    finally:
        await application.stop()


@pytest.mark.needs("kubo")
async def test_store__one_of_two_replicas_away__waits_and_mints_once_it_is_back(
    anvil_platform: Platform, tmp_path: Path
) -> None:
    node = new_node(tmp_path)
    kubo = f"kubo+{node.url}?bearer_file={node.bearer_file}"
    application = bootstrap(anvil_platform.settings(stores=("embedded", kubo), replicas=2))
    await application.start()
    try:
        accepted = await _accept(application)
        await asyncio.sleep(2)
        assert (await application.issuance(accepted.id)).status == "accepted"
        assert (await application.readiness()).parts["content"] == "too-few-replicas"
        await asyncio.to_thread(node.start)
        view = await until(application, accepted.id, "finalized")
        assert [change.status for change in view.events] == FINAL
        assert view.documents[0].cid in node.ipfs("pin", "ls", "--type=recursive").decode()
        assert (await application.readiness()).ready
    finally:
        await application.stop()
        node.kill()
