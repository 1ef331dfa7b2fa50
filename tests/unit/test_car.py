"""CARv1: what is written is read, and what is damaged is refused."""

import hashlib
import io

import pytest

from nftsvc.core import car
from nftsvc.core.cid import Cid
from nftsvc.core.types import Digest
from nftsvc.core.unixfs import Block, UnixfsBuilder


def archive() -> tuple[Cid, list[Block], bytes]:
    builder = UnixfsBuilder()
    data = hashlib.shake_128(b"car").digest(600_000)
    blocks = [*builder.feed(data), *builder.finish()]
    return builder.root, blocks, car.header(builder.root) + b"".join(map(car.section, blocks))


def test_car__written__reads_back() -> None:
    root, blocks, data = archive()
    source = io.BytesIO(data)
    assert car.read_root(source) == root
    found = [(cid, data[start : start + size]) for cid, start, size in car.index(source)]
    assert found == [(block.cid, block.data) for block in blocks]


def test_header__of_any_root__has_one_length() -> None:
    assert {len(car.header(Cid.raw(Digest(bytes([n]) * 32)))) for n in range(9)} == {
        car.HEADER_BYTES
    }


@pytest.mark.parametrize("cut", [1, 100, 300_000])
def test_index__cut_off__is_refused(cut: int) -> None:
    _, _, data = archive()
    source = io.BytesIO(data[:-cut])
    car.read_root(source)
    with pytest.raises(car.MalformedCar):
        list(car.index(source))


@pytest.mark.parametrize("data", [b"", b"\0" * 200, b"not an archive at all" * 10])
def test_read_root__no_archive__is_refused(data: bytes) -> None:
    with pytest.raises(car.MalformedCar):
        car.read_root(io.BytesIO(data))
