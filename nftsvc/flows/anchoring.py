"""Many leaves, one root: opened, filled by batch requests, sealed, rooted, claimed on demand."""

import logging
from typing import Final

from nftsvc.core.anchors import NODE_BYTES, Claim, tree_of
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import InvalidField, NotFound
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.types import AnchorId, AssetId, AssetKind, Digest, IssuanceId, token_id_of
from nftsvc.flows.views import AnchorView
from nftsvc.ports import Clock, Cores, Ledger

KIND: Final = AssetKind.EXPORT_CONTRACT

_log = logging.getLogger(__name__)


class AnchorFlow:
    """Keeps anchors. Leaves come in by `BatchFlow`, roots go out as issuances do."""

    def __init__(
        self, *, ledger: Ledger, cores: Cores, clock: Clock, deployment: Deployment
    ) -> None:
        self._ledger = ledger
        self._cores = cores
        self._clock = clock
        self._deployment = deployment

    async def open(self, anchor: AnchorId) -> AnchorView:
        """Begin an anchor, or find it as it is."""
        await self._ledger.open_anchor(anchor, at=self._clock.now())
        return await self.look(anchor)

    async def look(self, anchor: AnchorId) -> AnchorView:
        """An anchor, and how far its root is. Raises `NotFound`."""
        found = await self._ledger.anchor(anchor)
        if found is None:
            raise NotFound("there is no such anchor")
        sent = await self._ledger.issuance_of_anchor(anchor)
        return AnchorView(
            id=anchor,
            sealed=found.sealed,
            leaves=found.leaves,
            root=found.root,
            status=sent.status if sent else None,
            events=sent.changes if sent else (),
            transaction=sent.transaction if sent else None,
            error=sent.failure if sent else None,
        )

    async def seal(self, anchor: AnchorId) -> AnchorView:
        """Take no further leaves. Raises `NotFound`, `InvalidField` where it has none."""
        if not (await self.look(anchor)).leaves:
            raise InvalidField("anchor", reason="empty", detail="the anchor has no leaf")
        await self._ledger.seal_anchor(anchor, at=self._clock.now())
        return await self.look(anchor)

    async def root(self) -> None:
        """Give each sealed anchor whose leaves are stored its root, and send it on its way."""
        for anchor in await self._ledger.unrooted():
            leaves = await self._ledger.leaves_of(anchor)
            if not leaves:
                continue
            nodes = await self._cores.run(tree_of, leaves)
            root = MerkleRoot(nodes[:NODE_BYTES])
            contract = self._deployment.contracts[KIND].address
            await self._ledger.root_anchor(
                anchor,
                kind=KIND,
                asset=AssetId(self._deployment.chain_id, contract, token_id_of(Digest(root))),
                issuer=self._deployment.issuer,
                root=root,
                nodes=nodes,
                at=self._clock.now(),
            )
            _log.info("%s has the root 0x%s", anchor, root.hex())

    async def proof(self, issuance: IssuanceId) -> Claim:
        """What claims an anchored item's token, for anyone. Raises `NotFound`."""
        claim = await self._ledger.claim_of(issuance)
        if claim is None:
            raise NotFound("no anchor with a root holds such an issuance")
        return claim

    async def claim(self, issuance: IssuanceId) -> None:
        """Issue the token of an anchored item; nothing happens where that is under way.

        Raises `NotFound`, `InvalidField` where it is not anchored for good.
        """
        found = await self._ledger.issuance(issuance)
        if found is None:
            raise NotFound("there is no such issuance")
        if found.way is Way.CLAIM:
            return
        anchored = None
        if found.anchor is not None:
            anchored = await self._ledger.issuance_of_anchor(found.anchor)
        if anchored is None or anchored.status is not IssuanceStatus.FINALIZED:
            raise InvalidField(
                "issuance", reason="not-anchored", detail="its anchor is not final on the chain"
            )
        await self._ledger.begin_claim(issuance)
