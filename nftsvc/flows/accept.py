"""A request comes in: everything about its asset is fixed and durable before it is answered.

1  the idempotency key is looked up: a request that was answered is only compared
2  each part is taken in as it comes; files go to the spool, encrypted where confidential
3  the manifest is drafted: its digest is the token id, for ever
4  the spool's files become durable, then one ledger transaction accepts the issuance
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from nftsvc.core import canonical
from nftsvc.core.assets import Envelope, IssuanceRequest, KeptDocument
from nftsvc.core.deployment import Deployment
from nftsvc.core.drafting import TakenDocument, draft_deal, draft_product
from nftsvc.core.errors import (
    IdempotencyKeyBusy,
    IdempotencyKeyReused,
    InvalidField,
    TooSlow,
)
from nftsvc.core.manifest import MAX_DOCUMENTS, Manifest, genesis_token_id
from nftsvc.core.trade.deal import Deal
from nftsvc.core.trade.product import Product
from nftsvc.core.types import AccountId, Address, AssetId, AssetKind, Digest, IssuanceId
from nftsvc.flows.intake import Fingerprint, Intake, Meter, Part, hash_only, read_small
from nftsvc.ports import Clock, KnownRequest, Ledger, Sealer, SealingKey, Spool, Staging

__all__ = ["AcceptFlow", "Limits", "Part"]

REQUEST_BYTES: Final = 1024 * 1024
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
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


@dataclass(frozen=True, slots=True)
class _Subject:
    """The JSON part, read: what it asks for, whatever its kind."""

    holder: Address | None
    recipients: tuple[str, ...]
    draft: Callable[[tuple[TakenDocument, ...], AccountId], tuple[Manifest, bytes]]


class AcceptFlow:
    """Accepts requests. `custody` holds the tokens of parties that name no account."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        sealer: Sealer,
        clock: Clock,
        deployment: Deployment,
        custody: Address,
        recovery: tuple[str, ...],
        limits: Limits,
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._sealer = sealer
        self._clock = clock
        self._deployment = deployment
        self._custody = custody
        self._recovery = recovery
        self._limits = limits
        self._busy: set[str] = set()

    async def accept(self, kind: AssetKind, *, key: str, parts: AsyncIterator[Part]) -> IssuanceId:
        """Take in a request. The same key with the same request gives the same issuance.

        Raises `Refused` and its kinds for what is wrong with the request, `DiskFull` and
        `LedgerUnavailable` where it could not be kept. What was raised for was not stored.
        """
        if not _KEY.fullmatch(key):
            raise InvalidField(
                "Idempotency-Key",
                reason="not-a-key",
                detail="expected 1 to 200 visible ASCII characters",
            )
        if key in self._busy:
            raise IdempotencyKeyBusy
        self._busy.add(key)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._accept(kind, key, parts)
        except TimeoutError as error:
            raise TooSlow(limit=self._limits.body_seconds) from error
        finally:
            self._busy.discard(key)

    async def _accept(self, kind: AssetKind, key: str, parts: AsyncIterator[Part]) -> IssuanceId:
        known = await self._ledger.request_of(key)  # 1
        reception = _Reception(kind, self._limits)
        if known is not None:
            return await self._compare(reception, parts, known)
        issuance = IssuanceId(f"iss-{secrets.token_hex(12)}")
        confidential = kind is AssetKind.EXPORT_CONTRACT
        asset_key = self._sealer.new_key() if confidential else None
        async with self._spool.stage(issuance) as staging:
            intake = Intake(
                staging=staging,
                sealer=self._sealer,
                recipient=asset_key.recipient if asset_key else None,
                limit=self._limits.file_bytes,
                meter=reception.meter,
            )
            taken: list[TakenDocument] = []

            async def take(part: Part) -> Digest:
                document = await intake.take(part, position=len(taken))
                taken.append(document)
                return document.sha256

            content = await reception.receive(parts, take)  # 2
            subject = self._read(kind, content)
            return await self._fix(
                subject,
                issuance=issuance,
                kind=kind,
                key=key,
                fingerprint=reception.fingerprint,
                taken=tuple(taken),
                asset_key=asset_key,
                staging=staging,
            )

    async def _compare(
        self, reception: "_Reception", parts: AsyncIterator[Part], known: KnownRequest
    ) -> IssuanceId:
        async def take(part: Part) -> Digest:
            return await hash_only(part, limit=self._limits.file_bytes, meter=reception.meter)

        await reception.receive(parts, take)
        if reception.fingerprint.digest() != known.fingerprint:
            raise IdempotencyKeyReused("the Idempotency-Key was used for another request")
        return known.issuance

    def _read(self, kind: AssetKind, content: bytes) -> _Subject:
        value = canonical.parse(content)
        chain_id, now = self._deployment.chain_id, self._clock.now()
        if kind is AssetKind.EXPORT_CONTRACT:
            deal = Deal.read(value, chain_id=chain_id)

            def draft(
                taken: tuple[TakenDocument, ...], issuer: AccountId
            ) -> tuple[Manifest, bytes]:
                manifest, private = draft_deal(deal, taken, issuer=issuer, at=now)
                return manifest, private.encode()

            return _Subject(deal.holder, deal.recipients, draft)
        product = Product.read(value, chain_id=chain_id)
        return _Subject(
            product.holder,
            (),
            lambda taken, issuer: (draft_product(product, taken, issuer=issuer, at=now), b""),
        )

    async def _fix(
        self,
        subject: _Subject,
        *,
        issuance: IssuanceId,
        kind: AssetKind,
        key: str,
        fingerprint: Fingerprint,
        taken: tuple[TakenDocument, ...],
        asset_key: SealingKey | None,
        staging: Staging,
    ) -> IssuanceId:
        issuer = AccountId(self._deployment.chain_id, self._deployment.issuer)
        manifest, private = subject.draft(taken, issuer)  # 3
        encoded = manifest.encode()
        contract = self._deployment.contracts[kind].address
        request = IssuanceRequest(
            issuance=issuance,
            idempotency_key=key,
            fingerprint=fingerprint.digest(),
            asset=AssetId(self._deployment.chain_id, contract, genesis_token_id(encoded)),
            kind=kind,
            holder=subject.holder or self._custody,
            manifest=encoded,
            accepted_at=self._clock.now(),
            documents=tuple(_kept(document, public=asset_key is None) for document in taken),
            private=self._sealer.seal(private, recipient=asset_key.recipient) if asset_key else b"",
            envelopes=self._envelopes(asset_key, subject.recipients) if asset_key else (),
        )
        await staging.commit()  # 4
        accepted = issuance
        try:
            accepted = await self._ledger.accept(request)
        except IdempotencyKeyReused:
            await self._spool.discard(issuance)
            raise
        if accepted != issuance:
            await self._spool.discard(issuance)
        return accepted

    def _envelopes(self, key: SealingKey, recipients: tuple[str, ...]) -> tuple[Envelope, ...]:
        identity = key.identity.encode()
        everyone = dict.fromkeys((*self._recovery, *recipients))
        return tuple(
            Envelope(recipient, self._sealer.seal(identity, recipient=recipient))
            for recipient in everyone
        )


class _Reception:
    """The parts of one request, in whatever order they come."""

    def __init__(self, kind: AssetKind, limits: Limits) -> None:
        self._json_field, self._file_field = _FIELDS[kind]
        self._limits = limits
        self.meter = Meter(limits.body_bytes)
        self.fingerprint = Fingerprint(kind.value)

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


def _kept(document: TakenDocument, *, public: bool) -> KeptDocument:
    return KeptDocument(
        cid=document.cid,
        size=document.stored_size,
        media_type=document.media_type,
        name=document.name if public else None,
        sha256=document.sha256 if public else None,
    )
