"""A small picture of what an asset shows. It is derived, not anchored: it proves nothing."""

from dataclasses import dataclass
from typing import Final

from nftsvc.core.cid import Cid
from nftsvc.core.errors import NotFound
from nftsvc.core.manifest import Manifest, PublicDocument
from nftsvc.core.media import GLB, JPEG, PNG, WEBP
from nftsvc.flows.read import ReadFlow
from nftsvc.ports import Previews

_DRAWN: Final = (frozenset({PNG, JPEG, WEBP}), frozenset({GLB}))
"""What is shown for an asset where no document is named: the first picture before any model."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG, and the CID of the document that it was drawn from."""

    of: Cid
    jpeg: bytes


class PreviewFlow:
    """Finds the document that is shown, and has it drawn."""

    def __init__(self, *, reading: ReadFlow, previews: Previews) -> None:
        self._reading = reading
        self._previews = previews

    async def preview(self, token: str, *, document: Cid | None = None) -> Preview:
        """The preview of an asset, or of one of its documents by its CID.

        Raises `InvalidField`, `NotFound` where there is none, `Unavailable`.
        """
        view = await self._reading.asset(token)
        manifest = Manifest.parse(await self._reading.manifest(view.digest))
        shown = _shown(manifest, document)
        if shown is None:
            raise NotFound("the asset has no public picture or model of that name")
        content = await self._reading.content(str(shown.cid))
        jpeg = await self._previews.preview(
            shown.cid, media_type=shown.media_type, chunks=content.chunks
        )
        if jpeg is None:
            raise NotFound("this document cannot be drawn within the limits")
        return Preview(shown.cid, jpeg)


def _shown(manifest: Manifest, wanted: Cid | None) -> PublicDocument | None:
    public = [d for d in manifest.documents if isinstance(d, PublicDocument)]
    if wanted is not None:
        public = [document for document in public if document.cid == wanted]
    return next((d for types in _DRAWN for d in public if d.media_type in types), None)
