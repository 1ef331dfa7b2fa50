"""The status machine: an end is an end, and every step is one that DESIGN draws."""

import pytest

from nftsvc.core.issuance import TRANSITIONS, IssuanceStatus, may_become


def test_machine__every_status__has_its_row() -> None:
    assert set(TRANSITIONS) == set(IssuanceStatus)


@pytest.mark.parametrize("end", [IssuanceStatus.FINALIZED, IssuanceStatus.FAILED])
def test_machine__terminal_status__never_changes(end: IssuanceStatus) -> None:
    assert end.is_terminal
    assert not any(may_become(end, following) for following in IssuanceStatus)


def test_machine__reorged__can_only_go_back_to_work() -> None:
    assert TRANSITIONS[IssuanceStatus.REORGED] == {IssuanceStatus.SUBMITTED}


def test_machine__mined__can_no_longer_fail() -> None:
    assert not may_become(IssuanceStatus.MINED, IssuanceStatus.FAILED)


def test_machine__every_other_status__can_reach_an_end() -> None:
    reaching = {s for s in IssuanceStatus if s.is_terminal}
    for _ in IssuanceStatus:
        reaching |= {s for s in IssuanceStatus if TRANSITIONS[s] & reaching}
    assert reaching == set(IssuanceStatus)
