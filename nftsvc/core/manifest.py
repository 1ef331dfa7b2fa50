"""The manifest: the public, canonical record of one version of one asset.

It is at once valid ERC-721 metadata and the thing that is anchored: the token id is the
sha256 of the first version's bytes, and each later version names the digest of the one
before. Nothing confidential stands in it, only commitments and digests.

Layout (RFC 8785, at most 256 KiB, one raw IPFS block):

    schema        "nftsvc/manifest/1"
    kind          "export-contract" | "product-content"
    reference     32 hex digits, random: two equal deals are two assets
    issuer        CAIP-10 account that anchors it
    issuedAt      ISO 8601 with offset
    version       1, 2, ...; from 2 on `previous` holds the digest of the version before (hex)
    name, description, image, animation_url, attributes        as ERC-721 readers know them
    documents     see `PublicDocument` and `SealedDocument`
    disclosures   {"_sd_alg": "sha-256", "_sd": [digest, ...]}      RFC 9901
    links         CAIP-19 ids of related assets
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from nftsvc.core import canonical
from nftsvc.core.canonical import Json
from nftsvc.core.cid import Cid
from nftsvc.core.errors import InvalidCid, InvalidField, InvalidJson, TooLarge
from nftsvc.core.fields import Fields, check_file_name
from nftsvc.core.types import (
    AccountId,
    AssetId,
    AssetKind,
    Commitment,
    Digest,
    TokenId,
    token_id_of,
)

SCHEMA: Final = "nftsvc/manifest/1"
MAX_BYTES: Final = 256 * 1024
MAX_DOCUMENTS: Final = 64
MAX_VERSION: Final = 1023
AGE: Final = "age-encryption.org/v1"
_HEX: Final = {n: re.compile(f"[0-9a-f]{{{n}}}") for n in (32, 64)}


@dataclass(frozen=True, slots=True)
class PublicDocument:
    """A document that anyone may read. `size` in bytes; `sha256` of exactly these bytes."""

    name: str
    media_type: str
    size: int
    sha256: Digest
    cid: Cid

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "mediaType": self.media_type,
            "size": self.size,
            "sha256": self.sha256.hex(),
            "cid": str(self.cid),
        }


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """A confidential document: a commitment to it, and where its encrypted bytes are.

    `size` is the encrypted size in bytes, which the store shows anyway. `salt_digest` is
    sha256 of the 128-bit salt: it tells a damaged link from a forged document, and nothing
    about the document.
    """

    name: str
    media_type: str
    size: int
    commitment: Commitment
    salt_digest: Digest
    cid: Cid

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "mediaType": self.media_type,
            "size": self.size,
            "commitment": self.commitment.hex(),
            "saltSha256": self.salt_digest.hex(),
            "cid": str(self.cid),
            "encryption": AGE,
        }


Document = PublicDocument | SealedDocument


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version of one asset. `encode` gives the bytes that are anchored."""

    kind: AssetKind
    reference: str
    issuer: AccountId
    issued_at: datetime
    name: str
    description: str
    documents: tuple[Document, ...]
    version: int = 1
    previous: Digest | None = None
    attributes: tuple[tuple[str, Json], ...] = ()
    disclosures: tuple[str, ...] = ()
    links: tuple[AssetId, ...] = ()

    def encode(self) -> bytes:
        """Canonical bytes. Raises `TooLarge` beyond 256 KiB."""
        members: dict[str, Json] = {
            "schema": SCHEMA,
            "kind": self.kind.value,
            "reference": self.reference,
            "issuer": str(self.issuer),
            "issuedAt": self.issued_at.isoformat(timespec="seconds"),
            "version": self.version,
            "name": self.name,
            "description": self.description,
            "attributes": [
                {"trait_type": trait, "value": value} for trait, value in self.attributes
            ],
            "documents": [document.to_json() for document in self.documents],
            "disclosures": {"_sd_alg": "sha-256", "_sd": list(self.disclosures)},
            "links": [str(link) for link in self.links],
        }
        if self.previous is not None:
            members["previous"] = self.previous.hex()
        for member, shows in (("image", _is_picture), ("animation_url", _is_animation)):
            shown = next((d for d in self.documents if _is_public_and(d, shows)), None)
            if shown is not None:
                members[member] = f"ipfs://{shown.cid}"
        data = canonical.dump(members)
        if len(data) > MAX_BYTES:
            raise TooLarge("manifest", limit=MAX_BYTES)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read anchored bytes back.

        Raises `InvalidJson`, `InvalidField` or `TooLarge`: bytes that are not exactly what
        `encode` writes are no manifest, so two readers can never see two manifests in them.
        """
        if len(data) > MAX_BYTES:
            raise TooLarge("manifest", limit=MAX_BYTES)
        fields = Fields(canonical.parse(data))
        manifest = cls._read(fields)
        fields.end()
        if manifest.encode() != data:
            raise InvalidJson("not the canonical form of a manifest")
        return manifest

    @classmethod
    def _read(cls, fields: Fields) -> Self:
        _expect(fields, "schema", SCHEMA)
        disclosures = fields.object("disclosures")
        _expect(disclosures, "_sd_alg", "sha-256")
        for derived in ("image", "animation_url"):
            fields.optional_text(derived)
        version = fields.integer("version", least=1, most=MAX_VERSION)
        manifest = cls(
            kind=_kind(fields),
            reference=_hex(fields, "reference", digits=32),
            issuer=AccountId.parse(fields.text("issuer"), path="issuer"),
            issued_at=_instant(fields, "issuedAt"),
            name=fields.text("name", longest=300),
            description=fields.text("description", longest=2000, lines=True),
            documents=tuple(
                _document(Fields(item, path=path)) for item, path in _items(fields, "documents")
            ),
            version=version,
            previous=Digest(bytes.fromhex(_hex(fields, "previous", digits=64)))
            if version > 1
            else None,
            attributes=tuple(
                _attribute(Fields(item, path=path)) for item, path in _items(fields, "attributes")
            ),
            disclosures=tuple(_text(item, path) for item, path in _items(disclosures, "_sd")),
            links=tuple(
                AssetId.parse(_text(item, path), path=path)
                for item, path in _items(fields, "links")
            ),
        )
        disclosures.end()
        return manifest


def new_reference() -> str:
    """128 random bits in hex: what makes two equal deals two assets."""
    return secrets.token_hex(16)


def manifest_digest(data: bytes) -> Digest:
    """What is anchored of manifest bytes: their sha256."""
    return Digest(hashlib.sha256(data).digest())


def genesis_token_id(data: bytes) -> TokenId:
    """The token id that the first version's bytes have."""
    return token_id_of(manifest_digest(data))


def _is_public_and(document: Document, shows: Callable[[str], bool]) -> bool:
    return isinstance(document, PublicDocument) and shows(document.media_type)


def _is_picture(media_type: str) -> bool:
    return media_type.startswith("image/")


def _is_animation(media_type: str) -> bool:
    return media_type.startswith(("model/", "video/"))


def _expect(fields: Fields, name: str, value: str) -> None:
    if fields.take(name) != value:
        raise InvalidField(fields.path(name), reason="unsupported", detail=f"expected {value!r}")


def _kind(fields: Fields) -> AssetKind:
    text = fields.code("kind", lambda t: t if t in list(AssetKind) else None, reason="unsupported")
    return AssetKind(text)


def _hex(fields: Fields, name: str, *, digits: int) -> str:
    value = fields.take(name)
    if not isinstance(value, str) or not _HEX[digits].fullmatch(value):
        raise InvalidField(
            fields.path(name), reason="not-hex", detail=f"expected {digits} lower-case hex digits"
        )
    return value


def _instant(fields: Fields, name: str) -> datetime:
    try:
        value = datetime.fromisoformat(fields.text(name, longest=40))
    except ValueError as error:
        raise InvalidField(fields.path(name), reason="not-a-time", detail=str(error)) from error
    if value.tzinfo is None:
        raise InvalidField(fields.path(name), reason="no-offset", detail="has no UTC offset")
    return value


def _items(fields: Fields, name: str) -> list[tuple[Json, str]]:
    return fields.array(name, most=4096) if fields.take(name) != [] else []


def _text(value: Json, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidField(path, reason="not-text", detail="expected text")
    return value


def _attribute(fields: Fields) -> tuple[str, Json]:
    trait, value = fields.text("trait_type"), fields.take("value")
    fields.end()
    return trait, value


def _document(fields: Fields) -> Document:
    name = fields.text("name")
    check_file_name(name, path=fields.path("name"))
    media_type = fields.text("mediaType")
    size = fields.integer("size", least=0, most=canonical.MAX_INTEGER)
    try:
        cid = Cid.parse(fields.text("cid"))
    except InvalidCid as error:
        raise InvalidField(fields.path("cid"), reason="not-a-cid", detail=str(error)) from error
    document: Document
    if fields.has("sha256"):
        digest = Digest(bytes.fromhex(_hex(fields, "sha256", digits=64)))
        document = PublicDocument(name, media_type, size, digest, cid)
    else:
        _expect(fields, "encryption", AGE)
        document = SealedDocument(
            name,
            media_type,
            size,
            Commitment(bytes.fromhex(_hex(fields, "commitment", digits=64))),
            Digest(bytes.fromhex(_hex(fields, "saltSha256", digits=64))),
            cid,
        )
    fields.end()
    return document
