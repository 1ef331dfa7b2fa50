"""What the platform is shown of one of its issuances."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from nftsvc.core.assets import Issuance
from nftsvc.core.cid import Cid
from nftsvc.core.drafting import PrivateDocument, PrivatePart
from nftsvc.core.errors import Erased, NotFound
from nftsvc.core.issuance import ACCEPTED_CAUSE, IssuanceStatus, StatusChange, Way
from nftsvc.core.link import VerificationLink
from nftsvc.core.manifest import Manifest, manifest_digest
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.types import AnchorId, IssuanceId
from nftsvc.flows.draft import Drafted
from nftsvc.flows.keyring import Keyring
from nftsvc.flows.views import DocumentView, IssuanceView, LeafView
from nftsvc.ports import Ledger, Sealer

_Anchored = Mapping[AnchorId, Issuance | None]
_S = IssuanceStatus
_BEFORE_THE_CHAIN: Final = (_S.ACCEPTED, _S.STORED)
_ON_CHAIN: Final = frozenset({_S.MINED, _S.SAFE, _S.FINALIZED})


class Issuances:
    """Reads issuances, and opens what is sealed to their keys."""

    def __init__(
        self, *, ledger: Ledger, sealer: Sealer, keyring: Keyring, public_url: str
    ) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._keyring = keyring
        self._public_url = public_url

    async def view(self, issuance: IssuanceId) -> IssuanceView:
        """One issuance as it stands. Raises `NotFound`, `SealUnreadable`."""
        found = await self._ledger.issuance(issuance)
        if found is None or found.way is Way.ANCHOR:
            raise NotFound("there is no such issuance")
        anchored = await self._anchored([found])
        return self._shown(found, await self._hidden(found), anchored)

    async def views(self, ids: Collection[IssuanceId]) -> Mapping[IssuanceId, IssuanceView]:
        """Many of them at once. Raises `SealUnreadable`."""
        found = await self._ledger.issuances(ids)
        anchored = await self._anchored(found.values())
        return {
            id_: self._shown(one, await self._hidden(one), anchored) for id_, one in found.items()
        }

    async def _anchored(self, issuances: Iterable[Issuance]) -> "_Anchored":
        wanted = {each.anchor for each in issuances if each.anchor is not None}
        return {anchor: await self._ledger.issuance_of_anchor(anchor) for anchor in wanted}

    def fresh(self, drafted: Drafted) -> IssuanceView:
        """One that was accepted just now: nothing needs to be read or opened."""
        request = drafted.request
        change = StatusChange(IssuanceStatus.ACCEPTED, request.accepted_at, ACCEPTED_CAUSE)
        accepted = Issuance(
            issuance=request.issuance,
            asset=request.asset,
            kind=request.kind,
            holder=request.holder,
            issuer=request.issuer,
            status=IssuanceStatus.ACCEPTED,
            accepted_at=request.accepted_at,
            manifest=request.manifest,
            documents=request.documents,
            private=request.private,
            envelopes=request.envelopes,
            changes=(change,),
            way=request.way,
            anchor=request.anchor,
            version=request.version,
            amended=manifest_digest(request.manifest) if request.way is Way.AMEND else None,
        )
        return self._shown(accepted, drafted.hidden, {})

    def _shown(
        self, found: Issuance, hidden: tuple[PrivateDocument, ...], anchored: "_Anchored"
    ) -> IssuanceView:
        if found.anchor is None:
            return self._as_it_is(found, hidden)
        anchor = anchored.get(found.anchor)
        kept = tuple(c for c in found.changes if c.status in _BEFORE_THE_CHAIN)
        leaf = LeafView(
            anchor=found.anchor,
            root=MerkleRoot(anchor.digest) if anchor else None,
            claim=found.status if found.way is Way.CLAIM else None,
            claim_transaction=found.transaction if found.way is Way.CLAIM else None,
            claim_error=found.failure if found.way is Way.CLAIM else None,
        )
        view = self._as_it_is(found, hidden)
        on_chain = found.way is Way.CLAIM and found.status in _ON_CHAIN
        return replace(
            view,
            status=anchor.status if anchor else kept[-1].status,
            events=(*kept, *(anchor.changes[len(_BEFORE_THE_CHAIN) :] if anchor else ())),
            transaction=anchor.transaction if anchor else None,
            error=anchor.failure if anchor else None,
            verify_link=view.verify_link if on_chain else None,
            leaf=leaf,
        )

    def _as_it_is(self, found: Issuance, hidden: tuple[PrivateDocument, ...]) -> IssuanceView:
        link = VerificationLink(found.asset, tuple(document.salt for document in hidden))
        names = [d.name for d in hidden] or _public_names(found)
        return IssuanceView(
            id=found.issuance,
            kind=found.kind,
            status=found.status,
            asset=found.asset,
            version=found.version,
            manifest_cid=str(Cid.raw(found.digest)),
            accepted_at=found.accepted_at,
            events=found.changes,
            transaction=found.transaction,
            error=found.failure,
            erased_at=found.erased_at,
            verify_link=link.url(self._public_url),
            documents=tuple(
                DocumentView(name, str(d.cid), d.size, d.media_type)
                for name, d in zip(names, found.documents, strict=True)
            ),
        )

    async def private(self, issuance: Issuance) -> PrivatePart:
        """All that is sealed to an asset's key. Raises `NotFound`, `Erased`."""
        if issuance.erased_at is not None:
            raise Erased("the asset's key was destroyed")
        if not issuance.private:
            raise NotFound("all of this asset is public")
        identity = await self._keyring.identity(issuance)
        return PrivatePart.parse(self._sealer.open(issuance.private, identity=identity))

    async def _hidden(self, issuance: Issuance) -> tuple[PrivateDocument, ...]:
        if not issuance.private or issuance.erased_at is not None:
            return ()
        return (await self.private(issuance)).documents


def _public_names(issuance: Issuance) -> list[str]:
    if issuance.erased_at is None:
        return [document.name or "" for document in issuance.documents]
    return [document.name for document in Manifest.parse(issuance.manifest).documents]
