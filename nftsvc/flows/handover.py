"""Handing on: fields for a bank or an office, the key for a party that came later."""

from collections.abc import Sequence

from nftsvc.core.assets import Issuance
from nftsvc.core.canonical import Json
from nftsvc.core.disclosure import Disclosure, select
from nftsvc.core.drafting import PrivatePart
from nftsvc.core.handover import DisclosureFile, EnvelopeFile
from nftsvc.core.link import VerificationLink
from nftsvc.core.manifest import Manifest
from nftsvc.core.types import AssetId
from nftsvc.flows.issuances import Issuances
from nftsvc.flows.keyring import Keyring
from nftsvc.ports import Sealer


class Handover:
    """Makes the files that are handed on."""

    def __init__(self, *, issuances: Issuances, keyring: Keyring, public_url: str) -> None:
        self._issuances = issuances
        self._keyring = keyring
        self._public_url = public_url

    async def disclose(self, issuance: Issuance, paths: Sequence[str]) -> DisclosureFile:
        """The fields at `paths` and no others. Raises `NotFound`, `Erased`, `InvalidField`."""
        private = await self._issuances.private(issuance)
        return disclosure_file(
            issuance.asset,
            issuance.manifest,
            private.disclosures,
            paths=paths,
            base=self._public_url,
        )

    async def envelope(self, issuance: Issuance, *, recipient: str) -> EnvelopeFile:
        """The asset's key for `recipient`. Raises `NotFound`, `Erased`, `InvalidField`."""
        found, sealed = await self._keyring.grant(issuance.issuance, recipient=recipient)
        return EnvelopeFile(
            found.asset,
            VerificationLink(found.asset).url(self._public_url),
            recipient,
            found.manifest,
            sealed,
            found.private,
        )


def disclosure_file(
    asset: AssetId,
    manifest: bytes,
    disclosures: Sequence[Disclosure],
    *,
    paths: Sequence[str],
    base: str,
) -> DisclosureFile:
    """Choose what is shown. Raises `InvalidField`, `InvalidDisclosure`."""
    payload: Json = {"_sd": list(Manifest.parse(manifest).disclosures)}
    chosen = select(payload, disclosures, paths)
    return DisclosureFile(
        asset,
        VerificationLink(asset).url(base),
        manifest,
        tuple(disclosure.encoded for disclosure in chosen),
    )


def disclose_by_envelope(
    file: EnvelopeFile, *, identity: str, sealer: Sealer, paths: Sequence[str]
) -> DisclosureFile:
    """As `Handover.disclose`, by a party with its own identity: no service is asked.

    What does not fit the manifest is refused here; that the manifest is the anchored one, who
    verifies the file sees. Raises `SealUnreadable`, `InvalidField`, `InvalidDisclosure`.
    """
    key = sealer.open(file.envelope, identity=identity).decode()
    private = PrivatePart.parse(sealer.open(file.private, identity=key))
    base = file.link.partition("/verify#")[0]
    return disclosure_file(file.asset, file.manifest, private.disclosures, paths=paths, base=base)
