"""The verdict: facts in, report out. No network, no clock, no disk.

The checks, by their permanent numbers (comments below refer to them):

    1  chain-answers      enough RPC endpoints answered for the asset's chain
    2  chain-agreement    all that answered say the same of the token at one finalized block
    3  token-exists       the contract knows the token
    4  issuer-trusted     contract and issuing account belong to one issuer of the trust list,
                          and the contract does not mark the issuer's key as stolen
    5  manifest-intact    the anchored manifest is here, whole, and speaks of this asset and of the
                          account that anchored it
    6  document-matches   the file is a document of this version (or of an earlier one); an
                          earlier version that is missing matters only where no other matches
    7  token-active       neither suspended nor revoked, by the newest block known
    8  token-final        the token's issuance is final on its chain
    9  fields-proven      every field that was disclosed is one of this version's (or of an
                          earlier one's); all of them belong to one version

Each check is VALID, INVALID, ERROR (could not be checked) or SKIPPED, with a permanent code.
The verdict is the first of these that holds:

    1, 2 error                 UNVERIFIABLE
    3 invalid                  UNKNOWN
    4 invalid                  UNTRUSTED_ISSUER
    6 invalid, other document  MISMATCH
    9 invalid, other fields    MISMATCH
    7 invalid                  REVOKED or SUSPENDED
    any error                  UNVERIFIABLE
    5 invalid                  MISMATCH
    6 or 9 invalid, older      SUPERSEDED
    8 invalid                  PENDING
    otherwise                  AUTHENTIC

"Could not check" (ERROR) can therefore never come out as "fake" (MISMATCH), and a fact that
the chain states for certain, such as a revocation, is not hidden by an unrelated failure.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nftsvc.core.canonical import Json
from nftsvc.core.commitment import opens
from nftsvc.core.disclosure import Disclosure, Revealed, reveal
from nftsvc.core.errors import InvalidDisclosure, InvalidField, InvalidJson, TooLarge
from nftsvc.core.manifest import Manifest, PublicDocument, SealedDocument, manifest_digest
from nftsvc.core.trust import TrustedIssuer, TrustList
from nftsvc.core.types import (
    Address,
    AssetId,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    Salt,
    TokenStatus,
    digest_of,
)


class Verdict(StrEnum):
    """What is told to the person who asked."""

    AUTHENTIC = "AUTHENTIC"
    SUPERSEDED = "SUPERSEDED"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"
    PENDING = "PENDING"
    MISMATCH = "MISMATCH"
    UNKNOWN = "UNKNOWN"
    UNTRUSTED_ISSUER = "UNTRUSTED_ISSUER"
    UNVERIFIABLE = "UNVERIFIABLE"


class Result(StrEnum):
    """How one check ended."""

    VALID = "valid"
    INVALID = "invalid"
    ERROR = "error"
    SKIPPED = "skipped"


class Check(StrEnum):
    """The checks in the order of their numbers."""

    CHAIN_ANSWERS = "chain-answers"
    CHAIN_AGREEMENT = "chain-agreement"
    TOKEN_EXISTS = "token-exists"
    ISSUER_TRUSTED = "issuer-trusted"
    MANIFEST_INTACT = "manifest-intact"
    DOCUMENT_MATCHES = "document-matches"
    TOKEN_ACTIVE = "token-active"
    TOKEN_FINAL = "token-final"
    FIELDS_PROVEN = "fields-proven"

    @property
    def number(self) -> int:
        """Permanent number, from 1."""
        return list(Check).index(self) + 1


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What the contract says of a token at one block. `issued_at` in Unix seconds."""

    status: TokenStatus
    holder: Address
    issuer: Address
    issuer_trusted: bool
    version: int
    digest: Digest
    issued_at: int
    head_block: BlockNumber


@dataclass(frozen=True, slots=True)
class RecordAtBlock:
    """A record, and the block it was read at."""

    number: BlockNumber
    block_hash: BlockHash
    record: TokenRecord


@dataclass(frozen=True, slots=True)
class Observation:
    """What one RPC endpoint answered: at the common finalized block, and at its newest."""

    endpoint: str
    chain_id: ChainId
    finalized: RecordAtBlock
    latest: RecordAtBlock


@dataclass(frozen=True, slots=True)
class Silence:
    """An endpoint that could not be asked; `code` is the code of the error."""

    endpoint: str
    code: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a verdict depends on.

    `document` is the sha256 of the file in question, None where only the token is asked
    about. `manifests` are the bytes of the current version first, then of each earlier one;
    `manifest_error` is the code of why the row stops before version 1, None where it is
    whole. `quorum` is how many endpoints must agree. `disclosures` are fields that were
    disclosed, encoded; none where only a file or the token is asked about.
    """

    asset: AssetId
    observations: tuple[Observation | Silence, ...]
    manifests: tuple[bytes, ...]
    manifest_error: str | None
    trust: TrustList | None
    document: Digest | None = None
    salts: tuple[Salt, ...] = field(default=(), repr=False)
    quorum: int = 2
    disclosures: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check ended, and why: `code` is permanent."""

    check: Check
    result: Result
    code: str


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The verdict, each check, and what was found out on the way (None where it was not)."""

    verdict: Verdict
    checks: tuple[CheckResult, ...]
    issuer: TrustedIssuer | None = None
    record: TokenRecord | None = None
    manifest: Manifest | None = None
    document_name: str | None = None
    document_version: int | None = None
    fields: Revealed | None = None

    def to_json(self) -> dict[str, Json]:
        """The verdict and its checks, as the golden vectors and `--json` write them."""
        return {
            "verdict": self.verdict.value,
            "checks": [
                {
                    "number": c.check.number,
                    "name": c.check.value,
                    "result": c.result.value,
                    "code": c.code,
                }
                for c in self.checks
            ],
        }


_SILENT: Final = "not-reached"


def verify(facts: Facts) -> VerificationReport:
    """Judge `facts` by the checks in the head of this file. Never raises on hostile content."""
    answers = [o for o in facts.observations if isinstance(o, Observation)]
    checks = [_chain_answers(facts, answers)]
    checks.append(
        _chain_agreement(answers)
        if checks[0].result is Result.VALID
        else _skip(Check.CHAIN_AGREEMENT)
    )
    if any(check.result is not Result.VALID for check in checks):
        return _report([*checks, *map(_skip, list(Check)[len(checks) :])])

    final, latest = answers[0].finalized.record, [answer.latest.record for answer in answers]
    is_final = final.status is not TokenStatus.UNKNOWN
    record = final if is_final else _newest_known(latest)
    if record is None:
        unknown = CheckResult(Check.TOKEN_EXISTS, Result.INVALID, "token-unknown")
        return _report([*checks, unknown, *map(_skip, list(Check)[3:])])
    checks.append(CheckResult(Check.TOKEN_EXISTS, Result.VALID, "token-exists"))

    trusted, issuer = _issuer_trusted(facts, record, latest)
    intact, manifests, stopped = _manifest_intact(facts, record)
    matches, name, version = _document_matches(facts, intact.result, manifests, stopped)
    checks += [trusted, intact, matches, _token_active([record, *latest])]
    checks.append(
        CheckResult(Check.TOKEN_FINAL, Result.VALID, "final")
        if is_final
        else CheckResult(Check.TOKEN_FINAL, Result.INVALID, "not-final")
    )
    proven, fields, fields_version = _fields_proven(facts, intact.result, manifests, stopped)
    checks.append(proven)
    return _report(
        checks,
        issuer=issuer,
        record=record,
        manifest=manifests[0] if manifests else None,
        document_name=name,
        document_version=version or fields_version,
        fields=fields,
    )


def _chain_answers(facts: Facts, answers: list[Observation]) -> CheckResult:  # check 1
    if not facts.observations:
        return CheckResult(Check.CHAIN_ANSWERS, Result.ERROR, "chain-not-configured")
    if any(answer.chain_id != facts.asset.chain_id for answer in answers):
        return CheckResult(Check.CHAIN_ANSWERS, Result.ERROR, "wrong-chain")
    if len(answers) < max(1, facts.quorum):
        return CheckResult(Check.CHAIN_ANSWERS, Result.ERROR, "too-few-endpoints")
    return CheckResult(Check.CHAIN_ANSWERS, Result.VALID, "answered")


def _chain_agreement(answers: list[Observation]) -> CheckResult:  # check 2
    first = answers[0].finalized
    if any(answer.finalized != first for answer in answers[1:]):
        return CheckResult(Check.CHAIN_AGREEMENT, Result.ERROR, "endpoints-disagree")
    return CheckResult(Check.CHAIN_AGREEMENT, Result.VALID, "agreed")


def _newest_known(latest: list[TokenRecord]) -> TokenRecord | None:
    known = [record for record in latest if record.status is not TokenStatus.UNKNOWN]
    return max(known, key=lambda record: record.head_block, default=None)


def _issuer_trusted(  # check 4
    facts: Facts, record: TokenRecord, latest: list[TokenRecord]
) -> tuple[CheckResult, TrustedIssuer | None]:
    if facts.trust is None:
        return CheckResult(Check.ISSUER_TRUSTED, Result.ERROR, "no-trust-list"), None
    issuer = facts.trust.issuer_of(facts.asset, record.issuer)
    if issuer is None:
        return CheckResult(Check.ISSUER_TRUSTED, Result.INVALID, "issuer-not-listed"), None
    known = [r for r in latest if r.status is not TokenStatus.UNKNOWN]
    if not all(r.issuer_trusted for r in [record, *known]):
        return CheckResult(Check.ISSUER_TRUSTED, Result.INVALID, "issuer-distrusted"), issuer
    return CheckResult(Check.ISSUER_TRUSTED, Result.VALID, "issuer-listed"), issuer


def _manifest_intact(  # check 5
    facts: Facts, record: TokenRecord
) -> tuple[CheckResult, list[Manifest], str | None]:
    """Judge the current manifest, and read the row of earlier ones as far as digests carry.

    Gives the manifests, and the code of why the row ends before version 1 (None where whole).
    """
    manifests: list[Manifest] = []
    expected: Digest | None = record.digest
    version = record.version
    for data in facts.manifests:
        if expected is None:
            break
        if manifest_digest(data) != expected:
            return _manifests_read(manifests, "content-corrupt")
        try:
            manifest = Manifest.parse(data)
        except (InvalidJson, InvalidField, TooLarge):
            return _manifests_read(manifests, "manifest-unreadable")
        if fault := _contradiction(facts, record, manifest, version=version):
            invalid = CheckResult(Check.MANIFEST_INTACT, Result.INVALID, fault)
            return (invalid, [], fault) if not manifests else _manifests_read(manifests, fault)
        manifests.append(manifest)
        expected, version = manifest.previous, version - 1
    stopped = facts.manifest_error or "content-missing"
    return _manifests_read(manifests, None if expected is None else stopped)


def _manifests_read(
    manifests: list[Manifest], stopped: str | None
) -> tuple[CheckResult, list[Manifest], str | None]:
    if manifests:
        return CheckResult(Check.MANIFEST_INTACT, Result.VALID, "intact"), manifests, stopped
    error = CheckResult(Check.MANIFEST_INTACT, Result.ERROR, stopped or "content-missing")
    return error, manifests, stopped


def _contradiction(
    facts: Facts, record: TokenRecord, manifest: Manifest, *, version: int
) -> str | None:
    """Why an anchored manifest cannot be of this asset, None where it can."""
    if manifest.issuer.chain_id != facts.asset.chain_id:
        return "manifest-of-other-chain"
    if manifest.version != version:
        return "manifest-of-other-version"
    # The contract names who anchored the newest version; an older one may be a colleague's.
    if version == record.version and manifest.issuer.address != record.issuer:
        return "manifest-of-other-issuer"
    if version == 1 and manifest_digest(manifest.encode()) != digest_of(facts.asset.token_id):
        return "manifest-of-other-token"
    return None


def _document_matches(  # check 6
    facts: Facts, intact: Result, manifests: list[Manifest], stopped: str | None
) -> tuple[CheckResult, str | None, int | None]:
    def ended(
        result: Result, code: str, name: str | None = None, version: int | None = None
    ) -> tuple[CheckResult, str | None, int | None]:
        return CheckResult(Check.DOCUMENT_MATCHES, result, code), name, version

    if facts.document is None:
        return ended(Result.SKIPPED, "no-file")
    if intact is Result.INVALID:
        return ended(Result.SKIPPED, _SILENT)
    if not manifests:
        return ended(Result.ERROR, _SILENT)
    salts = {Digest(hashlib.sha256(salt).digest()): salt for salt in facts.salts}
    closed = False
    for manifest in manifests:
        for document in manifest.documents:
            match document:
                case PublicDocument(sha256=sha256):
                    found = sha256 == facts.document
                case SealedDocument(commitment=commitment, salt_digest=salt_digest):
                    salt = salts.get(salt_digest)
                    closed = closed or salt is None
                    found = salt is not None and opens(commitment, digest=facts.document, salt=salt)
            if found and manifest is manifests[0]:
                return ended(Result.VALID, "matches", document.name, manifest.version)
            if found:
                return ended(Result.INVALID, "older-version", document.name, manifest.version)
    if closed:
        return ended(Result.ERROR, "salt-missing" if not facts.salts else "salt-foreign")
    if stopped is not None:
        return ended(Result.ERROR, stopped)
    return ended(Result.INVALID, "differs")


def _fields_proven(  # check 9
    facts: Facts, intact: Result, manifests: list[Manifest], stopped: str | None
) -> tuple[CheckResult, Revealed | None, int | None]:
    def ended(
        result: Result, code: str, shown: Revealed | None = None, version: int | None = None
    ) -> tuple[CheckResult, Revealed | None, int | None]:
        return CheckResult(Check.FIELDS_PROVEN, result, code), shown, version

    if not facts.disclosures:
        return ended(Result.SKIPPED, "no-fields")
    try:
        disclosures = [Disclosure.parse(encoded) for encoded in facts.disclosures]
    except InvalidField:
        return ended(Result.INVALID, "field-unreadable")
    if intact is Result.INVALID:
        return ended(Result.SKIPPED, _SILENT)
    if not manifests:
        return ended(Result.ERROR, _SILENT)
    for manifest in manifests:
        try:
            shown = reveal({"_sd": list(manifest.disclosures)}, disclosures)
        except InvalidDisclosure as error:
            if error.reason != "foreign":
                return ended(Result.INVALID, f"field-{error.reason}")
            continue
        if manifest is manifests[0]:
            return ended(Result.VALID, "proven", shown, manifest.version)
        return ended(Result.INVALID, "fields-of-older-version", shown, manifest.version)
    if stopped is not None:
        return ended(Result.ERROR, stopped)
    return ended(Result.INVALID, "field-foreign")


def _token_active(records: Iterable[TokenRecord]) -> CheckResult:  # check 7
    statuses = {record.status for record in records}
    for status in (TokenStatus.REVOKED, TokenStatus.SUSPENDED):
        if status in statuses:
            return CheckResult(Check.TOKEN_ACTIVE, Result.INVALID, status.value)
    return CheckResult(Check.TOKEN_ACTIVE, Result.VALID, "active")


def _skip(check: Check) -> CheckResult:
    return CheckResult(check, Result.SKIPPED, _SILENT)


def _report(
    checks: list[CheckResult],
    *,
    issuer: TrustedIssuer | None = None,
    record: TokenRecord | None = None,
    manifest: Manifest | None = None,
    document_name: str | None = None,
    document_version: int | None = None,
    fields: Revealed | None = None,
) -> VerificationReport:
    return VerificationReport(
        _verdict({check.check: check for check in checks}),
        tuple(checks),
        issuer,
        record,
        manifest,
        document_name,
        document_version,
        fields,
    )


def _verdict(checks: dict[Check, CheckResult]) -> Verdict:
    def is_(check: Check, result: Result, code: str | None = None) -> bool:
        return checks[check].result is result and code in (None, checks[check].code)

    older_fields = is_(Check.FIELDS_PROVEN, Result.INVALID, "fields-of-older-version")
    other_fields = is_(Check.FIELDS_PROVEN, Result.INVALID) and not older_fields
    rules: tuple[tuple[bool, Verdict], ...] = (
        (
            is_(Check.CHAIN_ANSWERS, Result.ERROR) or is_(Check.CHAIN_AGREEMENT, Result.ERROR),
            Verdict.UNVERIFIABLE,
        ),
        (is_(Check.TOKEN_EXISTS, Result.INVALID), Verdict.UNKNOWN),
        (is_(Check.ISSUER_TRUSTED, Result.INVALID), Verdict.UNTRUSTED_ISSUER),
        (is_(Check.DOCUMENT_MATCHES, Result.INVALID, "differs"), Verdict.MISMATCH),
        (other_fields, Verdict.MISMATCH),
        (is_(Check.TOKEN_ACTIVE, Result.INVALID, "revoked"), Verdict.REVOKED),
        (is_(Check.TOKEN_ACTIVE, Result.INVALID, "suspended"), Verdict.SUSPENDED),
        (any(c.result is Result.ERROR for c in checks.values()), Verdict.UNVERIFIABLE),
        (is_(Check.MANIFEST_INTACT, Result.INVALID), Verdict.MISMATCH),
        (is_(Check.DOCUMENT_MATCHES, Result.INVALID, "older-version"), Verdict.SUPERSEDED),
        (older_fields, Verdict.SUPERSEDED),
        (is_(Check.TOKEN_FINAL, Result.INVALID), Verdict.PENDING),
    )
    return next((verdict for holds, verdict in rules if holds), Verdict.AUTHENTIC)
