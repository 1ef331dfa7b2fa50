"""The part of the ledger that requests are written down in."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nftsvc.core.assets import Issuance, IssuanceRequest
from nftsvc.core.errors import Refused
from nftsvc.core.types import IssuanceId


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """What an idempotency key was used for."""

    fingerprint: bytes
    issuance: IssuanceId


class Accepting(ABC):
    """Requests, their idempotency keys, and their small files. Raises `LedgerUnavailable`.

    Each method is one transaction: it happens wholly or not at all.
    """

    async def accept(self, request: IssuanceRequest) -> IssuanceId:
        """Write one request down. Raises `IdempotencyKeyReused`."""
        (answer,) = await self.accept_all([request])
        if isinstance(answer, Refused):
            raise answer
        return answer

    async def request_of(self, key: str) -> KnownRequest | None:
        """What the key was used for."""
        return (await self.requests_of([key])).get(key)

    @abstractmethod
    async def accept_all(self, requests: Sequence[IssuanceRequest]) -> list[IssuanceId | Refused]:
        """Write requests down, with the files that they hold; an answer for each, in order.

        Where a key is known already, also from earlier in `requests`, it is the issuance of the
        first request, or `IdempotencyKeyReused` where the first request was another one. Where it
        is not, and the request's anchor takes no more leaves, it is `InvalidField`.
        """

    @abstractmethod
    async def requests_of(self, keys: Collection[str]) -> Mapping[str, KnownRequest]:
        """What those of the keys that are known were used for."""

    @abstractmethod
    async def issuances(self, ids: Collection[IssuanceId]) -> Mapping[IssuanceId, Issuance]:
        """Those of the issuances that are known."""

    @abstractmethod
    async def held(
        self, issuances: Collection[IssuanceId]
    ) -> Mapping[tuple[IssuanceId, int], bytes]:
        """The small files of these issuances, by their position, that still lie here."""

    @abstractmethod
    async def drop_held(self, issuances: Collection[IssuanceId]) -> None:
        """Forget the small files of issuances: the content store has them."""
