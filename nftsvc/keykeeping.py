"""The commands that hand on, wrap anew and destroy keys: `nftsvc disclose`, `keys`, `erase`."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from nftsvc.adapters.service_client import ServiceClient
from nftsvc.core.canonical import Json
from nftsvc.core.disclosure import read_paths
from nftsvc.core.handover import EnvelopeFile

keys_app = typer.Typer(help="Hand an asset's key to a party, or wrap all keys anew.")

DEFAULT_SERVICE: Final = "http://127.0.0.1:8080"

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
Token = Annotated[
    str, typer.Argument(help="0x and 64 hex digits, decimal, CAIP-19, or the issuance's id.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="File to write; it must not exist. - to print.")
]


def disclose(
    token: Annotated[
        str | None,
        typer.Argument(help="As for `keys grant`; not needed with --envelope."),
    ] = None,
    *,
    fields: Annotated[
        str, typer.Option(help="What is shown: amount,exporter.country,goods[0].hsCode")
    ],
    output: Output,
    envelope: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Your envelope file: no service is asked."),
    ] = None,
    identity: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="File with the age identity that opens it."),
    ] = None,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
) -> None:
    """Write some fields of a deal into a file that proves them, and nothing of the others.

    The platform asks its service; a party uses the envelope file that it was given, with its own
    key. `nftsvc verify` and the service's page take the file.
    """
    paths = read_paths(fields)
    if envelope is not None:
        if identity is None:
            raise typer.BadParameter("--envelope needs --identity")
        _write(output, _by_envelope(envelope, identity, paths))
        return
    if token is None:
        raise typer.BadParameter("name a token, or give --envelope")
    body = {"fields": list(paths)}
    _write(output, _post(f"/v1/assets/{token}/disclosures", body, service, token_file))


@keys_app.command("grant")
def grant(
    token: Token,
    *,
    to: Annotated[str, typer.Option("--to", help="The party's age recipient: age1...")],
    output: Output = Path("-"),
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
) -> None:
    """Make the envelope that gives a party an asset's key. What was anchored is not touched."""
    body = {"recipient": to}
    _write(output, _post(f"/v1/assets/{token}/envelopes", body, service, token_file))


@keys_app.command("rotate")
def rotate(*, as_json: AsJson = False) -> None:
    """Wrap every asset's key under a new key-encryption key, and destroy the old one.

    Reads the service's settings (NFTSVC_...), may run beside it, and goes on where it was when it
    was interrupted. Documents and envelopes are not touched.
    """
    from nftsvc.bootstrap import rotate_keys
    from nftsvc.settings import Settings

    done = asyncio.run(rotate_keys(Settings.load()))
    if as_json:
        report = {"kek": done.kek, "rewrapped": done.rewrapped, "retired": list(done.retired)}
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"{done.rewrapped} keys are under {done.kek} now")
        for kek in done.retired:
            typer.echo(f"{kek} is destroyed")


def erase(
    token: Token,
    *,
    by: Annotated[str, typer.Option(help="Who wants it, for the record.")],
    reason: Annotated[
        str | None, typer.Option(help="Why, for the record: the first step. Name no person.")
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(help="The code of the first step: destroys the key for good.")
    ] = None,
    service: Service = DEFAULT_SERVICE,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Destroy an asset's key, so that no copy of its documents can be read any more.

    Two steps: with --reason it is asked for, and a code is printed; with --confirm CODE it is
    done, and cannot be undone. Token, history and evidence stay.
    """
    if (reason is None) == (confirm is None):
        raise typer.BadParameter("give --reason to ask for it, or --confirm CODE to do it")
    address = f"/v1/assets/{token}/erasure"
    if confirm is None:
        answer = _post(address, {"by": by, "reason": reason}, service, token_file)
    else:
        body: dict[str, Json] = {"by": by, "code": confirm}
        answer = _post(f"{address}/confirmation", body, service, token_file)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    elif answer["confirmedAt"] is None:
        typer.echo(f"asked for; from {answer['confirmFrom']} on it is done by")
        typer.echo(f"  nftsvc erase {token} --by WHO --confirm {answer['code']}")
    else:
        typer.echo(f"erased at {answer['confirmedAt']}")


def _by_envelope(envelope: Path, identity: Path, paths: tuple[str, ...]) -> dict[str, Json]:
    from nftsvc.adapters.age_sealer import AgeSealer
    from nftsvc.flows.handover import disclose_by_envelope

    file = EnvelopeFile.parse(envelope.read_bytes())
    lines = [line.strip() for line in identity.read_text("utf-8").splitlines()]
    secret = next((line for line in lines if line and not line.startswith("#")), "")
    shown = disclose_by_envelope(file, identity=secret, sealer=AgeSealer(), paths=paths)
    return shown.to_json()


def _post(address: str, body: Any, service: str, token_file: Path | None) -> dict[str, Any]:
    if token_file is None:
        raise typer.BadParameter("this needs --token-file (or NFTSVC_API_TOKEN_FILE)")
    try:
        token = token_file.read_text("utf-8").strip()
    except OSError as error:
        raise typer.BadParameter(f"cannot read the token file: {error.strerror}") from error

    async def ask() -> dict[str, Any]:
        async with ServiceClient(service, token=token) as client:
            return await client.post(address, body)

    return asyncio.run(ask())


def _write(output: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    if output == Path("-"):
        typer.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise typer.BadParameter(f"{output} exists already") from error
