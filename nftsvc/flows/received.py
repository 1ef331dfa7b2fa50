"""A request that came in to its end, on its way to a draft: here, or on another core."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from nftsvc.core.assets import HeldFile
from nftsvc.core.drafting import Predecessor, TakenDocument
from nftsvc.core.errors import Refused
from nftsvc.core.moving import moves
from nftsvc.core.types import AssetKind, IssuanceId
from nftsvc.flows.draft import Drafted, Drafter
from nftsvc.flows.intake import SmallFile, take_small
from nftsvc.ports import SealingKey


@moves
@dataclass(frozen=True, slots=True)
class Received:
    """All of a request: its JSON, and its files as they are known by now."""

    kind: AssetKind
    issuance: IssuanceId
    key: str
    fingerprint: bytes
    content: bytes = field(repr=False)
    files: tuple[TakenDocument | SmallFile, ...]
    asset_key: SealingKey | None
    at: datetime
    after: Predecessor | None = None


def draft_received(drafter: Drafter, requests: Sequence[Received]) -> list[Drafted | Refused]:
    """Each request drafted or refused; one that is bad does not sink the others."""
    drafted = list[Drafted | Refused]()
    for request in requests:
        try:
            drafted.append(_draft(drafter, request))
        except Refused as refusal:
            drafted.append(refusal)
    return drafted


def _draft(drafter: Drafter, request: Received) -> Drafted:
    recipient = request.asset_key.recipient if request.asset_key else None
    taken, held = list[TakenDocument](), list[HeldFile]()
    for position, file in enumerate(request.files):
        if isinstance(file, TakenDocument):
            taken.append(file)
            continue
        one, stored = take_small(file, sealer=drafter.sealer, recipient=recipient)
        taken.append(one)
        held.append(HeldFile(position, stored))
    return drafter.draft(
        drafter.subject(request.kind, request.content),
        kind=request.kind,
        issuance=request.issuance,
        key=request.key,
        fingerprint=request.fingerprint,
        taken=tuple(taken),
        held=tuple(held),
        asset_key=request.asset_key,
        at=request.at,
        after=request.after,
    )
