"""A closed export deal, as the platform posts it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self

from nftsvc.core.canonical import Json
from nftsvc.core.errors import InvalidField
from nftsvc.core.fields import Fields
from nftsvc.core.trade import codes
from nftsvc.core.trade.party import Party, read_holder, read_recipients
from nftsvc.core.types import Address, ChainId

MAX_GOODS = 500
FIRST_YEAR, LAST_YEAR = 2000, 2199


@dataclass(frozen=True, slots=True)
class Goods:
    """One line of goods. `quantity` in `unit` (UN/ECE Recommendation 20)."""

    description: str
    hs_code: str
    quantity: Decimal
    unit: str
    unit_price: Decimal | None = None

    @classmethod
    def read(cls, fields: Fields) -> Self:
        goods = cls(
            description=fields.text("description", longest=500),
            hs_code=fields.code("hsCode", codes.hs_code, reason="unknown-hs-code"),
            quantity=fields.amount("quantity"),
            unit=fields.code("unit", codes.unit, reason="unknown-unit"),
            unit_price=fields.amount("unitPrice") if fields.has("unitPrice") else None,
        )
        fields.end()
        return goods

    def to_json(self) -> dict[str, Json]:
        members: dict[str, Json] = {
            "description": self.description,
            "hsCode": self.hs_code,
            "quantity": str(self.quantity),
            "unit": self.unit,
        }
        if self.unit_price is not None:
            members["unitPrice"] = str(self.unit_price)
        return members


@dataclass(frozen=True, slots=True)
class Deal:
    """A closed deal. All of it is confidential but its `programme_year`."""

    contract_number: str
    contract_date: date
    exporter: Party
    buyer: Party
    incoterm: str
    incoterm_place: str
    currency: str
    amount: Decimal
    goods: tuple[Goods, ...]
    programme_year: int
    payment_terms: str | None = None
    shipment_by: date | None = None
    holder: Address | None = None
    recipients: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: Json, *, chain_id: ChainId) -> Self:
        """Read a deal from strictly parsed JSON. Raises `InvalidField` with the field's path."""
        fields = Fields(value)
        incoterm = fields.object("incoterm")
        deal = cls(
            contract_number=fields.text("contractNumber", longest=64),
            contract_date=fields.day("contractDate"),
            exporter=Party.read(fields.object("exporter"), registered=True),
            buyer=Party.read(fields.object("buyer"), registered=False),
            incoterm=incoterm.code("code", codes.incoterm, reason="unknown-incoterm"),
            incoterm_place=incoterm.text("place", longest=120),
            currency=fields.code("currency", codes.currency, reason="unknown-currency"),
            amount=fields.amount("amount"),
            goods=tuple(
                Goods.read(Fields(item, path=path))
                for item, path in fields.array("goods", most=MAX_GOODS)
            ),
            programme_year=fields.integer("programmeYear", least=FIRST_YEAR, most=LAST_YEAR),
            payment_terms=fields.optional_text("paymentTerms", longest=500, lines=True),
            shipment_by=fields.day("shipmentBy") if fields.has("shipmentBy") else None,
            holder=read_holder(fields, chain_id=chain_id),
            recipients=read_recipients(fields),
        )
        incoterm.end()
        fields.end()
        if deal.shipment_by is not None and deal.shipment_by < deal.contract_date:
            raise InvalidField(
                "shipmentBy", reason="before-contract", detail="lies before the contract's date"
            )
        return deal

    def disclosable(self) -> dict[str, Json]:
        """The fields that can be shown one by one, under their JSON names."""
        members: dict[str, Json] = {
            "contractNumber": self.contract_number,
            "contractDate": self.contract_date.isoformat(),
            "exporter": self.exporter.to_json(),
            "buyer": self.buyer.to_json(),
            "incoterm": {"code": self.incoterm, "place": self.incoterm_place},
            "currency": self.currency,
            "amount": str(self.amount),
            "goods": [line.to_json() for line in self.goods],
            "programmeYear": self.programme_year,
            "paymentTerms": self.payment_terms,
            "shipmentBy": self.shipment_by.isoformat() if self.shipment_by else None,
        }
        return {name: value for name, value in members.items() if value is not None}
