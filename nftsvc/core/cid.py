"""Content identifiers: the name that bytes have on IPFS.

Read and written are CIDv0 (base58btc) and CIDv1 in base32 and base16, over sha2-256, for raw
and dag-pb blocks. Everything else is refused: a second spelling of one name is where two
readers start to disagree. Follows the multiformats CID specification.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, Self

from nftsvc.core.errors import InvalidCid
from nftsvc.core.moving import moves
from nftsvc.core.types import Digest

_SHA2_256: Final = b"\x12\x20"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_V0_LENGTH: Final = 34
_V1_LENGTH: Final = 36
_V1_CHARACTERS: Final = -(-8 * _V1_LENGTH // 5)
_LEFT_OVER: Final = (1 << (5 * _V1_CHARACTERS - 8 * _V1_LENGTH)) - 1
_V1_BASE32: Final = re.compile(f"b[a-z2-7]{{{_V1_CHARACTERS}}}")
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
_DIGITS: Final = str.maketrans(_BASE32, "0123456789abcdefghijklmnopqrstuv")
_PAIRS: Final = tuple(first + second for first in _BASE32 for second in _BASE32)
_SHIFTS: Final = range(5 * _V1_CHARACTERS - 10, -10, -10)


class Codec(IntEnum):
    """How the bytes of a block are to be read; the number is the multicodec."""

    RAW = 0x55
    DAG_PB = 0x70


@moves
@dataclass(frozen=True, slots=True)
class Cid:
    """One content identifier. Two are equal when their bytes are; `str()` is the usual spelling.

    `digest` is the sha2-256 of the block. It is the sha256 of a file only where the file is
    one raw block (`codec` RAW).
    """

    version: int
    codec: Codec
    digest: Digest

    def __post_init__(self) -> None:
        if len(self.digest) != 32:
            raise InvalidCid("the digest is not 32 bytes")
        if self.version not in (0, 1):
            raise InvalidCid(f"version {self.version} is not known")
        if self.version == 0 and self.codec is not Codec.DAG_PB:
            raise InvalidCid("version 0 names dag-pb blocks only")

    @classmethod
    def raw(cls, digest: Digest) -> Self:
        """The CIDv1 of one raw block with this sha256."""
        return cls(1, Codec.RAW, digest)

    @classmethod
    def of_block(cls, data: bytes, *, codec: Codec = Codec.RAW, version: int = 1) -> Self:
        """The CID of a block with these bytes."""
        return cls(version, codec, Digest(hashlib.sha256(data).digest()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `Qm...`, `b...` (base32) or `f01...` (base16), exactly as written here.

        Raises `InvalidCid`, also for a spelling that only decodes to the same bytes.
        """
        if len(text) > 128:
            raise InvalidCid("too long for a CID")
        if text.startswith("Qm"):
            cid = cls.from_bytes(_from_base58(text))
            spelled = cid.base58() if cid.version == 0 else ""
        elif text.startswith("b"):
            cid = cls.from_bytes(_from_base32(text))
            spelled = text
        elif text.startswith("f"):
            cid = cls.from_bytes(_from_base16(text[1:]))
            spelled = cid.base16() if cid.version == 1 else ""
        else:
            raise InvalidCid("expected Qm..., b... (base32) or f01... (base16)")
        if spelled != text:
            raise InvalidCid("not the canonical spelling of the CID")
        return cid

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the binary form. Raises `InvalidCid`."""
        if len(data) == _V0_LENGTH and data.startswith(_SHA2_256):
            return cls(0, Codec.DAG_PB, Digest(data[2:]))
        if len(data) != _V1_LENGTH or data[0] != 1 or data[2:4] != _SHA2_256:
            raise InvalidCid("not a CIDv0, and not a CIDv1 over sha2-256")
        try:
            codec = Codec(data[1])
        except ValueError as error:
            raise InvalidCid(f"codec 0x{data[1]:02x} is neither raw nor dag-pb") from error
        return cls(1, codec, Digest(data[4:]))

    def __bytes__(self) -> bytes:
        if self.version == 0:
            return _SHA2_256 + self.digest
        return bytes((1, self.codec)) + _SHA2_256 + self.digest

    def __str__(self) -> str:
        return self.base58() if self.version == 0 else self.base32()

    def base32(self) -> str:
        """CIDv1 as `b...`; a CIDv0 is shown as the CIDv1 of the same block."""
        return _to_base32(bytes(self.upgraded()))

    def base16(self) -> str:
        """CIDv1 as `f01...`; a CIDv0 is shown as the CIDv1 of the same block."""
        return "f" + bytes(self.upgraded()).hex()

    def base58(self) -> str:
        """CIDv0 as `Qm...`. Raises `InvalidCid` where the block is not dag-pb."""
        return _to_base58(bytes(type(self)(0, self.codec, self.digest)))

    def upgraded(self) -> Self:
        """The CIDv1 of the same block."""
        return self if self.version == 1 else type(self)(1, self.codec, self.digest)

    def matches(self, data: bytes) -> bool:
        """Whether a block with these bytes has this CID."""
        return hashlib.sha256(data).digest() == self.digest


@lru_cache(8192)
def _to_base32(data: bytes) -> str:
    # The standard library's is slower, and one CID is written several times on its way.
    value = int.from_bytes(data, "big") << _LEFT_OVER.bit_length()
    return "b" + "".join([_PAIRS[value >> shift & 0x3FF] for shift in _SHIFTS])


def _from_base32(text: str) -> bytes:
    """Of one length, one alphabet and no bits left over: no two texts give the same bytes."""
    if not _V1_BASE32.fullmatch(text):
        raise InvalidCid(f"expected b and {_V1_CHARACTERS} characters of a-z2-7")
    # Python reads digits of base 32 itself, though with another alphabet.
    value = int(text[1:].translate(_DIGITS), 32)
    if value & _LEFT_OVER:
        raise InvalidCid("not the canonical spelling of the CID")
    return (value >> _LEFT_OVER.bit_length()).to_bytes(_V1_LENGTH, "big")


def _from_base16(text: str) -> bytes:
    if not all(c in "0123456789abcdef" for c in text) or len(text) % 2:
        raise InvalidCid("not base16 in lower case")
    return bytes.fromhex(text)


def _from_base58(text: str) -> bytes:
    value = 0
    for character in text:
        position = _BASE58.find(character)
        if position < 0:
            raise InvalidCid("not base58")
        value = value * 58 + position
    # A CIDv0 starts with 0x12: no leading zero byte, hence no leading "1" to count.
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _to_base58(data: bytes) -> str:
    value = int.from_bytes(data, "big")
    text = ""
    while value:
        value, digit = divmod(value, 58)
        text = _BASE58[digit] + text
    return text
