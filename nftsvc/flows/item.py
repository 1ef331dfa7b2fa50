"""One item of a batch request: a line of JSON that holds its documents, drafted in one go.

    {"idempotencyKey": "...", "deal": {...},
     "documents": [{"name": "...", "mediaType": "...", "base64": "..."}]}

Product content stands under `content`, its files under `files`. What is wrong is refused with its
path in the line, e.g. `deal.goods[0].hsCode`.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nftsvc.core import canonical
from nftsvc.core.assets import HeldFile
from nftsvc.core.canonical import Json
from nftsvc.core.drafting import TakenDocument
from nftsvc.core.errors import InvalidField, NftsvcError, Refused, TooLarge
from nftsvc.core.fields import Fields, check_file_name
from nftsvc.core.moving import moves
from nftsvc.core.types import AssetKind
from nftsvc.flows.draft import Drafted, Drafter, Subject
from nftsvc.flows.intake import Fingerprint, SmallFile, media_type_of, take_small
from nftsvc.flows.requests import check_key, new_issuance

NAMES: Final = {
    AssetKind.EXPORT_CONTRACT: ("deal", "documents"),
    AssetKind.PRODUCT_CONTENT: ("content", "files"),
}


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """Of one item: how many documents, and the bytes of each."""

    documents: int
    file_bytes: int


@moves
@dataclass(frozen=True, slots=True)
class DraftedItem:
    """An item's key, where it could be read, and what became of it."""

    key: str | None
    outcome: Drafted | NftsvcError


def draft_items(
    drafter: Drafter,
    kind: AssetKind,
    lines: Sequence[bytes | TooLarge],
    *,
    limits: ItemLimits,
    at: datetime,
) -> list[DraftedItem]:
    """Each line drafted or refused; one that is bad does not sink the others."""
    return [_draft(drafter, kind, line, limits=limits, at=at) for line in lines]


def _draft(
    drafter: Drafter, kind: AssetKind, line: bytes | TooLarge, *, limits: ItemLimits, at: datetime
) -> DraftedItem:
    key: str | None = None
    try:
        if isinstance(line, TooLarge):
            return DraftedItem(None, line)
        fields = Fields(canonical.parse(line))
        key = fields.text("idempotencyKey", longest=200)
        check_key(key, path="idempotencyKey")
        return DraftedItem(key, _drafted(drafter, kind, key, fields, limits=limits, at=at))
    except Refused as refusal:
        return DraftedItem(key, refusal)


def _drafted(
    drafter: Drafter, kind: AssetKind, key: str, fields: Fields, *, limits: ItemLimits, at: datetime
) -> Drafted:
    noun, files = NAMES[kind]
    value = fields.take(noun)
    subject = _subject(kind, value, noun, drafter)
    asset_key = drafter.new_key(kind)
    fingerprint = Fingerprint(kind.value)
    fingerprint.add(canonical.dump(value))
    taken, held = list[TakenDocument](), list[HeldFile]()
    for position, (item, path) in enumerate(fields.array(files, most=limits.documents)):
        document = Fields(item, path=path)
        name = document.text("name", longest=255)
        check_file_name(name, path=document.path("name"))
        declared = document.text("mediaType", longest=100)
        media_type = media_type_of(declared, path=path, public=asset_key is None)
        data = _decoded(document.take("base64"), path=document.path("base64"))
        document.end()
        if len(data) > limits.file_bytes:
            raise TooLarge(path, limit=limits.file_bytes)
        one, stored = take_small(
            SmallFile(name, media_type, path, data),
            sealer=drafter.sealer,
            recipient=asset_key.recipient if asset_key else None,
        )
        taken.append(one)
        held.append(HeldFile(position, stored))
        for part in (name.encode(), declared.encode(), one.sha256):
            fingerprint.add(part)
    fields.end()
    return drafter.draft(
        subject,
        kind=kind,
        issuance=new_issuance(at),
        key=key,
        fingerprint=fingerprint.digest(),
        taken=tuple(taken),
        held=tuple(held),
        asset_key=asset_key,
        at=at,
    )


def _subject(kind: AssetKind, value: Json, noun: str, drafter: Drafter) -> Subject:
    try:
        return Subject.read(kind, value, chain_id=drafter.chain_id)
    except InvalidField as error:
        path = f"{noun}.{error.path}" if error.path else noun
        raise InvalidField(path, reason=error.reason, detail=error.detail) from error


def _decoded(value: Json, *, path: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError) as error:
        raise InvalidField(path, reason="not-base64", detail=str(error)) from error
    if not data:
        raise InvalidField(path, reason="empty", detail="expected the file's bytes in base64")
    return data
