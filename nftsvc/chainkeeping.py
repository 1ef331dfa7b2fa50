"""The commands about the deployed contracts: `nftsvc chain`."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import Misconfigured, Unavailable
from nftsvc.core.types import AssetKind

if TYPE_CHECKING:
    from nftsvc.core.deployed_code import Finding

chain_app = typer.Typer(help="Prove what is deployed, and give its sources away.")

_DIFFERENT: Final = 1
_MARKS: Final = {"proven": "✔", "different": "✘", "skipped": "·"}

Record = Annotated[
    Path,
    typer.Option(
        "--deployment",
        envvar="NFTSVC_DEPLOYMENT_FILE",
        exists=True,
        dir_okay=False,
        help="Deployment record of the contracts.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@chain_app.command("check")
def check(
    *,
    deployment: Record,
    rpc: Annotated[
        list[str], typer.Option("--rpc", help="RPC endpoint of the chain; repeat for more.")
    ],
    solc: Annotated[
        Path | None,
        typer.Option(
            "--solc", exists=True, dir_okay=False, help="Compile anew with this solc, too."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that the code at the recorded addresses is the source's.

    Compares the chain, each contract's code, what its constructor wrote into it, its metadata
    and sources, and the transaction that made it. With --solc nothing of ours is believed: the
    sources are compiled again, and must give the same code.

    Exit code: 0 proven, 1 something is different, 2 could not ask.
    """
    record = Deployment.parse(deployment.read_bytes())
    recompiled = _recompiled(solc) if solc else []
    endpoints = asyncio.run(_ask(record, rpc))
    proven = all(_right(found) for found in [recompiled, *endpoints.values()])
    if as_json:
        told = [{"rpc": url, "findings": _members(found)} for url, found in endpoints.items()]
        facts = {"proven": proven, "compiled": _members(recompiled), "endpoints": told}
        typer.echo(json.dumps(facts))
    else:
        for title, findings in ({f"{solc}": recompiled} | endpoints).items():
            _show(title, findings)
        typer.echo("Proven: the deployed code is the source's." if proven else "NOT proven.")
    raise typer.Exit(0 if proven else _DIFFERENT)


@chain_app.command("sources")
def sources(
    *,
    deployment: Record,
    output: Annotated[
        Path, typer.Option("--output", "-o", file_okay=False, help="Folder to write into.")
    ],
) -> None:
    """Write the sources as Sourcify and other verifiers take them.

    standard-input.json is the compiler's input. Each contract has a folder with metadata.json
    and sourcify.json, the body of Sourcify's POST /v2/verify/{chain}/{address}.
    """
    from nftsvc.adapters import artifacts  # noqa: PLC0415
    from nftsvc.adapters.solc import source_of  # noqa: PLC0415

    record = Deployment.parse(deployment.read_bytes())
    given = _recorded_input(record)
    try:
        _write(output / "standard-input.json", given)
        for kind, contract in record.contracts.items():
            folder = output / kind.contract_name
            request = {
                "stdJsonInput": json.loads(given),
                "compilerVersion": record.solc_version,
                "contractIdentifier": f"{source_of(kind.contract_name)}:{kind.contract_name}",
                "creationTransactionHash": contract.transaction,
            }
            _write(folder / "metadata.json", artifacts.metadata(kind))
            _write(folder / "sourcify.json", json.dumps(request).encode())
            typer.echo(
                f"{folder / 'sourcify.json'}: /v2/verify/{record.chain_id}/{contract.address}"
            )
    except OSError as error:
        raise Unavailable(f"cannot write into {output}: {error.strerror}") from error


def _recorded_input(record: Deployment) -> bytes:
    from nftsvc.adapters.artifacts import compiler_input  # noqa: PLC0415

    given = compiler_input()
    if hashlib.sha256(given).hexdigest() != record.compiler_input:
        raise Misconfigured(
            f"the record's contracts were compiled of {record.compiler_input}, which this"
            " version does not have: use the version that deployed them"
        )
    return given


def _recompiled(solc: Path) -> "list[Finding]":
    from nftsvc.adapters import artifacts  # noqa: PLC0415
    from nftsvc.adapters.solc import CompilationFailed, compile_input  # noqa: PLC0415
    from nftsvc.core.deployed_code import same_compilation  # noqa: PLC0415

    try:
        made = compile_input(artifacts.compiler_input().decode(), solc=solc.absolute())
    except CompilationFailed as error:
        raise Unavailable(f"{solc} does not compile: {error}") from error
    return [
        same_compilation(
            kind,
            ours=artifacts.compiled(kind),
            anew=artifacts.code_of(
                made.artifacts[kind.contract_name], made.metadata[kind.contract_name].encode()
            ),
        )
        for kind in AssetKind
    ]


async def _ask(record: Deployment, urls: list[str]) -> "dict[str, list[Finding]]":
    from nftsvc.adapters import artifacts  # noqa: PLC0415
    from nftsvc.adapters.chain_facts import chain_facts  # noqa: PLC0415
    from nftsvc.adapters.json_rpc import JsonRpc  # noqa: PLC0415
    from nftsvc.core.deployed_code import prove  # noqa: PLC0415

    compiled = {kind: artifacts.compiled(kind) for kind in record.contracts}
    found = {}
    for url in urls:
        rpc = JsonRpc(url)
        try:
            facts = await chain_facts(rpc, record)
        finally:
            await rpc.close()
        found[url] = prove(
            record, facts, compiled=compiled, compiler_input=artifacts.compiler_input()
        )
    return found


def _right(findings: "list[Finding]") -> bool:
    return not any(finding.outcome == "different" for finding in findings)


def _members(findings: "list[Finding]") -> list[dict[str, str | None]]:
    return [finding.to_json() for finding in findings]


def _show(title: str, findings: "list[Finding]") -> None:
    if not findings:
        return
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("", "contract", "check", "what was found"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        contract = finding.contract.contract_name if finding.contract else ""
        table.add_row(_MARKS[finding.outcome], contract, finding.check, finding.detail)
    Console().print(table, highlight=False, markup=False)


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
