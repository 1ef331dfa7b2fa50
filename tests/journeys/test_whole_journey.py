"""From an accepted deal to the verdict and the history, on every kind of local chain."""

import asyncio
from typing import Final

import pytest
import sqlalchemy as sa

from nftsvc.bootstrap import Application, bootstrap
from nftsvc.core.errors import IdempotencyKeyReused, NotFound
from nftsvc.core.types import AssetKind
from nftsvc.core.verify import Verdict
from nftsvc.flows.read import StoredManifests
from nftsvc.flows.verify import VerifyFlow
from nftsvc.flows.views import AssetView
from nftsvc.settings import VerifierSettings
from nftsvc.verifying import bootstrap_verifier
from tests.kubo import KuboNode
from tests.platform import (
    Platform,
    content_parts,
    deal,
    deal_parts,
    digest,
    link_of,
    pdf,
    product,
    until,
)

JOURNEY: Final = ["accepted", "stored", "submitted", "mined", "safe", "finalized"]
EPOCH_SECONDS: Final = 90.0
"""On `geth --dev` a block waits for the next of its epochs of 32 blocks to be final."""
JPEG: Final = b"\xff\xd8\xff\xe0" + b"picture" * 20_000 + b"\xff\xd9"


async def test_deal__accepted__becomes_one_final_token_that_its_file_proves(
    any_platform: Platform,
) -> None:
    application = bootstrap(any_platform.settings())
    document = pdf("the contract" * 40_000)
    await application.start()
    try:
        accepted = await application.accept(
            AssetKind.EXPORT_CONTRACT, key="deal-1", parts=deal_parts(deal(), document)
        )
        assert accepted.status == "accepted"
        view = await until(application, accepted.id, "finalized", seconds=EPOCH_SECONDS)
        assert [change.status for change in view.events] == JOURNEY
        assert view.transaction is not None
        assert view.transaction.block_number is not None

        again = await application.accept(
            AssetKind.EXPORT_CONTRACT, key="deal-1", parts=deal_parts(deal(), document)
        )
        assert again == view
        with pytest.raises(IdempotencyKeyReused):
            await application.accept(
                AssetKind.EXPORT_CONTRACT, key="deal-1", parts=deal_parts(deal(), pdf("other"))
            )

        flow = VerifyFlow(
            chains=[application._adapters.chain],
            manifests=StoredManifests(application._adapters.contents),
            trust=application._trust,
            quorum=1,
        )
        link = link_of(view)
        assert (await flow.verify(link, digest=digest(document))).verdict is Verdict.AUTHENTIC
        changed = document[:-40] + b"x" + document[-39:]
        assert (await flow.verify(link, digest=digest(changed))).verdict is Verdict.MISMATCH

        asset = await _asset_once_followed(application, str(view.asset))
        assert asset.asset == view.asset
        assert asset.manifest_cid == view.manifest_cid
        page = await application.history(str(view.asset))
        assert [item.record.kind for item in page.items] == ["issued"]
        assert page.items[0].record.transaction == view.transaction.transaction_hash
        sealed = await application.content(view.documents[0].cid)
        stored = b"".join([chunk async for chunk in sealed.chunks])
        assert sealed.media_type == "application/octet-stream"
        assert stored.startswith(b"age-encryption.org/v1\n")
        assert b"the contract" not in stored
    finally:
        await application.stop()


async def test_product__accepted__is_found_by_its_files_hash_and_given_back_whole(
    either_platform: Platform,
) -> None:
    application = bootstrap(either_platform.settings())
    await application.start()
    try:
        accepted = await application.accept(
            AssetKind.PRODUCT_CONTENT,
            key="content-1",
            parts=content_parts(product(), ("사진.jpg", "image/jpeg", JPEG)),
        )
        view = await until(application, accepted.id, "finalized")
        assert await application.find_by_hash(digest(JPEG)) == (view.asset,)
        content = await application.content(view.documents[0].cid)
        assert (content.media_type, content.size) == ("image/jpeg", len(JPEG))
        assert b"".join([chunk async for chunk in content.chunks]) == JPEG
    finally:
        await application.stop()


async def test_deals__arriving_together__share_a_transaction(either_platform: Platform) -> None:
    application = bootstrap(either_platform.settings(batch_deadline_ms=400))
    await application.start()
    try:
        views = await asyncio.gather(
            *(
                application.accept(
                    AssetKind.EXPORT_CONTRACT, key=f"k{n}", parts=deal_parts(deal(), pdf(str(n)))
                )
                for n in range(8)
            )
        )
        done = [await until(application, view.id, "finalized") for view in views]
        assert len({view.transaction for view in done}) == 1
        assert len({view.asset for view in done}) == 8
    finally:
        await application.stop()


async def test_verifier__chain_away__could_not_check(anvil_platform: Platform) -> None:
    application = bootstrap(anvil_platform.settings())
    await application.start()
    try:
        accepted = await application.accept(
            AssetKind.EXPORT_CONTRACT, key="deal-1", parts=deal_parts(deal(), pdf("a"))
        )
    finally:
        await application.stop()
    verifier = bootstrap_verifier(VerifierSettings.load(rpc_urls="http://127.0.0.1:9"))
    report = await verifier.verify(link_of(accepted), digest=digest(pdf("a")))
    await verifier.close()
    assert report.verdict is Verdict.UNVERIFIABLE


@pytest.mark.needs("postgresql")
async def test_deal__ledger_and_engine_on_postgresql__is_issued_and_taken_up_again(
    anvil_platform: Platform, postgres_url: sa.URL
) -> None:
    url = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = anvil_platform.settings(database_url=url)
    application = bootstrap(settings)
    await application.start()
    try:
        accepted = await application.accept(
            AssetKind.EXPORT_CONTRACT, key="deal-1", parts=deal_parts(deal(), pdf("a"))
        )
        await until(application, accepted.id, "submitted", "mined", "safe", "finalized")
    finally:
        await application.stop()
    again = bootstrap(settings)
    await again.start()
    try:
        view = await until(again, accepted.id, "finalized")
        assert [change.status for change in view.events] == JOURNEY
    finally:
        await again.stop()


@pytest.mark.needs("kubo")
async def test_deal__content_in_kubo__is_issued_and_pinned_there(
    anvil_platform: Platform, kubo: KuboNode
) -> None:
    settings = anvil_platform.settings(stores=(f"kubo+{kubo.url}?bearer_file={kubo.bearer_file}",))
    application = bootstrap(settings)
    await application.start()
    try:
        accepted = await application.accept(
            AssetKind.EXPORT_CONTRACT, key="deal-1", parts=deal_parts(deal(), pdf("k" * 900_000))
        )
        view = await until(application, accepted.id, "finalized")
    finally:
        await application.stop()
    pinned = kubo.ipfs("pin", "ls", "--type=recursive", "--names").decode().splitlines()
    asset = f"export-contract {view.asset.token_id:#066x}"
    assert f"{view.manifest_cid} recursive {asset} manifest" in pinned
    assert f"{view.documents[0].cid} recursive {asset} document 0" in pinned


async def _asset_once_followed(application: Application, token: str) -> AssetView:
    for _ in range(50):
        try:
            return await application.asset(token)
        except NotFound:
            await asyncio.sleep(0.1)
    raise TimeoutError(f"{token} is not in the ledger")
