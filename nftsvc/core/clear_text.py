"""The last look at a confidential asset's manifest before it becomes public for ever.

What may stand in it is listed, not what may not: the few fixed words, numbers, random and hashed
values below. A field, a file name or a party's name that slipped in anywhere is none of them.
"""

import re
from collections.abc import Iterator
from typing import Final

from nftsvc.core.canonical import Json, join
from nftsvc.core.errors import ConfidentialInClear
from nftsvc.core.manifest import AGE, Manifest, SealedDocument
from nftsvc.core.types import AssetKind

DESCRIPTION: Final = (
    "An export contract. Its terms and documents are confidential; "
    "whoever holds them can prove them by this record."
)
YEAR: Final = "Programme year"
_FILE: Final = re.compile(r"document-[1-9][0-9]?\.(?:pdf|jpg|webp)")
_MEDIA: Final = frozenset({"application/pdf", "image/jpeg", "image/webp"})
_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def name_of(reference: str) -> str:
    """What an export contract is called in public: nothing but its random reference."""
    return f"Export contract {reference[:8]}"


def refuse_clear_text(manifest: Manifest) -> None:
    """Raises `ConfidentialInClear` where an export contract's manifest says more than it may."""
    if manifest.kind is not AssetKind.EXPORT_CONTRACT:
        return
    for path, holds in _demands(manifest):
        if not holds:
            raise ConfidentialInClear(path)


def _demands(manifest: Manifest) -> Iterator[tuple[str, bool]]:
    yield "name", manifest.name == name_of(manifest.reference)
    yield "description", manifest.description == DESCRIPTION
    for position, document in enumerate(manifest.documents):
        path = join("documents", position)
        yield path, isinstance(document, SealedDocument)
        yield join(path, "name"), _FILE.fullmatch(document.name) is not None
        yield join(path, "mediaType"), document.media_type in _MEDIA
        yield join(path, "encryption"), document.to_json().get("encryption") == AGE
    for position, (trait, value) in enumerate(manifest.attributes):
        yield join("attributes", position), trait == YEAR and _is_year(value)
    for position, digest in enumerate(manifest.disclosures):
        yield join("disclosures._sd", position), _DIGEST.fullmatch(digest) is not None


def _is_year(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 2000 <= value < 2200
