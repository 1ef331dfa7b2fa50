"""Deals as rows of a table: a column is called as the deal's field is, by its path.

    contractNumber, exporter.name, goods[0].hsCode, goods[1].hsCode, recipients[0], ...

So the path in a problem names the column. Empty cells are fields that are not there. The column
`documents` holds the names of the deal's files, separated by semicolons.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from nftsvc.core.canonical import Json
from nftsvc.core.errors import InvalidField
from nftsvc.core.trade.deal import MAX_GOODS, Deal
from nftsvc.core.trade.party import MAX_RECIPIENTS
from nftsvc.core.types import ChainId

DOCUMENTS: Final = "documents"
_PARTY: Final = ("name", "nameEnglish", "country", "address", "businessRegistrationNumber", "lei")
PLAIN: Final = (
    "contractNumber",
    "contractDate",
    *(f"exporter.{name}" for name in _PARTY),
    *(f"buyer.{name}" for name in _PARTY),
    "incoterm.code",
    "incoterm.place",
    "currency",
    "amount",
    "programmeYear",
    "paymentTerms",
    "shipmentBy",
    "holder",
)
GOODS: Final = ("description", "hsCode", "quantity", "unit", "unitPrice")
_ITEM: Final = re.compile(
    rf"goods\[(?P<line>\d{{1,3}})\]\.(?:{'|'.join(GOODS)})|recipients\[(?P<recipient>\d{{1,2}})\]"
)
_STEP: Final = re.compile(r"\.?([A-Za-z]+)|\[(\d+)\]")
_ANY_CHAIN: Final = re.compile(r"eip155:([1-9]\d{0,14}):")


def check_columns(header: Sequence[str]) -> None:
    """Raises `InvalidField` for a column that no deal has, or that is there twice or not at all."""
    for name in header:
        if name not in (DOCUMENTS, *PLAIN) and not _is_item(name):
            raise InvalidField(name, reason="unknown-column", detail="no deal has such a field")
        if header.count(name) > 1:
            raise InvalidField(name, reason="duplicate-column", detail="the column stands twice")
    if DOCUMENTS not in header:
        raise InvalidField(DOCUMENTS, reason="missing", detail="the column is missing")


def deal_of(row: Mapping[str, str]) -> Json:
    """The deal that a row holds, as it is posted; not checked. `documents` is not part of it."""
    deal: dict[str | int, Any] = {}
    for name, text in row.items():
        if name != DOCUMENTS and text.strip():
            _put(deal, _steps(name), _value(name, text.strip()))
    whole: Json = _without_gaps(deal)
    return whole


def documents_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """The names of a row's files."""
    return tuple(name.strip() for name in row[DOCUMENTS].split(";") if name.strip())


def problems_of(row: Mapping[str, str]) -> Iterator[InvalidField]:
    """Everything that is wrong with a row's fields, one problem for each of them.

    Whether a `holder` lives on the service's own chain is the service's to say.
    """
    mended = dict(row)
    chain = _ANY_CHAIN.match(row.get("holder", ""))
    seen: set[str] = set()
    while True:
        try:
            Deal.read(deal_of(mended), chain_id=ChainId(int(chain[1]) if chain else 1))
        except InvalidField as problem:
            yield problem
            # A field that is right now takes its place, so that the next problem shows.
            if problem.path in seen:
                return
            seen.add(problem.path)
            mended |= dict(_right(problem.path))
        else:
            return


_RIGHT: Final = {
    "contractNumber": "1",
    "contractDate": "2000-01-01",
    "incoterm.code": "CIF",
    "incoterm.place": "Busan",
    "currency": "USD",
    "amount": "1",
    "programmeYear": "2026",
    "paymentTerms": "",
    "shipmentBy": "2199-12-31",
    "holder": "",
    "name": "A",
    "nameEnglish": "",
    "country": "KR",
    "address": "",
    "businessRegistrationNumber": "504-81-12346",
    "lei": "",
    "description": "A",
    "hsCode": "847989",
    "quantity": "1",
    "unit": "C62",
    "unitPrice": "",
}


def _right(path: str) -> Iterator[tuple[str, str]]:
    if path in ("exporter", "buyer"):
        yield f"{path}.name", "A"
    elif path == "incoterm":
        yield "incoterm.code", "CIF"
    elif path == "goods" or re.fullmatch(r"goods\[\d+\]", path):
        yield ("goods[0]" if path == "goods" else path) + ".description", "A"
    elif path.startswith("recipients"):
        yield path, ""
    else:
        text = _RIGHT.get(path, _RIGHT.get(path.rpartition(".")[2]))
        if text is not None:
            yield path, text


def _is_item(name: str) -> bool:
    found = _ITEM.fullmatch(name)
    if found is None:
        return False
    line, recipient = found["line"], found["recipient"]
    return int(line) < MAX_GOODS if line is not None else int(recipient) < MAX_RECIPIENTS


def _value(name: str, text: str) -> Json:
    if name == "programmeYear" and re.fullmatch(r"\d{1,9}", text):
        return int(text)
    return text


@lru_cache(4096)
def _steps(name: str) -> tuple[str | int, ...]:
    return tuple(word or int(index) for word, index in _STEP.findall(name))


def _put(target: dict[str | int, Any], steps: Sequence[str | int], value: Json) -> None:
    for step in steps[:-1]:
        target = target.setdefault(step, {})
    target[steps[-1]] = value


def _without_gaps(value: Any) -> Any:
    """Where the keys are numbers it is a list: in order, those without a cell left out."""
    if not isinstance(value, dict):
        return value
    if any(isinstance(key, int) for key in value):
        return [_without_gaps(value[key]) for key in sorted(value)]
    return {key: _without_gaps(child) for key, child in value.items()}
