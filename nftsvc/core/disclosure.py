"""Fields of a deal, each provable alone: SD-JWT disclosures (RFC 9901).

The manifest holds the sha256 of each disclosure; whoever is given the disclosure can show
the field, and nothing else of the deal is seen.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from nftsvc.core import canonical
from nftsvc.core.canonical import Json
from nftsvc.core.errors import InvalidField, InvalidJson

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One field as RFC 9901 section 4.2.1 writes it: base64url(JSON [salt, name, value]).

    `encoded` is kept as it was made: its digest is over those characters, not over the JSON.
    """

    encoded: str = field(repr=False)
    name: str
    value: Json = field(repr=False)

    @classmethod
    def of(cls, name: str, value: Json) -> Self:
        """Disclose `name` under a fresh 128-bit salt."""
        salt = encode_bytes(secrets.token_bytes(SALT_BYTES))
        text = json.dumps([salt, name, value], ensure_ascii=False)
        return cls(encode_bytes(text.encode()), name, value)

    @classmethod
    def parse(cls, encoded: str, *, path: str = "disclosure") -> Self:
        """Read one disclosure. Raises `InvalidField` at `path`."""
        try:
            content = canonical.parse(decode_bytes(encoded))
        except (ValueError, InvalidJson, InvalidField) as error:
            raise InvalidField(path, reason="not-a-disclosure", detail=str(error)) from error
        match content:
            case [str(), str(name), value]:
                return cls(encoded, name, value)
            case _:
                raise InvalidField(
                    path, reason="not-a-disclosure", detail="expected [salt, name, value]"
                )

    @property
    def digest(self) -> str:
        """base64url(sha256(ASCII(encoded))), as it stands in the manifest."""
        return encode_bytes(hashlib.sha256(self.encoded.encode("ascii")).digest())


def disclose(fields: Mapping[str, Json]) -> tuple[Disclosure, ...]:
    """One disclosure for each top-level field, in the order of the names."""
    return tuple(Disclosure.of(name, fields[name]) for name in sorted(fields))


def digests(disclosures: Iterable[Disclosure]) -> list[str]:
    """The digests in sorted order: their order must not tell the order of the fields."""
    return sorted(disclosure.digest for disclosure in disclosures)


def encode_bytes(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_bytes(text: str) -> bytes:
    """Inverse of `encode_bytes`; refuses padding, other alphabets and loose bits (`ValueError`)."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode_bytes(data) != text:
        raise ValueError("not canonical base64url")
    return data
