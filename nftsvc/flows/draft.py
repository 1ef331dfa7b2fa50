"""What was asked for and what came in, fixed for ever: manifest, keys, and the ledger's request.

Pure but for randomness, and made of plain data: it crosses processes, so that drafting by the
thousand can use every core.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Self

from nftsvc.core import canonical
from nftsvc.core.assets import Envelope, HeldFile, IssuanceRequest, KeptDocument
from nftsvc.core.canonical import Json
from nftsvc.core.deployment import Deployment
from nftsvc.core.drafting import (
    Predecessor,
    PrivateDocument,
    TakenDocument,
    draft_deal,
    draft_product,
)
from nftsvc.core.manifest import Manifest, genesis_token_id
from nftsvc.core.moving import moves
from nftsvc.core.trade.deal import Deal
from nftsvc.core.trade.product import Product
from nftsvc.core.types import (
    AccountId,
    Address,
    AssetId,
    AssetKind,
    ChainId,
    IssuanceId,
)
from nftsvc.ports import Sealer, SealingKey


@moves
@dataclass(frozen=True, slots=True)
class Drafted:
    """A request as it will be written down, and what its parties may be shown of it."""

    request: IssuanceRequest
    hidden: tuple[PrivateDocument, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """The JSON of a request, read: what it asks for, whatever its kind."""

    holder: Address | None
    recipients: tuple[str, ...]
    draft: Callable[
        [tuple[TakenDocument, ...], AccountId, datetime, Predecessor | None],
        tuple[Manifest, bytes, tuple[PrivateDocument, ...]],
    ]

    @classmethod
    def read(cls, kind: AssetKind, value: Json, *, chain_id: ChainId) -> Self:
        """Raises `InvalidField` with the field's path."""
        if kind is AssetKind.EXPORT_CONTRACT:
            deal = Deal.read(value, chain_id=chain_id)

            def draft(
                taken: tuple[TakenDocument, ...],
                issuer: AccountId,
                at: datetime,
                after: Predecessor | None,
            ) -> tuple[Manifest, bytes, tuple[PrivateDocument, ...]]:
                manifest, private = draft_deal(deal, taken, issuer=issuer, at=at, after=after)
                return manifest, private.encode(), private.documents

            return cls(deal.holder, deal.recipients, draft)
        product = Product.read(value, chain_id=chain_id)
        return cls(
            product.holder,
            (),
            lambda taken, issuer, at, after: (
                draft_product(product, taken, issuer=issuer, at=at, after=after),
                b"",
                (),
            ),
        )


@dataclass(frozen=True, slots=True)
class Drafter:
    """`custody` holds the tokens of parties that name no account; `recovery` opens every key.

    `issuers` are the keys that issue, one lane each; an asset is given to one of them for good,
    because its manifest names it.
    """

    sealer: Sealer
    chain_id: ChainId
    issuers: tuple[Address, ...]
    contracts: Mapping[AssetKind, Address]
    custody: Address
    recovery: tuple[str, ...]

    @classmethod
    def of(
        cls,
        deployment: Deployment,
        *,
        sealer: Sealer,
        custody: Address,
        recovery: tuple[str, ...],
        issuers: tuple[Address, ...] = (),
    ) -> Self:
        """For the contracts of a deployment, and its issuer where no others are given."""
        contracts = {kind: found.address for kind, found in deployment.contracts.items()}
        keys = issuers or (deployment.issuer,)
        return cls(sealer, deployment.chain_id, keys, contracts, custody, recovery)

    def new_key(self, kind: AssetKind) -> SealingKey | None:
        """The asset's own key; None where its documents are public."""
        return self.sealer.new_key() if kind is AssetKind.EXPORT_CONTRACT else None

    def subject(self, kind: AssetKind, content: bytes) -> Subject:
        """The JSON of a request. Raises `InvalidJson`, `InvalidField`."""
        return Subject.read(kind, canonical.parse(content), chain_id=self.chain_id)

    def draft(
        self,
        subject: Subject,
        *,
        kind: AssetKind,
        issuance: IssuanceId,
        key: str,
        fingerprint: bytes,
        taken: tuple[TakenDocument, ...],
        held: tuple[HeldFile, ...],
        asset_key: SealingKey | None,
        at: datetime,
        after: Predecessor | None = None,
    ) -> Drafted:
        """Fix the asset, or its next version `after` one.

        Raises `TooLarge` for its manifest, `InvalidField` for a recipient.
        """
        issuer = after.issuer if after else self.issuer_of(issuance)
        account = AccountId(self.chain_id, issuer)
        manifest, private, hidden = subject.draft(taken, account, at, after)
        encoded = manifest.encode()
        new = AssetId(self.chain_id, self.contracts[kind], genesis_token_id(encoded))
        request = IssuanceRequest(
            issuance=issuance,
            idempotency_key=key,
            fingerprint=fingerprint,
            asset=after.asset if after else new,
            kind=kind,
            holder=after.holder if after else subject.holder or self.custody,
            manifest=encoded,
            accepted_at=at,
            documents=tuple(_kept(document, public=asset_key is None) for document in taken),
            private=self.sealer.seal(private, recipient=asset_key.recipient) if asset_key else b"",
            envelopes=self._envelopes(asset_key, subject.recipients) if asset_key else (),
            issuer=issuer,
            held=held,
            identity=asset_key.identity if asset_key else None,
            version=manifest.version,
        )
        return Drafted(request, hidden)

    def issuer_of(self, issuance: IssuanceId) -> Address:
        """The key for an issuance: spread evenly, and the same at every retry."""
        place = int.from_bytes(sha256(issuance.encode()).digest()[:8], "big")
        return self.issuers[place % len(self.issuers)]

    def _envelopes(self, key: SealingKey, recipients: tuple[str, ...]) -> tuple[Envelope, ...]:
        identity = key.identity.encode()
        everyone = dict.fromkeys((*self.recovery, *recipients))
        return tuple(
            Envelope(recipient, self.sealer.seal(identity, recipient=recipient))
            for recipient in everyone
        )


def _kept(document: TakenDocument, *, public: bool) -> KeptDocument:
    return KeptDocument(
        cid=document.cid,
        size=document.stored_size,
        media_type=document.media_type,
        name=document.name if public else None,
        sha256=document.sha256 if public else None,
    )
