"""Keys at rest: under a share and a KEK, rotated over any death, handed on, taken over."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from nftsvc.adapters.age_sealer import AgeSealer, recipient_of
from nftsvc.adapters.key_file import KeyFile
from nftsvc.adapters.share_folder import ShareFolder
from nftsvc.core.errors import (
    InvalidField,
    KeyDestroyed,
    KeyRetired,
    Misconfigured,
    SealUnreadable,
)
from nftsvc.core.keys import KekId, SharePlace, Wrapped
from nftsvc.core.types import IssuanceId
from tests.strongroom import DOCUMENT, Strongroom, files_below, killed

ROTATION_DEATHS: Final = [
    ("after", "custody.begin_rotation", 1),
    ("before", "keys.rewrap", 2),
    ("before", "keys.retire", 1),
    ("after", "keys.retire", 1),
    ("after", "custody.retire", 1),
]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Strongroom]:
    url: sa.URL | None = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    own = await Strongroom.open(tmp_path, url=url).start()
    yield own
    await own.stop()


async def _link(room: Strongroom, issuance: IssuanceId) -> str:
    return (await room.issuances.view(issuance)).verify_link


async def test_keep__a_deal__neither_recovery_key_nor_kek_alone_opens_it(room: Strongroom) -> None:
    issuance = await room.accept()
    found = await room.ledger.issuance(issuance)
    sealer = AgeSealer()
    for envelope in found.envelopes:
        with pytest.raises(SealUnreadable):
            sealer.open(envelope.sealed, identity=room.recovery)
    half_open = await room.custody.unwrap(found.key.wrapped)
    with pytest.raises(SealUnreadable):
        sealer.unlock(half_open, secret=bytes(32), purpose="identity")
    identity = await room.keyring.identity(found)
    assert identity.encode() not in half_open
    assert sealer.open(found.private, identity=identity)
    assert "&s=" in await _link(room, issuance)


async def test_keep__the_kek_is_lost__recovery_key_and_share_still_open_it(
    room: Strongroom,
) -> None:
    issuance = await room.accept()
    link = await _link(room, issuance)
    (room.folder / "kek.json").unlink()
    found = await room.ledger.issuance(issuance)
    with pytest.raises(KeyRetired):
        await room.keyring.identity(found)
    _, sealed = await room.keyring.grant(issuance, recipient=recipient_of(room.recovery))
    identity = AgeSealer().open(sealed, identity=room.recovery).decode()
    assert AgeSealer().open(found.private, identity=identity)
    assert link


async def test_grant__a_new_party__reads_the_document_and_nothing_anchored_changes(
    room: Strongroom,
) -> None:
    issuance = await room.accept()
    before = await room.ledger.issuance(issuance)
    auditor = AgeSealer().new_key()
    _, sealed = await room.keyring.grant(issuance, recipient=auditor.recipient)
    assert sealed.startswith(b"age-encryption.org/v1\n")
    identity = AgeSealer().open(sealed, identity=auditor.identity).decode()
    (document,) = before.documents
    stored = b"".join([chunk async for chunk in room.contents.read(document.cid)])
    assert AgeSealer().open(stored, identity=identity) == DOCUMENT
    after = await room.ledger.issuance(issuance)
    assert (after.manifest, after.documents) == (before.manifest, before.documents)
    assert len(after.envelopes) == len(before.envelopes) + 1
    _, again = await room.keyring.grant(issuance, recipient=auditor.recipient)
    assert again == sealed
    assert len((await room.ledger.issuance(issuance)).envelopes) == len(after.envelopes)


@pytest.mark.parametrize("recipient", ["age1zzz", "age1pq1qqqq", "ssh-ed25519 AAAA", ""])
async def test_grant__recipient_that_this_cannot_seal_to__is_refused(
    room: Strongroom, recipient: str
) -> None:
    issuance = await room.accept()
    with pytest.raises(InvalidField):
        await room.keyring.grant(issuance, recipient=recipient)


async def test_adopt__a_deal_of_before__is_locked_and_opens_as_it_did(room: Strongroom) -> None:
    party = AgeSealer().new_key()
    old = await room.accept(party.recipient, locked=False)
    new = await room.accept()
    link = await _link(room, old)
    plain = (await room.ledger.issuance(old)).envelopes
    assert await room.keyring.adopt() == 1
    found = await room.ledger.issuance(old)
    assert found.key is not None
    assert all(AgeSealer().is_locked(envelope.sealed) for envelope in found.envelopes)
    assert await _link(room, old) == link
    _, sealed = await room.keyring.grant(old, recipient=party.recipient)
    assert sealed == next(e.sealed for e in plain if e.recipient == party.recipient)
    assert await room.keyring.adopt() == 0
    assert await _link(room, new)


async def test_adopt__key_that_the_recovery_key_does_not_open__stays_and_ends(
    room: Strongroom, caplog: pytest.LogCaptureFixture
) -> None:
    issuance = await room.accept(locked=False)
    stranger = replace(room, recovery=AgeSealer().new_key().identity)
    assert await stranger.keyring.adopt() == 0
    assert issuance in caplog.text
    assert await room.keyring.adopt() == 1


async def test_rotate__many_keys__all_under_the_new_kek_and_the_old_one_refused(
    room: Strongroom,
) -> None:
    issuances = [await room.accept() for _ in range(5)]
    links = [await _link(room, issuance) for issuance in issuances]
    before = await room.ledger.issuance(issuances[0])
    old = await room.custody.current()
    done = await room.keyring.rotate()
    assert (done.rewrapped, done.retired) == (5, (old,))
    assert await room.custody.current() == done.kek != old
    assert [await _link(room, issuance) for issuance in issuances] == links
    after = await room.ledger.issuance(issuances[0])
    assert after.key.wrapped.kek == done.kek
    assert (after.envelopes, after.key.share) == (before.envelopes, before.key.share)
    with pytest.raises(KeyRetired):
        await room.custody.unwrap(before.key.wrapped)
    assert (await room.keyring.rotate()).rewrapped == 5


async def test_accept__under_a_kek_that_was_rotated_away_meanwhile__is_refused_not_lost(
    room: Strongroom,
) -> None:
    late = replace(room, custody=_Late(room.custody, room.keyring.rotate))
    with pytest.raises(KeyRetired):
        await late.accept()
    assert await _link(room, await room.accept())


class _Late:
    """A custody that is overtaken by a rotation between the wrapping and the writing."""

    def __init__(self, custody: Any, rotate: Any) -> None:
        self._custody, self._rotate = custody, rotate

    async def wrap_all(self, items: Sequence[bytes]) -> list[Wrapped]:
        wrapped: list[Wrapped] = await self._custody.wrap_all(items)
        await self._rotate()
        return wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._custody, name)


@pytest.mark.parametrize(("when", "call", "nth"), ROTATION_DEATHS)
async def test_rotate__killed_and_begun_again__every_key_opens_and_one_kek_is_left(
    tmp_path: Path, when: str, call: str, nth: int
) -> None:
    room = await Strongroom.open(tmp_path).start()
    issuances = [await room.accept() for _ in range(3)]
    links = [await _link(room, issuance) for issuance in issuances]
    first = await room.custody.current()
    assert killed(tmp_path, issuances[0], "rotate", die=(when, call, nth))
    assert [await _link(room, issuance) for issuance in issuances] == links
    between = await room.accept()
    await room.keyring.rotate()
    assert [await _link(room, issuance) for issuance in issuances] == links
    assert await _link(room, between)
    current = await room.custody.current()
    assert (await room.custody.old(), current != first) == ((), True)
    assert await room.keys.not_under(current, most=9) == ()
    assert first not in (tmp_path / "kek.json").read_text()
    await room.stop()


@pytest.mark.parametrize(
    ("when", "call"),
    [("after", "shares.create"), ("before", "keys.adopt"), ("after", "keys.adopt")],
)
async def test_adopt__killed_and_begun_again__the_deal_opens_as_it_did(
    tmp_path: Path, when: str, call: str
) -> None:
    room = await Strongroom.open(tmp_path).start()
    issuance = await room.accept(locked=False)
    link = await _link(room, issuance)
    assert killed(tmp_path, issuance, "adopt", die=(when, call, 1))
    await room.keyring.adopt()
    assert await _link(room, issuance) == link
    assert (await room.ledger.issuance(issuance)).key is not None
    await room.stop()


async def test_key_file__made_when_first_asked__is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kek.json"
    wrapped = await KeyFile(path).wrap(b"a key")
    assert path.stat().st_mode & 0o777 == 0o600
    assert await KeyFile(path).unwrap(wrapped) == b"a key"
    assert b"a key" not in wrapped.sealed
    with pytest.raises(SealUnreadable):
        await KeyFile(path).unwrap(replace(wrapped, sealed=wrapped.sealed[:-1] + b"x"))
    with pytest.raises(KeyRetired):
        await KeyFile(path).unwrap(Wrapped(KekId("file-0"), wrapped.sealed))


@pytest.mark.parametrize("content", ["", "{}", '{"keys": []}', '{"keys":[{"id":"a","key":"AA"}]}'])
async def test_key_file__damaged__is_said_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kek.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured):
        await KeyFile(path).wrap(b"a key")
    assert path.read_text() == content


async def test_key_file__others_may_read_it__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kek.json"
    await KeyFile(path).current()
    path.chmod(0o640)
    with pytest.raises(Misconfigured):
        await KeyFile(path).current()


async def test_key_file__rotated_by_another_process__is_read_again(tmp_path: Path) -> None:
    ours, theirs = KeyFile(tmp_path / "kek.json"), KeyFile(tmp_path / "kek.json")
    wrapped = await ours.wrap(b"a key")
    await theirs.begin_rotation()
    assert await ours.current() == await theirs.current() != wrapped.kek
    assert await ours.unwrap(wrapped) == b"a key"
    await theirs.retire(wrapped.kek)
    with pytest.raises(KeyRetired):
        await ours.unwrap(wrapped)


async def test_shares__made_together__each_is_destroyed_alone(tmp_path: Path) -> None:
    shares = ShareFolder(tmp_path)
    first, second = await shares.create(2)
    (third,) = await shares.create(1)
    assert len({first.secret, second.secret, third.secret}) == 3
    await shares.destroy(first.place)
    await shares.destroy(first.place)
    with pytest.raises(KeyDestroyed):
        await shares.read(first.place)
    assert await shares.read(second.place) == second.secret
    await shares.destroy(second.place)
    await shares.destroy(third.place)
    assert files_below(tmp_path) == []
    for place in ("", "../../etc/passwd", "zz/0", f"{'0' * 32}/9"):
        with pytest.raises(KeyDestroyed):
            await shares.read(SharePlace(place))


async def test_shares__of_a_batch__are_files_of_their_owner_without_their_secret_in_repr(
    tmp_path: Path,
) -> None:
    made = await ShareFolder(tmp_path).create(200)
    files = files_below(tmp_path)
    assert len(files) == 1
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert repr(made[0].secret) not in repr(made[0])
