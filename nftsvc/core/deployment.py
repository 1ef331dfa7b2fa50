"""The deployment record: which contracts, on which chain, with which code."""

from dataclasses import dataclass
from typing import Any, Self

from nftsvc.core import canonical
from nftsvc.core.canonical import Json
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


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """One contract. `code_hash` is keccak256 of the code at the address, `0x` and hex."""

    address: Address
    block: BlockNumber
    transaction: TransactionHash
    code_hash: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts of one chain, and the account that issues there."""

    chain_id: ChainId
    genesis_hash: BlockHash
    issuer: Address
    contracts: dict[AssetKind, DeployedContract]
    solc_version: str

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
            }
            for kind, contract in self.contracts.items()
        }
        return {
            "chainId": self.chain_id,
            "genesisHash": self.genesis_hash,
            "issuer": self.issuer,
            "contracts": contracts,
            "solcVersion": self.solc_version,
        }


def _contract(fields: Fields) -> DeployedContract:
    contract = DeployedContract(
        address=parse_address(fields.text("address"), path=fields.path("address")),
        block=BlockNumber(fields.integer("block", least=0, most=canonical.MAX_INTEGER)),
        transaction=TransactionHash(fields.text("transaction")),
        code_hash=fields.text("codeHash"),
    )
    fields.end()
    return contract
