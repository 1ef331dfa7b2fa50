"""The age library of browsers (npm `age-encryption`) and ours: each opens what the other sealed."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.core.errors import SealUnreadable
from nftsvc.ports import SealingKey
from tests import parts
from tests.strongroom import DOCUMENT, Strongroom

pytestmark = pytest.mark.needs("node")

PARTY: Final = parts.ROOT / "tests/unit/js/age.mjs"
CHUNK: Final = 65536


def _ask(*, identity: str, envelope: bytes, document: bytes, recipient: str) -> bytes:
    node = parts.find("node")
    assert node is not None
    asked = {
        "identity": identity,
        "envelope": base64.b64encode(envelope).decode(),
        "document": base64.b64encode(document).decode(),
        "recipient": recipient,
    }
    return subprocess.run(
        [node, PARTY],
        input=json.dumps(asked).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout


def _answer(output: bytes) -> tuple[bytes, bytes]:
    """The document, and it as the library sealed it."""
    answer = json.loads(output)
    return base64.b64decode(answer["document"]), base64.b64decode(answer["sealed"])


def _envelope(party: SealingKey, key: SealingKey) -> bytes:
    return AgeSealer().seal(key.identity.encode(), recipient=party.recipient)


async def test_party__with_the_library_alone__opens_envelope_and_document(tmp_path: Path) -> None:
    room = await Strongroom.open(tmp_path / "data").start()
    party, other = AgeSealer().new_key(), AgeSealer().new_key()
    issuance = await room.accept()
    found, envelope = await room.keyring.grant(issuance, recipient=party.recipient)
    stored = b"".join([chunk async for chunk in room.contents.read(found.documents[0].cid)])
    await room.stop()
    document, sealed = _answer(
        _ask(
            identity=party.identity,
            envelope=envelope,
            document=stored,
            recipient=other.recipient,
        )
    )
    assert document == DOCUMENT
    assert DOCUMENT not in sealed
    assert AgeSealer().open(sealed, identity=other.identity) == DOCUMENT


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_library__sizes_around_the_chunks_of_the_format__both_ways(size: int) -> None:
    party, key, other = (AgeSealer().new_key() for _ in range(3))
    plain = bytes(position % 251 for position in range(size))
    document, sealed = _answer(
        _ask(
            identity=party.identity,
            envelope=_envelope(party, key),
            document=AgeSealer().seal(plain, recipient=key.recipient),
            recipient=other.recipient,
        )
    )
    assert document == plain
    assert AgeSealer().open(sealed, identity=other.identity) == plain


def test_library__with_the_key_of_another_party__opens_nothing() -> None:
    party, stranger, key = (AgeSealer().new_key() for _ in range(3))
    sealed = AgeSealer().seal(DOCUMENT, recipient=key.recipient)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        _ask(
            identity=stranger.identity,
            envelope=_envelope(party, key),
            document=sealed,
            recipient=key.recipient,
        )
    assert (refused.value.stdout, b"no identity matched" in refused.value.stderr) == (b"", True)
    with pytest.raises(SealUnreadable):
        AgeSealer().open(sealed, identity=stranger.identity)
