"""What became of content that was looked at again, long after it was stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nftsvc.core.cid import Cid
from nftsvc.core.types import AssetKind, TokenId


class AuditResult(StrEnum):
    """What one store gave."""

    WHOLE = "whole"
    MISSING = "missing"
    CORRUPT = "corrupt"
    UNAVAILABLE = "unavailable"
    REPAIRED = "repaired"

    @property
    def is_whole(self) -> bool:
        """Whether the store has it now."""
        return self in (AuditResult.WHOLE, AuditResult.REPAIRED)

    @property
    def is_loss(self) -> bool:
        """Whether the store has lost it; one that could not be asked has not."""
        return self in (AuditResult.MISSING, AuditResult.CORRUPT)


@dataclass(frozen=True, slots=True)
class Audit:
    """One look at one content in one store.

    `blocks` are the blocks that were fetched and compared, from the root down; all of them
    where it is None. `detail` says what was wrong.
    """

    at: datetime
    store: str
    cid: Cid
    blocks: tuple[Cid, ...] | None
    result: AuditResult
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeptContent:
    """A content that must be there, and what it belongs to."""

    cid: Cid
    label: str


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """The audits of one store: how many, how many found a loss, and the newest."""

    store: str
    audits: int
    losses: int
    repaired: int
    last_at: datetime
    last_result: AuditResult


@dataclass(frozen=True, slots=True)
class Alarm:
    """A content that fewer stores than wanted had when it was last looked at."""

    cid: Cid
    have: int
    since: datetime


def content_label(kind: AssetKind, token_id: TokenId, part: str, *, version: int) -> str:
    """What the operator of a store reads beside a content."""
    later = f" version {version}" if version > 1 else ""
    return f"{kind} {token_id:#066x}{later} {part}"
