"""A table of deals in CSV, with the folder of their documents."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.load import document

ROW: Final = {
    "contractNumber": "T-1",
    "contractDate": "2026-05-04",
    "exporter.name": "한빛정밀 주식회사",
    "exporter.country": "KR",
    "exporter.businessRegistrationNumber": "504-81-12346",
    "buyer.name": "Nordlys Maskin AS",
    "buyer.country": "NO",
    "incoterm.code": "CIF",
    "incoterm.place": "Oslo",
    "currency": "USD",
    "amount": "128400.00",
    "goods[0].description": "CNC machining centre",
    "goods[0].hsCode": "845710",
    "goods[0].quantity": "2",
    "goods[0].unit": "C62",
    "programmeYear": "2026",
    "documents": "1.pdf",
}


def write_table(
    folder: Path, count: int, *, first: int, more: Sequence[dict[str, str]] = ()
) -> Path:
    """`count` good rows with a document each, numbered from `first`, and then `more`."""
    table = folder / "deals.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROW))
        writer.writeheader()
        for number in range(first, first + count):
            (folder / f"{number}.pdf").write_bytes(document(number))
            writer.writerow(ROW | {"contractNumber": f"T-{number}", "documents": f"{number}.pdf"})
        writer.writerows(more)
    return table
