"""Deals as rows of a table, and all that is wrong with a row at once."""

import csv
from pathlib import Path

import pytest

from nftsvc.core.errors import InvalidField
from nftsvc.core.trade.columns import check_columns, deal_of, documents_of, problems_of
from nftsvc.core.trade.deal import Deal
from nftsvc.core.types import ChainId
from tests.table import ROW


def test_deal_of__good_row__is_a_deal() -> None:
    deal = Deal.read(deal_of(ROW), chain_id=ChainId(1))
    assert (deal.contract_number, deal.programme_year) == ("T-1", 2026)
    assert [line.hs_code for line in deal.goods] == ["845710"]
    assert list(problems_of(ROW)) == []


def test_deal_of__lines_of_goods_with_gaps__are_in_order() -> None:
    row = ROW | {f"goods[2].{key}": value for key, value in _goods("8413.70").items()}
    deal = Deal.read(deal_of(row | {"goods[1].unit": ""}), chain_id=ChainId(1))
    assert [line.hs_code for line in deal.goods] == ["845710", "841370"]


def _goods(hs_code: str) -> dict[str, str]:
    return {"description": "pump", "hsCode": hs_code, "quantity": "1", "unit": "C62"}


@pytest.mark.parametrize("column", [name for name in ROW if name != "documents"])
def test_problems_of__field_missing__is_told(column: str) -> None:
    paths = [problem.path for problem in problems_of(ROW | {column: ""})]
    assert column in paths


def test_problems_of__many_at_once__each_is_told() -> None:
    wrong = {
        "contractDate": "04/05/2026",
        "exporter.businessRegistrationNumber": "1",
        "buyer.country": "XX",
        "incoterm.code": "DAF",
        "currency": "WON",
        "amount": "1e5",
        "programmeYear": "next",
        "goods[0].unit": "pcs",
        "shipmentBy": "2026-13-01",
        "holder": "0x12",
    }
    assert {problem.path for problem in problems_of(ROW | wrong)} == set(wrong)


def test_how_to__its_table__is_a_good_row() -> None:
    text = Path("docs/how-to/issue-many-deals.md").read_text("utf-8")
    (row,) = csv.DictReader(text.partition("```csv\n")[2].partition("```")[0].splitlines())
    check_columns(list(row))
    assert list(problems_of(row)) == []
    assert documents_of(row) == ("DGB-2026-1102.pdf",)


def test_documents_of__several__by_semicolons() -> None:
    assert documents_of({"documents": " a.pdf; b.pdf;"}) == ("a.pdf", "b.pdf")


@pytest.mark.parametrize("name", ["price", "goods.hsCode", "goods[0].price", "recipients[16]", ""])
def test_check_columns__no_field_of_a_deal__is_refused(name: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_columns(["documents", name])
    assert refused.value.reason == "unknown-column"
