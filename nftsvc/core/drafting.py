"""From a deal or a product and its documents to a manifest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from nftsvc.core import disclosure
from nftsvc.core.canonical import Json, dump, parse
from nftsvc.core.cid import Cid
from nftsvc.core.clear_text import DESCRIPTION, YEAR, name_of, refuse_clear_text
from nftsvc.core.commitment import commit, new_salt
from nftsvc.core.disclosure import Disclosure, decode_bytes, encode_bytes
from nftsvc.core.fields import Fields
from nftsvc.core.manifest import Manifest, PublicDocument, SealedDocument, new_reference
from nftsvc.core.media import GLB, JPEG, MP4, PDF, PNG, WEBP
from nftsvc.core.moving import moves
from nftsvc.core.trade.deal import Deal
from nftsvc.core.trade.product import Product
from nftsvc.core.types import AccountId, Address, AssetId, AssetKind, Digest, Salt

_ENDINGS: Final = {
    PDF: "pdf",
    PNG: "png",
    JPEG: "jpg",
    WEBP: "webp",
    GLB: "glb",
    MP4: "mp4",
}
DEAL_MEDIA: Final = frozenset({PDF, JPEG, WEBP})
"""What a document of a deal may be: formats that are checked without keeping the clear text."""
PRODUCT_MEDIA: Final = frozenset(_ENDINGS)


@moves
@dataclass(frozen=True, slots=True)
class TakenDocument:
    """A file that came in. `sha256` and `size` of what was sent, `stored_size` of what is kept."""

    name: str = field(repr=False)
    media_type: str
    size: int
    sha256: Digest
    cid: Cid
    stored_size: int


@moves
@dataclass(frozen=True, slots=True)
class Predecessor:
    """The version that another one follows: what is the same in both, and what names it."""

    asset: AssetId
    version: int
    digest: Digest
    reference: str
    issuer: Address
    holder: Address


@moves
@dataclass(frozen=True, slots=True)
class PrivateDocument:
    """What only the asset's key opens: how the file was called, and the salt that proves it."""

    name: str = field(repr=False)
    size: int
    sha256: Digest
    salt: Salt = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrivatePart:
    """All of an asset that is sealed to its key."""

    documents: tuple[PrivateDocument, ...]
    disclosures: tuple[Disclosure, ...]

    def encode(self) -> bytes:
        """As JSON."""
        documents: list[Json] = [
            {
                "name": d.name,
                "size": d.size,
                "sha256": d.sha256.hex(),
                "salt": encode_bytes(d.salt),
            }
            for d in self.documents
        ]
        disclosures: list[Json] = [d.encoded for d in self.disclosures]
        return dump({"documents": documents, "disclosures": disclosures})

    @classmethod
    def parse(cls, data: bytes) -> "PrivatePart":
        """Inverse of `encode`."""
        fields = Fields(parse(data))
        documents = []
        for item, path in fields.array("documents", most=4096):
            document = Fields(item, path=path)
            documents.append(
                PrivateDocument(
                    document.text("name", longest=255),
                    document.integer("size", least=0, most=2**53 - 1),
                    Digest(bytes.fromhex(document.text("sha256"))),
                    Salt(decode_bytes(document.text("salt"))),
                )
            )
        shown = fields.take("disclosures")
        encoded = shown if isinstance(shown, list) else []
        return cls(tuple(documents), tuple(Disclosure.parse(str(text)) for text in encoded))


def draft_deal(
    deal: Deal,
    documents: Sequence[TakenDocument],
    *,
    issuer: AccountId,
    at: datetime,
    after: Predecessor | None = None,
) -> tuple[Manifest, PrivatePart]:
    """The public and the private half of a deal, its first version or the one `after` another.

    Raises `ConfidentialInClear`.
    """
    private = tuple(PrivateDocument(d.name, d.size, d.sha256, new_salt()) for d in documents)
    concealed = disclosure.conceal(deal.disclosable())
    sealed = tuple(
        SealedDocument(
            name=f"document-{number}.{_ENDINGS[taken.media_type]}",
            media_type=taken.media_type,
            size=taken.stored_size,
            commitment=commit(taken.sha256, salt=hidden.salt),
            salt_digest=Digest(sha256(hidden.salt).digest()),
            cid=taken.cid,
        )
        for number, (taken, hidden) in enumerate(zip(documents, private, strict=True), start=1)
    )
    reference = after.reference if after else new_reference()
    manifest = Manifest(
        kind=AssetKind.EXPORT_CONTRACT,
        reference=reference,
        issuer=issuer,
        issued_at=at,
        name=name_of(reference),
        description=DESCRIPTION,
        documents=sealed,
        version=after.version + 1 if after else 1,
        previous=after.digest if after else None,
        attributes=((YEAR, deal.programme_year),),
        disclosures=concealed.digests,
    )
    refuse_clear_text(manifest)
    return manifest, PrivatePart(private, concealed.disclosures)


def draft_product(
    product: Product,
    documents: Sequence[TakenDocument],
    *,
    issuer: AccountId,
    at: datetime,
    after: Predecessor | None = None,
) -> Manifest:
    """A product's first version, or the one `after` another. All of it is public."""
    return Manifest(
        kind=AssetKind.PRODUCT_CONTENT,
        reference=after.reference if after else new_reference(),
        issuer=issuer,
        issued_at=at,
        name=product.name,
        description=product.description,
        documents=tuple(
            PublicDocument(d.name, d.media_type, d.size, d.sha256, d.cid) for d in documents
        ),
        version=after.version + 1 if after else 1,
        previous=after.digest if after else None,
        attributes=tuple(product.attributes()),
    )
