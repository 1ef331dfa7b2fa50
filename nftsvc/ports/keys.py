"""Keys at rest: who wraps them, where their shares lie, and what the ledger keeps of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from nftsvc.core.assets import Envelope
from nftsvc.core.keys import AssetKey, Erasure, KekId, Share, SharePlace, Wrapped
from nftsvc.core.types import IssuanceId


class KeyCustody(ABC):
    """Holds key-encryption keys (KEKs), and gives none of them away: a file, or a KMS.

    Raises `KeyCustodyUnavailable` where it cannot be asked.
    """

    @abstractmethod
    async def current(self) -> KekId:
        """The KEK that wraps."""

    @abstractmethod
    async def wrap(self, data: bytes) -> Wrapped:
        """Encrypt something small under the current KEK."""

    async def wrap_all(self, items: Sequence[bytes]) -> list[Wrapped]:
        """Encrypt many under the current KEK, in their order."""
        return [await self.wrap(data) for data in items]

    @abstractmethod
    async def unwrap(self, wrapped: Wrapped) -> bytes:
        """Inverse of `wrap`. Raises `KeyRetired` where the KEK is gone, `SealUnreadable`."""

    @abstractmethod
    async def begin_rotation(self) -> None:
        """Make a new KEK the current one; the old ones still unwrap. Nothing where one is begun."""

    @abstractmethod
    async def old(self) -> tuple[KekId, ...]:
        """The KEKs that still unwrap and are not the current one."""

    @abstractmethod
    async def retire(self, kek: KekId) -> None:
        """Destroy a KEK; nothing where it is gone already."""

    @abstractmethod
    async def close(self) -> None:
        """Give back the connections."""


class KeyShares(ABC):
    """Keeps the secret of each asset outside the database, so that it can be destroyed for good.

    Raises `DiskFull`, `KeyCustodyUnavailable`.
    """

    @abstractmethod
    async def create(self, count: int) -> tuple[Share, ...]:
        """New shares, durable."""

    @abstractmethod
    async def read(self, place: SharePlace) -> bytes:
        """A share. Raises `KeyDestroyed`."""

    @abstractmethod
    async def destroy(self, place: SharePlace) -> None:
        """Overwrite and forget a share, durably; nothing where that is done already."""


class KeyLedger(ABC):
    """What the ledger keeps of keys and erasures. Each method is one transaction.

    Raises `LedgerUnavailable`.
    """

    @abstractmethod
    async def key(self, issuance: IssuanceId) -> AssetKey | None:
        """An asset's key; None where it has none, or none any more."""

    @abstractmethod
    async def not_under(self, kek: KekId, *, most: int) -> tuple[tuple[IssuanceId, Wrapped], ...]:
        """Keys that another KEK wraps."""

    @abstractmethod
    async def rewrap(self, issuance: IssuanceId, *, old: Wrapped, new: Wrapped) -> bool:
        """Exchange a wrapping; False where it is another one by now."""

    @abstractmethod
    async def retire(self, kek: KekId) -> bool:
        """Take no key under this KEK any more; False where one still is."""

    @abstractmethod
    async def unlocked(self, *, most: int) -> tuple[IssuanceId, ...]:
        """Assets of releases before this one: their envelopes lie as age wrote them."""

    @abstractmethod
    async def adopt(
        self, issuance: IssuanceId, *, key: AssetKey, envelopes: Sequence[Envelope]
    ) -> None:
        """Give such an asset its key, and put locked envelopes in the place of its own."""

    @abstractmethod
    async def add_envelope(self, issuance: IssuanceId, envelope: Envelope) -> None:
        """Add an envelope; nothing where the recipient has one, or the key is gone."""

    @abstractmethod
    async def request_erasure(self, erasure: Erasure) -> Erasure:
        """Write a request down in the place of one that was not confirmed.

        Gives the one that holds: a confirmed one stays as it is.
        """

    @abstractmethod
    async def confirm_erasure(self, issuance: IssuanceId, *, by: str, at: datetime) -> Erasure:
        """The point of no return; a second time changes nothing.

        Raises `NotFound`, and `NotErasable` (`under-way`) while a version of the asset is.
        """

    @abstractmethod
    async def erasure(self, issuance: IssuanceId) -> Erasure | None:
        """The erasure of an asset, however far it is."""

    @abstractmethod
    async def unfinished_erasures(self) -> tuple[IssuanceId, ...]:
        """Those that were confirmed and did not come to their end."""

    @abstractmethod
    async def erase(self, issuance: IssuanceId) -> None:
        """Remove key, envelopes, sealed data, held files, and what the request was known by."""

    @abstractmethod
    async def compact(self) -> None:
        """Leave nothing that was removed in free pages or in the write-ahead log."""

    @abstractmethod
    async def finish_erasure(self, issuance: IssuanceId, *, at: datetime) -> None:
        """Nothing is left to remove."""
