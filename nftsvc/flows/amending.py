"""An asset on its way to its next version: whether it takes one, and what that follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from nftsvc.core.asset_head import AssetHead
from nftsvc.core.drafting import Predecessor
from nftsvc.core.errors import Erased, NotAmendable, NotFound
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.manifest import MAX_VERSION, Manifest
from nftsvc.core.types import Address, AssetId, AssetKind, TokenStatus
from nftsvc.flows.read import ReadFlow
from nftsvc.ports import Ledger


@dataclass(frozen=True, slots=True)
class Amending:
    """One asset that is to be amended. `head` is where its records leave it.

    That is None in the moment between its finality and the time that its records are followed.
    `issuers` are the keys that are here, of one organisation; any of them may amend what another
    one issued.
    """

    asset: AssetId
    kind: AssetKind
    head: AssetHead | None
    ledger: Ledger
    issuers: Sequence[Address]

    @classmethod
    async def of(
        cls, token: str, *, reading: ReadFlow, ledger: Ledger, issuers: Sequence[Address]
    ) -> Self:
        """The asset of a token. Raises `InvalidField`, `NotFound`."""
        for asset in reading.named(token):
            first = await ledger.issuance_of(asset)
            if first is not None and first.way is not Way.ANCHOR:
                return cls(asset, first.kind, await reading.head(asset), ledger, issuers)
        raise NotFound("this service did not issue such an asset")

    async def predecessor(self) -> Predecessor:
        """What the next version follows. Raises `NotFound`, `Erased`, `NotAmendable`."""
        versions = [
            version
            for version in await self.ledger.versions_of(self.asset)
            if version.status is not IssuanceStatus.FAILED
        ]
        if not versions:
            raise NotFound("this service did not issue such an asset")
        if any(version.erased_at is not None for version in versions):
            raise Erased("the asset's key was destroyed")
        if self.head is not None and self.head.status is not TokenStatus.ACTIVE:
            status = self.head.status.value
            raise NotAmendable(f"the token is {status}", reason=status)
        first, last = versions[0], versions[-1]
        if last.status is not IssuanceStatus.FINALIZED:
            detail = f"version {last.version} is {last.status} and not final yet"
            raise NotAmendable(detail, reason="under-way")
        version, digest = last.version, last.digest
        if self.head is not None and self.head.version > version:  # somebody else's
            version, digest = self.head.version, self.head.digest
        if version >= MAX_VERSION:
            raise NotAmendable(f"it has {MAX_VERSION} versions", reason="too-many-versions")
        return Predecessor(
            asset=self.asset,
            version=version,
            digest=digest,
            reference=Manifest.parse(first.manifest).reference,
            issuer=first.issuer if first.issuer in self.issuers else self.issuers[0],
            holder=first.holder,
        )
