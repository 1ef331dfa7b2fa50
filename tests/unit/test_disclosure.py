"""Disclosures: RFC 9901's own examples, and nothing else of the deal is seen."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.canonical import Json
from nftsvc.core.disclosure import (
    Closed,
    Disclosure,
    conceal,
    decode_bytes,
    encode_bytes,
    read_paths,
    reveal,
    select,
)
from nftsvc.core.errors import InvalidDisclosure, InvalidField
from tests import parts

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "sd-jwt.json"
CASES: Final[list[dict[str, Any]]] = json.loads(VECTORS.read_text("utf-8"))
READER: Final = Path(__file__).parent / "js" / "disclosures.mjs"

DEAL: Final[dict[str, Json]] = {
    "amount": "128400.00",
    "currency": "USD",
    "exporter": {"name": "Hanbit", "country": "KR"},
    "goods": [
        {"description": "Pump", "hsCode": "841370"},
        {"description": "Valve", "hsCode": "848180"},
    ],
}

Names = st.text("abcdefgh", min_size=1, max_size=6)
Values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(Names, inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["source"])
def test_reveal__rfc_9901_example__gives_what_the_rfc_gives(case: dict[str, Any]) -> None:
    for encoded, digest in case["disclosures"]:
        assert Disclosure.parse(encoded).digest == digest
    presented = [Disclosure.parse(encoded) for encoded in case["presented"]]
    assert reveal(case["payload"], presented).value == case["processed"]


@pytest.mark.needs("node")
def test_reveal__in_the_browser__gives_the_same() -> None:
    cases: list[Any] = [[case["payload"], case["presented"]] for case in CASES]
    concealed = conceal(DEAL)
    payload: Json = {"_sd": list(concealed.digests)}
    for paths in (["amount"], ["goods[1].hsCode", "exporter.country"], ["goods"], []):
        chosen = select(payload, concealed.disclosures, paths)
        cases.append([payload, [one.encoded for one in chosen]])
    for _, hostile, disclosures in _hostile():
        cases.append([hostile, [one.encoded for one in disclosures]])
    read = subprocess.run(
        [str(parts.find("node")), str(READER)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(read.stdout) == [_ours(payload, shown) for payload, shown in cases]


def test_conceal__then_all_disclosed__is_the_deal_again() -> None:
    concealed = conceal(DEAL)
    assert _shown(concealed.digests, concealed.disclosures) == DEAL


@given(st.dictionaries(Names, Values, max_size=8))
def test_conceal__anything__all_of_it_opens_and_none_of_it_without(fields: dict[str, Json]) -> None:
    concealed = conceal(fields)
    assert _shown(concealed.digests, concealed.disclosures) == fields
    assert _shown(concealed.digests, ()) == {}
    assert len(concealed.digests) == 16


@pytest.mark.parametrize(("count", "digests"), [(0, 16), (9, 16), (11, 16), (16, 16), (17, 32)])
def test_conceal__however_many_fields__a_power_of_two_sorted(count: int, digests: int) -> None:
    concealed = conceal({f"f{n}": n for n in range(count)})
    assert len(concealed.digests) == digests
    assert list(concealed.digests) == sorted(concealed.digests)
    assert {one.digest for one in concealed.disclosures} <= set(concealed.digests)


@pytest.mark.parametrize("lines", [1, 2, 7, 8])
def test_conceal__goods__their_number_is_not_told_by_the_array(lines: int) -> None:
    concealed = conceal({"goods": [{"hsCode": "841370"}] * lines})
    (goods,) = select({"_sd": list(concealed.digests)}, concealed.disclosures, ["goods"])[:1]
    assert isinstance(goods.value, list)
    assert len(goods.value) == 8


def test_conceal__same_value_twice__gives_digests_that_cannot_be_compared() -> None:
    first, second = conceal({"amount": "1.00"}), conceal({"amount": "1.00"})
    assert not {one.digest for one in first.disclosures} & {d.digest for d in second.disclosures}


def test_disclosure__repr__shows_no_value() -> None:
    for one in conceal(DEAL).disclosures:
        assert one.encoded not in repr(one)
        assert "128400" not in repr(one)
        assert "Hanbit" not in repr(one)


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["amount"], {"amount": "128400.00"}),
        (["amount", "currency"], {"amount": "128400.00", "currency": "USD"}),
        (["exporter.country"], {"exporter": {"country": "KR"}}),
        (["exporter"], {"exporter": DEAL["exporter"]}),
        (["goods[1].hsCode"], {"goods": [{"hsCode": "848180"}]}),
        (["goods[0]"], {"goods": [{"description": "Pump", "hsCode": "841370"}]}),
        (["goods"], {"goods": DEAL["goods"]}),
    ],
)
def test_select__some_fields__exactly_those_and_no_other_salt(
    paths: list[str], shown: Json
) -> None:
    concealed = conceal(DEAL)
    chosen = select({"_sd": list(concealed.digests)}, concealed.disclosures, paths)
    assert _shown(concealed.digests, chosen) == shown
    rest = [one for one in concealed.disclosures if one not in chosen]
    told = " ".join(one.encoded for one in chosen)
    assert all(one.encoded not in told for one in rest)


def test_reveal__some_fields__says_where_something_stays_closed() -> None:
    concealed = conceal(DEAL)
    payload: Json = {"_sd": list(concealed.digests)}
    chosen = select(payload, concealed.disclosures, ["exporter.country", "goods[0]"])
    assert set(reveal(payload, chosen).closed) == {
        Closed("", 14),
        Closed("exporter", 7),
        Closed("goods", 7),
        Closed("goods[0]", 6),
    }


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("price", "unknown-field"),
        ("goods[2]", "unknown-field"),
        ("exporter.lei", "unknown-field"),
        ("amount.cents", "unknown-field"),
    ],
)
def test_select__no_such_field__is_refused(path: str, reason: str) -> None:
    concealed = conceal(DEAL)
    with pytest.raises(InvalidField) as refused:
        select({"_sd": list(concealed.digests)}, concealed.disclosures, [path])
    assert refused.value.reason == reason


def test_select__deal_of_before_nesting__whole_fields_only() -> None:
    flat = [Disclosure.of(name, DEAL[name]) for name in sorted(DEAL)]
    payload: Json = {"_sd": sorted(one.digest for one in flat)}
    chosen = select(payload, flat, ["exporter"])
    assert reveal(payload, chosen).value == {"exporter": DEAL["exporter"]}
    with pytest.raises(InvalidField) as refused:
        select(payload, flat, ["exporter.country"])
    assert refused.value.reason == "not-separable"


def _hostile() -> list[tuple[str, Json, list[Disclosure]]]:
    concealed, other = conceal(DEAL), conceal(DEAL)
    payload: Json = {"_sd": list(concealed.digests)}
    amount = next(one for one in concealed.disclosures if one.name == "amount")
    theirs = next(one for one in other.disclosures if one.name == "amount")
    element = Disclosure.of(None, "x")
    reserved = [Disclosure.of(name, "x") for name in ("_sd", "...")]
    twins = [Disclosure.of("amount", value) for value in ("1", "2")]
    deep: list[Disclosure] = [Disclosure.of("a", 1)]
    for _ in range(40):
        deep.append(Disclosure.of("a", {"_sd": [deep[-1].digest]}))
    salt = json.loads(decode_bytes(amount.encoded))[0]
    changed = encode_bytes(json.dumps([salt, "amount", "1.00"]).encode())
    invented = Disclosure.of("amount", "1.00")
    return [
        ("foreign", payload, [Disclosure.parse(changed)]),
        ("foreign", payload, [theirs]),
        ("foreign", payload, [amount, invented]),
        ("repeated", payload, [amount, amount]),
        ("repeated", {"_sd": [amount.digest, amount.digest]}, [amount]),
        ("misplaced", {"_sd": [element.digest]}, [element]),
        ("misplaced", {"goods": [{"...": amount.digest}]}, [amount]),
        *(("reserved-name", {"_sd": [one.digest]}, [one]) for one in reserved),
        ("name-taken", {"_sd": [one.digest for one in twins]}, twins),
        ("name-taken", {"amount": "9", "_sd": [amount.digest]}, [amount]),
        ("too-deep", {"_sd": [deep[-1].digest]}, deep),
    ]


@pytest.mark.parametrize("place", range(len(_hostile())))
def test_reveal__changed_foreign_doubled_or_misplaced__is_refused(place: int) -> None:
    reason, payload, disclosures = _hostile()[place]
    with pytest.raises(InvalidDisclosure) as refused:
        reveal(payload, disclosures)
    assert refused.value.reason == reason


def test_reveal__decoy_claimed__nobody_can_open_it() -> None:
    concealed = conceal({"amount": "1.00"})
    decoys = set(concealed.digests) - {one.digest for one in concealed.disclosures}
    assert len(decoys) == 15
    for value in ("1.00", "2.00"):
        with pytest.raises(InvalidDisclosure):
            reveal({"_sd": sorted(decoys)}, [Disclosure.of("amount", value)])


@pytest.mark.parametrize(
    "encoded", ["", "!", "e30", encode_bytes(b'["salt"]'), encode_bytes(b"[1,2,3]"), "W10="]
)
def test_parse__not_a_disclosure__is_refused(encoded: str) -> None:
    with pytest.raises(InvalidField):
        Disclosure.parse(encoded)


@pytest.mark.parametrize("text", ["", "a,,b", "a b", "goods[01]", "a.", "[0]", "a[99999]"])
def test_paths__not_readable__are_refused(text: str) -> None:
    with pytest.raises(InvalidField):
        read_paths(text)


def test_paths__a_list__each_alone() -> None:
    assert read_paths("amount, goods[0].hsCode") == ("amount", "goods[0].hsCode")


@given(st.binary(max_size=64))
def test_bytes__encoded__read_back(data: bytes) -> None:
    assert decode_bytes(encode_bytes(data)) == data


def _shown(digests: Sequence[str], disclosures: Sequence[Disclosure]) -> Json:
    return reveal({"_sd": list(digests)}, disclosures).value


def _ours(payload: Json, encoded: list[str]) -> Any:
    try:
        revealed = reveal(payload, [Disclosure.parse(text) for text in encoded])
    except InvalidDisclosure as error:
        return {"reason": error.reason}
    closed = [{"path": one.path, "digests": one.digests} for one in revealed.closed]
    return {"value": revealed.value, "closed": closed}
