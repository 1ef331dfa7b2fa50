"""What is handed to others as a file: fields that are shown, and an asset's key for one party.

Both carry the manifest, which is public, so that they can be checked against the token alone.
"""

import base64
from dataclasses import dataclass, field
from typing import Final, Self

from nftsvc.core import canonical
from nftsvc.core.canonical import Json
from nftsvc.core.disclosure import Disclosure
from nftsvc.core.errors import InvalidField, InvalidJson
from nftsvc.core.fields import Fields
from nftsvc.core.manifest import MAX_BYTES as MAX_MANIFEST
from nftsvc.core.types import AssetId

SCHEMA: Final = "nftsvc/disclosure/1"
ENVELOPE_SCHEMA: Final = "nftsvc/envelope/1"
MAX_BYTES: Final = 4 * 1024 * 1024
MOST: Final = 8192


@dataclass(frozen=True, slots=True)
class DisclosureFile:
    """Fields of one asset that are shown, and nothing about the others.

    `manifest` are the bytes that the fields are proven against; the token says whether they are
    the anchored ones. `link` leads to a page that checks the file.
    """

    asset: AssetId
    link: str
    manifest: bytes = field(repr=False)
    disclosures: tuple[str, ...] = field(repr=False)

    def to_json(self) -> dict[str, Json]:
        return {
            "schema": SCHEMA,
            "asset": str(self.asset),
            "link": self.link,
            "manifest": self.manifest.decode(),
            "disclosures": list(self.disclosures),
        }

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises `InvalidJson`, `InvalidField`."""
        if len(data) > MAX_BYTES:
            raise InvalidJson("too large for a disclosure file")
        fields = Fields(canonical.parse(data))
        _expect(fields, SCHEMA)
        disclosures = []
        for item, path in fields.array("disclosures", most=MOST):
            if not isinstance(item, str):
                raise InvalidField(path, reason="not-text", detail="expected text")
            Disclosure.parse(item, path=path)
            disclosures.append(item)
        read = cls(
            AssetId.parse(fields.text("asset")),
            fields.text("link", longest=2000),
            fields.text("manifest", longest=MAX_MANIFEST).encode(),
            tuple(disclosures),
        )
        fields.end()
        return read


@dataclass(frozen=True, slots=True)
class EnvelopeFile:
    """An asset's key for one recipient, and what the key opens beside the documents.

    `envelope` is an age file that only `recipient` opens; it holds the asset's identity, which
    opens `private` and the documents in the store.
    """

    asset: AssetId
    link: str
    recipient: str
    manifest: bytes = field(repr=False)
    envelope: bytes = field(repr=False)
    private: bytes = field(repr=False)

    def to_json(self) -> dict[str, Json]:
        return {
            "schema": ENVELOPE_SCHEMA,
            "asset": str(self.asset),
            "link": self.link,
            "recipient": self.recipient,
            "manifest": self.manifest.decode(),
            "envelope": base64.b64encode(self.envelope).decode(),
            "private": base64.b64encode(self.private).decode(),
        }

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises `InvalidJson`, `InvalidField`."""
        if len(data) > MAX_BYTES:
            raise InvalidJson("too large for an envelope file")
        fields = Fields(canonical.parse(data))
        _expect(fields, ENVELOPE_SCHEMA)
        read = cls(
            AssetId.parse(fields.text("asset")),
            fields.text("link", longest=2000),
            fields.text("recipient", longest=4096),
            fields.text("manifest", longest=MAX_MANIFEST).encode(),
            _bytes(fields, "envelope"),
            _bytes(fields, "private"),
        )
        fields.end()
        return read


def is_disclosure_file(head: bytes) -> bool:
    """Whether a file that begins like this wants to be read as one."""
    return head.lstrip().startswith(b"{") and SCHEMA.encode() in head


def _expect(fields: Fields, schema: str) -> None:
    if fields.take("schema") != schema:
        raise InvalidField("schema", reason="unsupported", detail=f"expected {schema!r}")


def _bytes(fields: Fields, name: str) -> bytes:
    try:
        return base64.b64decode(fields.text(name, longest=MAX_BYTES), validate=True)
    except ValueError as error:
        raise InvalidField(name, reason="not-base64", detail=str(error)) from error
