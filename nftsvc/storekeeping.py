"""The commands for the store that comes with the service: `nftsvc store`.

They may be used while the service runs: what is half written is never looked at.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nftsvc.core.audits import Audit, AuditResult
from nftsvc.core.cid import Cid
from nftsvc.core.errors import Contradiction, Unavailable

if TYPE_CHECKING:
    from nftsvc.adapters.embedded_store import EmbeddedStore
    from nftsvc.flows.store_audit import StoreReport

store_app = typer.Typer(help="Look after the store that comes with the service.")

_DAMAGED: Final = 1

DataDir = Annotated[
    Path,
    typer.Option(
        envvar="NFTSVC_DATA_DIR",
        exists=True,
        file_okay=False,
        help="The service's data folder, as in its settings.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is wrong with one content."""

    cid: Cid
    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        return {"cid": str(self.cid), "code": self.code, "detail": self.detail}


@store_app.command("check")
def check(*, data_dir: DataDir, as_json: AsJson = False) -> None:
    """Read everything back and compare each block with its CID.

    Exit code: 0 all is whole, 1 something is damaged, 2 something could not be read.
    """
    store = _open(data_dir)
    checked = asyncio.run(_check(store))
    findings = checked.findings
    if as_json:
        damaged = [finding.as_json() for finding in findings]
        packs = [str(path) for path in checked.unreadable]
        _tell(
            {
                "contents": checked.contents,
                "bytes": checked.size,
                "damaged": damaged,
                "unreadable": packs,
            }
        )
    else:
        for finding in findings:
            typer.echo(f"damaged: {finding.cid}: {finding.detail}")
        for path in checked.unreadable:
            typer.echo(f"damaged: {path} does not say what it holds")
        count = len(findings) + len(checked.unreadable)
        typer.echo(f"{checked.contents} contents, {count} damaged, {checked.size} bytes read back")
    raise typer.Exit(_DAMAGED if findings or checked.unreadable else 0)


@store_app.command("repair")
def repair(
    *,
    data_dir: DataDir,
    kubo: Annotated[
        str | None, typer.Option("--kubo", help="RPC address of a node to fetch it from.")
    ] = None,
    bearer_file: Annotated[
        Path | None, typer.Option("--bearer-file", help="File with that node's token.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch damaged content from a Kubo node, or else set it aside; tidy the packs.

    What stays missing can be put back with `nftsvc store import`. Exit code: 0 all is whole
    now, 1 something stays missing, 2 a disk or the node could not be asked.
    """
    store = _open(data_dir)
    aside = store.mend_packs()
    repaired, missing = asyncio.run(_repair(store, kubo, bearer_file))
    if as_json:
        _tell(
            {
                "repaired": [str(cid) for cid in repaired],
                "missing": [str(cid) for cid in missing],
                "unreadable": [str(path) for path in aside],
            }
        )
    else:
        for path in aside:
            typer.echo(f"set aside, as it does not say what it held: {path}")
        for cid in repaired:
            typer.echo(f"repaired: {cid}")
        for cid in missing:
            typer.echo(f"set aside, and missing now: {cid}")
    raise typer.Exit(_DAMAGED if missing or aside else 0)


@store_app.command("export")
def export(
    cid: Annotated[str, typer.Argument(help="The content, in any spelling of its CID.")],
    *,
    data_dir: DataDir,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; it must not exist. - to print.")
    ] = Path("-"),
) -> None:
    """Write a content as a CARv1 archive, as `ipfs dag import` takes it."""
    store, named = _open(data_dir), Cid.parse(cid)
    with _complaining():
        asyncio.run(store.verify(named))
        try:
            asyncio.run(_write(store.archive(named), output))
        except FileExistsError as error:
            raise typer.BadParameter(f"{output} exists already") from error
        except OSError as error:
            raise Unavailable(f"cannot write {output}: {error.strerror}") from error


@store_app.command("import")
def import_archives(
    archives: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    *,
    data_dir: DataDir,
    as_json: AsJson = False,
) -> None:
    """Keep the contents of CARv1 archives, such as `ipfs dag export` writes."""
    store = _open(data_dir)
    taken = []
    for archive in archives:
        with _complaining():
            taken += [(archive, cid) for cid in asyncio.run(store.take(archive))]
    if as_json:
        _tell({"contents": [{"archive": str(name), "cid": str(cid)} for name, cid in taken]})
    else:
        for _, cid in taken:
            typer.echo(str(cid))


@store_app.command("audit")
def audit(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every byte of everything, not one asset at random.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look again at what the service keeps, in every store, and mend what was lost.

    With the service's settings (NFTSVC_...), beside it or without it. Exit code: 0 enough
    stores have it all, 1 some content is in fewer than wanted, 2 nothing could be asked.
    """
    found, report = asyncio.run(_audit(everything=everything))
    losses = [look for look in found if look.result is not AuditResult.WHOLE]
    if as_json:
        _tell(
            {
                "audits": len(found),
                "wanted": report.wanted,
                "lacking": report.lacking,
                "findings": [
                    {
                        "cid": str(look.cid),
                        "store": look.store,
                        "result": look.result.value,
                        "detail": look.detail,
                    }
                    for look in losses
                ],
            }
        )
    else:
        for look in losses:
            typer.echo(f"{look.result}: {look.cid} in {look.store}: {look.detail}")
        stores = ", ".join(report.stores)
        typer.echo(f"{len(found)} audits of {stores}")
        typer.echo(f"{report.lacking} contents in fewer than {report.wanted} stores")
    raise typer.Exit(_DAMAGED if report.lacking else 0)


class _complaining:  # noqa: N801 - reads as the statement it is
    """Ends the command with a line and exit code 1 where an answer was false."""

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Contradiction):
            typer.echo(f"nftsvc: {error} ({error.code})", err=True)
            raise typer.Exit(_DAMAGED) from error


def _open(data_dir: Path) -> "EmbeddedStore":
    # Loading the port takes longer than all that most other commands do.
    from nftsvc.adapters.embedded_store import EmbeddedStore  # noqa: PLC0415

    root = data_dir / "content"
    if not root.is_dir():
        raise typer.BadParameter(f"{data_dir} holds no content store")
    return EmbeddedStore(root)


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a look at everything found. `size` in bytes, of what is whole."""

    contents: int
    size: int
    findings: list[_Finding]
    unreadable: list[Path]


async def _check(store: "EmbeddedStore") -> _Checked:
    findings, count, size = [], 0, 0
    for cid in store.contents():
        count += 1
        try:
            size += await store.verify(cid)
        except Contradiction as error:
            findings.append(_Finding(cid, error.code, str(error)))
    return _Checked(count, size, findings, store.unreadable())


async def _audit(*, everything: bool) -> "tuple[list[Audit], StoreReport]":
    from nftsvc.bootstrap import auditing  # noqa: PLC0415
    from nftsvc.settings import Settings  # noqa: PLC0415

    async with auditing(Settings.load()) as audits:
        if everything:
            found = [look async for looks in audits.everything() for look in looks]
        else:
            found = await audits.sample()
        return found, await audits.report()


async def _write(chunks: AsyncIterator[bytes], output: Path) -> None:
    if output == Path("-"):
        async for data in chunks:
            sys.stdout.buffer.write(data)
        return
    with output.open("xb") as sink:
        try:
            async for data in chunks:
                sink.write(data)
            sink.flush()
        except BaseException:
            await asyncio.to_thread(output.unlink)
            raise


async def _repair(
    store: "EmbeddedStore", kubo: str | None, bearer_file: Path | None
) -> tuple[list[Cid], list[Cid]]:
    from nftsvc.adapters.kubo_store import KuboStore  # noqa: PLC0415

    findings = (await _check(store)).findings
    node = KuboStore(kubo, bearer_file=bearer_file) if kubo else None
    repaired: list[Cid] = []
    missing: list[Cid] = []
    try:
        for cid in (finding.cid for finding in findings):
            try:
                fetched = await store.put(node.read(cid)) if node else None
            except Contradiction:
                fetched = None
            if fetched == cid:
                repaired.append(cid)
            else:
                store.set_aside(cid)
                missing.append(cid)
    finally:
        if node:
            await node.close()
    return repaired, missing


def _tell(facts: dict[str, Any]) -> None:
    typer.echo(json.dumps(facts))
