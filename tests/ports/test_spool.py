"""The spool: a request's files are there whole, or not at all."""

import os
import time
from pathlib import Path

import pytest

from nftsvc.adapters.spool import FolderSpool
from nftsvc.core.errors import ContentMissing, DiskFull
from nftsvc.core.types import IssuanceId

ONE, OTHER = IssuanceId("iss-one"), IssuanceId("iss-other")


async def _read(spool: FolderSpool, position: int) -> bytes:
    return b"".join([chunk async for chunk in spool.read(ONE, position)])


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def _stage(spool: FolderSpool, *files: bytes) -> None:
    async with spool.stage(ONE) as staging:
        for position, data in enumerate(files):
            staging.create(position).write(data)
        await staging.commit()


async def test_commit__files__are_there_after_a_restart(tmp_path: Path) -> None:
    await _stage(FolderSpool(tmp_path), b"a" * 3_000_000, b"")
    spool = FolderSpool(tmp_path)
    assert await _read(spool, 0) == b"a" * 3_000_000
    assert await _read(spool, 1) == b""
    await spool.discard([ONE])
    await spool.discard([ONE])
    with pytest.raises(ContentMissing):
        await _read(spool, 0)


async def test_stage__left_by_an_error__nothing_stays(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)

    async def break_off() -> None:
        async with spool.stage(ONE) as staging:
            staging.create(0).write(b"half")
            raise RuntimeError("refused")

    with pytest.raises(RuntimeError):
        await break_off()
    assert _files(tmp_path) == []


async def test_staged__looked_into__is_what_was_written(tmp_path: Path) -> None:
    async with FolderSpool(tmp_path).stage(ONE) as staging:
        staging.create(0).write(b"content")
        with staging.look_into(0) as file:
            assert file.read() == b"content"


async def test_write__disk_full__says_so_and_nothing_stays(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)

    async def fill() -> None:
        async with spool.stage(ONE) as staging:
            sink = staging.create(0)
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, sink._file.fileno())  # type: ignore[attr-defined]
            os.close(full)
            sink.write(bytes(10_000_000))
            await staging.commit()

    with pytest.raises(DiskFull):
        await fill()
    assert _files(tmp_path) == []


async def test_left_behind__what_nobody_takes_in__whatever_the_clock_says(tmp_path: Path) -> None:
    spool, other = FolderSpool(tmp_path), FolderSpool(tmp_path)
    await _stage(spool, b"a")
    killed = tmp_path / ".incoming" / "iss-killed"
    killed.mkdir()
    async with spool.stage(OTHER) as staging:
        staging.create(0).write(b"half of it")
        for folder in (tmp_path / ".incoming" / OTHER, tmp_path / ONE):
            for age in (0, 10**8, -(10**8)):
                os.utime(folder, (time.time() - age,) * 2)
                assert await other.left_behind() == {ONE}
        assert not killed.exists()
        await staging.commit()
        # It has its name, and whether it is accepted is not known before the staging ends.
        assert await other.left_behind() == {ONE}
    assert await other.left_behind() == {ONE, OTHER}
    assert b"".join([chunk async for chunk in other.read(OTHER, 0)]) == b"half of it"
