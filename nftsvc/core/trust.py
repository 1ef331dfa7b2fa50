"""Who counts as an issuer: a list of names with their accounts and contracts."""

from dataclasses import dataclass
from typing import Self

from nftsvc.core import canonical
from nftsvc.core.canonical import Json
from nftsvc.core.fields import Fields
from nftsvc.core.types import AccountId, Address, AssetId


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer by name, with the accounts that issue and the contracts that hold its tokens."""

    name: str
    accounts: frozenset[AccountId]
    contracts: frozenset[AccountId]
    name_korean: str | None = None

    def to_json(self) -> dict[str, Json]:
        members: dict[str, Json] = {
            "name": self.name,
            "accounts": [*sorted(map(str, self.accounts))],
            "contracts": [*sorted(map(str, self.contracts))],
        }
        if self.name_korean is not None:
            members["nameKo"] = self.name_korean
        return members


@dataclass(frozen=True, slots=True)
class TrustList:
    """The issuers that a verifier has decided to believe."""

    issuers: tuple[TrustedIssuer, ...]

    def issuer_of(self, asset: AssetId, account: Address) -> TrustedIssuer | None:
        """The issuer that both the asset's contract and the issuing account belong to."""
        contract = AccountId(asset.chain_id, asset.contract)
        issuing = AccountId(asset.chain_id, account)
        for issuer in self.issuers:
            if contract in issuer.contracts and issuing in issuer.accounts:
                return issuer
        return None

    @classmethod
    def read(cls, value: Json) -> Self:
        """Read `{"issuers": [...]}`. Raises `InvalidField`."""
        fields = Fields(value)
        issuers = [
            _issuer(Fields(item, path=path)) for item, path in fields.array("issuers", most=1000)
        ]
        fields.end()
        return cls(tuple(issuers))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a trust list file. Raises `InvalidJson` or `InvalidField`."""
        return cls.read(canonical.parse(data))

    def to_json(self) -> dict[str, Json]:
        return {"issuers": [issuer.to_json() for issuer in self.issuers]}


def _issuer(fields: Fields) -> TrustedIssuer:
    issuer = TrustedIssuer(
        name=fields.text("name"),
        accounts=_accounts(fields, "accounts"),
        contracts=_accounts(fields, "contracts"),
        name_korean=fields.optional_text("nameKo"),
    )
    fields.end()
    return issuer


def _accounts(fields: Fields, name: str) -> frozenset[AccountId]:
    return frozenset(
        AccountId.parse(item if isinstance(item, str) else "", path=path)
        for item, path in fields.array(name, most=1000)
    )
