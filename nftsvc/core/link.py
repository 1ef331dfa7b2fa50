"""The link a buyer gets: `<page>/verify#a=<asset>&s=<salt>.<salt>`.

Everything that says something stands behind the `#`, which no browser sends to a server.
"""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from nftsvc.core.commitment import SALT_BYTES
from nftsvc.core.disclosure import decode_bytes, encode_bytes
from nftsvc.core.errors import InvalidField, InvalidLink
from nftsvc.core.types import AssetId, Salt

MAX_SALTS = 64


@dataclass(frozen=True, slots=True)
class VerificationLink:
    """What a link carries: the asset, and the salts that open its documents' commitments."""

    asset: AssetId
    salts: tuple[Salt, ...] = field(default=(), repr=False)

    def fragment(self) -> str:
        """The part behind `#`."""
        asset = f"a={self.asset}"
        return f"{asset}&s={'.'.join(map(encode_bytes, self.salts))}" if self.salts else asset

    def url(self, base: str) -> str:
        """The whole link; `base` is the public address of the service, without `/verify`."""
        return f"{base.rstrip('/')}/verify#{self.fragment()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a whole link, its fragment, or a bare CAIP-19 asset id. Raises `InvalidLink`."""
        fragment = urlsplit(text).fragment if "#" in text else text
        if "=" not in fragment:
            fragment = f"a={fragment}"
        parts: dict[str, str] = {}
        for part in fragment.split("&"):
            key, equals, value = part.partition("=")
            if not equals or key in parts:
                raise InvalidLink(f"cannot read the part {key!r} of the link")
            parts[key] = value
        if "a" not in parts:
            raise InvalidLink("the link names no asset")
        try:
            asset = AssetId.parse(parts["a"])
        except InvalidField as error:
            raise InvalidLink(f"the link names no asset: {error.detail}") from error
        return cls(asset, _salts(parts.get("s", "")))


def _salts(text: str) -> tuple[Salt, ...]:
    if not text:
        return ()
    encoded = text.split(".")
    if len(encoded) > MAX_SALTS:
        raise InvalidLink(f"the link carries more than {MAX_SALTS} salts")
    try:
        salts = tuple(Salt(decode_bytes(part)) for part in encoded)
    except ValueError as error:
        raise InvalidLink("a salt in the link is cut off or mistyped") from error
    if any(len(salt) != SALT_BYTES for salt in salts):
        raise InvalidLink("a salt in the link is cut off or mistyped")
    return salts
