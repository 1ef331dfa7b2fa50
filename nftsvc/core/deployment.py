"""The deployment record: which contracts, on which chain, with which code, of which sources.

The compiler's input, with every source in it, is 400 KB of text that nobody reads in a record.
The record holds its sha256; the input itself comes with the package that wrote the record, as
`nftsvc/artifacts/compiler-input.json`, and `nftsvc chain sources` writes it out.
"""

import re
from dataclasses import dataclass
from typing import Any, Final, Self

from nftsvc.core import canonical
from nftsvc.core.canonical import Json
from nftsvc.core.errors import InvalidField
from nftsvc.core.fields import Fields
from nftsvc.core.types import (
    AccountId,
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    ChainId,
    TransactionHash,
    parse_address,
)

Argument = str | int
"""A constructor's argument: an address, or a number."""

_MOST_ARGUMENTS: Final = 16
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """One contract.

    `code_hash` is keccak256 of the code at the address, `0x` and hex; `arguments` are what the
    constructor was given, by their names in the source.
    """

    address: Address
    block: BlockNumber
    transaction: TransactionHash
    code_hash: str
    arguments: dict[str, Argument]


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts of one chain, and the account that issues there.

    `compiler_input` is the sha256 of the compiler's standard-json input, in hex.
    """

    chain_id: ChainId
    genesis_hash: BlockHash
    issuer: Address
    contracts: dict[AssetKind, DeployedContract]
    solc_version: str
    compiler_input: str

    def contract_account(self, kind: AssetKind) -> AccountId:
        """The contract that holds the tokens of `kind`, as CAIP-10."""
        return AccountId(self.chain_id, self.contracts[kind].address)

    def kind_of(self, contract: Address) -> AssetKind | None:
        """What the tokens of `contract` are, None for a contract that is not ours."""
        return next((k for k, c in self.contracts.items() if c.address == contract), None)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the record. Raises `InvalidJson` or `InvalidField`."""
        fields = Fields(canonical.parse(data))
        contracts = fields.object("contracts")
        deployment = cls(
            chain_id=ChainId(fields.integer("chainId", least=1, most=canonical.MAX_INTEGER)),
            genesis_hash=BlockHash(fields.text("genesisHash")),
            issuer=parse_address(fields.text("issuer"), path="issuer"),
            contracts={kind: _contract(contracts.object(kind.contract_name)) for kind in AssetKind},
            solc_version=fields.text("solcVersion"),
            compiler_input=_sha256(fields, "compilerInputSha256"),
        )
        contracts.end()
        fields.end()
        return deployment

    def to_json(self) -> dict[str, Json]:
        """The record as it is kept."""
        contracts: dict[str, Any] = {
            kind.contract_name: {
                "address": contract.address,
                "block": contract.block,
                "transaction": contract.transaction,
                "codeHash": contract.code_hash,
                "arguments": contract.arguments,
            }
            for kind, contract in self.contracts.items()
        }
        return {
            "chainId": self.chain_id,
            "genesisHash": self.genesis_hash,
            "issuer": self.issuer,
            "contracts": contracts,
            "solcVersion": self.solc_version,
            "compilerInputSha256": self.compiler_input,
        }


def _contract(fields: Fields) -> DeployedContract:
    contract = DeployedContract(
        address=parse_address(fields.text("address"), path=fields.path("address")),
        block=BlockNumber(fields.integer("block", least=0, most=canonical.MAX_INTEGER)),
        transaction=TransactionHash(fields.text("transaction")),
        code_hash=fields.text("codeHash"),
        arguments=_arguments(fields),
    )
    fields.end()
    return contract


def _arguments(fields: Fields) -> dict[str, Argument]:
    members, path = fields.take("arguments"), fields.path("arguments")
    if not isinstance(members, dict) or len(members) > _MOST_ARGUMENTS:
        raise InvalidField(
            path, reason="not-an-object", detail="expected an object, not a large one"
        )
    return {
        name: parse_address(value, path=canonical.join(path, name))
        if isinstance(value, str)
        else Fields(members, path=path).integer(name, least=0, most=canonical.MAX_INTEGER)
        for name, value in members.items()
    }


def _sha256(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not _SHA256.fullmatch(text):
        raise InvalidField(
            fields.path(name), reason="not-a-sha256", detail="expected 64 hex digits"
        )
    return text
