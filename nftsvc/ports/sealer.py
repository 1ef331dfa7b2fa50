"""Encryption."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

from nftsvc.core.moving import moves


@moves
@dataclass(frozen=True, slots=True)
class SealingKey:
    """An asset's own key pair: `recipient` seals, `identity` opens."""

    recipient: str
    identity: str = field(repr=False)


class ByteSink(Protocol):
    """Takes bytes as they come; may be called from a thread of its own."""

    def write(self, data: bytes, /) -> object:
        """Take `data`."""


class SealingStream(Protocol):
    """An encryption under way. `end` must be awaited, `abort` where it will not be."""

    async def feed(self, data: bytes) -> None:
        """Encrypt `data`."""

    async def end(self) -> None:
        """Everything was fed; returns when the last byte is in the sink."""

    async def abort(self) -> None:
        """Give up; the sink gets nothing more."""


class Sealer(ABC):
    """Encrypts to recipients in the age format (age-encryption.org/v1)."""

    @abstractmethod
    def new_key(self) -> SealingKey:
        """A fresh key pair."""

    @abstractmethod
    def stream(self, recipient: str, *, sink: ByteSink) -> SealingStream:
        """Encrypt a stream to one recipient. Raises `InvalidField` for a bad recipient."""

    @abstractmethod
    def seal(self, data: bytes, *, recipient: str) -> bytes:
        """Encrypt something small. Raises `InvalidField` for a bad recipient."""

    @abstractmethod
    def lock(self, data: bytes, *, secret: bytes, purpose: str) -> bytes:
        """Encrypt something small under a secret of 32 bytes, for one purpose."""

    @abstractmethod
    def unlock(self, locked: bytes, *, secret: bytes, purpose: str) -> bytes:
        """Inverse of `lock`. Raises `SealUnreadable`."""

    @abstractmethod
    def is_locked(self, data: bytes) -> bool:
        """Whether `lock` wrote these bytes."""

    @abstractmethod
    def open(self, sealed: bytes, *, identity: str) -> bytes:
        """Inverse of `seal`. Raises `SealUnreadable` for a wrong key or damaged bytes."""
