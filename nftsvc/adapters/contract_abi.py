"""The contracts' binary interface: calls encoded, records, events and refusals decoded."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak
from eth_utils.abi import collapse_if_tuple

from nftsvc.adapters.artifacts import artifact
from nftsvc.core.anchors import Claim
from nftsvc.core.history import RecordEvent, RecordKind
from nftsvc.core.merkle import MerkleRoot
from nftsvc.core.transaction import Call
from nftsvc.core.types import (
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    Digest,
    TokenId,
    TokenStatus,
    TransactionHash,
    parse_address,
)
from nftsvc.core.verify import TokenRecord

STATUSES: Final = tuple(TokenStatus)
_NOBODY: Final = Address("0x" + "0" * 40)
_EVENTS: Final = {
    "Issued": RecordKind.ISSUED,
    "Amended": RecordKind.AMENDED,
    "StatusChanged": RecordKind.STATUS_CHANGED,
    "HolderChanged": RecordKind.HOLDER_CHANGED,
    "RecoveryProposed": RecordKind.RECOVERY_PROPOSED,
    "RecoveryStopped": RecordKind.RECOVERY_STOPPED,
}
_REFUSALS: Final = (None, "ERC721InvalidReceiver", "Digest_Zero", "Token_AlreadyIssued")
"""The contract's `Refusal` enum, by the errors that stand for its members."""
_ERROR_STRING: Final = keccak(b"Error(string)")[:4]


class AbiMismatch(ValueError):
    """Bytes that the contracts would not have written."""


def issuing(kind: AssetKind, items: Sequence[tuple[Address, Digest]], *, contract: Address) -> Call:
    """The call that issues one token (`issue`) or several (`issueMany`)."""
    if len(items) == 1:
        return Call(contract, _encode(kind, "issue", list(items[0])))
    # Two lists of words by hand: the general encoder takes longer than all else of a large batch.
    count = len(items)
    words = [
        *(_word(number) for number in (64, 96 + 32 * count, count)),
        *(bytes(12) + bytes.fromhex(holder[2:]) for holder, _ in items),
        _word(count),
        *(digest for _, digest in items),
    ]
    return Call(contract, _selector(_entry(kind, "function", "issueMany")) + b"".join(words))


def attesting(kind: AssetKind, root: MerkleRoot, *, contract: Address) -> Call:
    """The call that anchors a root (`attestTree`)."""
    return Call(contract, _encode(kind, "attestTree", [root]))


def claiming(kind: AssetKind, claim: Claim, *, contract: Address) -> Call:
    """The call that issues the token of a leaf (`claimOne`)."""
    leaf = claim.leaf
    given = [claim.issuer, claim.root, leaf.holder, leaf.digest, list(claim.proof)]
    return Call(contract, _encode(kind, "claimOne", given))


def amending(kind: AssetKind, token_id: TokenId, digest: Digest, *, contract: Address) -> Call:
    """The call that anchors a token's next version (`amend`)."""
    return Call(contract, _encode(kind, "amend", [token_id, digest]))


def read_issuing(data: bytes) -> list[tuple[Address, Digest]]:
    """Inverse of `issuing`: who gets a token of which digest. Raises `AbiMismatch`."""
    one, many = (
        _entry(AssetKind.EXPORT_CONTRACT, "function", name) for name in ("issue", "issueMany")
    )
    if data[:4] == _selector(one):
        pairs = [_decode(["address", "bytes32"], data[4:])]
    elif data[:4] == _selector(many):
        pairs = list(zip(*_decode(["address[]", "bytes32[]"], data[4:]), strict=True))
    else:
        raise AbiMismatch("the call issues nothing")
    return [(_address(holder), Digest(digest)) for holder, digest in pairs]


def issuer_query(account: Address) -> bytes:
    """The data of the call `isIssuer`; both contracts have the same."""
    return _encode(AssetKind.EXPORT_CONTRACT, "isIssuer", [account])


def precheck_query(items: Sequence[tuple[Address, Digest]]) -> bytes:
    """The data of the call `precheck`; both contracts have the same."""
    holders, digests = [holder for holder, _ in items], [digest for _, digest in items]
    return _encode(AssetKind.EXPORT_CONTRACT, "precheck", [holders, digests])


def read_precheck(data: bytes) -> list[str | None]:
    """What `precheck` answered: the error that each item would meet. Raises `AbiMismatch`."""
    (refusals,) = _decode(["uint8[]"], data)
    try:
        return [_REFUSALS[refusal] for refusal in refusals]
    except IndexError as error:
        raise AbiMismatch("a refusal that is not known") from error


def record_query(token_id: TokenId) -> bytes:
    """The data of the call `recordOf`; both contracts have the same."""
    return _encode(AssetKind.EXPORT_CONTRACT, "recordOf", [token_id])


def read_record(data: bytes) -> TokenRecord:
    """What `recordOf` answered. Raises `AbiMismatch`."""
    output = _entry(AssetKind.EXPORT_CONTRACT, "function", "recordOf")["outputs"][0]
    (values,) = _decode([collapse_if_tuple(output)], data)
    names = [component["name"] for component in output["components"]]
    found = dict(zip(names, values, strict=True))
    try:
        return TokenRecord(
            status=STATUSES[found["status"]],
            holder=_address(found["holder"]),
            issuer=_address(found["issuer"]),
            issuer_trusted=found["issuerTrusted"],
            version=found["version"],
            digest=Digest(found["digest"]),
            issued_at=found["issuedAt"],
            head_block=BlockNumber(found["headBlock"]),
        )
    except (KeyError, IndexError) as error:
        raise AbiMismatch("the record has another shape") from error


def record_topics() -> list[str]:
    """The first topics of all record events."""
    return list(_by_topic())


def read_event(log: dict[str, Any], *, timestamp: int) -> RecordEvent:
    """One log of one of our contracts as a record. Raises `AbiMismatch`."""
    try:
        entry = _by_topic()[log["topics"][0]]
        indexed = [i for i in entry["inputs"] if i["indexed"]]
        plain = [i for i in entry["inputs"] if not i["indexed"]]
        words = b"".join(bytes.fromhex(word[2:]) for word in (*log["topics"][1:], log["data"]))
        found = _read_words([*indexed, *plain], words)
        kind = _EVENTS[entry["name"]]
        issued = kind is RecordKind.ISSUED
        actor = found.get("issuer") or found.get("actor") or found.get("by")
        receiver = found.get("holder") if issued else found.get("to")
        return RecordEvent(
            kind=kind,
            contract=parse_address(log["address"].lower()),
            token_id=TokenId(found["tokenId"]),
            block_number=BlockNumber(int(log["blockNumber"], 16)),
            block_hash=BlockHash(log["blockHash"].lower()),
            transaction=TransactionHash(log["transactionHash"].lower()),
            log_index=int(log["logIndex"], 16),
            timestamp=timestamp,
            # Block 0 holds no record: a leaf revoked before its claim has none before it.
            previous_block=BlockNumber(found["previousBlock"])
            if found.get("previousBlock")
            else None,
            actor=_address(actor) if actor else None,
            holder_from=_address(found["from"]) if "from" in found else None,
            holder_to=_address(receiver) if receiver else None,
            digest=_digest(kind, found),
            version=1 if issued else found.get("version"),
            status=STATUSES[found["status"]] if "status" in found else None,
            reason=found.get("reason"),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise AbiMismatch(f"a log has another shape: {error}") from error


def refusal(data: bytes) -> str:
    """The name of the error that a call reverted with."""
    selector = data[:4]
    for kind in AssetKind:
        for entry in artifact(kind)["abi"]:
            if entry["type"] == "error" and _selector(entry) == selector:
                return str(entry["name"])
    if selector == _ERROR_STRING:
        try:
            return str(decode(["string"], data[4:])[0])
        except DecodingError:
            return "Error"
    return "0x" + selector.hex() if selector else "reverted"


def _digest(kind: RecordKind, found: dict[str, Any]) -> Digest | None:
    if kind is RecordKind.ISSUED:
        return Digest(found["tokenId"].to_bytes(32, "big"))
    return Digest(found["digest"]) if "digest" in found else None


def _address(text: str) -> Address:
    # A revoked token has no holder and an unknown one nobody at all: the zero address says so.
    return _NOBODY if int(text, 16) == 0 else parse_address(text)


@cache
def _entry(kind: AssetKind, type_: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        entry
        for entry in artifact(kind)["abi"]
        if entry["type"] == type_ and entry.get("name") == name
    )
    return found


@cache
def _by_topic() -> dict[str, dict[str, Any]]:
    entries = (_entry(AssetKind.EXPORT_CONTRACT, "event", name) for name in _EVENTS)
    return {"0x" + keccak(_signature(entry).encode()).hex(): entry for entry in entries}


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(collapse_if_tuple(i) for i in entry['inputs'])})"


@cache
def _selector_of(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def _selector(entry: dict[str, Any]) -> bytes:
    return _selector_of(_signature(entry))


def _encode(kind: AssetKind, name: str, arguments: list[Any]) -> bytes:
    entry = _entry(kind, "function", name)
    return _selector(entry) + encode([collapse_if_tuple(i) for i in entry["inputs"]], arguments)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _read_words(inputs: list[dict[str, Any]], data: bytes) -> dict[str, Any]:
    """Values of one word each, as events have them: the general decoder takes ten times as long."""
    if len(data) != 32 * len(inputs):
        raise AbiMismatch(f"{len(data)} bytes for {len(inputs)} words")
    found: dict[str, Any] = {}
    for place, item in enumerate(inputs):
        word, type_ = data[32 * place : 32 * place + 32], item["type"]
        if type_ == "bytes32":
            found[item["name"]] = word
        elif type_ == "address":
            found[item["name"]] = f"0x{_number(word, bits=160):040x}"
        elif type_.startswith("uint"):
            found[item["name"]] = _number(word, bits=int(type_[4:]))
        else:
            raise AbiMismatch(f"no event of ours holds {type_}")
    return found


def _number(word: bytes, *, bits: int) -> int:
    number = int.from_bytes(word, "big")
    if number >> bits:
        raise AbiMismatch(f"more than {bits} bits")
    return number


def _decode(types: list[str], data: bytes) -> tuple[Any, ...]:
    try:
        values: tuple[Any, ...] = decode(types, data)
    except (DecodingError, OverflowError) as error:
        raise AbiMismatch(f"not the encoding of {types}") from error
    return values
