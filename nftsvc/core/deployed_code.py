"""Whether the code at an address is the source's: facts in, findings out.

The checks, of the chain and then of each contract:

    chain        the endpoint speaks for the recorded chain id
    genesis      ... and that chain began with the recorded block
    recorded     there is code, and its keccak256 is the recorded one
    code         the code is the compiled one, the places of its immutables left out
    immutables   in those places stands what the constructor makes of its recorded arguments
    metadata     the code ends with the CID of the metadata file
    sources      the metadata names exactly the sources of the compiler's input, by their
                 keccak256, and that input is the recorded one, by its sha256
    creation     the recorded transaction made the contract, of the compiled creation code and
                 the recorded arguments

`recorded` to `sources` leave open only whether the sources compile to this code, which
`compiled` answers where there is a compiler. `creation` is passed over where an endpoint has
dropped the transaction, as nodes do with old ones.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from eth_hash.auto import keccak

from nftsvc.core.cid import Cid
from nftsvc.core.deployment import Argument, DeployedContract, Deployment
from nftsvc.core.types import Address, AssetKind, BlockHash, ChainId
from nftsvc.core.unixfs import cid_of_bytes

WORD: Final = 32
_DOMAIN_TYPE: Final = (
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_DOMAIN_VERSION: Final = b"1"
_DOMAIN_NAMES: Final = {
    AssetKind.EXPORT_CONTRACT: b"Export Contract",
    AssetKind.PRODUCT_CONTENT: b"Product Content",
}
_CBOR_MULTIHASH: Final = b"\x64ipfs\x58\x22"
"""What stands before the metadata's multihash at the end of the code (RFC 8949)."""
_MULTIHASH_LENGTH: Final = 34


class Outcome(StrEnum):
    """What a check says."""

    PROVEN = "proven"
    DIFFERENT = "different"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `contract` is None where it is about the chain."""

    contract: AssetKind | None
    check: str
    outcome: Outcome
    detail: str

    def to_json(self) -> dict[str, str | None]:
        """As the command line gives it."""
        return {
            "contract": self.contract.contract_name if self.contract else None,
            "check": self.check,
            "outcome": self.outcome.value,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the compiler made of one contract. `immutables` are places in `code`: start, length."""

    code: bytes
    creation_code: bytes
    immutables: dict[str, tuple[tuple[int, int], ...]]
    constructor: tuple[str, ...]
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Creation:
    """The transaction that made a contract: what it carried, what it made."""

    data: bytes
    made: Address | None


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What an endpoint says of one contract; `creation` is None where it knows none."""

    code: bytes
    creation: Creation | None


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What an endpoint says."""

    chain_id: ChainId
    genesis_hash: BlockHash
    contracts: dict[AssetKind, ContractFacts]


def prove(
    deployment: Deployment,
    facts: ChainFacts,
    *,
    compiled: dict[AssetKind, Compiled],
    compiler_input: bytes,
) -> list[Finding]:
    """The findings, in the order of the checks."""
    findings = [
        _same(None, "chain", facts.chain_id, deployment.chain_id),
        _same(None, "genesis", facts.genesis_hash, deployment.genesis_hash),
    ]
    for kind in deployment.contracts:
        contract = _Contract(kind, deployment, facts.contracts[kind], compiled[kind])
        findings += contract.findings(compiler_input)
    return findings


def same_compilation(kind: AssetKind, *, ours: Compiled, anew: Compiled) -> Finding:
    """Whether another run of the compiler gave what this package holds."""
    if ours == anew:
        detail = f"{len(ours.creation_code):,} bytes of creation code, {len(ours.code):,} deployed"
        return Finding(kind, "compiled", Outcome.PROVEN, detail)
    parts = ("code", "creation_code", "immutables", "constructor", "metadata")
    wrong = [part for part in parts if getattr(ours, part) != getattr(anew, part)]
    return Finding(kind, "compiled", Outcome.DIFFERENT, f"other {', '.join(wrong)}")


def same_code(code: bytes, compiled: Compiled) -> bool:
    """Whether `code` is the compiled code, whatever its immutables are."""
    same_length = len(code) == len(compiled.code)
    return same_length and _without(code, compiled) == _without(compiled.code, compiled)


def immutables_in(code: bytes, compiled: Compiled) -> dict[str, frozenset[bytes]]:
    """The values that stand in the code by the immutables' names; more than one is no good sign."""
    return {
        name: frozenset(code[start : start + length] for start, length in places)
        for name, places in compiled.immutables.items()
    }


def implied_immutables(
    kind: AssetKind, *, address: Address, chain_id: ChainId, arguments: dict[str, Argument]
) -> dict[str, bytes]:
    """What the constructor writes into the code: the EIP-712 domain, and the recovery's delay."""
    here, chain = _word(address), _word(chain_id)
    name, version = keccak(_DOMAIN_NAMES[kind]), keccak(_DOMAIN_VERSION)
    return {
        "EIP712._cachedThis": here,
        "EIP712._cachedChainId": chain,
        "EIP712._cachedNameHash": name,
        "EIP712._cachedVersionHash": version,
        "EIP712._cachedDomainSeparator": keccak(
            keccak(_DOMAIN_TYPE) + name + version + chain + here
        ),
        "Recovery.recoveryDelay": _word(arguments["delay"]),
    }


def metadata_cid(code: bytes) -> Cid | None:
    """The CID of the metadata that the end of the code names; None where it names none."""
    length = int.from_bytes(code[-2:], "big")
    tail = code[-2 - length : -2]
    _, found, rest = tail.partition(_CBOR_MULTIHASH)
    multihash = rest[:_MULTIHASH_LENGTH]
    return Cid.from_bytes(multihash) if found and len(multihash) == _MULTIHASH_LENGTH else None


@dataclass(frozen=True, slots=True)
class _Contract:
    kind: AssetKind
    deployment: Deployment
    facts: ContractFacts
    compiled: Compiled

    def findings(self, compiler_input: bytes) -> Iterator[Finding]:
        code_hash = "0x" + keccak(self.facts.code).hex()
        if not self.facts.code:
            yield self._finding("recorded", wrong=f"no code at {self._record.address}")
            return
        yield _same(self.kind, "recorded", code_hash, self._record.code_hash)
        yield self._finding("code", wrong=self._wrong_code(), right=f"{self._size} bytes")
        if len(self.facts.code) == len(self.compiled.code):
            yield from self._immutables()
        found, expected = metadata_cid(self.facts.code), self._metadata_cid
        yield _same(self.kind, "metadata", str(found or "no CID"), str(expected))
        yield self._sources(compiler_input)
        yield self._creation()

    @property
    def _record(self) -> DeployedContract:
        return self.deployment.contracts[self.kind]

    @property
    def _size(self) -> str:
        return f"{len(self.compiled.code):,}"

    @property
    def _metadata_cid(self) -> Cid:
        return cid_of_bytes(self.compiled.metadata, version=0)

    def _wrong_code(self) -> str | None:
        if same_code(self.facts.code, self.compiled):
            return None
        if len(self.facts.code) != len(self.compiled.code):
            return f"{len(self.facts.code):,} bytes, compiled {self._size}"
        pair = zip(
            _without(self.facts.code, self.compiled),
            _without(self.compiled.code, self.compiled),
            strict=True,
        )
        places = [place for place, (found, expected) in enumerate(pair) if found != expected]
        return f"{len(places)} of {self._size} bytes differ, first at {places[0]}"

    def _immutables(self) -> Iterator[Finding]:
        expected = implied_immutables(
            self.kind,
            address=self._record.address,
            chain_id=self.deployment.chain_id,
            arguments=self._record.arguments,
        )
        found = immutables_in(self.facts.code, self.compiled)
        for name in sorted(found.keys() | expected.keys()):
            values = "0x" + " and 0x".join(sorted(v.hex() for v in found.get(name, ())))
            right = name in expected and found.get(name) == frozenset({expected[name]})
            implied = "0x" + expected[name].hex() if name in expected else "nothing"
            wrong = None if right else f"{name} is {values}, its arguments imply {implied}"
            yield self._finding("immutables", wrong=wrong, right=f"{name} is {values}")

    def _sources(self, compiler_input: bytes) -> Finding:
        digest = hashlib.sha256(compiler_input).hexdigest()
        if digest != self.deployment.compiler_input:
            wrong = f"this version's compiler input is {digest}, not the recorded one"
            return self._finding("sources", wrong=wrong)
        given: dict[str, Any] = json.loads(compiler_input)["sources"]
        named: dict[str, Any] = json.loads(self.compiled.metadata)["sources"]
        wrong_ones = [
            name
            for name, source in named.items()
            if name not in given
            or "0x" + keccak(given[name]["content"].encode()).hex() != source["keccak256"]
        ]
        return self._finding(
            "sources",
            wrong=", ".join(wrong_ones) or None,
            right=f"{len(named)} files of the input {digest}",
        )

    def _creation(self) -> Finding:
        if self.facts.creation is None:
            detail = "the endpoint does not know the transaction (any more)"
            return Finding(self.kind, "creation", Outcome.SKIPPED, detail)
        arguments = b"".join(_word(self._record.arguments[n]) for n in self.compiled.constructor)
        wrong = None
        if self.facts.creation.made != self._record.address:
            wrong = f"it made {self.facts.creation.made or 'no contract'}"
        elif self.facts.creation.data != self.compiled.creation_code + arguments:
            wrong = "it carried other code or arguments"
        return self._finding("creation", wrong=wrong, right=self._record.transaction)

    def _finding(self, check: str, *, wrong: str | None, right: str = "") -> Finding:
        outcome = Outcome.PROVEN if wrong is None else Outcome.DIFFERENT
        return Finding(self.kind, check, outcome, right if wrong is None else wrong)


def _same(kind: AssetKind | None, check: str, found: object, expected: object) -> Finding:
    if found == expected:
        return Finding(kind, check, Outcome.PROVEN, str(found))
    return Finding(kind, check, Outcome.DIFFERENT, f"{found}, not {expected}")


def _without(code: bytes, compiled: Compiled) -> bytes:
    """The code with zeros where immutables belong: as compiled, before the constructor wrote."""
    bare = bytearray(code)
    for places in compiled.immutables.values():
        for start, length in places:
            bare[start : start + length] = bytes(length)
    return bytes(bare)


def _word(value: Argument) -> bytes:
    number = value if isinstance(value, int) else int(value, 16)
    return number.to_bytes(WORD, "big")
