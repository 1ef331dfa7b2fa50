"""A party to a deal, and where its token and its key to the documents go."""

from dataclasses import dataclass
from typing import Self

from nftsvc.core.canonical import Json
from nftsvc.core.errors import InvalidField
from nftsvc.core.fields import Fields
from nftsvc.core.trade import codes
from nftsvc.core.types import AccountId, Address, ChainId, parse_address

MAX_RECIPIENTS = 16


@dataclass(frozen=True, slots=True)
class Party:
    """Exporter, buyer or company. `name` is in the party's own script."""

    name: str
    country: str
    name_english: str | None = None
    address: str | None = None
    business_registration_number: str | None = None
    lei: str | None = None

    @classmethod
    def read(cls, fields: Fields, *, registered: bool) -> Self:
        """Read a party; a `registered` one must carry a registration number or an LEI."""
        party = cls(
            name=fields.text("name"),
            country=fields.code("country", codes.country, reason="unknown-country"),
            name_english=fields.optional_text("nameEnglish"),
            address=fields.optional_text("address", longest=500, lines=True),
            business_registration_number=fields.code(
                "businessRegistrationNumber",
                codes.business_registration_number,
                reason="bad-business-registration-number",
            )
            if fields.has("businessRegistrationNumber")
            else None,
            lei=fields.code("lei", codes.lei, reason="bad-lei") if fields.has("lei") else None,
        )
        if registered and not (party.business_registration_number or party.lei):
            raise InvalidField(
                fields.path("businessRegistrationNumber"),
                reason="missing",
                detail="needs a business registration number or an LEI",
            )
        fields.end()
        return party

    def to_json(self) -> dict[str, Json]:
        """The party under its JSON names, without what is not there."""
        members: dict[str, Json] = {
            "name": self.name,
            "nameEnglish": self.name_english,
            "country": self.country,
            "address": self.address,
            "businessRegistrationNumber": self.business_registration_number,
            "lei": self.lei,
        }
        return {name: value for name, value in members.items() if value is not None}


def read_holder(fields: Fields, *, chain_id: ChainId) -> Address | None:
    """The account that shall hold the token: an address, or CAIP-10 on this very chain."""
    text = fields.optional_text("holder", longest=120)
    path = fields.path("holder")
    if text is None:
        return None
    if ":" not in text:
        return parse_address(text, path=path)
    account = AccountId.parse(text, path=path)
    if account.chain_id != chain_id:
        raise InvalidField(
            path, reason="other-chain", detail=f"the tokens live on eip155:{chain_id}"
        )
    return account.address


def read_recipients(fields: Fields) -> tuple[str, ...]:
    """age recipients (`age1...`) that shall be able to open the documents."""
    if not fields.has("recipients"):
        return ()
    recipients = []
    for item, path in fields.array("recipients", most=MAX_RECIPIENTS):
        if not isinstance(item, str) or not item.startswith("age1") or len(item) > 4096:
            raise InvalidField(path, reason="not-a-recipient", detail="expected age1...")
        recipients.append(item)
    return tuple(recipients)
