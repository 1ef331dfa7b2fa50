"""Erasure: who takes the whole disk, the KEK and the recovery identity afterwards finds nothing."""

import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from nftsvc.adapters.age_sealer import LOCKED, AgeSealer
from nftsvc.adapters.key_file import KeyFile
from nftsvc.core.drafting import PrivatePart
from nftsvc.core.errors import Erased, NftsvcError, NotErasable, NotFound, SealUnreadable
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.keys import SHARE_BYTES, KekId, Wrapped
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import AnchorId, IssuanceId
from tests.strongroom import DOCUMENT, NOW, Strongroom, files_below, killed

AGE: Final = b"age-encryption.org/v1\n"
IDENTITY: Final = re.compile(rb"AGE-SECRET-KEY-1[A-Z0-9]{58}")
DEATHS: Final = [
    ("after", "keys.confirm_erasure", 1),
    ("before", "shares.destroy", 1),
    ("after", "shares.destroy", 1),
    ("after", "keys.erase", 1),
    ("after", "keys.compact", 1),
    ("before", "keys.finish_erasure", 1),
]


class Thief:
    """Has a copy of everything, every key of the service's own, and knows how it works.

    It looks at bytes, not at files: what lies in a log or a free page is as good to it. `lengths`
    are how long the sealed things are that it looks for, which it may know from elsewhere.
    """

    def __init__(self, loot: Path, *, recovery: str, lengths: set[int]) -> None:
        self._bytes = {path: path.read_bytes() for path in files_below(loot)}
        self._lengths = lengths
        self._identities = {recovery}
        self._secrets = [
            data[at : at + SHARE_BYTES]
            for path, data in self._bytes.items()
            if "shares" in path.parts
            for at in range(0, len(data), SHARE_BYTES)
        ]
        self.clear: list[bytes] = []

    async def rob(self, kek: KeyFile) -> list[bytes]:
        """All that could be opened, over and over with what was found before."""
        keys = await self._unwrapped(kek)
        while True:
            known = len(self._identities) + len(self.clear)
            for data in [*self._bytes.values(), *keys, *self.clear]:
                self._identities |= {found.decode() for found in IDENTITY.findall(data)}
                self._unlock(data)
                self._unseal(data)
            if len(self._identities) + len(self.clear) == known:
                return self.clear

    async def _unwrapped(self, kek: KeyFile) -> list[bytes]:
        opened = []
        for path in self._bytes:
            if path.name != "ledger.sqlite":
                continue
            with sqlite3.connect(path) as ledger:
                rows = ledger.execute("SELECT kek, sealed FROM asset_keys").fetchall()
                # What is longer than a page does not lie in one piece.
                opened += [data for (data,) in ledger.execute("SELECT private FROM manifests")]
            ledger.close()
            for name, sealed in rows:
                opened.append(await kek.unwrap(Wrapped(KekId(name), sealed)))
        return opened

    def _unlock(self, data: bytes) -> None:
        for at in _places(data, LOCKED):
            for secret in self._secrets:
                for purpose in self._purposes():
                    self._try_locked(data, at, secret, purpose)

    def _try_locked(self, data: bytes, at: int, secret: bytes, purpose: str) -> None:
        for length in self._lengths:
            try:
                opened = AgeSealer().unlock(data[at : at + length], secret=secret, purpose=purpose)
            except SealUnreadable:
                continue
            self._took(opened)

    def _unseal(self, data: bytes) -> None:
        for at in _places(data, AGE):
            for length in self._lengths:
                for identity in list(self._identities):
                    try:
                        opened = AgeSealer().open(data[at : at + length], identity=identity)
                    except NftsvcError:
                        continue
                    self._took(opened)

    def _took(self, opened: bytes) -> None:
        if opened not in self.clear:
            self.clear.append(opened)

    def _purposes(self) -> list[str]:
        recipients = {
            found.decode()
            for data in self._bytes.values()
            for found in re.findall(rb"age1[a-z0-9]{58}", data)
        }
        return ["identity", *(f"envelope/{recipient}" for recipient in recipients)]


def _places(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Strongroom]:
    url: sa.URL | None = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    own = await Strongroom.open(tmp_path / "data", url=url).start()
    yield own
    await own.stop()


async def _erase(room: Strongroom, issuance: IssuanceId) -> None:
    wanted = await room.erasing().request(issuance, by="dpo", reason="request 118")
    await room.erasing().confirm(issuance, by="registrar", code=wanted.code)


async def _lengths(room: Strongroom, issuance: IssuanceId) -> set[int]:
    """How long the sealed things of this asset are, before and after they are locked."""
    found = await room.ledger.issuance(issuance)
    envelopes = {len(envelope.sealed) for envelope in found.envelopes}
    unlocked = {length - len(LOCKED) - 28 for length in envelopes}
    identity = len(LOCKED) + 28 + 74
    return envelopes | unlocked | {len(found.private), identity, found.documents[0].size}


async def _robbed(room: Strongroom, folder: Path, lengths: set[int]) -> list[bytes]:
    loot = folder / "loot"
    shutil.copytree(room.folder, loot)
    thief = Thief(loot, recovery=room.recovery, lengths=lengths)
    return await thief.rob(KeyFile(room.folder / "kek.json"))


@pytest.mark.parametrize("release", ["this", "before"])
async def test_erase__the_whole_disk_and_every_key_taken_after__nothing_opens(
    tmp_path: Path, release: str
) -> None:
    room = await Strongroom.open(tmp_path / "data").start()
    issuance = await room.accept(AgeSealer().new_key().recipient, locked=release == "this")
    lengths = await _lengths(room, issuance)
    if release == "before":
        await room.keyring.adopt()
        lengths |= await _lengths(room, issuance)
    identity = await room.keyring.identity(await room.ledger.issuance(issuance))
    await _erase(room, issuance)
    opened = await _robbed(room, tmp_path, lengths)
    for data in [*opened, *(path.read_bytes() for path in files_below(tmp_path))]:
        assert DOCUMENT not in data
        assert identity.encode() not in data
        assert b"Nordlys" not in data
        assert b"KR-2026-0117" not in data
    assert opened == []
    await room.stop()


async def test_erase__not_done__the_same_thief_finds_document_fields_and_identity(
    tmp_path: Path,
) -> None:
    room = await Strongroom.open(tmp_path / "data").start()
    issuance = await room.accept()
    identity = await room.keyring.identity(await room.ledger.issuance(issuance))
    opened = await _robbed(room, tmp_path, await _lengths(room, issuance))
    assert identity.encode() in opened
    assert DOCUMENT in opened
    fields = [PrivatePart.parse(data) for data in opened if data.startswith(b'{"disclosures"')]
    assert "KR-2026-0117" in [shown.value for shown in fields[0].disclosures]
    await room.stop()


async def test_erase__old_release_and_the_log_left_alone__the_same_thief_finds_it(
    tmp_path: Path,
) -> None:
    room = await Strongroom.open(tmp_path / "data").start()
    issuance = await room.accept(locked=False)
    lengths = await _lengths(room, issuance)
    identity = await room.keyring.identity(await room.ledger.issuance(issuance))
    await room.keyring.adopt()
    lazy = replace(room, keys=_Lazy(room.keys))
    await _erase(lazy, issuance)
    assert identity.encode() in await _robbed(room, tmp_path, lengths)
    await room.stop()


class _Lazy:
    """A ledger that leaves free pages and log as they are."""

    def __init__(self, keys: Any) -> None:
        self._keys = keys

    async def compact(self) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)


async def test_erase__another_asset_of_the_same_batch__stays_whole(room: Strongroom) -> None:
    erased, kept = await room.accept(), await room.accept()
    link = (await room.issuances.view(kept)).verify_link
    await _erase(room, erased)
    assert (await room.issuances.view(kept)).verify_link == link


async def test_erase__afterwards__token_and_manifest_stay_and_the_link_data_is_gone(
    room: Strongroom,
) -> None:
    issuance = await room.accept()
    before = await room.ledger.issuance(issuance)
    link = VerificationLink.parse((await room.issuances.view(issuance)).verify_link)
    assert link.salts
    await _erase(room, issuance)
    view = await room.issuances.view(issuance)
    assert view.erased_at is not None
    assert VerificationLink.parse(view.verify_link) == VerificationLink(link.asset)
    assert [document.name for document in view.documents] == ["document-1.pdf"]
    after = await room.ledger.issuance(issuance)
    assert (after.manifest, after.asset) == (before.manifest, before.asset)
    assert (after.private, after.envelopes, after.key) == (b"", (), None)
    with pytest.raises(Erased):
        await room.issuances.private(after)
    with pytest.raises(Erased):
        await room.keyring.grant(issuance, recipient=AgeSealer().new_key().recipient)
    assert not await room.contents.has(before.documents[0].cid)


async def test_erase__both_steps__are_on_record_and_repeating_changes_nothing(
    room: Strongroom,
) -> None:
    issuance = await room.accept()
    wanted = await room.erasing().request(issuance, by="dpo", reason="request 118")
    assert (wanted.confirmed_at, wanted.finished_at) == (None, None)
    assert (await room.issuances.view(issuance)).erased_at is None
    assert wanted.code not in repr(wanted)
    done = await room.erasing().confirm(issuance, by="registrar", code=wanted.code)
    assert (done.requested_by, done.confirmed_by, done.reason) == (
        "dpo",
        "registrar",
        "request 118",
    )
    assert done.finished_at is not None
    assert await room.erasing().confirm(issuance, by="other", code=wanted.code) == done
    again = await room.erasing().request(issuance, by="other", reason="again")
    assert again == done


async def test_erase__wrong_code_or_too_early_or_nothing_asked__is_refused(
    room: Strongroom,
) -> None:
    issuance = await room.accept()
    with pytest.raises(NotFound):
        await room.erasing().confirm(issuance, by="registrar", code="00")
    patient = room.erasing(delay=timedelta(days=1))
    wanted = await patient.request(issuance, by="dpo", reason="request 118")
    for code, reason in (("00", "wrong-code"), (wanted.code, "too-early")):
        with pytest.raises(NotErasable) as refused:
            await patient.confirm(issuance, by="registrar", code=code)
        assert refused.value.reason == reason
    newer = await room.erasing().request(issuance, by="dpo", reason="request 118")
    with pytest.raises(NotErasable):
        await room.erasing().confirm(issuance, by="registrar", code=wanted.code)
    assert (await room.issuances.view(issuance)).erased_at is None
    assert (await room.erasing().confirm(issuance, by="registrar", code=newer.code)).finished_at


async def test_erase__still_being_issued__is_refused(room: Strongroom) -> None:
    issuance = await room.accept(ended=False)
    with pytest.raises(NotErasable) as refused:
        await room.erasing().request(issuance, by="dpo", reason="request 118")
    assert refused.value.reason == "under-way"


async def test_erase__anchored_and_unclaimed__needs_no_token(room: Strongroom) -> None:
    anchor = AnchorId("anchor-1")
    await room.ledger.open_anchor(anchor, at=NOW)
    issuance = await room.accept(ended=False, anchor=anchor)
    with pytest.raises(NotErasable):
        await room.erasing().request(issuance, by="dpo", reason="request 118")
    await room.ledger.advance(
        [issuance], current=IssuanceStatus.ACCEPTED, to=IssuanceStatus.STORED, at=NOW, cause="kept"
    )
    await _erase(room, issuance)
    assert (await room.issuances.view(issuance)).erased_at is not None


@pytest.mark.parametrize("die", DEATHS, ids=str)
async def test_erase__killed_on_the_way_and_restarted__is_finished(
    tmp_path: Path, die: tuple[str, str, int]
) -> None:
    folder = tmp_path / "data"
    room = await Strongroom.open(folder).start()
    issuance = await room.accept()
    lengths = await _lengths(room, issuance)
    await room.stop()
    assert killed(folder, issuance, "erase", die=die)
    room = await Strongroom.open(folder).start()
    await room.erasing().finish()
    done = await room.keys.erasure(issuance)
    assert done.finished_at is not None
    assert await _robbed(room, tmp_path, lengths) == []
    assert (await room.ledger.issuance(issuance)).manifest
    await room.stop()
