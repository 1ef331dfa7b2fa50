"""Strict JSON: whatever two readers could read differently is refused, with its path."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core import canonical
from nftsvc.core.errors import InvalidField, InvalidJson

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("äz\U0001f600a"), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_dump__any_value__reads_back_and_is_canonical(value: canonical.Json) -> None:
    data = canonical.dump(value)
    assert canonical.parse(data) == value
    assert canonical.is_canonical(data)


@given(JSON_VALUES)
def test_dump__any_value__is_what_rfc8785_writes(value: canonical.Json) -> None:
    assert canonical.dump(value) == rfc8785.dumps(value)


def test_dump__integer_that_no_double_holds__is_refused() -> None:
    with pytest.raises(rfc8785.IntegerDomainError):
        canonical.dump({"a": 2**53})


def test_dump__rfc_8785_example_order__sorts_by_utf16_code_units() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    keys = list(json.loads(canonical.dump(dict.fromkeys(names, 1))))
    assert keys == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        (b'{"a":{"b":1,"b":2}}', "a.b", "duplicate-key"),
        (b'{"goods":[{"quantity":1.5}]}', "goods[0].quantity", "fraction"),
        (b'{"amount":1e3}', "amount", "fraction"),
        (b'{"amount":NaN}', "amount", "fraction"),
        (b"[9007199254740992]", "[0]", "integer-too-large"),
        (b'{"name":"\\ud800"}', "name", "lone-surrogate"),
    ],
)
def test_parse__ambiguous_value__is_refused_with_its_path(
    text: bytes, path: str, reason: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        canonical.parse(text)
    assert (refused.value.path, refused.value.reason) == (path, reason)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{} {}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[" * 10_000_000,
        b"[" * 33 + b"]" * 33,
        b'"\\',
    ],
)
def test_parse__not_json__is_refused(text: bytes) -> None:
    with pytest.raises(InvalidJson):
        canonical.parse(text)


@pytest.mark.parametrize("text", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1}\n', b'"\\u0041"'])
def test_is_canonical__same_value_other_bytes__is_false(text: bytes) -> None:
    assert not canonical.is_canonical(text)


def test_parse__brackets_inside_text__do_not_count_as_nesting() -> None:
    text = "[{" * 100 + '\\"'
    assert canonical.parse(json.dumps([text]).encode()) == [text]


def test_parse__as_deep_as_allowed__reads() -> None:
    assert canonical.is_canonical(b"[" * canonical.MAX_DEPTH + b"]" * canonical.MAX_DEPTH)
