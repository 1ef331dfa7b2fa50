"""The spool: a request's files are there whole, or not at all."""

import os
import time
from pathlib import Path

import pytest

from nftsvc.adapters.spool import LONG_SECONDS, FolderSpool
from nftsvc.core.errors import ContentMissing, DiskFull
from nftsvc.core.types import IssuanceId

ONE = IssuanceId("iss-one")


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


async def test_left_behind__only_what_is_old(tmp_path: Path) -> None:
    spool = FolderSpool(tmp_path)
    await _stage(spool, b"a")
    half = tmp_path / ".incoming" / "iss-half"
    half.mkdir()
    assert await spool.left_behind() == frozenset()
    old = time.time() - LONG_SECONDS - 60
    os.utime(tmp_path / ONE, (old, old))
    os.utime(half, (old, old))
    assert await spool.left_behind() == {ONE}
    assert not half.exists()
