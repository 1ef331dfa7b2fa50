"""The JSON of the API, with examples. camelCase outside, snake_case inside."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from nftsvc.core.audits import AuditResult
from nftsvc.core.history import Finality, RecordKind
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.types import AssetKind, TokenStatus
from nftsvc.flows.store_audit import StoreReport

_CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
_TOKEN = "0xace13d41d29a2490d3b02e1a5b164dba0f9453c75762d4c905924adc2932c5c7"
_ASSET = f"eip155:31337/erc721:{_CONTRACT}/{int(_TOKEN, 16)}"
_ACCOUNT = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_BLOCK_HASH = "0x" + "8f" * 32
_TRANSACTION = "0x" + "3c" * 32
_CID = "bafkreifm4e6udutkesinhmboe6nrmtn2b6kfhr2xmlkmsbmsjlocsmwfy4"


def _example(value: object) -> Any:
    return Field(examples=[value])


class Schema(BaseModel):
    """Common manners of every schema."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class FieldError(Schema):
    """One field at fault."""

    path: Annotated[str, _example("goods[0].hsCode")]
    reason: Annotated[str, _example("unknown-hs-code")]
    detail: Annotated[str, _example("'999999' is not in use")]


class Problem(Schema):
    """RFC 9457. `code` and each `reason` are permanent."""

    type: Annotated[str, _example("urn:nftsvc:problem:invalid-field")]
    title: Annotated[str, _example("A field is not valid")]
    status: Annotated[int, _example(422)]
    detail: Annotated[str, _example("goods[0].hsCode: '999999' is not in use")]
    code: Annotated[str, _example("invalid-field")]
    errors: list[FieldError] = []


class StatusEvent(Schema):
    """One change of an issuance's status."""

    status: IssuanceStatus
    at: datetime
    cause: Annotated[str, _example("request accepted")]


class Transaction(Schema):
    """The transaction that carries the token; the block is there once it is mined."""

    hash: Annotated[str, _example(_TRANSACTION)]
    block_number: Annotated[int | None, _example(90)] = None


class Failure(Schema):
    """Why an issuance failed."""

    code: Annotated[str, _example("transaction-refused")]
    detail: str


class IssuanceLinks(Schema):
    """Where to go on. `verify` is a secret: its fragment opens the commitments.

    It is null while an anchored document has no token of its own, which a verifier asks for.
    """

    verify: Annotated[
        str | None, _example(f"https://register.example/verify#a={_ASSET}&s=AQEBAQEBAQEBAQEBAQEBAQ")
    ]
    asset: Annotated[str, _example(f"https://register.example/assets/{_TOKEN}")]
    history: Annotated[str, _example(f"https://register.example/v1/assets/{_TOKEN}/history")]


class IssuedDocument(Schema):
    """A document as it was stored; `size` in bytes."""

    name: Annotated[str, _example("수출계약서.pdf")]
    cid: Annotated[str, _example(_CID)]
    size: Annotated[int, _example(48213)]


class LeafClaim(Schema):
    """The token of an anchored document on its way, once it was claimed."""

    status: IssuanceStatus
    transaction: Transaction | None
    error: Failure | None


class Leaf(Schema):
    """The anchor that stands for the document on the chain; its token exists once claimed."""

    anchor: Annotated[str, _example("deals-2026-11")]
    root: Annotated[str | None, _example("0x" + "5d" * 32)]
    claim: LeafClaim | None


class Anchor(Schema):
    """Many documents under one Merkle root, anchored by one transaction.

    `open` takes items, `sealed` waits until all are stored; from `stored` on it is the root's
    way to the chain.
    """

    id: Annotated[str, _example("deals-2026-11")]
    status: IssuanceStatus | Literal["open", "sealed"]
    items: Annotated[int, _example(100_000)]
    root: Annotated[str | None, _example("0x" + "5d" * 32)]
    events: list[StatusEvent]
    transaction: Transaction | None
    error: Failure | None


class Proof(Schema):
    """What anyone may claim the token with: the arguments of the contract's `claimOne`."""

    issuer: Annotated[str, _example(_ACCOUNT)]
    root: Annotated[str, _example("0x" + "5d" * 32)]
    holder: Annotated[str, _example(_ACCOUNT)]
    digest: Annotated[str, _example(_TOKEN)]
    proof: Annotated[list[str], _example(["0x" + "5d" * 32])]


class Issuance(Schema):
    """One request to issue, or to amend (`version` 2 and more), and how far it is."""

    id: Annotated[str, _example("iss-427681bb513d051d8ccdef38")]
    kind: AssetKind
    status: IssuanceStatus
    asset: Annotated[str, _example(_ASSET)]
    token_id: Annotated[str, _example(_TOKEN)]
    version: Annotated[int, _example(1)]
    manifest_cid: Annotated[str, _example(_CID)]
    accepted_at: datetime
    events: list[StatusEvent]
    transaction: Transaction | None
    error: Failure | None
    erased_at: datetime | None = None
    links: IssuanceLinks
    documents: list[IssuedDocument]
    leaf: Leaf | None = None


class BatchIssuance(Schema):
    """One accepted item: what is known of it at once. The rest is at `/v1/issuances/{id}`."""

    id: Annotated[str, _example("iss-427681bb513d051d8ccdef38")]
    status: IssuanceStatus
    asset: Annotated[str, _example(_ASSET)]
    token_id: Annotated[str, _example(_TOKEN)]
    manifest_cid: Annotated[str, _example(_CID)]
    links: IssuanceLinks


class BatchAnswer(Schema):
    """The answer to one item: `issuance` where `status` is 202, else `problem`."""

    index: Annotated[int, _example(0)]
    idempotency_key: Annotated[str | None, _example("deal-DGB-2026-1102")]
    status: Annotated[int, _example(202)]
    issuance: BatchIssuance | None = None
    problem: Problem | None = None


class DisclosureFile(Schema):
    """Fields that are shown, provable against the token: `nftsvc verify`, or the page at `link`."""

    schema_: Annotated[Literal["nftsvc/disclosure/1"], Field(alias="schema")]
    asset: Annotated[str, _example(_ASSET)]
    link: Annotated[str, _example(f"https://register.example/verify#a={_ASSET}")]
    manifest: Annotated[str, _example("{}")]
    disclosures: Annotated[
        list[str],
        _example(["WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"]),
    ]


class EnvelopeFile(Schema):
    """An asset's key for one recipient: `envelope` is an age file, in base64, as is `private`."""

    schema_: Annotated[Literal["nftsvc/envelope/1"], Field(alias="schema")]
    asset: Annotated[str, _example(_ASSET)]
    link: Annotated[str, _example(f"https://register.example/verify#a={_ASSET}")]
    recipient: str
    manifest: Annotated[str, _example("{}")]
    envelope: str
    private: str


class Erasure(Schema):
    """An erasure, from the request to its end. `code` is told to who asked, once."""

    requested_at: datetime
    requested_by: str
    reason: str
    code: str | None = None
    confirm_from: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    finished_at: datetime | None


class BlockRef(Schema):
    """One block of the chain."""

    number: Annotated[int, _example(90)]
    hash: Annotated[str, _example(_BLOCK_HASH)]


class Asset(Schema):
    """One asset as the chain has it at `block`.

    `issuer` and `issuedAt` are null where it was revoked before it was ever claimed.
    """

    asset: Annotated[str, _example(_ASSET)]
    token_id: Annotated[str, _example(_TOKEN)]
    kind: AssetKind
    status: TokenStatus
    version: Annotated[int, _example(1)]
    holder: Annotated[str, _example(_ACCOUNT)]
    issuer: Annotated[str | None, _example(_ACCOUNT)]
    issued_at: datetime | None
    digest: Annotated[str, _example(_TOKEN[2:])]
    manifest_cid: Annotated[str, _example(_CID)]
    manifest: dict[str, Any]
    block: BlockRef
    finality: Finality
    erased_at: datetime | None = None


class HistoryItem(Schema):
    """One record of the asset on the chain. What is null does not belong to its `kind`."""

    kind: RecordKind
    at: datetime
    block: BlockRef
    transaction: Annotated[str, _example(_TRANSACTION)]
    log_index: Annotated[int, _example(0)]
    actor: Annotated[str | None, _example(_ACCOUNT)] = None
    from_: Annotated[str | None, Field(alias="from")] = None
    to: str | None = None
    digest: str | None = None
    version: int | None = None
    status: TokenStatus | None = None
    previous_block: int | None = None
    finality: Finality


class History(Schema):
    """A page of an asset's history; `next` is the cursor of the following page."""

    items: list[HistoryItem]
    next: str | None


class Documents(Schema):
    """The assets that hold a public document. A hint: a verifier checks it."""

    assets: Annotated[list[str], _example([_ASSET])]


class TrustedIssuer(Schema):
    """An issuer with its accounts and contracts, CAIP-10."""

    name: Annotated[str, _example("Daegu Export Platform")]
    name_ko: Annotated[str | None, _example("대구 수출 플랫폼")] = None
    accounts: Annotated[list[str], _example([f"eip155:31337:{_ACCOUNT}"])]
    contracts: Annotated[list[str], _example([f"eip155:31337:{_CONTRACT}"])]


class Trust(Schema):
    """The issuers that this register recognises."""

    issuers: list[TrustedIssuer]


class Chain(Schema):
    """A chain, and the RPC endpoints that a verifier may ask itself."""

    chain_id: Annotated[int, _example(31337)]
    name: Annotated[str, _example("Local chain")]
    rpc: Annotated[list[str], _example(["https://rpc.example"])]
    confirmation_depth: Annotated[int, _example(64)]


class Chains(Schema):
    """Where a verifier asks, and how many endpoints must agree."""

    chains: list[Chain]
    quorum: Annotated[int, _example(2)]


class StoreRecord(Schema):
    """The audits of one store, the newest with its result."""

    store: Annotated[str, _example("kubo 127.0.0.1:5001")]
    audits: Annotated[int, _example(10512)]
    losses: Annotated[int, _example(1)]
    repaired: Annotated[int, _example(1)]
    last_at: datetime
    last_result: AuditResult


class StoreAlarm(Schema):
    """A content that fewer stores than wanted had when it was last looked at."""

    cid: Annotated[str, _example(_CID)]
    have: Annotated[int, _example(1)]
    since: datetime


class Stores(Schema):
    """How the content stores stand; `alarms` are the oldest of `lacking`."""

    wanted: Annotated[int, _example(2)]
    stores: Annotated[list[str], _example(["embedded", "kubo 127.0.0.1:5001"])]
    records: list[StoreRecord]
    lacking: Annotated[int, _example(0)]
    alarms: list[StoreAlarm]

    @classmethod
    def of(cls, report: StoreReport) -> Self:
        """As the audit gives it."""
        return cls(
            wanted=report.wanted,
            stores=list(report.stores),
            records=[StoreRecord(**asdict(record)) for record in report.records],
            lacking=report.lacking,
            alarms=[
                StoreAlarm(cid=str(alarm.cid), have=alarm.have, since=alarm.since)
                for alarm in report.alarms
            ],
        )


class Health(Schema):
    """Whether the process works."""

    status: Literal["ok", "failing"]


class Readiness(Schema):
    """Whether the parts answer: `ok`, or the code of the error."""

    status: Literal["ok", "failing"]
    parts: Annotated[dict[str, str], _example({"chain": "ok", "ledger": "ok", "content": "ok"})]
