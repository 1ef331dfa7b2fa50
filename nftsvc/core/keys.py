"""How an asset's key lies at rest, and what is known of its end.

An asset's identity (`AGE-SECRET-KEY-1...`) is locked with a secret of its own asset, its share,
which lies outside the database; what comes of that is wrapped by a key-encryption key (KEK). The
envelopes of the parties, which age sealed already, are locked with the share as well. Without the
share neither the KEK, nor the platform's recovery identity, nor any copy of the database opens
anything: destroying the share is the erasure.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NewType

from nftsvc.core.types import IssuanceId

KekId = NewType("KekId", str)
"""Names a key-encryption key; says nothing about it."""

SharePlace = NewType("SharePlace", str)
"""Where an asset's share lies, for the adapter that keeps it."""

SHARE_BYTES: Final = 32
IDENTITY: Final = "identity"
ENVELOPE: Final = "envelope"


@dataclass(frozen=True, slots=True)
class Share:
    """An asset's share and its place. 32 random bytes."""

    place: SharePlace
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """Something small under a KEK."""

    kek: KekId
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssetKey:
    """An asset's identity as the ledger keeps it: locked with the share, then wrapped."""

    share: SharePlace
    wrapped: Wrapped


@dataclass(frozen=True, slots=True)
class Erasure:
    """An asset's erasure, from the request to its end. `code` confirms it.

    `confirmed_at` is the point of no return; `finished_at` says that nothing is left to remove.
    """

    issuance: IssuanceId
    requested_at: datetime
    requested_by: str
    reason: str
    code: str = field(repr=False)
    confirm_from: datetime
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    finished_at: datetime | None = None
