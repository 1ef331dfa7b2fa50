"""A verifier of one's own: asks the chain itself, with a service's endpoints or with others."""

from pathlib import Path
from typing import Any, Final

from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.gateway import Gateway
from nftsvc.adapters.service_client import ServiceClient
from nftsvc.core.cid import Cid
from nftsvc.core.errors import ContentMissing, Misconfigured
from nftsvc.core.handover import DisclosureFile
from nftsvc.core.link import VerificationLink
from nftsvc.core.manifest import manifest_digest
from nftsvc.core.trust import TrustList
from nftsvc.core.types import ChainId, Digest
from nftsvc.core.verify import Facts, Verdict, VerificationReport, verify
from nftsvc.flows.verify import Manifests, VerifyFlow
from nftsvc.settings import VerifierSettings, read_trust

_BEST_FIRST: Final = (
    Verdict.AUTHENTIC,
    Verdict.SUPERSEDED,
    Verdict.PENDING,
    Verdict.SUSPENDED,
    Verdict.REVOKED,
    Verdict.UNVERIFIABLE,
    Verdict.UNTRUSTED_ISSUER,
    Verdict.MISMATCH,
    Verdict.UNKNOWN,
)
"""Which of several tokens of one public file is told of."""


class Verifier:
    """Verifies without a service: asks the chain itself, and believes no gateway."""

    def __init__(
        self, settings: VerifierSettings, *, gateway: Gateway | None, trust: TrustList | None
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._trust = trust

    async def verify(
        self,
        link: VerificationLink,
        *,
        digest: Digest | None,
        disclosure: DisclosureFile | None = None,
    ) -> VerificationReport:
        """The verdict; what could not be asked is in the report."""
        source: Manifests = self._gateway if self._gateway is not None else _NoManifests()
        chain_id = link.asset.chain_id
        depth = self._settings.confirmation_depth
        chains = [EvmChain(url, chain_id=chain_id, depth=depth) for url in self._settings.rpc_urls]
        flow = VerifyFlow(
            chains=chains,
            manifests=_Carried(disclosure.manifest, source) if disclosure else source,
            trust=self._trust,
            quorum=self._settings.quorum,
        )
        try:
            shown = disclosure.disclosures if disclosure else ()
            return await flow.verify(link, digest=digest, disclosures=shown)
        finally:
            for chain in chains:
                await chain.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._gateway is not None:
            await self._gateway.close()


class _NoManifests:
    async def manifest(self, digest: Digest) -> bytes:
        raise ContentMissing(str(Cid.raw(digest)), store="no gateway")


class _Carried:
    """The manifest that a disclosure file brings along comes before every other source."""

    def __init__(self, data: bytes, others: Manifests) -> None:
        self._data = data
        self._others = others

    async def manifest(self, digest: Digest) -> bytes:
        if manifest_digest(self._data) == digest:
            return self._data
        return await self._others.manifest(digest)


def bootstrap_verifier(settings: VerifierSettings, *, trust: TrustList | None = None) -> Verifier:
    """Wire a verifier; a trust file in `settings` comes before `trust`. Raises `Misconfigured`."""
    gateway = Gateway(settings.gateway_url) if settings.gateway_url else None
    return Verifier(settings, gateway=gateway, trust=read_trust(settings.trust_file) or trust)


async def verify_file(
    digest: Digest | None,
    link: VerificationLink | None,
    *,
    service: str | None,
    rpc: list[str] | None,
    trust: Path | None,
    quorum: int | None,
    disclosure: DisclosureFile | None = None,
) -> dict[str, Any]:
    """The report on a file with this sha256, or on disclosed fields, as JSON members.

    What `rpc`, `trust` and `quorum` leave open is asked of `service`, which the caller trusts.
    Without a link the service is asked which assets have such a public file, and the chain
    whether that is true. Raises `Misconfigured` where nothing says whom to ask.
    """
    if disclosure is not None:
        link = VerificationLink(disclosure.asset)
    if service is None and (link is None or rpc is None or trust is None):
        raise Misconfigured("name a service you trust (--service), or give --rpc and --trust")
    listed, chains = await _published(service, ask_trust=trust is None)
    found = await _found(digest, service or "") if link is None and digest is not None else []
    links = [link] if link is not None else found
    if not links:
        return {"verdict": Verdict.UNKNOWN.value, "checks": [], "asset": None}
    reports = []
    for each in links:
        known = _chain(chains, each.asset.chain_id)
        urls = rpc or known.get("rpc") or []
        if not urls:
            reports.append(_members(each, _without_chain(each, digest, disclosure)))
            continue
        given: dict[str, Any] = {
            "rpc_urls": tuple(urls),
            "quorum": quorum or (1 if rpc else chains.get("quorum", 1)),
            "gateway_url": service,
            "trust_file": trust,
        }
        if "confirmationDepth" in known:
            given["confirmation_depth"] = known["confirmationDepth"]
        verifier = bootstrap_verifier(VerifierSettings.load(**given), trust=listed)
        try:
            report = await verifier.verify(each, digest=digest, disclosure=disclosure)
            reports.append(_members(each, report))
        finally:
            await verifier.close()
    return min(reports, key=lambda report: _BEST_FIRST.index(Verdict(report["verdict"])))


async def _published(
    service: str | None, *, ask_trust: bool
) -> tuple[TrustList | None, dict[str, Any]]:
    """The trust list, where it is wanted, and the chains that a service publishes."""
    if service is None:
        return None, {}
    async with ServiceClient(service) as client:
        listed = TrustList.read(await client.get("/v1/trust")) if ask_trust else None
        return listed, await client.get("/v1/chains")


async def _found(digest: Digest, service: str) -> list[VerificationLink]:
    gateway = Gateway(service)
    try:
        return [VerificationLink(asset) for asset in await gateway.assets_with(digest)]
    finally:
        await gateway.close()


def _chain(chains: dict[str, Any], chain_id: ChainId) -> dict[str, Any]:
    listed: list[dict[str, Any]] = chains.get("chains", [])
    return next((chain for chain in listed if chain["chainId"] == chain_id), {})


def _without_chain(
    link: VerificationLink, digest: Digest | None, disclosure: DisclosureFile | None
) -> VerificationReport:
    """What can be said where nobody is known who could be asked about the chain."""
    return verify(
        Facts(
            asset=link.asset,
            observations=(),
            manifests=(),
            manifest_error=None,
            trust=None,
            document=digest,
            disclosures=disclosure.disclosures if disclosure else (),
        )
    )


def _members(link: VerificationLink, report: VerificationReport) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if report.fields is not None:
        closed = [{"at": one.path, "digests": one.digests} for one in report.fields.closed]
        fields = {"fields": report.fields.value, "closed": closed}
    return (report.to_json() | fields) | {
        "asset": str(link.asset),
        "issuer": report.issuer.name if report.issuer else None,
        "document": report.document_name,
        "version": report.document_version,
    }
