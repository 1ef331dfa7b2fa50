"""What the command line shows: verdicts, issuances and histories, for people to read."""

import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import segno
from rich.console import Console
from rich.table import Table
from rich.text import Text

_VERDICTS: Final = {
    "AUTHENTIC": ("✔", "bold green", "This file is exactly what was anchored, and it is in force."),
    "SUPERSEDED": ("↻", "bold yellow", "Genuine, but an amended version has taken its place."),
    "SUSPENDED": ("‖", "bold yellow", "Genuine, but suspended for now."),
    "REVOKED": ("⊘", "bold red", "It was anchored, and it has been revoked."),
    "PENDING": ("…", "bold cyan", "Anchored a moment ago; the chain has not made it final yet."),
    "MISMATCH": ("✘", "bold red", "This is not the file that was anchored."),
    "UNKNOWN": ("?", "bold yellow", "No such token is known on the chain."),
    "UNTRUSTED_ISSUER": ("!", "bold red", "Nobody on your trust list issued it."),
    "UNVERIFIABLE": ("○", "bold blue", "Could not be checked. That says nothing about the file."),
}
_RESULTS: Final = {"valid": "✔", "invalid": "✘", "error": "○", "skipped": "·"}
_RECORDS: Final = {
    "issued": "Issued",
    "amended": "Amended",
    "status-changed": "Status changed",
    "holder-changed": "Holder changed",
    "recovery-proposed": "Recovery proposed",
    "recovery-stopped": "Recovery stopped",
}


def show_verdict(console: Console, report: dict[str, Any]) -> None:
    """The verdict first, then what was checked."""
    icon, style, sentence = _VERDICTS[report["verdict"]]
    console.print(Text.assemble((f"{icon} {report['verdict']}", style), "  ", sentence))
    for name in ("document", "issuer"):
        if report.get(name):
            _line(console, f"  {name}: {report[name]}")
    if report.get("fields") is not None:
        _show_fields(console, report["fields"], path="")
        places = ", ".join(closed["at"] or "the deal" for closed in report["closed"])
        if places:
            _line(console, f"  closed: everything else, if there is more, in: {places}")
    for check in report["checks"]:
        if check["code"] == "no-fields":
            continue
        mark = _RESULTS[check["result"]]
        line = f"  {mark} {check['number']} {check['name']}: {check['code']}"
        _line(console, line)


def _show_fields(console: Console, value: Any, *, path: str) -> None:
    if isinstance(value, dict):
        for name, member in sorted(value.items()):
            _show_fields(console, member, path=f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            _show_fields(console, item, path=f"{path}[]")
    else:
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
        _line(console, f"  proven: {path} = {text}")


def show_progress(console: Console, issuance: dict[str, Any], *, shown: set[str]) -> None:
    """The status changes that have come since the last call; `shown` remembers them."""
    for position, event in enumerate(issuance["events"]):
        mark = f"{position}:{event['status']}"
        if mark not in shown:
            shown.add(mark)
            line = f"  {local_time(event['at'])}  {event['status']:<10} {event['cause']}"
            _line(console, line)


def show_issuance(console: Console, issuance: dict[str, Any]) -> None:
    """Where the issuance stands, and the links that come of it."""
    rows = {
        "issuance": issuance["id"],
        "status": issuance["status"],
        "asset": issuance["asset"],
        "manifest": issuance["manifestCid"],
    }
    if issuance.get("error"):
        rows["error"] = f"{issuance['error']['code']}: {issuance['error']['detail']}"
    if leaf := issuance.get("leaf"):
        rows["anchor"] = f"{leaf['anchor']} {leaf['root'] or ''}".rstrip()
        rows["claim"] = leaf["claim"]["status"] if leaf["claim"] else "none"
    links = {name: link for name, link in (issuance.get("links") or {}).items() if link}
    for name, value in (rows | links).items():
        _line(console, f"{name:<10}{value}")


def show_import(console: Console, counts: dict[str, Any], *, report: str, dry_run: bool) -> None:
    """How many rows were taken, and where the others are told."""
    refused = counts["refused"]
    if dry_run:
        _line(console, f"{counts['rows']} rows checked, {refused} would be refused")
    else:
        already = f", {counts['already']} before" if counts["already"] else ""
        _line(console, f"{counts['accepted']} of {counts['rows']} rows accepted{already}")
    if anchored := counts.get("anchor"):
        _line(console, f"anchor {anchored['id']}: {anchored['status']} {anchored['root'] or ''}")
    if refused:
        _line(console, f"{refused} refused: see {report}")


def show_history(console: Console, asset: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """An asset and its records, oldest first."""
    title = (asset.get("manifest") or {}).get("name", asset["asset"])
    console.print(Text(f"{title}  ({asset['status']}, version {asset['version']})", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("when", "what", "who", "block", "transaction", "finality"):
        table.add_column(heading)
    for record in records:
        table.add_row(
            local_time(record["at"]),
            _what(record),
            shorten(record.get("actor") or record.get("from") or ""),
            str(record["block"]["number"]),
            shorten(record["transaction"]),
            record["finality"],
        )
    console.print(table, highlight=False)


def show_status(console: Console, status: dict[str, Any]) -> None:
    """How the service stands: what is wrong comes first."""
    for alarm in status["alarms"]:
        _line(console, f"ALARM {alarm['code']}, {alarm['subject']}: {alarm['detail']}")
    queue, chain, follower = status["queue"], status["chain"], status["follower"]
    waited = f", the oldest for {queue['oldestSeconds']:.0f} s" if queue["issuances"] else ""
    _line(console, f"waiting   {queue['issuances']} issuances{waited}; {queue['bytes']} bytes")
    going = [f"{count} {name}" for name, count in status["issuances"].items() if count]
    _line(console, f"going     {', '.join(going) or 'nothing'}; {status['batches']} batches")
    blocks = (
        f"block {chain['latest']}, safe {chain['safe']}, final {chain['finalized']}"
        if chain
        else "does not answer"
    )
    _line(console, f"chain     {blocks}")
    lag = "unknown" if follower["lag"] is None else follower["lag"]
    _line(console, f"followed  block {follower['block']}, {lag} behind")
    lanes = [
        (each["sender"], each["nextNonce"], each["inFlight"], _ether(each["balance"]))
        for each in status["lanes"]
    ]
    _table(console, ("sender", "next nonce", "in flight", "balance"), lanes)
    workers = [
        (each["id"], each["role"], each["place"], f"{each['silentSeconds']:.1f} s", each["leases"])
        for each in status["workers"]
    ]
    _table(console, ("process", "does", "where", "last beat", "leases"), workers)


def _table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*("none" if cell is None else str(cell) for cell in row))
    console.print(table, highlight=False)


def _ether(wei: str | None) -> str:
    return "unknown" if wei is None else f"{Decimal(wei) / 10**18:.6f} ETH"


def show_qr(link: str) -> None:
    """The link as a QR code made of half blocks; quiet zone included."""
    segno.make(link, error="m", micro=False).terminal(out=sys.stdout, compact=True, border=2)


def shorten(text: str) -> str:
    """A hash or address with its middle left out."""
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


def local_time(text: str) -> str:
    """An ISO 8601 time in the reader's zone, with the zone named."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _what(record: dict[str, Any]) -> str:
    what = _RECORDS[record["kind"]]
    if record["kind"] == "status-changed":
        return f"{what}: {record['status']}"
    if record["kind"] == "amended":
        return f"{what}: version {record['version']}"
    if record["kind"] in ("issued", "holder-changed") and record.get("to"):
        return f"{what} to {shorten(record['to'])}"
    return what


def _line(console: Console, text: str) -> None:
    """One line as it is: addresses and links stay whole, so that they can be copied."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)
