"""Where an asset stands after its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from nftsvc.core.history import RecordEvent, RecordKind
from nftsvc.core.types import (
    Address,
    BlockHash,
    BlockNumber,
    Digest,
    TokenStatus,
    digest_of,
)

_NOBODY: Final = Address("0x" + "0" * 40)


@dataclass(frozen=True, slots=True)
class AssetHead:
    """The state that a token's records add up to. Times in Unix seconds.

    `issuer` and `issued_at` are those of the newest version, as in the contract's record. Both
    are None where a leaf of an anchor was revoked before it was claimed: its only record names
    who revoked it, and nobody held it.
    """

    contract: Address
    status: TokenStatus
    holder: Address
    issuer: Address | None
    version: int
    digest: Digest
    issued_at: int | None
    block_number: BlockNumber
    block_hash: BlockHash

    @classmethod
    def of(cls, records: Sequence[RecordEvent]) -> Self | None:
        """Add up a token's records, given in the chain's order; None where the first is missing."""
        if not records:
            return None
        first, last = records[0], records[-1]
        if _revokes_a_leaf(first):
            return cls(
                first.contract,
                TokenStatus.REVOKED,
                _NOBODY,
                None,
                1,
                digest_of(first.token_id),
                None,
                last.block_number,
                last.block_hash,
            )
        if first.kind is not RecordKind.ISSUED:
            return None
        status, holder, version = TokenStatus.ACTIVE, first.holder_to, 1
        issuer, digest, issued_at = first.actor, first.digest, first.timestamp
        for record in records[1:]:
            if record.kind is RecordKind.AMENDED:
                issuer, digest, issued_at = record.actor, record.digest, record.timestamp
                version = record.version or version
            status = record.status or status
            holder = record.holder_to or holder
        if issuer is None or digest is None or holder is None:
            return None
        return cls(
            first.contract,
            status,
            holder,
            issuer,
            version,
            digest,
            issued_at,
            last.block_number,
            last.block_hash,
        )


def _revokes_a_leaf(record: RecordEvent) -> bool:
    return (
        record.kind is RecordKind.STATUS_CHANGED
        and record.status is TokenStatus.REVOKED
        and record.previous_block is None
    )
