"""The fee policy: what is offered, and what is offered next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.fees import (
    GWEI,
    TERMS,
    FeePreset,
    Offer,
    first_offer,
    is_beyond,
    raised_offer,
)
from nftsvc.core.transaction import Fees
from nftsvc.core.types import Wei

AMOUNT = st.integers(0, 10**14).map(Wei)
CAP = Wei(500 * GWEI)


def _fees(base: int, tip: int) -> Fees:
    return Fees(Wei(base), Wei(tip))


def test_first_offer__room_under_the_cap__lets_the_base_fee_double() -> None:
    assert first_offer(_fees(10 * GWEI, GWEI), cap=CAP) == Offer(Wei(21 * GWEI), Wei(GWEI))


def test_first_offer__beyond_the_cap__offers_the_cap_and_says_so() -> None:
    dear = _fees(600 * GWEI, GWEI)
    assert first_offer(dear, cap=CAP) == Offer(CAP, Wei(GWEI))
    assert is_beyond(dear, cap=CAP)
    assert not is_beyond(_fees(499 * GWEI, GWEI), cap=CAP)


def test_raised_offer__chain_asks_for_no_more__an_eighth_on_both() -> None:
    last = Offer(Wei(16 * GWEI), Wei(8 * GWEI))
    assert raised_offer(last, _fees(GWEI, 1), cap=CAP) == Offer(Wei(18 * GWEI), Wei(9 * GWEI))


def test_raised_offer__chain_asks_for_more__at_least_what_it_asks_for() -> None:
    last = Offer(Wei(16 * GWEI), Wei(GWEI))
    raised = raised_offer(last, _fees(40 * GWEI, 3 * GWEI), cap=CAP)
    assert raised == Offer(Wei(83 * GWEI), Wei(3 * GWEI))


def test_raised_offer__a_node_refused_the_raise__more_each_time() -> None:
    last = Offer(Wei(100), Wei(100))
    raised = [raised_offer(last, _fees(0, 0), cap=CAP, refusals=n) for n in range(6)]
    assert [offer and offer.tip for offer in raised] == [113, 125, 150, 200, 200, 200]


def test_raised_offer__little_room_under_the_cap__the_cap_where_it_is_a_tenth_more() -> None:
    last = Offer(Wei(450 * GWEI), Wei(GWEI))
    raised = raised_offer(last, _fees(600 * GWEI, GWEI), cap=CAP)
    assert raised is not None
    assert raised.max_fee == CAP
    assert raised_offer(Offer(Wei(460 * GWEI), Wei(GWEI)), _fees(1, 1), cap=CAP) is None
    assert raised_offer(Offer(CAP, Wei(GWEI)), _fees(1, 1), cap=CAP) is None


def test_raised_offer__no_tips__none_are_offered() -> None:
    raised = raised_offer(Offer(Wei(GWEI), Wei(0)), _fees(GWEI, 0), cap=CAP)
    assert raised == Offer(Wei(2 * GWEI), Wei(0))


@given(
    last=st.tuples(AMOUNT, AMOUNT).map(lambda two: Offer(max(two), min(two))),
    fees=st.builds(Fees, AMOUNT, AMOUNT),
    cap=AMOUNT,
    refusals=st.integers(0, 9),
)
def test_raised_offer__whatever_was_offered__is_taken_by_a_node_and_below_the_cap(
    last: Offer, fees: Fees, cap: Wei, refusals: int
) -> None:
    raised = raised_offer(last, fees, cap=cap, refusals=refusals)
    if raised is None:
        assert 10 * cap < 11 * last.max_fee + 10
        return
    assert 10 * raised.max_fee >= 11 * last.max_fee
    assert 10 * raised.tip >= 11 * last.tip
    assert raised.tip <= raised.max_fee <= cap


@pytest.mark.parametrize("preset", FeePreset)
def test_terms__every_preset__says_how_finality_comes_without_tags(preset: FeePreset) -> None:
    terms = TERMS[preset]
    assert terms.depth >= 64
    assert 0 < terms.percentile <= 100
    assert terms.blocks >= 1


def test_terms__polygon_and_arbitrum__tips_as_their_validators_take_them() -> None:
    polygon = TERMS[FeePreset.POLYGON].least_tip
    assert polygon is not None
    assert 25 * GWEI <= polygon <= 30 * GWEI
    assert TERMS[FeePreset.ARBITRUM].least_tip is None
