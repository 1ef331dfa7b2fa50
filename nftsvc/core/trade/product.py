"""Product content: what an exporter shows of a product to the world."""

from dataclasses import dataclass
from typing import Self

from nftsvc.core.canonical import Json
from nftsvc.core.fields import Fields
from nftsvc.core.trade import codes
from nftsvc.core.trade.deal import FIRST_YEAR, LAST_YEAR
from nftsvc.core.trade.party import Party, read_holder
from nftsvc.core.types import Address, ChainId


@dataclass(frozen=True, slots=True)
class Product:
    """A product as its content is described in public. None of it is confidential."""

    name: str
    description: str
    company: Party
    programme_year: int
    name_english: str | None = None
    hs_code: str | None = None
    holder: Address | None = None

    @classmethod
    def read(cls, value: Json, *, chain_id: ChainId) -> Self:
        """Read a product from strictly parsed JSON. Raises `InvalidField` with its path."""
        fields = Fields(value)
        product = cls(
            name=fields.text("name"),
            description=fields.text("description", longest=2000, lines=True),
            company=Party.read(fields.object("company"), registered=True),
            programme_year=fields.integer("programmeYear", least=FIRST_YEAR, most=LAST_YEAR),
            name_english=fields.optional_text("nameEnglish"),
            hs_code=fields.code("hsCode", codes.hs_code, reason="unknown-hs-code")
            if fields.has("hsCode")
            else None,
            holder=read_holder(fields, chain_id=chain_id),
        )
        fields.end()
        return product

    def attributes(self) -> list[tuple[str, Json]]:
        """ERC-721 attributes: (trait, value)."""
        traits: list[tuple[str, Json]] = [
            ("Company", self.company.name),
            ("Country", self.company.country),
            ("Programme year", self.programme_year),
        ]
        for trait, value in (
            ("Product name (English)", self.name_english),
            ("Company (English)", self.company.name_english),
            ("Business registration number", self.company.business_registration_number),
            ("LEI", self.company.lei),
            ("HS code", self.hs_code),
        ):
            if value is not None:
                traits.append((trait, value))
        return traits
