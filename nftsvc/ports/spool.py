"""Where the files of requests wait for the content store."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from nftsvc.core.types import IssuanceId
from nftsvc.ports.sealer import ByteSink


class Staging(Protocol):
    """The files of one request while they come in. Left without `commit`, they are gone."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def create(self, position: int) -> ByteSink:
        """Begin the file at `position`. Its `write` raises `DiskFull`."""

    def look_into(self, position: int) -> BinaryIO:
        """The file at `position` as it is by now, to read."""

    async def commit(self) -> None:
        """Make all files durable under the issuance's name, at once. Raises `DiskFull`."""


class Spool(ABC):
    """Keeps the bytes of accepted requests until the content store has them."""

    @abstractmethod
    def stage(self, issuance: IssuanceId) -> Staging:
        """Begin to take in the files of a request."""

    @abstractmethod
    def read(self, issuance: IssuanceId, position: int) -> AsyncIterator[bytes]:
        """The bytes of one file. Raises `ContentMissing` where it is not there."""

    @abstractmethod
    async def discard(self, issuances: Collection[IssuanceId]) -> None:
        """Forget the files of issuances; nothing happens where there are none."""

    @abstractmethod
    async def left_behind(self) -> frozenset[IssuanceId]:
        """Whose files lie here, and are not being taken in now.

        What is left of requests that never came to an end is removed.
        """
