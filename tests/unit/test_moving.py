"""What crosses processes arrives as it was."""

import pickle
from dataclasses import dataclass

import pytest

from nftsvc.core.assets import Envelope, HeldFile
from nftsvc.core.cid import Cid
from nftsvc.core.errors import InvalidField, NftsvcError, TooLarge
from nftsvc.core.moving import moves


@moves
@dataclass(frozen=True, slots=True)
class One:
    only: tuple[int, ...]


@pytest.mark.parametrize(
    "value",
    [One((1, 2)), One(()), Envelope("age1x", b"key"), HeldFile(3, b"a"), Cid.of_block(b"x")],
    ids=str,
)
def test_moves__pickled_and_back__is_equal(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    "error",
    [InvalidField("goods[0]", reason="bad", detail="no"), TooLarge("body", limit=7)],
    ids=str,
)
def test_errors__pickled_and_back__keep_their_facts(error: NftsvcError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
