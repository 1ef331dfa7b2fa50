"""Where an asset stands after its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from nftsvc.core.history import RecordEvent, RecordKind
from nftsvc.core.types import Address, BlockHash, BlockNumber, Digest, TokenStatus


@dataclass(frozen=True, slots=True)
class AssetHead:
    """The state that a token's records add up to. Times in Unix seconds.

    `issuer` and `issued_at` are those of the newest version, as in the contract's record.
    """

    contract: Address
    status: TokenStatus
    holder: Address
    issuer: Address
    version: int
    digest: Digest
    issued_at: int
    block_number: BlockNumber
    block_hash: BlockHash

    @classmethod
    def of(cls, records: Sequence[RecordEvent]) -> Self | None:
        """Add up a token's records, given in the chain's order; None where it was not issued."""
        if not records or records[0].kind is not RecordKind.ISSUED:
            return None
        first, last = records[0], records[-1]
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
