"""A request comes in: everything about its asset is fixed and durable before it is answered.

1  the idempotency key is looked up: a request that was answered is only compared
2  each part is taken in as it comes; small files stay in memory, the others are encrypted where
   confidential and go to the spool
3  small files are encrypted and the manifest is drafted: its digest is the token id, for ever;
   where many requests are inside, on another core
4  the spool's files become durable, then one ledger transaction accepts the issuance with the
   files that were held, together with all other requests that are as far
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nftsvc.core.assets import IssuanceRequest
from nftsvc.core.drafting import Predecessor, TakenDocument
from nftsvc.core.errors import (
    IdempotencyKeyBusy,
    IdempotencyKeyReused,
    InvalidField,
    NotAmendable,
    Refused,
    TooSlow,
)
from nftsvc.core.manifest import MAX_DOCUMENTS
from nftsvc.core.types import AssetId, AssetKind, Digest, IssuanceId
from nftsvc.flows.amending import Amending
from nftsvc.flows.draft import Drafted, Drafter
from nftsvc.flows.gathering import Gathering
from nftsvc.flows.intake import (
    Fingerprint,
    Intake,
    Meter,
    Part,
    SmallFile,
    hash_only,
    read_small,
)
from nftsvc.flows.keyring import Keyring
from nftsvc.flows.received import Received, draft_received
from nftsvc.flows.requests import check_key, new_issuance
from nftsvc.ports import Clock, Cores, KnownRequest, Ledger, Spool, Staging

__all__ = ["AcceptFlow", "Accepted", "Limits", "Part"]

REQUEST_BYTES: Final = 1024 * 1024
TOGETHER: Final = 256
"""Most requests that one ledger transaction looks up or accepts, or another core drafts."""
MANY: Final = 8
"""So many requests inside keep one core busy: from then on another one drafts."""
_FIELDS: Final = {
    AssetKind.EXPORT_CONTRACT: ("deal", "document"),
    AssetKind.PRODUCT_CONTENT: ("content", "file"),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request: bytes of a file, bytes of the body, files, seconds for all of it."""

    file_bytes: int
    body_bytes: int
    documents: int
    body_seconds: float


Accepted = Drafted | IssuanceId
"""A new issuance, or the one that an earlier request with this key began."""


class AcceptFlow:
    """Accepts requests one by one; what is durable is made so for many at once."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        drafter: Drafter,
        keyring: Keyring,
        cores: Cores,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._drafter = drafter
        self._keyring = keyring
        self._cores = cores
        self._clock = clock
        self._limits = limits
        self._busy: set[str] = set()
        self._other_core: asyncio.Task[object] | None = None
        self._drafting = Gathering[Received, Drafted](self._draft_all, most=TOGETHER)
        self._known = Gathering(self._look_up, most=TOGETHER)
        self._write_down = Gathering[IssuanceRequest, IssuanceId](self._accept_all, most=TOGETHER)

    async def accept(
        self,
        kind: AssetKind,
        *,
        key: str,
        parts: AsyncIterator[Part],
        amending: Amending | None = None,
    ) -> Accepted:
        """Take in a request. The same key with the same request gives the same issuance.

        Where it is `amending` an asset, what it holds becomes the asset's next version.
        Raises `Refused` and its kinds for what is wrong with the request, `DiskFull` and
        `LedgerUnavailable` where it could not be kept. What was raised for was not stored.
        """
        check_key(key, path="Idempotency-Key")
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                known = await self._known(key)  # 1
                reception = _Reception(
                    kind, self._limits, amended=amending.asset if amending else None
                )
                if known is not None:
                    return await self._compare(reception, parts, known)
                with self._alone(key):
                    after = await amending.predecessor() if amending else None
                    return await self._take_in(reception, kind, key, parts, after)
        except TimeoutError as error:
            raise TooSlow(limit=self._limits.body_seconds) from error

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Only the first request of a key is taken in; the others are not yet to be answered."""
        if key in self._busy:
            raise IdempotencyKeyBusy
        self._busy.add(key)
        try:
            yield
        finally:
            self._busy.discard(key)

    async def _look_up(self, keys: Sequence[str]) -> list[KnownRequest | None]:
        known = await self._ledger.requests_of(keys)
        return [known.get(key) for key in keys]

    async def _accept_all(
        self, requests: Sequence[IssuanceRequest]
    ) -> Sequence[IssuanceId | Refused]:
        return await self._ledger.accept_all(await self._keyring.keep(requests))

    async def _take_in(
        self,
        reception: "_Reception",
        kind: AssetKind,
        key: str,
        parts: AsyncIterator[Part],
        after: Predecessor | None,
    ) -> Accepted:
        issuance = new_issuance(self._clock.now())
        asset_key = self._drafter.new_key(kind)
        async with self._spool.stage(issuance) as staging:
            intake = Intake(
                staging=staging,
                sealer=self._drafter.sealer,
                recipient=asset_key.recipient if asset_key else None,
                limit=self._limits.file_bytes,
                meter=reception.meter,
            )
            taken: list[TakenDocument | SmallFile] = []

            async def take(part: Part) -> Digest:
                document = await intake.take(part, position=len(taken))
                taken.append(document)
                return document.sha256

            content = await reception.receive(parts, take)  # 2
            received = Received(
                kind=kind,
                issuance=issuance,
                key=key,
                fingerprint=reception.fingerprint.digest(),
                content=content,
                files=tuple(taken),
                asset_key=asset_key,
                at=self._clock.now(),
                after=after,
            )
            return await self._keep(await self._draft(received), staging)

    async def _draft(self, received: Received) -> Drafted:  # 3
        if len(self._busy) >= MANY and self._other_core_is_there():
            return await self._drafting(received)
        (drafted,) = draft_received(self._drafter, [received])
        if isinstance(drafted, Refused):
            raise drafted
        return drafted

    def _other_core_is_there(self) -> bool:
        """Its process takes a moment to start, for which nobody waits."""
        if self._other_core is None:
            self._other_core = asyncio.create_task(self._draft_all([]))
        return self._other_core.done()

    async def _draft_all(self, requests: Sequence[Received]) -> list[Drafted | Refused]:
        return await self._cores.run(draft_received, self._drafter, requests)

    async def _compare(
        self, reception: "_Reception", parts: AsyncIterator[Part], known: KnownRequest
    ) -> IssuanceId:
        async def take(part: Part) -> Digest:
            return await hash_only(part, limit=self._limits.file_bytes, meter=reception.meter)

        await reception.receive(parts, take)
        if reception.fingerprint.digest() != known.fingerprint:
            raise IdempotencyKeyReused("the Idempotency-Key was used for another request")
        return known.issuance

    async def _keep(self, drafted: Drafted, staging: Staging) -> Accepted:  # 4
        request = drafted.request
        await staging.commit()
        try:
            accepted = await self._write_down(request)
        except (IdempotencyKeyReused, NotAmendable):
            await self._spool.discard([request.issuance])
            raise
        if accepted != request.issuance:
            await self._spool.discard([request.issuance])
            return accepted
        return drafted


class _Reception:
    """The parts of one request, in whatever order they come."""

    def __init__(self, kind: AssetKind, limits: Limits, *, amended: AssetId | None) -> None:
        self._json_field, self._file_field = _FIELDS[kind]
        self._limits = limits
        self.meter = Meter(limits.body_bytes)
        self.fingerprint = Fingerprint(kind.value)
        if amended is not None:
            self.fingerprint.add(str(amended).encode())

    async def receive(
        self, parts: AsyncIterator[Part], take: Callable[[Part], Awaitable[Digest]]
    ) -> bytes:
        """Give each file to `take`; gives the JSON part."""
        content: bytes | None = None
        files: list[tuple[str, str, Digest]] = []
        most = min(self._limits.documents, MAX_DOCUMENTS)
        async for part in parts:
            if part.field == self._json_field and content is None:
                content = await read_small(part, limit=REQUEST_BYTES, meter=self.meter)
            elif part.field == self._file_field:
                if len(files) == most:
                    raise InvalidField(
                        self._file_field, reason="out-of-range", detail=f"more than {most} files"
                    )
                files.append((part.file_name or "", part.media_type, await take(part)))
            else:
                raise InvalidField(
                    part.field[:80] or "part", reason="unknown-field", detail="no such part here"
                )
        if content is None:
            raise InvalidField(self._json_field, reason="missing", detail="the part is missing")
        if not files:
            raise InvalidField(self._file_field, reason="missing", detail="there is no file")
        self.fingerprint.add(content)
        for name, media_type, digest in files:
            for item in (name.encode(), media_type.encode(), digest):
                self.fingerprint.add(item)
        return content
