"""Lines of any length, however the network cuts them."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.errors import TooLarge
from nftsvc.web.ndjson import lines


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(data: bytes, *, size: int, longest: int) -> list[bytes | None]:
    found = [line async for line in lines(cut(data, size), longest=longest)]
    return [None if isinstance(line, TooLarge) else line for line in found]


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"-").strip())),
    st.integers(1, 60),
)
async def test_lines__cut_anywhere__are_those_that_were_sent(sent: list[bytes], size: int) -> None:
    expected = [line if len(line) <= 20 else None for line in sent if line]
    assert await read(b"\n".join(sent), size=size, longest=20) == expected


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_lines__one_too_long__the_next_is_read(size: int) -> None:
    data = b"a\n" + b"x" * 500 + b"\nb\n" + b"y" * 30
    assert await read(data, size=size, longest=20) == [b"a", None, b"b", None]
