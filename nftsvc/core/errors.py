"""Every error this service raises, in one tree; each leaf has a permanent code.

    NftsvcError
    ├── Refused                     the request is at fault; nothing was stored
    │   ├── InvalidField            one field is wrong: its path, its reason
    │   ├── InvalidJson             not JSON, or JSON that two readers would read differently
    │   ├── InvalidMedia            the bytes contradict the declared media type
    │   ├── TooLarge                a file or a body over its limit
    │   ├── TooSlow                 a body that does not end in time
    │   ├── InvalidLink             a verification link that says nothing readable
    │   ├── InvalidCid              text or bytes that are no CID we read
    │   ├── InvalidDisclosure       disclosures that do not belong together, or not here
    │   ├── IdempotencyKeyReused    the same key with another body
    │   ├── IdempotencyKeyBusy      the same key is being answered right now
    │   ├── Unauthorized            no token, or one that is not known
    │   ├── Erased                  the asset's key was destroyed for good
    │   ├── NotErasable             an erasure that cannot be requested or confirmed like this
    │   ├── NotAmendable            an asset that takes no further version, or none now
    │   └── NotFound                nothing here has that name
    ├── Unavailable                 could not ask; the answer is not known; ask again later
    │   ├── ChainUnavailable
    │   │   └── RpcBehind           an endpoint that has not seen what we saw already
    │   ├── SignerUnavailable       the device that holds a key did not answer, or not truly
    │   ├── SignerMissing           no key for the issuer that accepted assets name
    │   ├── ContentUnavailable
    │   │   └── TooFewReplicas      fewer stores than wanted have the content whole
    │   ├── LedgerUnavailable
    │   ├── KeyCustodyUnavailable
    │   ├── KeyRetired              a key-encryption key that was rotated away
    │   ├── Overloaded              more waits already than may
    │   └── DiskFull
    ├── LeaseLost                   another worker holds what this one was working on
    ├── Contradiction               somebody answered, and the answer is false
    │   ├── ContentMissing          the store says that it does not have the content
    │   ├── ContentCorrupt          the store gave other bytes than were asked for
    │   ├── SealUnreadable          sealed bytes that this key does not open
    │   ├── KeyDestroyed            an asset's share is gone, and its key with it
    │   ├── WrongChain              the RPC endpoint speaks for another chain
    │   │   └── ChainWiped          the same chain id, begun anew
    │   ├── WrongContract           no code, or other code, at a recorded address
    │   ├── ChainRewritten          a reorg deeper than finality
    │   └── TransactionRefused      the chain would revert, or did
    ├── ConfidentialInClear         a manifest would show what is confidential; never anchored
    └── Misconfigured               the service cannot start like this

Codes are permanent: a code is never renamed, reused or given to another cause.
"Invalid" is a result and "could not ask" is an error; no class means both.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class NftsvcError(Exception):
    """Root of the tree. `code` is permanent; attributes carry the facts, `str()` the sentence."""

    code: ClassVar[str] = "internal"

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross processes: Python's own way would call `__init__` with the sentence."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[NftsvcError], args: tuple[Any, ...], facts: dict[str, Any]) -> NftsvcError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class Refused(NftsvcError):
    """The request is at fault. Nothing was stored."""

    code = "refused"


class InvalidField(Refused):
    """A field is wrong.

    `path` is an RFC 9535 normalized path without the leading `$`, e.g. `goods[0].hsCode`.
    `reason` is a permanent machine word, e.g. `unknown-hs-code`.
    """

    code = "invalid-field"

    def __init__(self, path: str, *, reason: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.reason = reason
        self.detail = detail


class InvalidJson(Refused):
    """Bytes that are not JSON, or that two readers would read differently (RFC 8785, I-JSON)."""

    code = "invalid-json"

    def __init__(self, detail: str, *, path: str = "") -> None:
        super().__init__(detail)
        self.path = path
        self.detail = detail


class InvalidMedia(Refused):
    """The bytes of a file contradict the media type they were sent under."""

    code = "invalid-media"

    def __init__(self, detail: str, *, declared: str, path: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.declared = declared
        self.path = path


class TooLarge(Refused):
    """A file, a field or a whole body is over its limit, in bytes."""

    code = "too-large"

    def __init__(self, path: str, *, limit: int) -> None:
        super().__init__(f"{path}: over the limit of {limit} bytes")
        self.path = path
        self.limit = limit


class TooSlow(Refused):
    """A body did not end within `limit` seconds."""

    code = "too-slow"

    def __init__(self, *, limit: float) -> None:
        super().__init__(f"the body did not end within {limit:g} seconds")
        self.limit = limit


class InvalidLink(Refused):
    """A verification link that cannot be read."""

    code = "invalid-link"


class InvalidCid(Refused):
    """Text or bytes that are not a CID this service reads (v0, or v1 with sha2-256)."""

    code = "invalid-cid"


class InvalidDisclosure(Refused):
    """Disclosures that do not fit what they are said to open. `reason` is a permanent word."""

    code = "invalid-disclosure"

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class IdempotencyKeyReused(Refused):
    """The key was used before, with another body."""

    code = "idempotency-key-reused"


class IdempotencyKeyBusy(Refused):
    """The first request with this key is still being answered. `retry_after` in seconds."""

    code = "idempotency-key-busy"

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__("a request with this Idempotency-Key is being answered")
        self.retry_after = retry_after


class Unauthorized(Refused):
    """No API token, or one that is not known."""

    code = "unauthorized"


class Erased(Refused):
    """The asset's key was destroyed on request. Token, history and evidence stay."""

    code = "erased"


class NotErasable(Refused):
    """The erasure cannot be requested or confirmed like this. `reason` is a permanent word."""

    code = "not-erasable"

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class NotAmendable(Refused):
    """The asset takes no further version, or none now. `reason` is a permanent word.

    `under-way` (its last version is not final yet), `suspended`, `revoked`, `too-many-versions`.
    """

    code = "not-amendable"

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.path = "token"
        self.detail = detail
        self.reason = reason


class NotFound(Refused):
    """Nothing here has that name. It may exist elsewhere, or later."""

    code = "not-found"


class Unavailable(NftsvcError):
    """Could not ask, so the answer is not known. `retry_after` in seconds."""

    code = "unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class ChainUnavailable(Unavailable):
    """No RPC endpoint answered, or not in time."""

    code = "chain-unavailable"


class RpcBehind(ChainUnavailable):
    """An RPC endpoint has not seen yet what this service saw already; nothing is judged by it."""

    code = "rpc-behind"


class SignerMissing(Unavailable):
    """No key is here for the issuer that accepted assets name."""

    code = "signer-missing"


class SignerUnavailable(Unavailable):
    """The device that holds a key did not answer, or its answer was not that key's signature."""

    code = "signer-unavailable"


class ContentUnavailable(Unavailable):
    """The content store did not answer, or not in time."""

    code = "content-unavailable"


class TooFewReplicas(ContentUnavailable):
    """Fewer stores than are wanted keep the content. `lacking` says why, store by store."""

    code = "too-few-replicas"

    def __init__(self, *, wanted: int, have: int, lacking: Mapping[str, NftsvcError]) -> None:
        reasons = "; ".join(f"{store}: {why} ({why.code})" for store, why in lacking.items())
        super().__init__(f"{have} of {wanted} stores that are wanted have it ({reasons})")
        self.wanted = wanted
        self.have = have
        self.lacking = dict(lacking)


class LedgerUnavailable(Unavailable):
    """The database did not answer."""

    code = "ledger-unavailable"


class KeyCustodyUnavailable(Unavailable):
    """The custody of keys did not answer."""

    code = "key-custody-unavailable"


class KeyRetired(Unavailable):
    """A key-encryption key that was rotated away a moment ago; the next try takes the new one."""

    code = "key-retired"

    def __init__(self, kek: str) -> None:
        super().__init__(f"the key-encryption key {kek} is retired", retry_after=1)
        self.kek = kek


class Overloaded(Unavailable):
    """More waits already than may: nothing was read, and later there is room again."""

    code = "overloaded"


class DiskFull(Unavailable):
    """No room for the bytes that were sent. Nothing half-written is visible."""

    code = "disk-full"


class LeaseLost(NftsvcError):
    """Another worker holds the lease now: nothing was written, and nothing is left to do here."""

    code = "lease-lost"

    def __init__(self, lease: str, *, epoch: int) -> None:
        super().__init__(f"{lease} is not held in epoch {epoch} any more")
        self.lease = lease
        self.epoch = epoch


class Contradiction(NftsvcError):
    """Somebody answered, and the answer is false or excludes what we hold."""

    code = "contradiction"


class ContentMissing(Contradiction):
    """The store answered that it does not have the content."""

    code = "content-missing"

    def __init__(self, cid: str, *, store: str) -> None:
        super().__init__(f"{store} does not have {cid}")
        self.cid = cid
        self.store = store


class ContentCorrupt(Contradiction):
    """The store gave other bytes, or another CID, than the content has."""

    code = "content-corrupt"

    def __init__(self, cid: str, *, store: str, detail: str) -> None:
        super().__init__(f"{store} answered for {cid} with {detail}")
        self.cid = cid
        self.store = store
        self.detail = detail


class SealUnreadable(Contradiction):
    """Sealed bytes that are damaged, or sealed to another key."""

    code = "seal-unreadable"


class KeyDestroyed(Contradiction):
    """An asset's share is not there: what it locked stays locked for ever."""

    code = "key-destroyed"

    def __init__(self, place: str) -> None:
        super().__init__(f"the share at {place} is gone")
        self.place = place


class WrongChain(Contradiction):
    """The RPC endpoint speaks for another chain than the deployment record names."""

    code = "wrong-chain"


class ChainWiped(WrongChain):
    """The chain has the recorded id and another genesis: it was begun anew."""

    code = "chain-wiped"


class WrongContract(Contradiction):
    """There is no code, or other code, at an address of the deployment record."""

    code = "wrong-contract"


class ChainRewritten(Contradiction):
    """A reorg went deeper than finality. An alarm; never papered over."""

    code = "chain-rewritten"


class TransactionRefused(Contradiction):
    """The chain would revert the transaction, or did. `reason` is the contract's error name."""

    code = "transaction-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the chain refuses the transaction: {reason}")
        self.reason = reason


class ConfidentialInClear(NftsvcError):
    """A manifest would show the public what is confidential: a fault of ours, and not anchored.

    `path` is where in the manifest; what stands there is not told.
    """

    code = "confidential-in-clear"

    def __init__(self, path: str) -> None:
        super().__init__(f"the manifest's {path} holds more than may become public")
        self.path = path


class Misconfigured(NftsvcError):
    """The service cannot start with these settings."""

    code = "misconfigured"
