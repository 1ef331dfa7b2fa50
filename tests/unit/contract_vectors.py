"""What stands in `tests/vectors/contracts.json`: what Python and the contracts both compute.

`python -m tests.unit.contract_vectors` writes the file. Solidity (`tests/contracts/Vectors.t.sol`)
and JavaScript (`tests/unit/js/contracts.test.js`) read it and compute the same anew. The leaf
`n` of the tree of `count` leaves is derived: its holder is the first 20 bytes of sha256 of
`holder <count>/<n>`, its digest is sha256 of `document <count>/<n>`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from nftsvc.core.merkle import Leaf, MerkleTree
from nftsvc.core.types import Address, Digest, TokenStatus, parse_address, token_id_of
from tests.unit import verdict_cases

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "contracts.json"
MANIFESTS: Final = (verdict_cases.V1, verdict_cases.PUBLIC, verdict_cases.FIELDS)
COUNTS: Final = (1, 2, 3, 7, 1000)
CHAINS: Final = (31337, 11155111)
DEADLINES: Final = (2_000_000_000, 2**256 - 1)
STATUSES: Final = tuple(TokenStatus)
NOBODY: Final = "0x" + "0" * 40
DEAL: Final = (
    "bytes32 digest,address issuer,address exporter,address buyer,address holder,uint256 deadline"
)
ASSIGNMENT: Final = "uint256 tokenId,address from,address to,uint64 headBlock,uint256 deadline"
PERMIT: Final = "address spender,uint256 tokenId,uint256 nonce,uint256 deadline"
ISSUER_INDEX: Final = 1


def sha256(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).digest())


def person(name: str) -> Address:
    return parse_address("0x" + sha256(name)[:20].hex())


def leaves_of(count: int) -> list[Leaf]:
    return [
        Leaf(person(f"holder {count}/{n}"), sha256(f"document {count}/{n}")) for n in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Stored:
    """One token's slot, as docs/reference/contract-storage.md draws it."""

    digest: Digest
    holder: str
    head_block: int
    issued_at: int
    version: int
    issuer_index: int
    status: TokenStatus
    held: bool = False
    recovering: bool = False

    @property
    def slot(self) -> int:
        number = int.from_bytes(self.digest, "big")
        seeded = keccak(self.digest[:28] + bytes.fromhex("7d882553"))
        return (2 * number + int.from_bytes(seeded, "big")) % 2**256

    @property
    def word(self) -> int:
        record = (
            self.head_block
            | self.issued_at << 36
            | self.version << 68
            | self.issuer_index << 78
            | STATUSES.index(self.status) << 92
            | int(self.held) << 94
            | int(self.recovering) << 95
        )
        return record << 160 | int(self.holder, 16)

    def answer(self, issuer: str) -> bytes:
        """What `recordOf` answers where key 1 is `issuer`, no other is known and none is marked."""
        types = (
            "address",
            "address",
            "bool",
            "uint32",
            "bytes32",
            "uint64",
            "uint64",
            "bool",
            "bool",
        )
        known = self.issuer_index == ISSUER_INDEX
        return encode(
            ["uint8", *types],
            [
                *(STATUSES.index(self.status), self.holder, issuer if known else NOBODY, True),
                *(self.version, self.digest if self.version == 1 else bytes(32)),
                *(self.issued_at, self.head_block, self.held, self.recovering),
            ],
        )


def records() -> list[Stored]:
    """Every field at its least, its greatest and in between; every status and flag."""
    some = [
        Stored(sha256("usual"), person("usual"), 1_234, 1_800_000_000, 1, 1, TokenStatus.ACTIVE),
        Stored(sha256("least"), person("least"), 0, 0, 1, 0, TokenStatus.ACTIVE),
        Stored(Digest(b"\xff" * 32), "0x" + "ff" * 20, 2**36 - 1, 2**32 - 1, 2**10 - 1, 2**14 - 1,
               TokenStatus.SUSPENDED, held=True, recovering=True),
        Stored(Digest(bytes(31) + b"\1"), person("one"), 1, 1, 1, 1, TokenStatus.ACTIVE),
        Stored(sha256("revoked"), NOBODY, 77, 1_700_000_000, 1, 1, TokenStatus.REVOKED),
        Stored(sha256("amended"), person("amended"), 2**35, 2**31, 2, 1, TokenStatus.ACTIVE),
    ]  # fmt: skip
    for status in (TokenStatus.ACTIVE, TokenStatus.SUSPENDED):
        for held in (False, True):
            for recovering in (False, True):
                name = f"{status} {held} {recovering}"
                number = len(some)
                some.append(
                    Stored(sha256(name), person(name), 5**number, 2**number, 1, number, status,
                           held=held, recovering=recovering)
                )  # fmt: skip
    return some


def typed_digest(domain: dict[str, Any], name: str, fields: str, values: dict[str, Any]) -> bytes:
    """keccak256(0x1901, domain, struct) by eth-account; `fields` as Solidity writes them."""
    types = [dict(zip(("type", "name"), field.split(), strict=True)) for field in fields.split(",")]
    message = encode_typed_data(domain, {name: types}, values)
    return keccak(b"\x19" + message.version + message.header + message.body)


def _domains(name: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "version": "1", "chainId": chain, "verifyingContract": person(place)}
        for chain in CHAINS
        for place in ("first contract", "second contract")
    ]


def _consents(name: str, fields: str, contract: str, values: list[dict[str, Any]]) -> Any:
    """The values by field, and for each domain the digests of all of them."""
    signed = [
        value | ({"nonce": value["headBlock"] << 64} if name == "Permit" else {})
        for value in values
    ]
    return {
        **{key: [_text(value[key]) for value in values] for key in values[0]},
        "digests": [
            [_text(typed_digest(domain, name, fields, _only(value, fields))) for value in signed]
            for domain in _domains(contract)
        ],
    }


def _only(value: dict[str, Any], fields: str) -> dict[str, Any]:
    return {key: value[key] for key in (field.split()[1] for field in fields.split(","))}


def _typed_data() -> dict[str, Any]:
    deals = [
        {
            "digest": sha256(f"deal {n}"),
            **{role: person(f"{role} {n}") for role in ("issuer", "exporter", "buyer", "holder")},
            "deadline": deadline,
        }
        for n, deadline in enumerate(DEADLINES)
    ]
    assignments = [
        {
            "tokenId": token_id_of(sha256(f"title {n}")),
            "from": person(f"from {n}"),
            "to": person(f"to {n}"),
            "headBlock": head,
            "deadline": deadline,
        }
        for n, (head, deadline) in enumerate(zip((1, 2**36 - 1), DEADLINES, strict=True))
    ]
    permits = [
        {
            "spender": person(f"spender {n}"),
            "tokenId": token_id_of(sha256(f"product {n}")),
            "headBlock": head,
            "deadline": deadline,
        }
        for n, (head, deadline) in enumerate(zip((1, 2**36 - 1), DEADLINES, strict=True))
    ]
    domains = _domains("Export Contract")
    return {
        "chainIds": [_text(domain["chainId"]) for domain in domains],
        "contracts": [domain["verifyingContract"] for domain in domains],
        "deals": _consents("Deal", DEAL, "Export Contract", deals),
        "assignments": _consents("Assignment", ASSIGNMENT, "Export Contract", assignments),
        "permits": _consents("Permit", PERMIT, "Product Content", permits),
    }


def _tree(count: int) -> dict[str, Any]:
    tree = MerkleTree(leaves_of(count))
    numbers = sorted({0, count // 2, count - 1})
    together = sorted({n * 37 % count for n in range(min(count, 9))})
    multiproof = tree.multiproof(together)
    return {
        "count": count,
        "leaves": [_text(tree.leaves[n].hash) for n in numbers],
        "root": _text(tree.root),
        "numbers": numbers,
        "proofs": [[_text(word) for word in tree.proof(n)] for n in numbers],
        "multiproof": {
            "numbers": [tree.leaves.index(leaf) for leaf in multiproof.leaves],
            "proof": [_text(word) for word in multiproof.proof],
            "flags": list(multiproof.flags),
        },
    }


def vectors() -> dict[str, Any]:
    """The whole file."""
    digests = [Digest(hashlib.sha256(text).digest()) for text in MANIFESTS]
    stored, issuer = records(), person("issuer key 1")
    return {
        "tokens": {
            "manifests": [text.decode() for text in MANIFESTS],
            "tokenIds": [_text(token_id_of(digest)) for digest in digests],
            "uris": [f"ipfs://f01551220{digest.hex()}" for digest in digests],
        },
        "records": {
            "issuer": issuer,
            "tokenIds": [_text(each.digest) for each in stored],
            "slots": [_text(each.slot) for each in stored],
            "words": [_text(each.word) for each in stored],
            "holders": [each.holder for each in stored],
            "headBlocks": [_text(each.head_block) for each in stored],
            "issuedAts": [_text(each.issued_at) for each in stored],
            "versions": [_text(each.version) for each in stored],
            "issuerIndexes": [_text(each.issuer_index) for each in stored],
            "statuses": [_text(STATUSES.index(each.status)) for each in stored],
            "held": [each.held for each in stored],
            "recovering": [each.recovering for each in stored],
            "answers": [_text(each.answer(issuer)) for each in stored],
        },
        "typedData": _typed_data(),
        "trees": [_tree(count) for count in COUNTS],
    }


def text() -> str:
    return json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n"


def _text(value: object) -> object:
    """Numbers as 32 bytes: JSON's own lose digits in JavaScript."""
    if isinstance(value, int):
        return f"0x{value:064x}"
    return "0x" + value.hex() if isinstance(value, bytes) else value


if __name__ == "__main__":
    VECTORS.write_text(text(), "utf-8")
