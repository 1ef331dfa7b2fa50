"""An asset on its way to its next version: whether it takes one, and what that follows."""

from collections.abc import Collection
from dataclasses import dataclass
from operator import itemgetter

from nftsvc.core.asset_head import AssetHead
from nftsvc.core.drafting import Predecessor
from nftsvc.core.errors import Erased, NotAmendable, NotFound
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.manifest import MAX_VERSION, Manifest
from nftsvc.core.types import Address, AssetId, TokenStatus
from nftsvc.ports import Ledger


@dataclass(frozen=True, slots=True)
class Amending:
    """One asset that is to be amended, as the chain tells of it. `head` is where it stands.

    `issuers` are the keys that are here.
    """

    asset: AssetId
    head: AssetHead
    ledger: Ledger
    issuers: Collection[Address]

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
        if self.head.status is not TokenStatus.ACTIVE:
            status = self.head.status.value
            raise NotAmendable(f"the token is {status}", reason=status)
        first, last = versions[0], versions[-1]
        if last.status is not IssuanceStatus.FINALIZED:
            detail = f"version {last.version} is {last.status} and not final yet"
            raise NotAmendable(detail, reason="under-way")
        if first.issuer not in self.issuers:
            raise NotAmendable(f"no key of {first.issuer} is here", reason="signer-missing")
        # The records may be followed a moment later; a later version may be somebody else's.
        version, digest = max(
            (last.version, last.digest), (self.head.version, self.head.digest), key=itemgetter(0)
        )
        if version >= MAX_VERSION:
            raise NotAmendable(f"it has {MAX_VERSION} versions", reason="too-many-versions")
        return Predecessor(
            asset=self.asset,
            version=version,
            digest=digest,
            reference=Manifest.parse(first.manifest).reference,
            issuer=first.issuer,
            holder=first.holder,
        )
