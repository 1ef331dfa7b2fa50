"""The status machine of one issuance. It never lies and never goes back on an end.

accepted ─▶ stored ─▶ submitted ─▶ mined ─▶ safe ─▶ finalized (end)
    │          │        ▲   │        │       │
    │          │        │   │        └───┬───┘
    │          │        │   │            ▼
    │          │        └── │ ─────── reorged       announced, then back to work
    └──────────┴────────────┴───▶ failed (end)      with a reason, nothing half done
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

ACCEPTED_CAUSE: Final = "request accepted"


class IssuanceStatus(StrEnum):
    """How far an issuance is."""

    ACCEPTED = "accepted"
    STORED = "stored"
    SUBMITTED = "submitted"
    MINED = "mined"
    SAFE = "safe"
    FINALIZED = "finalized"
    REORGED = "reorged"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether the status can never change again."""
        return not TRANSITIONS[self]


class Way(StrEnum):
    """How an issuance comes on the chain.

    As a token of its own, or as a leaf under an anchor's root, which may then be claimed; the
    anchor itself goes its way as an issuance too, and so does a later version of an asset, which
    amends its token.
    """

    TOKEN = "token"
    LEAF = "leaf"
    ANCHOR = "anchor"
    CLAIM = "claim"
    AMEND = "amend"


_S = IssuanceStatus

TRANSITIONS: Final[Mapping[IssuanceStatus, frozenset[IssuanceStatus]]] = MappingProxyType(
    {
        _S.ACCEPTED: frozenset({_S.STORED, _S.FAILED}),
        _S.STORED: frozenset({_S.SUBMITTED, _S.FAILED}),
        _S.SUBMITTED: frozenset({_S.MINED, _S.FAILED}),
        _S.MINED: frozenset({_S.SAFE, _S.FINALIZED, _S.REORGED}),
        _S.SAFE: frozenset({_S.FINALIZED, _S.REORGED}),
        _S.REORGED: frozenset({_S.SUBMITTED}),
        _S.FINALIZED: frozenset(),
        _S.FAILED: frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One change: when, to what, and what caused it (a transaction, a block, an error code)."""

    status: IssuanceStatus
    at: datetime
    cause: str


def may_become(current: IssuanceStatus, following: IssuanceStatus) -> bool:
    """Whether the machine has this step."""
    return following in TRANSITIONS[current]
