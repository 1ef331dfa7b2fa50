"""What the platform is shown of one of its issuances."""

from collections.abc import Collection, Mapping

from nftsvc.core.assets import Issuance
from nftsvc.core.cid import Cid
from nftsvc.core.drafting import PrivateDocument, PrivatePart
from nftsvc.core.errors import Erased, NotFound
from nftsvc.core.issuance import ACCEPTED_CAUSE, IssuanceStatus, StatusChange
from nftsvc.core.link import VerificationLink
from nftsvc.core.manifest import Manifest
from nftsvc.core.types import Digest, IssuanceId, digest_of
from nftsvc.flows.draft import Drafted
from nftsvc.flows.keyring import Keyring
from nftsvc.flows.views import DocumentView, IssuanceView
from nftsvc.ports import Ledger, Sealer


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
        if found is None:
            raise NotFound("there is no such issuance")
        return self._shown(found, await self._hidden(found))

    async def views(self, ids: Collection[IssuanceId]) -> Mapping[IssuanceId, IssuanceView]:
        """Many of them at once. Raises `SealUnreadable`."""
        found = await self._ledger.issuances(ids)
        return {id_: self._shown(one, await self._hidden(one)) for id_, one in found.items()}

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
        names = [d.name for d in hidden] or _public_names(found)
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
