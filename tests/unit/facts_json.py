"""Verification facts as the golden vectors write them (the shape the browser uses too)."""

from typing import Any

from nftsvc.core.disclosure import decode_bytes
from nftsvc.core.trust import TrustList
from nftsvc.core.types import (
    Address,
    AssetId,
    BlockHash,
    BlockNumber,
    ChainId,
    Digest,
    Salt,
    TokenStatus,
)
from nftsvc.core.verify import Facts, Observation, RecordAtBlock, Silence, TokenRecord


def facts_from_json(value: dict[str, Any]) -> Facts:
    return Facts(
        asset=AssetId.parse(value["asset"]),
        observations=tuple(_observation(item) for item in value["observations"]),
        manifests=tuple(text.encode() for text in value["manifests"]),
        manifest_error=value["manifestError"],
        trust=TrustList.read(value["trust"]) if value["trust"] is not None else None,
        document=Digest(bytes.fromhex(value["document"]["sha256"])) if value["document"] else None,
        salts=tuple(Salt(decode_bytes(salt)) for salt in value["salts"]),
        quorum=value["quorum"],
        disclosures=tuple(value.get("disclosures", ())),
    )


def _observation(value: dict[str, Any]) -> Observation | Silence:
    if "error" in value:
        return Silence(value["endpoint"], value["error"])
    return Observation(
        value["endpoint"],
        ChainId(value["chainId"]),
        _at_block(value["finalized"]),
        _at_block(value["latest"]),
    )


def _at_block(value: dict[str, Any]) -> RecordAtBlock:
    record = value["record"]
    return RecordAtBlock(
        BlockNumber(value["block"]["number"]),
        BlockHash(value["block"]["hash"]),
        TokenRecord(
            status=TokenStatus(record["status"]),
            holder=Address(record["holder"]),
            issuer=Address(record["issuer"]),
            issuer_trusted=record["issuerTrusted"],
            version=record["version"],
            digest=Digest(bytes.fromhex(record["digest"])),
            issued_at=record["issuedAt"],
            head_block=BlockNumber(record["headBlock"]),
        ),
    )
