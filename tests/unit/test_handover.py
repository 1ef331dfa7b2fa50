"""Files that are handed on: read as they were written, and nothing else is one."""

import json
from typing import Any, Final

import pytest

from nftsvc.core.disclosure import Disclosure
from nftsvc.core.errors import InvalidField, InvalidJson
from nftsvc.core.handover import DisclosureFile, EnvelopeFile, is_disclosure_file
from nftsvc.core.types import AssetId

ASSET: Final = AssetId.parse("eip155:1/erc721:0x5FbDB2315678afecb367f032d93F642f64180aa3/7")
SHOWN: Final = Disclosure.of("amount", "128400.00").encoded
DISCLOSED: Final = DisclosureFile(
    ASSET, f"https://register.example/verify#a={ASSET}", b"{}", (SHOWN,)
)
ENVELOPE: Final = EnvelopeFile(
    ASSET, "https://register.example", "age1x", b"{}", b"\x00a", b"\xffb"
)


def test_disclosure_file__written__is_read_back() -> None:
    data = json.dumps(DISCLOSED.to_json()).encode()
    assert DisclosureFile.parse(data) == DISCLOSED
    assert is_disclosure_file(data)
    assert SHOWN not in repr(DISCLOSED)


def test_envelope_file__written__is_read_back_and_is_no_disclosure_file() -> None:
    data = json.dumps(ENVELOPE.to_json()).encode()
    assert EnvelopeFile.parse(data) == ENVELOPE
    assert not is_disclosure_file(data)


@pytest.mark.parametrize("data", [b"%PDF-1.7 nftsvc/disclosure/1", b"", b"{}", b"[1]"])
def test_disclosure_file__something_else__is_not_taken_for_one(data: bytes) -> None:
    assert not is_disclosure_file(data)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("schema", "nftsvc/disclosure/9"),
        ("asset", "eip155:1"),
        ("disclosures", []),
        ("disclosures", ["e30"]),
        ("disclosures", [1]),
        ("manifest", 1),
        ("surprise", "x"),
    ],
)
def test_disclosure_file__with_a_bad_member__is_refused(member: str, value: Any) -> None:
    with pytest.raises(InvalidField):
        DisclosureFile.parse(json.dumps(DISCLOSED.to_json() | {member: value}).encode())


@pytest.mark.parametrize(
    "data", [b"{", b'{"schema":"a","schema":"b"}', b"x" * (4 * 1024 * 1024 + 1)]
)
def test_disclosure_file__no_json_or_too_large__is_refused(data: bytes) -> None:
    with pytest.raises((InvalidJson, InvalidField)):
        DisclosureFile.parse(data)
