"""The sealer: what it writes is age, for whoever has the key and for nobody else."""

import io

import pyrage
import pytest

from nftsvc.adapters.age_sealer import AgeSealer, recipient_of
from nftsvc.core.errors import DiskFull, InvalidField, SealUnreadable, Unavailable

SIZES = [0, 1, 65_535, 65_536, 65_537, 3_000_000]


async def _sealed(data: bytes, recipient: str, *, step: int = 50_000) -> bytes:
    sink = io.BytesIO()
    stream = AgeSealer().stream(recipient, sink=sink)
    for start in range(0, len(data), step):
        await stream.feed(data[start : start + step])
    await stream.end()
    return sink.getvalue()


@pytest.mark.parametrize("size", SIZES)
async def test_stream__sealed__is_read_by_age_itself(size: int) -> None:
    key = AgeSealer().new_key()
    data = bytes(range(256)) * (size // 256 + 1)
    sealed = await _sealed(data[:size], key.recipient)
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")
    identity = pyrage.x25519.Identity.from_str(key.identity)
    assert pyrage.decrypt(sealed, [identity]) == data[:size]
    assert AgeSealer().open(sealed, identity=key.identity) == data[:size]


async def test_open__wrong_key_or_damaged__is_unreadable() -> None:
    sealer = AgeSealer()
    key, other = sealer.new_key(), sealer.new_key()
    sealed = await _sealed(b"the contract" * 10_000, key.recipient)
    for wrong in (other.identity, "AGE-SECRET-KEY-1NONSENSE", ""):
        with pytest.raises(SealUnreadable) as refused:
            sealer.open(sealed, identity=wrong)
        assert not wrong or wrong not in str(refused.value)
    for damaged in (sealed[:-1], sealed[:90_000] + b"x" + sealed[90_001:], b"", b"clear text"):
        with pytest.raises(SealUnreadable):
            sealer.open(damaged, identity=key.identity)


def test_seal__small__opens_with_its_key_alone() -> None:
    sealer = AgeSealer()
    key = sealer.new_key()
    sealed = sealer.seal(b"a key", recipient=key.recipient)
    assert sealer.open(sealed, identity=key.identity) == b"a key"
    assert sealer.seal(b"a key", recipient=key.recipient) != sealed
    assert recipient_of(key.identity) == key.recipient
    assert key.identity not in repr(key)


@pytest.mark.parametrize("recipient", ["", "age1", "age1zzz", "AGE-SECRET-KEY-1X", "ssh-rsa x"])
def test_recipient__not_one__is_refused_with_its_path(recipient: str) -> None:
    with pytest.raises(InvalidField) as refused:
        AgeSealer().seal(b"x", recipient=recipient)
    assert refused.value.path == "recipients"


async def test_stream__sink_is_full__says_so_and_ends() -> None:
    class Full:
        def write(self, _: bytes, /) -> None:
            raise DiskFull("no room")

    sealer = AgeSealer()
    stream = sealer.stream(sealer.new_key().recipient, sink=Full())

    async def feed() -> None:
        for _ in range(100):
            await stream.feed(bytes(100_000))
        await stream.end()

    with pytest.raises(DiskFull):
        await feed()
    await stream.abort()


async def test_stream__aborted__gives_nothing_more() -> None:
    sealer, sink = AgeSealer(), io.BytesIO()
    stream = sealer.stream(sealer.new_key().recipient, sink=sink)
    await stream.feed(bytes(1_000_000))
    await stream.abort()
    written = len(sink.getvalue())
    with pytest.raises(Unavailable):
        await stream.feed(b"more")
    assert len(sink.getvalue()) == written
