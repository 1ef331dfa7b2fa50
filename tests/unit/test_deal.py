"""Deals and products at the edge: the trade's own codes, and the path of whatever is wrong."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from nftsvc.core import canonical
from nftsvc.core.errors import InvalidField
from nftsvc.core.trade import codes
from nftsvc.core.trade.deal import Deal
from nftsvc.core.trade.product import Product
from nftsvc.core.types import ChainId

CHAIN = ChainId(31337)

DEAL: dict[str, Any] = {
    "contractNumber": "DG-2026-0417",
    "contractDate": "2026-11-02",
    "exporter": {
        "name": "주식회사 달구벌펌프",
        "nameEnglish": "Dalgubeol Pump Co., Ltd.",
        "country": "KR",
        "businessRegistrationNumber": "504-81-12346",
    },
    "buyer": {"name": "Nordhavn Maskin A/S", "country": "DK"},
    "incoterm": {"code": "CIF", "place": "Aarhus"},
    "currency": "USD",
    "amount": "128400.00",
    "goods": [
        {"description": "Centrifugal pump", "hsCode": "8413.70", "quantity": "12", "unit": "C62"}
    ],
    "programmeYear": 2026,
}
PRODUCT: dict[str, Any] = {
    "name": "원심 펌프 DP-40",
    "description": "산업용 원심 펌프\n유량 40 m³/h",
    "company": DEAL["exporter"],
    "programmeYear": 2026,
}


def changed(value: dict[str, Any], path: list[str | int], new: object) -> dict[str, Any]:
    result = copy.deepcopy(value)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return result


def test_deal__complete__reads() -> None:
    deal = Deal.read(DEAL, chain_id=CHAIN)
    assert deal.exporter.business_registration_number == "5048112346"
    assert deal.disclosable()["amount"] == "128400.00"
    assert canonical.parse(json.dumps(deal.disclosable()).encode()) == deal.disclosable()


@pytest.mark.parametrize(
    ("path", "new", "where", "reason"),
    [
        (["currency"], "XXL", "currency", "unknown-currency"),
        (["currency"], "usd", "currency", "unknown-currency"),
        (["incoterm", "code"], "DAT", "incoterm.code", "unknown-incoterm"),
        (["buyer", "country"], "XX", "buyer.country", "unknown-country"),
        (["goods", 0, "hsCode"], "9999.99", "goods[0].hsCode", "unknown-hs-code"),
        (["goods", 0, "hsCode"], "8413", "goods[0].hsCode", "unknown-hs-code"),
        (["goods", 0, "unit"], "piece", "goods[0].unit", "unknown-unit"),
        (["goods", 0, "quantity"], 12, "goods[0].quantity", "not-a-decimal-string"),
        (["goods"], [], "goods", "out-of-range"),
        (["amount"], "128,400.00", "amount", "not-a-decimal-string"),
        (["amount"], "-1", "amount", "not-a-decimal-string"),
        (["amount"], "0.00", "amount", "zero"),
        (["amount"], "١٢", "amount", "not-a-decimal-string"),
        (["contractDate"], "2026-02-30", "contractDate", "not-a-date"),
        (["contractDate"], "02/11/2026", "contractDate", "not-a-date"),
        (["contractDate"], "20261102", "contractDate", "not-a-date"),
        (["shipmentBy"], "2026-01-01", "shipmentBy", "before-contract"),
        (["programmeYear"], "2026", "programmeYear", "not-an-integer"),
        (["programmeYear"], True, "programmeYear", "not-an-integer"),
        (["programmeYear"], 1999, "programmeYear", "out-of-range"),
        (["exporter", "businessRegistrationNumber"], "504-81-12347",
         "exporter.businessRegistrationNumber", "bad-business-registration-number"),
        (["exporter", "businessRegistrationNumber"], None,
         "exporter.businessRegistrationNumber", "missing"),
        (["buyer", "lei"], "529900T8BM49AURSDO56", "buyer.lei", "bad-lei"),
        (["buyer", "name"], "Nord\u202ehavn", "buyer.name", "control-character"),
        (["buyer", "name"], "a\x00b", "buyer.name", "control-character"),
        (["buyer", "name"], "  ", "buyer.name", "empty"),
        (["contractNumber"], "9" * 65, "contractNumber", "too-long"),
        (["contractNumber"], None, "contractNumber", "missing"),
        (["holder"], "0x123", "holder", "not-an-address"),
        (["holder"], "eip155:1:0x5FbDB2315678afecb367f032d93F642f64180aa3", "holder",
         "other-chain"),
        (["holder"], "0x5fbDB2315678afecb367f032d93F642f64180aa3", "holder", "bad-checksum"),
        (["recipients"], ["ssh-ed25519 AAAA"], "recipients[0]", "not-a-recipient"),
        (["amonut"], "1.00", "amonut", "unknown-field"),
        (["goods", 0, "hscode"], "8413.70", "goods[0].hscode", "unknown-field"),
    ],
)  # fmt: skip
def test_deal__one_field_wrong__is_refused_with_its_path(
    path: list[str | int], new: object, where: str, reason: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        Deal.read(changed(DEAL, path, new), chain_id=CHAIN)
    assert (refused.value.path, refused.value.reason) == (where, reason)


def test_product__complete__reads() -> None:
    product = Product.read(PRODUCT, chain_id=CHAIN)
    assert ("Company", "주식회사 달구벌펌프") in product.attributes()


@pytest.mark.parametrize(
    ("text", "normal"),
    [("8413.70", "841370"), ("841370", "841370"), ("8413.70.90", "84137090"),
     ("8413.70.90.10", "8413709010"), ("8413.7", None), ("841370901", None), ("000000", None)],
)  # fmt: skip
def test_hs_code__forms__resolve_to_digits_or_to_none(text: str, normal: str | None) -> None:
    assert codes.hs_code(text) == normal


def test_hs_code__whole_table__has_the_edition_of_2022() -> None:
    table = Path(codes.__file__).with_name("hs-2022.txt").read_text("ascii").splitlines()
    subheadings = [line for line in table if line.isdigit()]
    assert len(subheadings) == 5612
    assert subheadings == sorted(set(subheadings))
