"""Disclosures: RFC 9901's own vector, and nothing else of the deal is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.disclosure import (
    Disclosure,
    decode_bytes,
    digests,
    disclose,
    encode_bytes,
)
from nftsvc.core.errors import InvalidField


def test_digest__rfc_9901_section_4_2_3_vector__agrees() -> None:
    disclosure = Disclosure.parse(
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    )
    assert (disclosure.name, disclosure.value) == ("family_name", "Möbius")
    assert disclosure.digest == "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"


def test_disclose__same_value_twice__gives_digests_that_cannot_be_compared() -> None:
    first, second = disclose({"amount": "1.00"}), disclose({"amount": "1.00"})
    assert digests(first) != digests(second)


def test_disclose__repr__shows_no_value() -> None:
    (disclosure,) = disclose({"amount": "128400.00"})
    assert "128400" not in repr(disclosure)
    assert disclosure.encoded not in repr(disclosure)


def test_digests__of_many_fields__tell_nothing_of_their_order() -> None:
    disclosures = disclose(dict.fromkeys("abcdefgh", 1))
    assert digests(disclosures) == sorted(digests(reversed(disclosures)))


@pytest.mark.parametrize("encoded", ["", "!", "e30", encode_bytes(b'["salt","name"]'), "W10="])
def test_parse__not_a_disclosure__is_refused(encoded: str) -> None:
    with pytest.raises(InvalidField):
        Disclosure.parse(encoded)


@given(st.binary(max_size=64))
def test_bytes__encoded__read_back(data: bytes) -> None:
    assert decode_bytes(encode_bytes(data)) == data
