"""Small pictures of what a file shows."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from nftsvc.core.cid import Cid


class Previews(ABC):
    """Draws pictures and 3D models that strangers made, and keeps what it drew."""

    @abstractmethod
    async def preview(
        self, cid: Cid, *, media_type: str, chunks: AsyncIterator[bytes]
    ) -> bytes | None:
        """A JPEG of what `cid` shows; None where it cannot be drawn within the limits.

        `chunks` are the file's checked bytes, read only if they are needed. Raises what they
        raise, `DiskFull`, and `Unavailable` where too many wait already.
        """
