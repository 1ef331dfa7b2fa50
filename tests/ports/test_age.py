"""The ordinary age tool and ours: each opens what the other sealed, envelope and file."""

import subprocess
from pathlib import Path

import pytest

from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.core.errors import InvalidField
from tests import parts
from tests.strongroom import DOCUMENT, Strongroom

pytestmark = pytest.mark.needs("age")


def _age(*arguments: object, stdin: bytes = b"", program: str = "age") -> bytes:
    age = parts.find("age")
    assert age is not None
    done = subprocess.run(
        [age.with_name(program), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def _key(folder: Path, *options: str) -> tuple[Path, str]:
    """A key of `age-keygen`: its file, and its public half."""
    path = folder / "key.txt"
    path.write_bytes(_age(*options, program="age-keygen"))
    return path, _age("-y", path, program="age-keygen").decode().strip()


async def test_party__with_the_age_tool_alone__opens_envelope_and_document(tmp_path: Path) -> None:
    room = await Strongroom.open(tmp_path / "data").start()
    key, recipient = _key(tmp_path)
    issuance = await room.accept()
    found, envelope = await room.keyring.grant(issuance, recipient=recipient)
    identity = tmp_path / "asset-key.txt"
    identity.write_bytes(_age("-d", "-i", key, stdin=envelope))
    stored = b"".join([chunk async for chunk in room.contents.read(found.documents[0].cid)])
    assert _age("-d", "-i", identity, stdin=stored) == DOCUMENT
    assert b"KR-2026" not in stored
    await room.stop()


def test_open__sealed_by_the_age_tool__is_read(tmp_path: Path) -> None:
    key = AgeSealer().new_key()
    sealed = _age("-r", key.recipient, stdin=DOCUMENT)
    assert AgeSealer().open(sealed, identity=key.identity) == DOCUMENT


def test_recipient__of_the_hybrid_post_quantum_kind__is_refused_and_not_weakened(
    tmp_path: Path,
) -> None:
    _, recipient = _key(tmp_path, "-pq")
    assert recipient.startswith("age1pq1")
    with pytest.raises(InvalidField) as refused:
        AgeSealer().seal(DOCUMENT, recipient=recipient)
    assert (refused.value.path, refused.value.reason) == ("recipients", "not-a-recipient")
