"""`nftsvc import`: a folder of documents and a table of deals, sent to a running service.

Each row has an idempotency key made of what it says and of its documents' bytes: however often the
import is broken off and begun again, each row becomes one token. What was accepted is noted in a
journal beside the table, so that it is not sent again.
"""

import asyncio
import base64
import csv
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from nftsvc.adapters.service_client import ServiceClient, ServiceRefused
from nftsvc.core import canonical
from nftsvc.core.canonical import Json
from nftsvc.core.drafting import DEAL_MEDIA
from nftsvc.core.errors import InvalidField, InvalidMedia, Unavailable
from nftsvc.core.fields import check_file_name
from nftsvc.core.media import ENDINGS, check_media
from nftsvc.core.trade.columns import (
    DOCUMENTS,
    check_columns,
    deal_of,
    documents_of,
    problems_of,
)

AT_ONCE: Final = 3
ITEMS: Final = 500
REQUEST_BYTES: Final = 8 * 1024 * 1024
LARGE_BYTES: Final = 700_000
"""Rows with more than this in documents are sent alone, as a stream."""
AGAIN: Final = frozenset({409, 429, 503})


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be sent. `number` is its line in the table, the header being 1."""

    number: int
    key: str
    deal: Json = field(repr=False)
    files: tuple[tuple[Path, str], ...]

    def item(self) -> bytes:
        """The row as a line of a batch request."""
        documents: list[Json] = [
            {
                "name": path.name,
                "mediaType": media_type,
                "base64": base64.b64encode(path.read_bytes()).decode(),
            }
            for path, media_type in self.files
        ]
        item: Json = {"idempotencyKey": self.key, "deal": self.deal, "documents": documents}
        return orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row was refused: the column at fault where there is one, and permanent words."""

    row: int
    column: str
    reason: str
    detail: str


@dataclass(slots=True)
class Outcome:
    """How an import went; counts are of rows."""

    rows: int = 0
    accepted: int = 0
    already: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def refused(self) -> int:
        return len({refusal.row for refusal in self.refusals})

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "already": self.already,
            "refused": self.refused,
        }


class Table:
    """A table of deals in CSV (UTF-8, RFC 4180) with the folder of their documents."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        with self._open() as file:
            self._header = [name.strip() for name in next(csv.reader(file), [])]
        check_columns(self._header)

    def count(self) -> int:
        """How many rows there are."""
        return sum(1 for _ in self._cells())

    def rows(self) -> Iterator[Row | list[Refusal]]:
        """Each row as it can be sent, or what is wrong with its files."""
        for number, cells in self._cells():
            files, refusals = self._files(number, cells)
            if refusals:
                yield refusals
            else:
                deal = deal_of(cells)
                yield Row(number, _key(deal, files), deal, tuple(files))

    def anchor(self) -> str:
        """A name for an anchor of exactly these rows: the same whenever the import is repeated."""
        digest = hashlib.sha256()
        for row in self.rows():
            if isinstance(row, Row):
                digest.update(row.key.encode())
        return f"import-{digest.hexdigest()[:32]}"

    def problems(self) -> Iterator[list[Refusal]]:
        """For each row all that is wrong with it, without asking anybody."""
        for number, cells in self._cells():
            _, refusals = self._files(number, cells)
            refusals += [Refusal(number, p.path, p.reason, p.detail) for p in problems_of(cells)]
            yield refusals

    def _cells(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        with self._open() as file:
            reader = csv.reader(file)
            next(reader)
            for values in reader:
                if any(value.strip() for value in values):
                    padded = [*values, *([""] * (len(self._header) - len(values)))]
                    yield reader.line_num, dict(zip(self._header, padded, strict=False))

    def _open(self) -> Any:
        return self._path.open(encoding="utf-8-sig", newline="")

    def _files(
        self, number: int, cells: Mapping[str, str]
    ) -> tuple[list[tuple[Path, str]], list[Refusal]]:
        names = documents_of(cells)
        files: list[tuple[Path, str]] = []
        refusals = [] if names else [Refusal(number, DOCUMENTS, "missing", "there is no file")]
        for name in names:
            try:
                files.append(self._file(name))
            except InvalidField as error:
                refusals.append(Refusal(number, DOCUMENTS, error.reason, error.detail))
            except InvalidMedia as error:
                refusals.append(Refusal(number, DOCUMENTS, error.code, f"{name}: {error.detail}"))
        return files, refusals

    def _file(self, name: str) -> tuple[Path, str]:
        check_file_name(name, path=DOCUMENTS)
        path = self._folder / name
        media_type = ENDINGS.get(path.suffix.lower(), "")
        if media_type not in DEAL_MEDIA:
            known = ", ".join(end for end, type_ in ENDINGS.items() if type_ in DEAL_MEDIA)
            raise InvalidMedia(f"does not end in {known}", declared=media_type)
        try:
            with path.open("rb") as file:
                check_media(file, declared=media_type)
        except OSError as error:
            raise InvalidField(
                DOCUMENTS, reason="unreadable", detail=f"{name}: {error.strerror}"
            ) from error
        return path, media_type


class Journal:
    """What was accepted, a line each, for its owner alone: the links in it are secrets."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.keys = frozenset(entry["key"] for entry in self._entries())
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "ab")
        # A line that a kill cut off must not swallow the next one.
        if self._file.tell():
            self._file.write(b"\n")

    def note(self, row: Row, issuance: dict[str, Any]) -> None:
        entry = {"row": row.number, "key": row.key, "issuance": issuance}
        self._file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _entries(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue


class Importer:
    """Sends a table's rows; `on_progress` is told how many rows were answered since."""

    def __init__(
        self,
        client: ServiceClient,
        journal: Journal,
        *,
        patience: float,
        on_progress: Callable[[int], None],
        anchor: str | None = None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._patience = patience
        self._on_progress = on_progress
        self._anchor = anchor
        self._outcome = Outcome()

    async def send(self, table: Table) -> Outcome:
        """Raises `Unavailable` where the service stayed away; the journal has what it accepted."""
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            async for share in self._shares(table):
                await room.acquire()
                task = group.create_task(self._send(share))
                task.add_done_callback(lambda _: room.release())
        return self._outcome

    async def _shares(self, table: Table) -> AsyncIterator[list[Row]]:
        share: list[Row] = []
        size = 0
        for row in table.rows():
            self._outcome.rows += 1
            if isinstance(row, list):
                self._outcome.refusals += row
                self._on_progress(1)
                continue
            if row.key in self._journal.keys:
                self._outcome.already += 1
                self._on_progress(1)
                continue
            weight = sum(path.stat().st_size for path, _ in row.files)
            if weight > LARGE_BYTES:
                yield [row]
                continue
            share.append(row)
            size += weight
            if len(share) == ITEMS or size > REQUEST_BYTES:
                yield share
                share, size = [], 0
        if share:
            yield share

    async def _send(self, rows: list[Row]) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience
        while rows:
            try:
                rows = await self._attempt(rows)
                pause = 1
            except Unavailable as away:
                pause = away.retry_after
                if asyncio.get_running_loop().time() > deadline:
                    raise
            if rows:
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable(f"{len(rows)} rows were not taken")
                await asyncio.sleep(pause)

    async def _attempt(self, rows: list[Row]) -> list[Row]:
        """Those that are to be sent again."""
        if len(rows) == 1 and sum(p.stat().st_size for p, _ in rows[0].files) > LARGE_BYTES:
            return await self._send_alone(rows[0])
        body = b"".join([row.item() for row in rows])
        answers = await self._client.batch("deals", body, anchor=self._anchor)
        again = []
        for row, answer in zip(rows, answers, strict=True):
            if answer["status"] == 202:
                self._accept(row, answer["issuance"])
            elif answer["status"] in AGAIN:
                again.append(row)
            else:
                self._refuse(row, answer["problem"])
        self._journal.flush()
        self._on_progress(len(rows) - len(again))
        return again

    async def _send_alone(self, row: Row) -> list[Row]:
        try:
            issuance = await self._client.issue(
                "deals", canonical.dump(row.deal), row.files, idempotency_key=row.key
            )
        except ServiceRefused as refused:
            self._refuse(row, refused.problem)
        else:
            self._accept(row, issuance)
            self._journal.flush()
        self._on_progress(1)
        return []

    def _accept(self, row: Row, issuance: dict[str, Any]) -> None:
        self._outcome.accepted += 1
        self._journal.note(row, issuance)

    def _refuse(self, row: Row, problem: dict[str, Any]) -> None:
        for fault in problem.get("errors") or [{}]:
            self._outcome.refusals.append(
                Refusal(
                    row.number,
                    str(fault.get("path", "")).removeprefix("deal."),
                    str(fault.get("reason", problem.get("code", ""))),
                    str(fault.get("detail", problem.get("detail", ""))),
                )
            )


def write_report(path: Path, refusals: list[Refusal]) -> None:
    """What was refused and why, as CSV; no file where nothing was."""
    if not refusals:
        path.unlink(missing_ok=True)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "column", "reason", "detail"])
        for refusal in sorted(refusals, key=lambda r: (r.row, r.column)):
            writer.writerow([refusal.row, refusal.column, refusal.reason, refusal.detail])


def _key(deal: Json, files: list[tuple[Path, str]]) -> str:
    digest = hashlib.sha256(canonical.dump(deal))
    for path, media_type in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\n{path.name}\n{media_type}\n{content}".encode())
    return f"import-{digest.hexdigest()}"
