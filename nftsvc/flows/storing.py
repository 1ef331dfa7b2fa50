"""Content goes from the spool into the store, and is read back, before anything is minted."""

from collections.abc import Mapping
from dataclasses import dataclass

from nftsvc.core.assets import Issuance
from nftsvc.core.audits import content_label
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentCorrupt
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.types import BatchId, IssuanceId
from nftsvc.ports import Clock, ContentStore, Ledger, Source, Spool


@dataclass(frozen=True, slots=True)
class _Content:
    """Bytes to be stored, the CID they should have, and what the store's operator sees."""

    source: Source
    cid: Cid
    label: str


class Storing:
    """Stores what a batch consists of."""

    def __init__(
        self, *, ledger: Ledger, spool: Spool, contents: ContentStore, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._contents = contents
        self._clock = clock

    async def store(self, batch: BatchId) -> None:
        """Store all documents and manifests of a batch, and read each back.

        Raises `ContentUnavailable`, `ContentCorrupt`, `ContentMissing`, `DiskFull`: nothing is
        half done then, and it may be called again.
        """
        members = await self._ledger.members(batch, contents=True)
        accepted = [m for m in members if m.status is IssuanceStatus.ACCEPTED]
        held = await self._ledger.held([member.issuance for member in accepted])
        await self._keep(
            [content for member in accepted for content in self._contents_of(member, held)]
        )
        await self._ledger.advance(
            [member.issuance for member in accepted],
            current=IssuanceStatus.ACCEPTED,
            to=IssuanceStatus.STORED,
            at=self._clock.now(),
            cause=f"kept and read back by {self._contents.name}",
        )

    async def forget(self, batch: BatchId) -> None:
        """Remove from the spool what has come to its end."""
        statuses = await self._ledger.statuses(batch)
        ended = [issuance for issuance, status in statuses.items() if status.is_terminal]
        await self._ledger.drop_held(ended)
        await self._spool.discard(ended)

    async def sweep(self) -> None:
        """Remove from the spool what no issuance is waiting for any more."""
        for issuance in await self._spool.left_behind():
            known = await self._ledger.issuance(issuance)
            if known is None or known.status.is_terminal:
                await self._spool.discard([issuance])

    def _contents_of(
        self, member: Issuance, held: Mapping[tuple[IssuanceId, int], bytes]
    ) -> list[_Content]:
        def label(part: str) -> str:
            token_id = member.asset.token_id
            return content_label(member.kind, token_id, part, version=member.version)

        documents = []
        for position, document in enumerate(member.documents):
            small = held.get((member.issuance, position))
            source = self._spool.read(member.issuance, position) if small is None else small
            documents.append(_Content(source, document.cid, label(f"document {position}")))
        return [*documents, _Content(member.manifest, Cid.raw(member.digest), label("manifest"))]

    async def _keep(self, contents: list[_Content]) -> None:
        kept = await self._contents.put_many(
            [content.source for content in contents], labels=[c.label for c in contents]
        )
        for found, content in zip(kept, contents, strict=True):
            if found != content.cid:
                raise ContentCorrupt(
                    str(content.cid), store="the spool", detail=f"the bytes of {found}"
                )
        await self._contents.verify_many(kept)
