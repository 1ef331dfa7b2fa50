"""What becomes public of a deal, and what stays sealed."""

import hashlib
from datetime import UTC, datetime
from typing import Final

from nftsvc.core.canonical import Json
from nftsvc.core.cid import Cid
from nftsvc.core.commitment import opens
from nftsvc.core.disclosure import reveal
from nftsvc.core.drafting import PrivatePart, TakenDocument, draft_deal, draft_product
from nftsvc.core.manifest import Manifest, PublicDocument, SealedDocument
from nftsvc.core.trade.deal import Deal
from nftsvc.core.trade.product import Product
from nftsvc.core.types import AccountId, Address, ChainId, Digest
from tests.platform import deal, product

CHAIN: Final = ChainId(31337)
ISSUER: Final = AccountId(CHAIN, Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"))
AT: Final = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def _taken(name: str, media_type: str) -> TakenDocument:
    data = name.encode()
    digest = Digest(hashlib.sha256(data).digest())
    return TakenDocument(name, media_type, len(data), digest, Cid.of_block(data), len(data) + 200)


CONTRACT: Final = _taken("한빛 계약서 final.pdf", "application/pdf")
SCAN: Final = _taken("scan of Nordlys.jpg", "image/jpeg")


def test_deal__drafted__nothing_confidential_stands_in_the_manifest() -> None:
    read = Deal.read(deal(), chain_id=CHAIN)
    manifest, private = draft_deal(read, [CONTRACT, SCAN], issuer=ISSUER, at=AT)
    public = manifest.encode()
    for word in (
        "한빛",
        "Hanbit",
        "Nordlys",
        "128400",
        "845710",
        "Oslo",
        "KR-2026",
        "final",
        "scan",
    ):
        assert word.encode() not in public
        assert word.encode().hex().encode() not in public
    for secret in (CONTRACT.sha256, SCAN.sha256, *(d.salt for d in private.documents)):
        assert secret.hex().encode() not in public
    assert Manifest.parse(public) == manifest
    assert manifest.attributes == (("Programme year", 2026),)


def test_deal__drafted__its_private_part_opens_every_commitment() -> None:
    read = Deal.read(deal(), chain_id=CHAIN)
    manifest, private = draft_deal(read, [CONTRACT, SCAN], issuer=ISSUER, at=AT)
    again = PrivatePart.parse(private.encode())
    assert again == private
    assert [document.name for document in again.documents] == [CONTRACT.name, SCAN.name]
    payload: Json = {"_sd": list(manifest.disclosures)}
    assert reveal(payload, again.disclosures).value == read.disclosable()
    assert len(manifest.disclosures) == 16
    for public, hidden in zip(manifest.documents, again.documents, strict=True):
        assert isinstance(public, SealedDocument)
        assert opens(public.commitment, digest=hidden.sha256, salt=hidden.salt)
        assert public.salt_digest == hashlib.sha256(hidden.salt).digest()


def test_deal__drafted_twice__two_assets() -> None:
    read = Deal.read(deal(), chain_id=CHAIN)
    one, _ = draft_deal(read, [CONTRACT], issuer=ISSUER, at=AT)
    two, _ = draft_deal(read, [CONTRACT], issuer=ISSUER, at=AT)
    assert one.encode() != two.encode()


def test_deal__drafted__sealed_parts_show_no_secret() -> None:
    read = Deal.read(deal(), chain_id=CHAIN)
    _, private = draft_deal(read, [CONTRACT], issuer=ISSUER, at=AT)
    shown = repr(private)
    assert "한빛" not in shown
    assert repr(private.documents[0].salt) not in shown


def test_product__drafted__is_public_with_picture_and_model() -> None:
    read = Product.read(product(), chain_id=CHAIN)
    files = [_taken("a.png", "image/png"), _taken("b.glb", "model/gltf-binary")]
    manifest = draft_product(read, files, issuer=ISSUER, at=AT)
    assert all(isinstance(document, PublicDocument) for document in manifest.documents)
    public = manifest.encode().decode()
    assert f'"image":"ipfs://{files[0].cid}"' in public
    assert f'"animation_url":"ipfs://{files[1].cid}"' in public
    assert manifest.name == "한빛 가공기 HB-500"
