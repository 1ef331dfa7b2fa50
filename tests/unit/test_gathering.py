"""What comes while others are served is served together."""

import asyncio
from collections.abc import Sequence

import pytest

from nftsvc.flows.gathering import Gathering


async def test_gathering__many_at_once__few_calls_and_each_its_result() -> None:
    shares: list[list[int]] = []

    async def double(items: Sequence[int]) -> list[int]:
        shares.append(list(items))
        await asyncio.sleep(0.01)
        return [2 * item for item in items]

    gathering = Gathering[int, int](double, most=50)
    results = await asyncio.gather(*(gathering(n) for n in range(120)))
    assert results == [2 * n for n in range(120)]
    assert [len(share) for share in shares] == [50, 50, 20]


async def test_gathering__one_result_is_an_error__is_its_callers_alone() -> None:
    async def work(items: Sequence[int]) -> list[int | Exception]:
        return [ValueError(item) if item == 1 else item for item in items]

    gathering = Gathering[int, int](work, most=10)
    zero, one, two = await asyncio.gather(*map(gathering, range(3)), return_exceptions=True)
    assert (zero, two) == (0, 2)
    assert isinstance(one, ValueError)


async def test_gathering__work_fails__is_told_to_all_and_the_next_are_served() -> None:
    calls = 0

    async def work(items: Sequence[int]) -> Sequence[int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("gone")
        return items

    gathering = Gathering[int, int](work, most=10)
    results = await asyncio.gather(gathering(1), gathering(2), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError]
    assert await gathering(3) == 3


async def test_gathering__caller_is_cancelled__the_others_are_served() -> None:
    async def work(items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0.01)
        return items

    gathering = Gathering[int, int](work, most=10)
    first, second = (asyncio.create_task(gathering(n)) for n in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
