"""The command line: `nftsvc`.

Exit codes: 0 done (for `verify`: authentic); 1 refused (for `verify`: not authentic; for
`status`: something needs an operator); 2 could not ask, ask again later; 64 the command was used
wrongly; 70 a fault of ours.

The service and the chain are imported by the commands that need them: loading web3 takes
longer than all that `cid` does.
"""

import asyncio
import gc
import hashlib
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from nftsvc import terminal
from nftsvc.adapters.folder import cid_of_folder
from nftsvc.adapters.service_client import ServiceClient, ServiceRefused
from nftsvc.chainkeeping import chain_app
from nftsvc.core import media
from nftsvc.core.errors import Misconfigured, NftsvcError, Refused, Unavailable
from nftsvc.core.handover import MAX_BYTES as MAX_DISCLOSURE
from nftsvc.core.handover import DisclosureFile, is_disclosure_file
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import Digest
from nftsvc.core.unixfs import cid_of_stream
from nftsvc.core.verify import Verdict
from nftsvc.keykeeping import disclose, erase, keys_app
from nftsvc.ports import Role
from nftsvc.storekeeping import store_app

DONE, REFUSED, COULD_NOT_ASK, USAGE, INTERNAL = 0, 1, 2, 64, 70
YOUNG_OBJECTS: Final = 20_000
"""So many objects are made before the collector looks for rings among them."""
VERDICT_EXITS: Final = dict.fromkeys(Verdict, REFUSED) | {
    Verdict.AUTHENTIC: DONE,
    Verdict.PENDING: COULD_NOT_ASK,
    Verdict.UNVERIFIABLE: COULD_NOT_ASK,
}
app = typer.Typer(
    name="nftsvc",
    help="Anchor export contracts and product content as tokens, and verify them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
issue_app = typer.Typer(help="Issue a token for a deal or for product content.")
app.add_typer(issue_app, name="issue")
app.add_typer(store_app, name="store")
app.add_typer(keys_app, name="keys")
app.command("disclose")(disclose)
app.command("erase")(erase)
app.add_typer(chain_app, name="chain")

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Service = Annotated[
    str,
    typer.Option("--service", envvar="NFTSVC_URL", help="Address of the service you trust."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", envvar="NFTSVC_API_TOKEN_FILE", help="File that holds the API token."
    ),
]
Documents = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it until it is final.")]
WithQr = Annotated[bool, typer.Option("--qr", help="Print the buyer's link as a QR code too.")]
IdempotencyKey = Annotated[
    str | None, typer.Option("--idempotency-key", help="Makes repeating this very command safe.")
]
Amends = Annotated[
    str | None,
    typer.Option("--amends", metavar="TOKEN", help="Make it the next version of this asset."),
]
DEFAULT_SERVICE: Final = "http://127.0.0.1:8080"


@app.command()
def cid(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a folder, or - for standard input.")
    ],
    v0: Annotated[bool, typer.Option("--v0", help="The old form: Qm..., dag-pb leaves.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the CID that IPFS would give a file or a folder.

    Computed here, as Kubo does it (`ipfs add -r`, which passes over hidden files); nothing is
    stored and no node is asked.
    """
    version = 0 if v0 else 1
    if path == "-":
        found = cid_of_stream(sys.stdin.buffer, version=version)
    elif Path(path).is_dir():
        found = cid_of_folder(Path(path), version=version)
    else:
        file = _file(path)
        with file.open("rb") as stream, _hashing(file) as progress:
            task = progress.add_task(file.name, total=file.stat().st_size)
            found = cid_of_stream(
                stream,
                version=version,
                on_progress=lambda done: progress.update(task, completed=done),
            )
    typer.echo(json.dumps({"cid": str(found)}) if as_json else str(found))


@issue_app.command("deal")
def issue_deal(
    deal: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The deal as JSON.")],
    files: Documents,
    wait: Wait = False,
    qr: WithQr = False,
    key: IdempotencyKey = None,
    amends: Amends = None,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Issue the token of a closed deal.

    Its terms as JSON, its documents as files; these are encrypted before they are stored.
    """
    _run(
        _issue(
            "deals",
            deal.read_bytes(),
            [(file, _media_type(file)) for file in files],
            wait=wait,
            qr=_readable(qr, as_json=as_json),
            key=key,
            amends=amends,
            service=service,
            token=_secret(token_file),
            as_json=as_json,
        )
    )


@issue_app.command("content")
def issue_content(
    content: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="As JSON.")],
    files: Documents,
    wait: Wait = False,
    qr: WithQr = False,
    key: IdempotencyKey = None,
    amends: Amends = None,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Issue the token of a product's content.

    3D models, pictures, catalogues: public, and shown on the asset's page.
    """
    _run(
        _issue(
            "contents",
            content.read_bytes(),
            [(file, _media_type(file)) for file in files],
            wait=wait,
            qr=_readable(qr, as_json=as_json),
            key=key,
            amends=amends,
            service=service,
            token=_secret(token_file),
            as_json=as_json,
        )
    )


@app.command("import")
def import_deals(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Where the documents are.")
    ],
    table: Annotated[
        Path,
        typer.Option("--csv", exists=True, dir_okay=False, help="The deals, a row each."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row; ask no service, send nothing.")
    ] = False,
    anchor: Annotated[
        bool,
        typer.Option(
            "--anchor", help="Anchor all rows by one Merkle root; tokens are claimed on demand."
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the anchor until it is final.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Where refused rows are told; by default beside the table."),
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", help="Seconds to wait for a service that is away.")
    ] = 60.0,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Issue the tokens of many deals: a table, and a folder with their documents.

    Columns are called as the deal's fields are (exporter.name, goods[0].hsCode); `documents` holds
    file names, separated by semicolons. May be broken off and begun again at any time: each row
    becomes one token. Exit code: 0 all rows taken, 1 some refused, 2 the service was away.
    """
    _run(
        _import(
            folder,
            table,
            report=report or table.with_suffix(".refused.csv"),
            dry_run=dry_run,
            anchor=anchor,
            wait=wait,
            patience=patience,
            service=service,
            token="" if dry_run else _secret(token_file),
            as_json=as_json,
        )
    )


@app.command()
def claim(
    issuance: Annotated[str, typer.Argument(help="An anchored issuance, as the import noted it.")],
    wait: Wait = False,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Issue the token of a document that was anchored with many others."""
    _run(_claim(issuance, wait=wait, service=service, token=_secret(token_file), as_json=as_json))


@app.command()
def history(
    token: Annotated[str, typer.Argument(help="0x and 64 hex digits, decimal, or CAIP-19.")],
    service: Service = DEFAULT_SERVICE,
    as_json: AsJson = False,
) -> None:
    """Show what happened to one asset, as the chain tells it."""
    _run(_history(token, service, as_json=as_json))


@app.command()
def verify(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="The document, or disclosed fields."),
    ],
    link: Annotated[
        str | None, typer.Argument(help="The link that came with it; a public file needs none.")
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(
            "--service", envvar="NFTSVC_URL", help="Service whose trust list and endpoints to use."
        ),
    ] = None,
    rpc: Annotated[
        list[str] | None, typer.Option("--rpc", help="RPC endpoint of the chain; repeat for more.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option("--trust", help="Your own trust list, as a JSON file.")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option("--quorum", min=1, help="How many endpoints must agree.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a file is the one that was anchored. The file does not leave this machine.

    Exit code: 0 authentic, 1 not authentic, 2 could not be checked (yet), 64 wrong use.
    """
    from nftsvc.verifying import verify_file

    parsed = VerificationLink.parse(link) if link is not None else None
    disclosure = _disclosure(file)
    digest = _sha256(file) if disclosure is None else None
    report = asyncio.run(
        verify_file(
            digest,
            parsed,
            service=service,
            rpc=rpc,
            trust=trust,
            quorum=quorum,
            disclosure=disclosure,
        )
    )
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        terminal.show_verdict(out, report)
    raise typer.Exit(VERDICT_EXITS[Verdict(report["verdict"])])


@app.command()
def status(
    service: Service = DEFAULT_SERVICE, token_file: TokenFile = None, as_json: AsJson = False
) -> None:
    """Show how the service stands.

    What waits, the senders' lanes and balances, the chain, the workers, and alarms. Exits with 1
    where an alarm holds or the chain does not answer.
    """
    _run(_status(service, token=_secret(token_file), as_json=as_json))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    role: Annotated[
        Role | None,
        typer.Option(help="Take in requests, carry them out, or both; else NFTSVC_ROLE says."),
    ] = None,
) -> None:
    """Run the service.

    Its settings are read from the environment (NFTSVC_...).
    """
    import uvicorn

    from nftsvc.bootstrap import bootstrap
    from nftsvc.settings import Settings
    from nftsvc.web.app import create_app

    given = {} if role is None else {"role": role.value}
    web = create_app(bootstrap(Settings.load(**given)))
    config = uvicorn.Config(web, host=host, port=port, log_level="warning", server_header=False)
    # What is loaded now stays: to look through it again and again costs a tenth of the service.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    uvicorn.Server(config).run()


async def _status(service: str, *, token: str, as_json: bool) -> None:
    async with ServiceClient(service, token=token) as client:
        found = await client.get("/v1/status")
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        terminal.show_status(out, found)
    if found["status"] != "ok":
        raise typer.Exit(REFUSED)


async def _history(token: str, service: str, *, as_json: bool) -> None:
    async with ServiceClient(service) as client:
        asset = await client.get(f"/v1/assets/{token}")
        records = await client.history(token)
    if as_json:
        typer.echo(json.dumps({"asset": asset, "records": records}, ensure_ascii=False))
    else:
        terminal.show_history(out, asset, records)


async def _import(
    folder: Path,
    table: Path,
    *,
    report: Path,
    dry_run: bool,
    anchor: bool,
    wait: bool,
    patience: float,
    service: str,
    token: str,
    as_json: bool,
) -> None:
    from nftsvc import importing

    rows, anchored = importing.Table(table, folder), None
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=as_json) as progress:
        bar = progress.add_task("checking" if dry_run else "sending", total=rows.count())
        if dry_run:
            outcome = importing.Outcome()
            for refusals in rows.problems():
                outcome.rows += 1
                outcome.refusals += refusals
                progress.advance(bar)
        else:
            journal = importing.Journal(table.with_suffix(".journal.ndjson"))
            try:
                async with ServiceClient(service, token=token, timeout=120) as client:
                    name = rows.anchor() if anchor else None
                    if name is not None:
                        await client.open_anchor(name)
                    importer = importing.Importer(
                        client,
                        journal,
                        patience=patience,
                        on_progress=lambda count: progress.advance(bar, count),
                        anchor=name,
                    )
                    outcome = await importer.send(rows)
                    if name is not None and outcome.accepted + outcome.already:
                        anchored = await client.seal_anchor(name)
                        if wait:
                            async for anchored in client.follow_anchor(name):
                                progress.update(bar, description=str(anchored["status"]))
            except* Unavailable as away:
                raise away.exceptions[0] from None
            finally:
                journal.close()
    importing.write_report(report, outcome.refusals)
    counts = outcome.to_json() | ({"anchor": anchored} if anchored else {})
    if as_json:
        typer.echo(json.dumps(counts | {"report": str(report)}))
    else:
        terminal.show_import(out, counts, report=str(report), dry_run=dry_run)
    if outcome.refusals or (anchored or {}).get("status") == "failed":
        raise typer.Exit(REFUSED)


async def _claim(issuance_id: str, *, wait: bool, service: str, token: str, as_json: bool) -> None:
    async with ServiceClient(service, token=token) as client:
        issuance = await client.claim(issuance_id)
        if wait:
            async for step in client.follow_claim(issuance_id):
                issuance = step
    if as_json:
        typer.echo(json.dumps(issuance, ensure_ascii=False))
    else:
        terminal.show_issuance(out, issuance)
    if issuance["leaf"]["claim"]["status"] == "failed":
        raise typer.Exit(REFUSED)


async def _issue(
    what: str,
    request: bytes,
    documents: list[tuple[Path, str]],
    *,
    wait: bool,
    qr: bool,
    key: str | None,
    amends: str | None,
    service: str,
    token: str,
    as_json: bool,
) -> None:
    async with ServiceClient(service, token=token) as client:
        issuance = await client.issue(what, request, documents, idempotency_key=key, amends=amends)
        if wait:
            shown: set[str] = set()
            async for step in client.follow(issuance["id"]):
                issuance = step
                if not as_json:
                    terminal.show_progress(out, step, shown=shown)
    if as_json:
        typer.echo(json.dumps(issuance, ensure_ascii=False))
    else:
        terminal.show_issuance(out, issuance)
    if issuance["status"] == "failed":
        raise typer.Exit(REFUSED)
    if qr and (link := issuance["links"]["verify"]):
        terminal.show_qr(link)


def _readable(qr: bool, *, as_json: bool) -> bool:
    if qr and as_json:
        raise typer.BadParameter("--json prints one JSON object, and no QR code")
    return qr


def _disclosure(file: Path) -> DisclosureFile | None:
    if file.stat().st_size > MAX_DISCLOSURE or not is_disclosure_file(file.read_bytes()):
        return None
    return DisclosureFile.parse(file.read_bytes())


def _sha256(file: Path) -> Digest:
    digest = hashlib.sha256()
    with file.open("rb") as stream, _hashing(file) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        while data := stream.read(1024 * 1024):
            digest.update(data)
            progress.advance(task, len(data))
    return Digest(digest.digest())


def _hashing(file: Path) -> Progress:
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    big_enough_to_watch = file.stat().st_size > 32 * 1024 * 1024
    return Progress(*columns, console=err, transient=True, disable=not big_enough_to_watch)


def _file(path: str) -> Path:
    file = Path(path)
    if not file.is_file():
        raise typer.BadParameter(f"{path} is not a file")
    return file


def _media_type(file: Path) -> str:
    media_type = media.ENDINGS.get(file.suffix.lower())
    if media_type is None:
        raise typer.BadParameter(f"{file.name} does not end in {', '.join(media.ENDINGS)}")
    return media_type


def _secret(path: Path | None) -> str:
    if path is None:
        raise typer.BadParameter("this needs --token-file (or NFTSVC_API_TOKEN_FILE)")
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise typer.BadParameter(f"cannot read the token file: {error.strerror}") from error


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def _end(code: int, message: str, *, error_code: str) -> NoReturn:
    if "--json" in sys.argv:
        typer.echo(json.dumps({"error": {"code": error_code, "detail": message}}))
    else:
        err.print(f"nftsvc: {message} ({error_code})", style="red", highlight=False, markup=False)
    raise SystemExit(code)


def main() -> NoReturn:
    """Entry point: every error becomes one line and its exit code."""
    try:
        sys.exit(app(standalone_mode=False, prog_name="nftsvc") or DONE)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except typer.Abort:
        sys.exit(130)
    except typer.TyperException as misuse:
        _end(USAGE, misuse.format_message(), error_code="usage")
    except ServiceRefused as error:
        _end(REFUSED, str(error), error_code=error.problem_code)
    except Unavailable as error:
        _end(COULD_NOT_ASK, str(error), error_code=error.code)
    except (Refused, Misconfigured) as error:
        _end(USAGE, str(error), error_code=error.code)
    except NftsvcError as error:
        _end(INTERNAL, str(error), error_code=error.code)


if __name__ == "__main__":
    main()
