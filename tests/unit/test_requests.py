"""Ids of issuances: alone in the world, and in the order of their time."""

from datetime import UTC, datetime, timedelta
from typing import Final

from nftsvc.adapters.ledger_tables import issuances
from nftsvc.flows.requests import new_issuance

NOW: Final = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def test_new_issuance__one_after_the_other__sort_by_their_time() -> None:
    times = [NOW + timedelta(milliseconds=9 * n) for n in range(100)]
    ids = [new_issuance(at) for at in times]
    assert sorted(ids) == ids


def test_new_issuance__thousands_at_one_time__are_all_others_and_fit_the_ledger() -> None:
    ids = {new_issuance(NOW) for _ in range(10_000)}
    assert len(ids) == 10_000
    assert {len(id_) for id_ in ids} == {36}
    assert issuances.c.id.type.length >= 36
