"""The buyer's link: what it carries stands behind `#`, and damage is named as damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.errors import InvalidLink
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import Address, AssetId, ChainId, Salt, TokenId

ASSET = AssetId(ChainId(31337), Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"), TokenId(7))


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=8))
def test_link__any_salts__reads_back(salts: list[bytes]) -> None:
    link = VerificationLink(ASSET, tuple(map(Salt, salts)))
    for text in (link.url("https://example.org/"), link.fragment()):
        assert VerificationLink.parse(text) == link


def test_link__url__sends_nothing_to_the_server() -> None:
    link = VerificationLink(ASSET, (Salt(b"s" * 16),))
    sent, _, _ = link.url("https://example.org").partition("#")
    assert sent == "https://example.org/verify"


def test_link__repr__shows_no_salt() -> None:
    assert "ssss" not in repr(VerificationLink(ASSET, (Salt(b"s" * 16),)))


def test_parse__bare_asset_id__is_a_link_without_salts() -> None:
    assert VerificationLink.parse(str(ASSET)) == VerificationLink(ASSET)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.org/verify",
        "https://example.org/verify#s=AAAAAAAAAAAAAAAAAAAAAA",
        f"#a={ASSET}&s=AAAA",
        f"#a={ASSET}&s=AAAAAAAAAAAAAAAAAAAAAB",
        f"#a={ASSET}&a={ASSET}",
        f"#a={str(ASSET)[:-1]}",
        "#a=eip155:31337/erc721:0x5fbDB2315678afecb367f032d93F642f64180aa3/7",
        "#a=eip155:31337/erc1155:0x5FbDB2315678afecb367f032d93F642f64180aa3/7",
        "#a=eip155:031337/erc721:0x5FbDB2315678afecb367f032d93F642f64180aa3/7",
        f"#a={ASSET}&s=" + ".".join(["AAAAAAAAAAAAAAAAAAAAAA"] * 65),
    ],
)
def test_parse__damaged_link__is_refused(text: str) -> None:
    with pytest.raises(InvalidLink):
        VerificationLink.parse(text)
