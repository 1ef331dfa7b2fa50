"""The cases behind `tests/vectors/verdicts.json`, each with the verdict a person would give.

`python -m tests.unit.verdict_cases` writes the file; a test refuses a stale one.
"""

import copy
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nftsvc.core.cid import Cid
from nftsvc.core.commitment import commit
from nftsvc.core.disclosure import Disclosure, encode_bytes
from nftsvc.core.manifest import Manifest, PublicDocument, SealedDocument, manifest_digest
from nftsvc.core.types import AccountId, AssetKind, Digest, Salt, parse_address, token_id_of

VECTORS = Path(__file__).parents[1] / "vectors" / "verdicts.json"

CHAIN = 31337
ISSUER = parse_address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
HOLDER = parse_address("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
CONTRACT = parse_address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
STRANGER = parse_address("0x90F79bf6EB2c4f870365E785982E1f101E93b906")
ZERO = "0x" + "0" * 40
SALTS = [Salt(bytes([n]) * 16) for n in range(1, 5)]


def sha256(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).digest())


def sealed(name: str, content: bytes, salt: Salt) -> SealedDocument:
    digest = sha256(content)
    return SealedDocument(
        name=name,
        media_type="application/pdf",
        size=len(content) + 216,
        commitment=commit(digest, salt=salt),
        salt_digest=sha256(salt),
        cid=Cid.raw(sha256(b"sealed:" + content)),
    )


def public(name: str, media_type: str, content: bytes) -> PublicDocument:
    digest = sha256(content)
    return PublicDocument(name, media_type, len(content), digest, Cid.raw(digest))


def manifest(*documents: SealedDocument | PublicDocument, **changed: Any) -> Manifest:
    values: dict[str, Any] = {
        "kind": AssetKind.EXPORT_CONTRACT,
        "reference": "0123456789abcdef0123456789abcdef",
        "issuer": AccountId(CHAIN, ISSUER),  # type: ignore[arg-type]
        "issued_at": datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
        "name": "수출 계약 · Export contract",
        "description": "계약서 원본과 대조할 수 있습니다.",
        "documents": documents,
        "attributes": (("Programme year", 2026),),
    }
    return Manifest(**values | changed)


def reworded(data: bytes, old: str, new: str) -> bytes:
    return data.decode().replace(old, new).encode()


CONTRACT_FILE, ANNEX_FILE, NEW_FILE, OTHER_FILE = b"contract", b"annex", b"contract v2", b"other"
V1 = manifest(
    sealed("document-1.pdf", CONTRACT_FILE, SALTS[0]),
    sealed("document-2.pdf", ANNEX_FILE, SALTS[1]),
).encode()
V2 = manifest(
    sealed("document-1.pdf", NEW_FILE, SALTS[2]), version=2, previous=manifest_digest(V1)
).encode()
V1_OF_COLLEAGUE = reworded(V1, ISSUER, STRANGER)
V2_AFTER_COLLEAGUE = reworded(V2, manifest_digest(V1).hex(), manifest_digest(V1_OF_COLLEAGUE).hex())
V2_OF_OTHER = reworded(V2, ISSUER, STRANGER)
PUBLIC = manifest(
    public("pump.glb", "model/gltf-binary", CONTRACT_FILE), kind=AssetKind.PRODUCT_CONTENT
).encode()
TRUST = {
    "issuers": [
        {
            "name": "Daegu Export Platform",
            "nameKo": "대구 수출 플랫폼",
            "accounts": [f"eip155:{CHAIN}:{ISSUER}"],
            "contracts": [f"eip155:{CHAIN}:{CONTRACT}"],
        }
    ]
}


def record(data: bytes, **changed: Any) -> dict[str, Any]:
    base = {
        "status": "active",
        "holder": HOLDER,
        "issuer": ISSUER,
        "issuerTrusted": True,
        "version": 1,
        "digest": manifest_digest(data).hex(),
        "issuedAt": 1795338000,
        "headBlock": 90,
    }
    return base | changed


def nobody() -> dict[str, Any]:
    return record(
        b"",
        status="unknown",
        holder=ZERO,
        issuer=ZERO,
        issuerTrusted=False,
        version=0,
        digest="00" * 32,
        issuedAt=0,
        headBlock=0,
    )


def observation(
    final: dict[str, Any], latest: dict[str, Any] | None = None, *, endpoint: str = "one"
) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "chainId": CHAIN,
        "finalized": {"block": {"number": 100, "hash": "0x" + "aa" * 32}, "record": final},
        "latest": {
            "block": {"number": 102, "hash": "0x" + "bb" * 32},
            "record": latest if latest is not None else final,
        },
    }


def facts(data: bytes = V1, **changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "asset": f"eip155:{CHAIN}/erc721:{CONTRACT}/{token_id_of(manifest_digest(data))}",
        "document": {"sha256": sha256(CONTRACT_FILE).hex()},
        "salts": [encode_bytes(SALTS[0]), encode_bytes(SALTS[1])],
        "quorum": 1,
        "observations": [observation(record(data))],
        "manifests": [data.decode()],
        "manifestError": None,
        "trust": TRUST,
    }
    return base | changed


def the_file(content: bytes) -> dict[str, str]:
    return {"sha256": sha256(content).hex()}


def amended(**changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "observations": [observation(record(V2, version=2))],
        "manifests": [V2.decode(), V1.decode()],
    }
    return facts(**base | changed)


def of_own_bytes(data: bytes, **changed: Any) -> dict[str, Any]:
    """A token whose anchored bytes are `data`, whatever they are."""
    return facts(data, **changed)


SILENT: dict[str, Any] = {"endpoint": "two", "error": "chain-unavailable"}


def disclosed(salt: str, name: str | None, value: Any) -> Disclosure:
    """A disclosure under a salt that stays the same, so that the vectors do."""
    content = [salt, value] if name is None else [salt, name, value]
    return Disclosure(encode_bytes(json.dumps(content).encode()), name, value)


AMOUNT = disclosed("AAAAAAAAAAAAAAAAAAAAAA", "amount", "128400.00")
COUNTRY = disclosed("AQEBAQEBAQEBAQEBAQEBAQ", "country", "KR")
NAME = disclosed("AgICAgICAgICAgICAgICAg", "name", "Hanbit")
EXPORTER = disclosed("AwMDAwMDAwMDAwMDAwMDAw", "exporter",
                     {"_sd": sorted([COUNTRY.digest, NAME.digest])})  # fmt: skip
PRICIER = disclosed("AAAAAAAAAAAAAAAAAAAAAA", "amount", "228400.00")
NESTED = disclosed("BAQEBAQEBAQEBAQEBAQEBA", "_sd", [AMOUNT.digest])
FIELDS = manifest(
    sealed("document-1.pdf", CONTRACT_FILE, SALTS[0]),
    disclosures=tuple(sorted([AMOUNT.digest, EXPORTER.digest, NESTED.digest, "A" * 43])),
).encode()
FIELDS_V2 = manifest(
    sealed("document-1.pdf", NEW_FILE, SALTS[2]), version=2, previous=manifest_digest(FIELDS)
).encode()


def shown(*disclosures: Disclosure, **changed: Any) -> dict[str, Any]:
    """Fields of a deal are shown, and no file."""
    base: dict[str, Any] = {
        "document": None,
        "salts": [],
        "disclosures": [disclosure.encoded for disclosure in disclosures],
    }
    return facts(FIELDS, **base | changed)


GONE: dict[str, Any] = {"manifests": [], "manifestError": "content-unavailable"}

CASES: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("the contract itself", facts(), "AUTHENTIC", {"document-matches": "matches"}),
    ("the annex", facts(document=the_file(ANNEX_FILE)), "AUTHENTIC", {}),
    ("no file, only the token", facts(document=None), "AUTHENTIC", {"document-matches": "no-file"}),
    ("a public file, no salt", facts(PUBLIC, salts=[]), "AUTHENTIC", {}),
    ("a public file, one byte changed", facts(PUBLIC, document=the_file(OTHER_FILE), salts=[]),
     "MISMATCH", {"document-matches": "differs"}),
    ("one byte changed", facts(document=the_file(OTHER_FILE)), "MISMATCH",
     {"document-matches": "differs"}),
    ("no salt for a sealed document", facts(salts=[]), "UNVERIFIABLE",
     {"document-matches": "salt-missing"}),
    ("a damaged salt is not a forged file", facts(salts=[encode_bytes(SALTS[3])]), "UNVERIFIABLE",
     {"document-matches": "salt-foreign"}),
    ("a link to the annex, another file", facts(document=the_file(OTHER_FILE),
     salts=[encode_bytes(SALTS[1])]), "UNVERIFIABLE", {"document-matches": "salt-foreign"}),
    ("every endpoint silent", facts(observations=[SILENT]), "UNVERIFIABLE",
     {"chain-answers": "too-few-endpoints", "document-matches": "not-reached"}),
    ("no endpoint for that chain", facts(observations=[]), "UNVERIFIABLE",
     {"chain-answers": "chain-not-configured"}),
    ("two wanted, one silent", facts(quorum=2, observations=[observation(record(V1)), SILENT]),
     "UNVERIFIABLE", {"chain-answers": "too-few-endpoints"}),
    ("one of two silent, one wanted", facts(observations=[observation(record(V1)), SILENT]),
     "AUTHENTIC", {}),
    ("two agree", facts(quorum=2, observations=[observation(record(V1)),
     observation(record(V1), endpoint="two")]), "AUTHENTIC", {"chain-agreement": "agreed"}),
    ("two disagree on the status", facts(quorum=2, observations=[observation(record(V1)),
     observation(record(V1, status="revoked"), endpoint="two")]), "UNVERIFIABLE",
     {"chain-agreement": "endpoints-disagree"}),
    ("one endpoint knows no such token", facts(quorum=2, observations=[observation(record(V1)),
     observation(nobody(), endpoint="two")]), "UNVERIFIABLE",
     {"chain-agreement": "endpoints-disagree"}),
    ("an endpoint of another chain", facts(observations=[observation(record(V1)) | {"chainId": 1}]),
     "UNVERIFIABLE", {"chain-answers": "wrong-chain"}),
    ("no such token", facts(observations=[observation(nobody())], **GONE), "UNKNOWN",
     {"token-exists": "token-unknown", "manifest-intact": "not-reached"}),
    ("issued, not final", facts(observations=[observation(nobody(), record(V1, headBlock=101))]),
     "PENDING", {"token-final": "not-final"}),
    ("not final and another file", facts(document=the_file(OTHER_FILE),
     observations=[observation(nobody(), record(V1, headBlock=101))]), "MISMATCH", {}),
    ("revoked", facts(observations=[observation(record(V1, status="revoked"))]), "REVOKED", {}),
    ("revoked a moment ago", facts(observations=[observation(record(V1),
     record(V1, status="revoked", headBlock=102))]), "REVOKED", {"token-active": "revoked"}),
    ("revoked, manifest out of reach", facts(observations=[observation(record(V1,
     status="revoked"))], **GONE), "REVOKED", {"manifest-intact": "content-unavailable"}),
    ("suspended", facts(observations=[observation(record(V1, status="suspended"))]), "SUSPENDED",
     {"token-active": "suspended"}),
    ("suspended, restored, not final", facts(observations=[observation(record(V1,
     status="suspended"), record(V1, headBlock=102))]), "SUSPENDED", {}),
    ("revoked and another file", facts(document=the_file(OTHER_FILE),
     observations=[observation(record(V1, status="revoked"))]), "MISMATCH", {}),
    ("manifest out of reach", facts(**GONE), "UNVERIFIABLE",
     {"manifest-intact": "content-unavailable", "document-matches": "not-reached"}),
    ("the store gives another manifest", facts(manifests=[V2.decode()]), "UNVERIFIABLE",
     {"manifest-intact": "content-corrupt"}),
    ("no trust list", facts(trust=None), "UNVERIFIABLE", {"issuer-trusted": "no-trust-list"}),
    ("a stranger issued it", facts(observations=[observation(record(V1, issuer=STRANGER))]),
     "UNTRUSTED_ISSUER", {"issuer-trusted": "issuer-not-listed"}),
    ("a stranger's contract", facts(asset=f"eip155:{CHAIN}/erc721:{STRANGER}/"
     f"{token_id_of(manifest_digest(V1))}"), "UNTRUSTED_ISSUER",
     {"issuer-trusted": "issuer-not-listed"}),
    ("issued with a stolen key", facts(observations=[observation(record(V1, issuerTrusted=False))]),
     "UNTRUSTED_ISSUER", {"issuer-trusted": "issuer-distrusted"}),
    ("the key was called stolen a moment ago", facts(observations=[observation(record(V1),
     record(V1, issuerTrusted=False))]), "UNTRUSTED_ISSUER", {}),
    ("the amended contract", amended(document=the_file(NEW_FILE), salts=[encode_bytes(SALTS[2])]),
     "AUTHENTIC", {"document-matches": "matches"}),
    ("the contract before its amendment", amended(), "SUPERSEDED",
     {"document-matches": "older-version"}),
    ("the contract before a colleague's amendment", facts(V1_OF_COLLEAGUE, observations=[
     observation(record(V2_AFTER_COLLEAGUE, version=2))], manifests=[V2_AFTER_COLLEAGUE.decode(),
     V1_OF_COLLEAGUE.decode()]), "SUPERSEDED", {"document-matches": "older-version"}),
    ("amended: a manifest that names another issuer", amended(document=the_file(NEW_FILE),
     salts=[encode_bytes(SALTS[2])], observations=[observation(record(V2_OF_OTHER, version=2))],
     manifests=[V2_OF_OTHER.decode(), V1.decode()]), "MISMATCH",
     {"manifest-intact": "manifest-of-other-issuer"}),
    ("an old link, another file", amended(document=the_file(OTHER_FILE)), "UNVERIFIABLE",
     {"document-matches": "salt-foreign"}),
    ("every salt, another file", amended(document=the_file(OTHER_FILE),
     salts=[encode_bytes(salt) for salt in SALTS[:3]]), "MISMATCH", {}),
    ("current version matches, earlier one lost", amended(document=the_file(NEW_FILE),
     salts=[encode_bytes(SALTS[2])], manifests=[V2.decode()], manifestError="content-missing"),
     "AUTHENTIC", {"manifest-intact": "intact"}),
    ("earlier version lost, file may be of it", amended(salts=[encode_bytes(SALTS[2])],
     manifests=[V2.decode()], manifestError="content-missing"), "UNVERIFIABLE",
     {"document-matches": "content-missing"}),
    ("old version of a revoked token", amended(observations=[observation(record(V2, version=2,
     status="revoked"))]), "REVOKED", {}),
    ("anchored: a manifest of another chain", of_own_bytes(reworded(V1,
     f"eip155:{CHAIN}:{ISSUER}", f"eip155:1:{ISSUER}")), "MISMATCH",
     {"manifest-intact": "manifest-of-other-chain"}),
    ("anchored: a manifest that names another issuer", of_own_bytes(reworded(V1, ISSUER, STRANGER)),
     "MISMATCH", {"manifest-intact": "manifest-of-other-issuer"}),
    ("anchored: version 2 as genesis", of_own_bytes(V2), "MISMATCH",
     {"manifest-intact": "manifest-of-other-version"}),
    ("anchored: not JSON", of_own_bytes(b"%PDF-1.7"), "UNVERIFIABLE",
     {"manifest-intact": "manifest-unreadable"}),
    ("anchored: another schema", of_own_bytes(reworded(V1, "manifest/1", "manifest/9")),
     "UNVERIFIABLE", {"manifest-intact": "manifest-unreadable"}),
    ("anchored: a key twice", of_own_bytes(reworded(V1, '"links":[]', '"links":[],"links":[]')),
     "UNVERIFIABLE", {"manifest-intact": "manifest-unreadable"}),
    ("anchored: not canonical", of_own_bytes(reworded(V1, '"links":[]', '"links": []')),
     "UNVERIFIABLE", {"manifest-intact": "manifest-unreadable"}),
    ("anchored: an unknown member", of_own_bytes(reworded(V1, '"links":[]', '"links":[],"m":1')),
     "UNVERIFIABLE", {"manifest-intact": "manifest-unreadable"}),
    ("no field disclosed", facts(), "AUTHENTIC", {"fields-proven": "no-fields"}),
    ("a field", shown(AMOUNT), "AUTHENTIC",
     {"fields-proven": "proven", "document-matches": "no-file"}),
    ("a field within a field", shown(EXPORTER, COUNTRY), "AUTHENTIC", {"fields-proven": "proven"}),
    ("a field and the file", shown(AMOUNT, document=the_file(CONTRACT_FILE),
     salts=[encode_bytes(SALTS[0])]), "AUTHENTIC", {"fields-proven": "proven"}),
    ("a field and another file", shown(AMOUNT, document=the_file(OTHER_FILE),
     salts=[encode_bytes(SALTS[0])]), "MISMATCH", {"fields-proven": "proven"}),
    ("a field with another value", shown(PRICIER), "MISMATCH", {"fields-proven": "field-foreign"}),
    ("a field of nothing that was anchored", shown(AMOUNT, PRICIER), "MISMATCH",
     {"fields-proven": "field-foreign"}),
    ("a field without the one around it", shown(COUNTRY), "MISMATCH",
     {"fields-proven": "field-foreign"}),
    ("a field twice", shown(AMOUNT, AMOUNT), "MISMATCH", {"fields-proven": "field-repeated"}),
    ("a field that calls itself _sd", shown(NESTED), "MISMATCH",
     {"fields-proven": "field-reserved-name"}),
    ("a field of another asset", facts(V1, document=None, disclosures=[AMOUNT.encoded]),
     "MISMATCH", {"fields-proven": "field-foreign"}),
    ("a field that is none", shown(disclosures=["e30"]), "MISMATCH",
     {"fields-proven": "field-unreadable"}),
    ("a field, manifest out of reach", shown(AMOUNT, **GONE), "UNVERIFIABLE",
     {"fields-proven": "not-reached"}),
    ("a field of a revoked token", shown(AMOUNT, observations=[observation(record(FIELDS,
     status="revoked"))]), "REVOKED", {"fields-proven": "proven"}),
    ("a field before its amendment", shown(AMOUNT, observations=[observation(record(FIELDS_V2,
     version=2))], manifests=[FIELDS_V2.decode(), FIELDS.decode()]), "SUPERSEDED",
     {"fields-proven": "fields-of-older-version"}),
    ("a field, earlier version lost", shown(AMOUNT, observations=[observation(record(FIELDS_V2,
     version=2))], manifests=[FIELDS_V2.decode()], manifestError="content-missing"),
     "UNVERIFIABLE", {"fields-proven": "content-missing"}),
]  # fmt: skip


def vectors() -> list[dict[str, Any]]:
    return [
        {"name": name, "facts": copy.deepcopy(given), "verdict": verdict, "codes": codes}
        for name, given, verdict, codes in CASES
    ]


def text() -> str:
    return json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(text(), "utf-8")
