"""Nothing confidential of a deal becomes public, in the clear or by guessing."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from nftsvc.core.canonical import Json
from nftsvc.core.cid import Cid
from nftsvc.core.clear_text import refuse_clear_text
from nftsvc.core.commitment import commit
from nftsvc.core.disclosure import conceal, decode_bytes, encode_bytes
from nftsvc.core.drafting import TakenDocument, draft_deal
from nftsvc.core.errors import ConfidentialInClear
from nftsvc.core.manifest import Manifest, PublicDocument
from nftsvc.core.trade.deal import Deal
from nftsvc.core.types import AccountId, Address, ChainId, Digest, Salt
from tests.platform import deal, pdf

CHAIN: Final = ChainId(31337)
ISSUER: Final = AccountId(CHAIN, Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"))
AT: Final = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WINDOW: Final = 8
"""As long a piece of a value cannot stand in hashes and random digits by chance."""

# Words that share no run of eight characters with the fixed words of a manifest.
Words = st.text("가나다라마바사아자차카타파하QXZJVW0123456789-", min_size=9, max_size=40)
Deals = st.builds(
    lambda number, name, english, buyer, place, goods, amount: deal(
        contractNumber=number,
        contractDate="2025-11-02",
        exporter=deal()["exporter"] | {"name": name, "nameEnglish": english},
        buyer={"name": buyer, "country": "NO", "address": f"{place} 12"},
        incoterm={"code": "CIF", "place": place},
        amount=f"{amount}.25",
        goods=[deal()["goods"][0] | {"description": text} for text in goods],
        paymentTerms=english + buyer,
    ),
    *(Words, Words, Words, Words, Words),
    st.lists(Words, min_size=1, max_size=4),
    st.integers(10**9, 10**15),
)


def _taken(name: str, data: bytes) -> TakenDocument:
    digest = Digest(hashlib.sha256(data).digest())
    return TakenDocument(name, "application/pdf", len(data), digest, Cid.of_block(b"x" + data), 999)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(_texts, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(_texts, value))
    elif isinstance(value, str):
        yield value


@trials(max_examples=60)
@given(Deals, Words)
def test_deal__any__no_part_of_any_value_stands_in_its_manifest(
    content: dict[str, Any], name: str
) -> None:
    read = Deal.read(content, chain_id=CHAIN)
    taken = _taken(f"{name}.pdf", pdf(name))
    manifest, _ = draft_deal(read, [taken], issuer=ISSUER, at=AT)
    public = manifest.encode()
    secrets = [*_texts(read.disclosable()), name, taken.sha256.hex(), encode_bytes(taken.sha256)]
    for text in secrets:
        for start in range(max(0, len(text) - WINDOW) + 1):
            piece = text[start : start + WINDOW]
            if len(piece) == WINDOW:
                assert piece.encode() not in public
                assert json.dumps(piece)[1:-1].encode() not in public


def _drafted() -> Manifest:
    manifest, _ = draft_deal(
        Deal.read(deal(), chain_id=CHAIN), [_taken("a.pdf", pdf("a"))], issuer=ISSUER, at=AT
    )
    return manifest


def _open() -> PublicDocument:
    taken = _taken("a.pdf", pdf("a"))
    return PublicDocument("document-1.pdf", "application/pdf", 9, taken.sha256, taken.cid)


@pytest.mark.parametrize(
    ("path", "leak"),
    [
        ("name", lambda m: replace(m, name="Export contract with Nordlys")),
        ("name", lambda m: replace(m, name=f"{m.name} ")),
        ("description", lambda m: replace(m, description=f"{m.description} USD 128400.00")),
        (
            "documents[0].name",
            lambda m: replace(m, documents=(replace(m.documents[0], name="한빛 계약서.pdf"),)),
        ),
        ("documents[0]", lambda m: replace(m, documents=(_open(),))),
        (
            "documents[0].mediaType",
            lambda m: replace(m, documents=(replace(m.documents[0], media_type="x/Nordlys"),)),
        ),
        ("attributes[1]", lambda m: replace(m, attributes=(*m.attributes, ("Buyer", "Nordlys")))),
        ("attributes[0]", lambda m: replace(m, attributes=(("Programme year", 128400),))),
        ("disclosures._sd[0]", lambda m: replace(m, disclosures=("amount: 128400.00",))),
    ],
)
def test_manifest__with_a_confidential_field_in_the_clear__is_refused(
    path: str, leak: Callable[[Manifest], Manifest]
) -> None:
    with pytest.raises(ConfidentialInClear) as refused:
        refuse_clear_text(leak(_drafted()))
    assert refused.value.path == path
    assert "Nordlys" not in str(refused.value)


def test_manifest__as_drafted__passes() -> None:
    refuse_clear_text(_drafted())


# What an attacker knows beforehand: which currencies, tariff headings and round amounts there are.
CURRENCIES: Final = ("EUR", "GBP", "JPY", "KRW", "NOK", "USD")
HEADINGS: Final = tuple(f"{number:06d}" for number in range(845700, 845720))
AMOUNTS: Final = tuple(f"{number * 100}.00" for number in range(1, 3000))
GUESSES: Final = [
    *(("currency", value) for value in CURRENCIES),
    *(("hsCode", value) for value in HEADINGS),
    *(("amount", value) for value in AMOUNTS),
]


def _guessed(public: frozenset[str]) -> set[str]:
    """Every value whose hash stands in public: the attack, from the public bytes alone."""
    found = set()
    for name, value in GUESSES:
        forms: list[Json] = [value, [name, value], ["", name, value], {name: value}, [value]]
        for form in forms:
            for text in (json.dumps(form), json.dumps(form, separators=(",", ":")), str(value)):
                for encoded in (text.encode(), encode_bytes(text.encode()).encode()):
                    digest = hashlib.sha256(encoded).digest()
                    if {digest.hex(), encode_bytes(digest)} & public:
                        found.add(value)
    return found


def test_fields__brute_force_of_small_value_spaces__finds_none() -> None:
    for _ in range(3):
        manifest = _drafted()
        assert _guessed(frozenset(manifest.disclosures)) == set()


def test_fields__without_a_salt__the_same_attack_finds_them() -> None:
    bare = []
    for name, value in (("currency", "USD"), ("hsCode", "845710"), ("amount", "128400.00")):
        encoded = encode_bytes(json.dumps([name, value]).encode())
        bare.append(encode_bytes(hashlib.sha256(encoded.encode()).digest()))
    assert _guessed(frozenset(bare)) == {"USD", "845710", "128400.00"}


def test_fields__salt_of_a_byte__the_attack_with_all_salts_finds_them() -> None:
    """The attack is as strong as it says: it is the 128 bits that stop it."""
    salted = encode_bytes(json.dumps([encode_bytes(b"\x2a"), "currency", "USD"]).encode())
    public = encode_bytes(hashlib.sha256(salted.encode()).digest())
    tried = (
        (value, encode_bytes(json.dumps([encode_bytes(bytes([salt])), "currency", value]).encode()))
        for salt in range(256)
        for value in CURRENCIES
    )
    hits = [v for v, e in tried if encode_bytes(hashlib.sha256(e.encode()).digest()) == public]
    assert hits == ["USD"]
    assert all(
        len(json.loads(decode_bytes(d.encoded))[0]) == 22 for d in conceal({"a": 1}).disclosures
    )


def test_document__guessable__its_commitment_is_not_found() -> None:
    document = pdf("USD 128400.00")
    guesses = [pdf(f"USD {amount}") for amount in AMOUNTS]
    digests = [Digest(hashlib.sha256(guess).digest()) for guess in guesses]
    assert hashlib.sha256(document).digest() in digests, "the guess is among them"
    manifest, _ = draft_deal(
        Deal.read(deal(), chain_id=CHAIN), [_taken("a.pdf", document)], issuer=ISSUER, at=AT
    )
    public = manifest.encode()
    known = [Salt(bytes(16)), Salt(bytes.fromhex(manifest.reference)), Salt(digests[0][:16])]
    for digest in digests:
        assert digest.hex().encode() not in public
        assert hashlib.sha256(digest).hexdigest().encode() not in public
        assert all(commit(digest, salt=salt).hex().encode() not in public for salt in known)
