"""A token's records add up to where it stands."""

from dataclasses import replace
from typing import Final

from nftsvc.core.asset_head import AssetHead
from nftsvc.core.history import RecordEvent, RecordKind
from nftsvc.core.types import (
    Address,
    BlockHash,
    BlockNumber,
    Digest,
    TokenId,
    TokenStatus,
    TransactionHash,
)

ONE, TWO, THREE = (Address(f"0x{n:040x}") for n in (1, 2, 3))
ISSUED: Final = RecordEvent(
    kind=RecordKind.ISSUED,
    contract=ONE,
    token_id=TokenId(7),
    block_number=BlockNumber(10),
    block_hash=BlockHash("0xa"),
    transaction=TransactionHash("0xb"),
    log_index=0,
    timestamp=100,
    previous_block=None,
    actor=ONE,
    holder_to=TWO,
    digest=Digest(b"1" * 32),
    version=1,
)


def _later(number: int, kind: RecordKind, **changed: object) -> RecordEvent:
    bare = replace(ISSUED, actor=None, holder_to=None, digest=None, version=None)
    at = {"block_number": BlockNumber(number), "timestamp": number * 10, "kind": kind}
    return replace(bare, **(at | changed))  # type: ignore[arg-type]


def test_head__issued_alone__is_version_one_and_active() -> None:
    head = AssetHead.of([ISSUED])
    assert head is not None
    assert (head.status, head.version, head.holder, head.issuer) == (
        TokenStatus.ACTIVE,
        1,
        TWO,
        ONE,
    )


def test_head__after_everything__is_the_sum() -> None:
    head = AssetHead.of(
        [
            ISSUED,
            _later(11, RecordKind.HOLDER_CHANGED, holder_from=TWO, holder_to=THREE),
            _later(12, RecordKind.AMENDED, actor=THREE, digest=Digest(b"2" * 32), version=2),
            _later(13, RecordKind.STATUS_CHANGED, actor=ONE, status=TokenStatus.SUSPENDED),
        ]
    )
    assert head is not None
    assert (head.status, head.version, head.holder) == (TokenStatus.SUSPENDED, 2, THREE)
    assert (head.issuer, head.digest, head.issued_at) == (THREE, b"2" * 32, 120)
    assert head.block_number == 13


def test_head__no_issue_in_the_records__is_unknown() -> None:
    assert AssetHead.of([]) is None
    assert AssetHead.of([_later(11, RecordKind.AMENDED, version=2)]) is None


def test_head__leaf_revoked_before_its_claim__is_revoked_and_was_nobodys() -> None:
    revoked = _later(
        11, RecordKind.STATUS_CHANGED, actor=THREE, status=TokenStatus.REVOKED, previous_block=None
    )
    head = AssetHead.of([revoked])
    assert head is not None
    assert (head.status, head.version, head.digest) == (
        TokenStatus.REVOKED,
        1,
        (7).to_bytes(32, "big"),
    )
    assert (head.issuer, head.issued_at, int(head.holder, 16)) == (None, None, 0)


def test_head__revocation_that_names_a_record_before__is_no_whole_history() -> None:
    cut = _later(
        11,
        RecordKind.STATUS_CHANGED,
        actor=THREE,
        status=TokenStatus.REVOKED,
        previous_block=BlockNumber(10),
    )
    assert AssetHead.of([cut]) is None
