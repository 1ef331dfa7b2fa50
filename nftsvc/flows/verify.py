"""Gathers the facts of a verdict: from the chain at one named block, and the manifests."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from nftsvc.core.errors import (
    ChainUnavailable,
    InvalidField,
    InvalidJson,
    NftsvcError,
    TooLarge,
)
from nftsvc.core.history import Heads
from nftsvc.core.link import VerificationLink
from nftsvc.core.manifest import Manifest
from nftsvc.core.trust import TrustList
from nftsvc.core.types import AssetId, BlockNumber, Digest, TokenStatus
from nftsvc.core.verify import Facts, Observation, Silence, VerificationReport, verify
from nftsvc.ports import Chain

MOST_VERSIONS: Final = 1023


class Manifests(Protocol):
    """Where manifests come from. Nobody believes it: the digest decides."""

    async def manifest(self, digest: Digest) -> bytes:
        """Bytes that are said to have this sha256. Raises any `NftsvcError`."""


class VerifyFlow:
    """Asks several independent views of one chain; `quorum` of them must answer."""

    def __init__(
        self,
        *,
        chains: Sequence[Chain],
        manifests: Manifests,
        trust: TrustList | None,
        quorum: int,
    ) -> None:
        self._chains = chains
        self._manifests = manifests
        self._trust = trust
        self._quorum = quorum

    async def verify(
        self,
        link: VerificationLink,
        *,
        digest: Digest | None,
        disclosures: tuple[str, ...] = (),
    ) -> VerificationReport:
        """The verdict on a file with this sha256, on fields, or on the token alone.

        What could not be asked is in the report; nothing is raised for it.
        """
        return verify(await self.facts(link, digest=digest, disclosures=disclosures))

    async def facts(
        self,
        link: VerificationLink,
        *,
        digest: Digest | None,
        disclosures: tuple[str, ...] = (),
    ) -> Facts:
        """All that the verdict depends on."""
        observations = await self._observe(link.asset)
        manifests, error = await self._row_of_manifests(observations)
        return Facts(
            asset=link.asset,
            observations=observations,
            manifests=manifests,
            manifest_error=error,
            trust=self._trust,
            document=digest,
            salts=link.salts,
            quorum=self._quorum,
            disclosures=disclosures,
        )

    async def _observe(self, asset: AssetId) -> tuple[Observation | Silence, ...]:
        asked = await asyncio.gather(*(self._heads(chain) for chain in self._chains))
        finals = [heads.finalized.number for heads in asked if isinstance(heads, Heads)]
        common = min(finals, default=BlockNumber(0))
        return tuple(
            await asyncio.gather(
                *(
                    _observation(chain, heads, asset, common)
                    for chain, heads in zip(self._chains, asked, strict=True)
                )
            )
        )

    async def _heads(self, chain: Chain) -> Heads | Silence:
        try:
            await chain.check_identity()
            return await chain.heads()
        except NftsvcError as error:
            return Silence(chain.endpoint, error.code)

    async def _row_of_manifests(
        self, observations: Sequence[Observation | Silence]
    ) -> tuple[tuple[bytes, ...], str | None]:
        records = [
            seen.record
            for observation in observations
            if isinstance(observation, Observation)
            for seen in (observation.finalized, observation.latest)
            if seen.record.status is not TokenStatus.UNKNOWN
        ]
        if not records:
            return (), None
        row: list[bytes] = []
        following: Digest | None = records[0].digest
        try:
            while following is not None and len(row) < MOST_VERSIONS:
                data = await self._manifests.manifest(following)
                row.append(data)
                following = Manifest.parse(data).previous
        except (InvalidJson, InvalidField, TooLarge):
            return tuple(row), None  # unreadable bytes are a fact: the rules judge them
        except NftsvcError as error:
            return tuple(row), error.code
        return tuple(row), None


async def _observation(
    chain: Chain, heads: Heads | Silence, asset: AssetId, common: BlockNumber
) -> Observation | Silence:
    if isinstance(heads, Silence):
        return heads
    try:
        final = await chain.block(common)
        if final is None:
            raise ChainUnavailable(f"{chain.endpoint} lacks block {common}")
        return Observation(
            endpoint=chain.endpoint,
            chain_id=chain.chain_id,
            finalized=await chain.record(asset.token_id, contract=asset.contract, at=final),
            latest=await chain.record(asset.token_id, contract=asset.contract, at=heads.latest),
        )
    except NftsvcError as error:
        return Silence(chain.endpoint, error.code)
