"""The sender on a real chain: hanging transactions, lost nonces, shared keys, several signers."""

import asyncio
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3

from chain.local.accounts import ADMIN, EXPORTER, ISSUER, STRANGER, LocalAccount
from nftsvc.adapters.artifacts import artifact
from nftsvc.bootstrap import Application, bootstrap
from nftsvc.core.alarms import AlarmCode
from nftsvc.core.manifest import Manifest
from nftsvc.core.types import AssetKind, BatchId
from nftsvc.flows.views import IssuanceView
from tests.platform import PASSWORD, Platform, deal, deal_parts, pdf, until

GWEI: Final = 10**9
QUICK: Final[dict[str, Any]] = {"hang_blocks": 1, "hang_seconds": 0.5}


async def _accept(application: Application, *, key: str = "deal") -> IssuanceView:
    return await application.accept(
        AssetKind.EXPORT_CONTRACT, key=key, parts=deal_parts(deal(), pdf(key))
    )


async def _alarms(application: Application) -> dict[AlarmCode, bool]:
    book = application._adapters.alarms
    assert book is not None
    return {alarm.code: alarm.active for alarm in await book.alarms()}


async def _attempts(application: Application, view: IssuanceView) -> list[tuple[str, int, int]]:
    """Hash, most per gas and tip of each attempt, the oldest first."""
    found = await application._adapters.ledger.issuance(view.id)
    assert found is not None
    written = await application._adapters.ledger.written(BatchId(found.batch or ""))
    assert written is not None
    return [(a.signed.transaction_hash, a.max_fee, a.max_priority_fee) for a in written.attempts]


async def _raw(application: Application, view: IssuanceView, number: int) -> str:
    found = await application._adapters.ledger.issuance(view.id)
    assert found is not None
    written = await application._adapters.ledger.written(BatchId(found.batch or ""))
    assert written is not None
    return "0x" + written.attempts[number].signed.raw.hex()


async def _eventually(look: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """What `look` gives, once it gives something."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):  # noqa: ASYNC110 - a chain gives no event
            await asyncio.sleep(0.1)
        return found


async def _until_hanging(application: Application, platform: Platform) -> IssuanceView:
    """A deal whose transaction no block takes, with a second attempt written and sent.

    Blocks are mined, but the node has forgotten what was pending each time.
    """
    node = platform.node
    node.call("evm_setIntervalMining", 0)
    accepted = await _accept(application)
    await until(application, accepted.id, "submitted")

    async def replaced() -> bool:
        node.call("anvil_dropAllTransactions")
        node.call("evm_mine")
        if node.call("eth_getBlockTransactionCountByNumber", "latest") != "0x0":
            # It was sent once more between the two calls: an empty block comes in the place.
            node.call("anvil_reorg", 1, [])
        return len(await _attempts(application, accepted)) >= 2

    await _eventually(replaced)
    node.call("anvil_dropAllTransactions")
    return accepted


async def test_hanging__base_fee_rose__is_replaced_by_at_least_a_tenth_and_mined(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    application = bootstrap(anvil_platform.settings(**QUICK))
    await application.start()
    try:
        node.call("evm_setIntervalMining", 0)
        accepted = await _accept(application)
        await until(application, accepted.id, "submitted")
        node.call("anvil_setNextBlockBaseFeePerGas", hex(200 * GWEI))
        node.call("evm_setIntervalMining", 1)
        view = await until(application, accepted.id, "finalized", seconds=90)
        attempts = await _attempts(application, accepted)
        assert len(attempts) >= 2
        for (_, fee, tip), (_, raised_fee, raised_tip) in pairwise(attempts):
            assert 10 * raised_fee >= 11 * fee
            assert 10 * raised_tip >= 11 * tip
        assert view.transaction is not None
        assert view.transaction.transaction_hash in [hash_ for hash_, _, _ in attempts]
    finally:
        await application.stop()


async def test_hanging__older_attempt_is_mined__it_wins_and_is_followed(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    application = bootstrap(anvil_platform.settings(**QUICK))
    await application.start()
    try:
        accepted = await _until_hanging(application, anvil_platform)
        node.call("eth_sendRawTransaction", await _raw(application, accepted, 0))
        node.call("evm_mine")
        node.call("evm_setIntervalMining", 1)
        view = await until(application, accepted.id, "finalized", seconds=60)
        oldest = (await _attempts(application, accepted))[0][0]
        assert view.transaction is not None
        assert view.transaction.transaction_hash == oldest
    finally:
        await application.stop()


@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0)])
async def test_hanging__one_attempt_is_mined_and_after_a_reorg_the_other__one_token(
    anvil_platform: Platform, first: int, then: int
) -> None:
    node = anvil_platform.node
    application = bootstrap(anvil_platform.settings(**QUICK))
    await application.start()
    try:
        accepted = await _until_hanging(application, anvil_platform)
        one, other = [await _raw(application, accepted, number) for number in (first, then)]
        node.call("eth_sendRawTransaction", one)
        node.call("evm_mine")
        await until(application, accepted.id, "mined")
        # In the place of the newest block comes one with the other attempt.
        node.call("anvil_reorg", 1, [[other, 0]])
        node.call("evm_setIntervalMining", 1)
        view = await until(application, accepted.id, "finalized", seconds=60)
        hashes = [hash_ for hash_, _, _ in await _attempts(application, accepted)]
        assert view.transaction is not None
        assert view.transaction.transaction_hash == hashes[then]
        assert "reorged" in [change.status for change in view.events]
        page = await application.history(str(accepted.asset))
        assert [item.record.kind.value for item in page.items] == ["issued"]
    finally:
        await application.stop()


async def test_hanging__at_the_cap__is_an_alarm_until_a_block_takes_it(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    application = bootstrap(anvil_platform.settings(fee_cap_gwei=10, **QUICK))
    await application.start()
    try:
        node.call("evm_setIntervalMining", 0)
        accepted = await _accept(application)
        await until(application, accepted.id, "submitted")

        async def alarmed() -> bool:
            node.call("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
            node.call("evm_mine")
            return AlarmCode.FEE_CAP_REACHED in await _alarms(application)

        await _eventually(alarmed)
        assert all(fee <= 10 * GWEI for _, fee, _ in await _attempts(application, accepted))
        node.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
        node.call("evm_setIntervalMining", 1)
        await until(application, accepted.id, "finalized", seconds=60)
        assert (await _alarms(application))[AlarmCode.FEE_CAP_REACHED] is False
    finally:
        await application.stop()


async def test_key__used_by_somebody_else__is_named_and_the_deal_is_issued_once(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    application = bootstrap(anvil_platform.settings(**QUICK))
    await application.start()
    try:
        await until(application, (await _accept(application, key="a")).id, "finalized")
        node.call("evm_setIntervalMining", 0)
        accepted = await _accept(application, key="b")
        await until(application, accepted.id, "submitted")
        node.call("anvil_dropAllTransactions")
        _pay(node.url, ISSUER, STRANGER)
        node.call("evm_mine")
        node.call("evm_setIntervalMining", 1)
        view = await until(application, accepted.id, "finalized", seconds=60)
        assert AlarmCode.NONCE_TAKEN in await _alarms(application)
        page = await application.history(str(view.asset))
        assert [item.record.kind.value for item in page.items] == ["issued"]
    finally:
        await application.stop()


async def test_ledger__restored_from_an_older_backup__adopts_what_the_chain_has(
    anvil_platform: Platform, tmp_path: Path
) -> None:
    data = anvil_platform.folder / "data"
    anvil_platform.node.call("evm_setIntervalMining", 0)
    application = bootstrap(anvil_platform.settings(batch_deadline_ms=60_000))
    await application.start()
    accepted = await _accept(application)
    await application.stop()
    backup = tmp_path / "backup"
    shutil.copytree(data, backup)

    anvil_platform.node.call("evm_setIntervalMining", 1)
    application = bootstrap(anvil_platform.settings())
    await application.start()
    first = await until(application, accepted.id, "finalized", seconds=60)
    await application.stop()

    shutil.rmtree(data)
    shutil.copytree(backup, data)
    application = bootstrap(anvil_platform.settings())
    await application.start()
    try:
        again = await until(application, accepted.id, "finalized", "failed", seconds=60)
        assert again.status == "finalized"
        assert again.transaction == first.transaction
        assert AlarmCode.TOKEN_ADOPTED in await _alarms(application)
    finally:
        await application.stop()


async def test_gap__chain_took_back_what_another_sent__is_filled_and_the_deal_goes_on(
    anvil_platform: Platform,
) -> None:
    node = anvil_platform.node
    application = bootstrap(anvil_platform.settings(**QUICK))
    await application.start()
    try:
        node.call("evm_setIntervalMining", 0)
        _pay(node.url, ISSUER, STRANGER)
        node.call("evm_mine")
        accepted = await _accept(application)
        await until(application, accepted.id, "submitted")
        node.call("anvil_dropAllTransactions")
        node.call("anvil_reorg", 1, [])
        node.call("anvil_dropAllTransactions")
        node.call("evm_setIntervalMining", 1)
        await until(application, accepted.id, "finalized", seconds=90)
        assert AlarmCode.NONCE_GAP in await _alarms(application)
        filler = node.call("eth_getBlockByNumber", "latest", True)  # noqa: FBT003
        assert filler is not None
        assert int(node.call("eth_getTransactionCount", ISSUER.address, "latest"), 16) == 2
    finally:
        await application.stop()


async def test_signers__two_of_one_organisation__share_the_deals_each_on_its_lane(
    anvil_platform: Platform,
) -> None:
    keystore = anvil_platform.folder / "colleague.json"
    keystore.write_text(
        json.dumps(Account.encrypt(EXPORTER.private_key, PASSWORD, kdf="pbkdf2", iterations=1))
    )
    authorize_colleague(anvil_platform, EXPORTER)
    application = bootstrap(
        anvil_platform.settings(
            colleague_keystore_files=str(keystore), least_balance_gwei=20_000 * GWEI
        )
    )
    await application.start()
    try:
        accepted = [await _accept(application, key=f"deal-{number}") for number in range(12)]
        issuers = set()
        for each in accepted:
            view = await until(application, each.id, "finalized", seconds=90)
            page = await application.history(str(view.asset))
            found = await application._adapters.ledger.issuance(each.id)
            assert found is not None
            (issued,) = page.items
            named = Manifest.parse(found.manifest).issuer.address
            assert issued.record.actor == named == found.issuer
            issuers.add(named)
        assert issuers == {ISSUER.address, EXPORTER.address}
        assert await _alarms(application) == {AlarmCode.BALANCE_LOW: True}
    finally:
        await application.stop()


def _pay(url: str, sender: LocalAccount, to: LocalAccount) -> None:
    w3 = Web3(HTTPProvider(url))
    fields = {
        "to": to.address,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 400 * GWEI,
        "maxPriorityFeePerGas": 2 * GWEI,
        "nonce": w3.eth.get_transaction_count(w3.to_checksum_address(sender.address)),
        "chainId": 31337,
    }
    signed = Account.sign_transaction(fields, sender.private_key)
    assert TypedTransaction.from_bytes(HexBytes(signed.raw_transaction))
    w3.eth.send_raw_transaction(signed.raw_transaction)


def authorize_colleague(platform: Platform, account: LocalAccount) -> None:
    """Let `account` issue for the same organisation as the issuer."""
    w3 = Web3(HTTPProvider(platform.node.url))
    for kind, deployed in platform.deployment.contracts.items():
        contract = w3.eth.contract(
            address=w3.to_checksum_address(deployed.address), abi=artifact(kind)["abi"]
        )
        sent = contract.functions.authorizeColleague(account.address, ISSUER.address).transact(
            {"from": w3.to_checksum_address(ADMIN.address)}
        )
        assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
