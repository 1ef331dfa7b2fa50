"""The words of the field as types: ids, digests, units, states.

A CID is not a file hash and a commitment is not a digest; each has its own type, so that
the type checker refuses one in the place of another.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType, Self

from eth_hash.auto import keccak

from nftsvc.core.errors import InvalidField
from nftsvc.core.moving import moves

Digest = NewType("Digest", bytes)
"""sha256 of some bytes, 32 bytes."""

Commitment = NewType("Commitment", bytes)
"""sha256(salt || sha256(document)), 32 bytes. Says nothing to whoever lacks the salt."""

Salt = NewType("Salt", bytes)
"""16 random bytes, one per document."""

TokenId = NewType("TokenId", int)
"""uint256(sha256(genesis manifest))."""

Address = NewType("Address", str)
"""20-byte account or contract address, EIP-55 checksummed."""

BlockNumber = NewType("BlockNumber", int)
BlockHash = NewType("BlockHash", str)
"""0x + 64 lower-case hex digits."""
TransactionHash = NewType("TransactionHash", str)
"""0x + 64 lower-case hex digits."""
Nonce = NewType("Nonce", int)
Wei = NewType("Wei", int)
Gas = NewType("Gas", int)
ChainId = NewType("ChainId", int)
IssuanceId = NewType("IssuanceId", str)
BatchId = NewType("BatchId", str)
AnchorId = NewType("AnchorId", str)
"""Chosen by whoever opens the anchor."""
WorkerId = NewType("WorkerId", str)
"""One process of the service, from its start to its end."""

_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")
MAX_CHAIN_ID: Final = 2**53 - 1
"""Beyond it JavaScript loses digits, and browser and command line would read two chains."""


class AssetKind(StrEnum):
    """What an asset is; the contract of the same kind holds its token."""

    EXPORT_CONTRACT = "export-contract"
    PRODUCT_CONTENT = "product-content"

    @property
    def contract_name(self) -> str:
        """Name of the Solidity preset: `ExportContract` or `ProductContent`."""
        return "ExportContract" if self is AssetKind.EXPORT_CONTRACT else "ProductContent"


class TokenStatus(StrEnum):
    """What the contract says of a token. The order is the contract's `Status` enum."""

    UNKNOWN = "unknown"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@moves
@dataclass(frozen=True, slots=True)
class AssetId:
    """One token on one chain, as CAIP-19 writes it: `eip155:<chain>/erc721:<contract>/<token>`."""

    chain_id: ChainId
    contract: Address
    token_id: TokenId

    def __str__(self) -> str:
        return f"eip155:{self.chain_id}/erc721:{self.contract}/{self.token_id}"

    @classmethod
    def parse(cls, text: str, *, path: str = "asset") -> Self:
        """Read a CAIP-19 asset id. Raises `InvalidField` at `path`."""
        try:
            chain, asset, token = text.split("/")
            namespace, reference = chain.split(":")
            standard, contract = asset.split(":")
            if namespace != "eip155" or standard != "erc721":
                raise ValueError(text)
            chain_id, token_id = _decimal(reference), _decimal(token)
            if not 0 < chain_id <= MAX_CHAIN_ID or not 0 <= token_id < 2**256:
                raise ValueError(text)
        except ValueError as error:
            raise InvalidField(
                path,
                reason="not-an-asset-id",
                detail="expected eip155:<chain>/erc721:<contract>/<token>",
            ) from error
        return cls(ChainId(chain_id), parse_address(contract, path=path), TokenId(token_id))


@dataclass(frozen=True, slots=True)
class AccountId:
    """One account on one chain, as CAIP-10 writes it: `eip155:<chain>:<address>`."""

    chain_id: ChainId
    address: Address

    def __str__(self) -> str:
        return f"eip155:{self.chain_id}:{self.address}"

    @classmethod
    def parse(cls, text: str, *, path: str = "account") -> Self:
        """Read a CAIP-10 account id. Raises `InvalidField` at `path`."""
        parts = text.split(":")
        if len(parts) != 3 or parts[0] != "eip155" or not parts[1].isascii():
            raise InvalidField(
                path, reason="not-an-account-id", detail="expected eip155:<chain>:<address>"
            )
        try:
            chain_id = _decimal(parts[1])
            if chain_id > MAX_CHAIN_ID:
                raise ValueError(text)
        except ValueError as error:
            raise InvalidField(
                path, reason="not-an-account-id", detail="the chain is no decimal number"
            ) from error
        return cls(ChainId(chain_id), parse_address(parts[2], path=path))


def parse_address(text: str, *, path: str = "address") -> Address:
    """Read a 20-byte address; mixed case must be a valid EIP-55 checksum. Raises `InvalidField`."""
    if not _ADDRESS.fullmatch(text):
        raise InvalidField(path, reason="not-an-address", detail="expected 0x and 40 hex digits")
    digits = text[2:]
    checksummed = _checksum(digits.lower())
    if digits not in (digits.lower(), digits.upper(), checksummed[2:]):
        raise InvalidField(path, reason="bad-checksum", detail="the EIP-55 checksum is wrong")
    if int(digits, 16) == 0:
        raise InvalidField(path, reason="zero-address", detail="the zero address holds nothing")
    return Address(checksummed)


def token_id_of(digest: Digest) -> TokenId:
    """The token id that the genesis manifest with this digest has."""
    return TokenId(int.from_bytes(digest, "big"))


def digest_of(token_id: TokenId) -> Digest:
    """The genesis manifest's digest, read back from the token id."""
    return Digest(token_id.to_bytes(32, "big"))


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text[0] == "0"):
        raise ValueError(text)
    return int(text)


@lru_cache(4096)
def _checksum(lower: str) -> str:
    mask = keccak(lower.encode("ascii")).hex()
    return "0x" + "".join(
        c.upper() if int(m, 16) >= 8 else c for c, m in zip(lower, mask, strict=False)
    )
