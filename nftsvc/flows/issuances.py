"""What the platform is shown of one of its issuances."""

from collections.abc import Collection, Mapping

from nftsvc.core.assets import Issuance
from nftsvc.core.cid import Cid
from nftsvc.core.drafting import PrivateDocument, PrivatePart
from nftsvc.core.errors import NotFound, SealUnreadable
from nftsvc.core.issuance import ACCEPTED_CAUSE, IssuanceStatus, StatusChange
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import Digest, IssuanceId, digest_of
from nftsvc.flows.draft import Drafted
from nftsvc.flows.views import DocumentView, IssuanceView
from nftsvc.ports import Ledger, Sealer


class Issuances:
    """Reads issuances. `identity` is the platform's recovery key, which opens the asset's."""

    def __init__(
        self, *, ledger: Ledger, sealer: Sealer, identity: str, recipient: str, public_url: str
    ) -> None:
        self._ledger = ledger
        self._sealer = sealer
        self._identity = identity
        self._recipient = recipient
        self._public_url = public_url

    async def view(self, issuance: IssuanceId) -> IssuanceView:
        """One issuance as it stands. Raises `NotFound`, `SealUnreadable`."""
        found = await self._ledger.issuance(issuance)
        if found is None:
            raise NotFound("there is no such issuance")
        return self._shown(found, self._open(found))

    async def views(self, ids: Collection[IssuanceId]) -> Mapping[IssuanceId, IssuanceView]:
        """Many of them at once. Raises `SealUnreadable`."""
        found = await self._ledger.issuances(ids)
        return {id_: self._shown(one, self._open(one)) for id_, one in found.items()}

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
        )
        return self._shown(accepted, drafted.hidden)

    def _shown(self, found: Issuance, hidden: tuple[PrivateDocument, ...]) -> IssuanceView:
        link = VerificationLink(found.asset, tuple(document.salt for document in hidden))
        names = [d.name or "" for d in found.documents] if not hidden else [d.name for d in hidden]
        return IssuanceView(
            id=found.issuance,
            kind=found.kind,
            status=found.status,
            asset=found.asset,
            manifest_cid=str(Cid.raw(Digest(digest_of(found.asset.token_id)))),
            accepted_at=found.accepted_at,
            events=found.changes,
            transaction=found.transaction,
            error=found.failure,
            verify_link=link.url(self._public_url),
            documents=tuple(
                DocumentView(name, str(d.cid), d.size, d.media_type)
                for name, d in zip(names, found.documents, strict=True)
            ),
        )

    def _open(self, issuance: Issuance) -> tuple[PrivateDocument, ...]:
        if not issuance.private:
            return ()
        for envelope in issuance.envelopes:
            if envelope.recipient == self._recipient:
                key = self._sealer.open(envelope.sealed, identity=self._identity)
                private = self._sealer.open(issuance.private, identity=key.decode())
                return PrivatePart.parse(private).documents
        raise SealUnreadable("the asset's key was not sealed to this service's recovery key")
