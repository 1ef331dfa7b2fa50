"""Runs the demo; see scripts/demo --help."""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.panel import Panel

from chain.local.node import ROOT, ChainDidNotStart, Kind, LocalNode
from nftsvc import terminal
from nftsvc.cli import VERDICT_EXITS
from nftsvc.core.verify import Verdict
from scripts.demonstration.service import Service, ServiceDidNotStart, nftsvc, nftsvc_json, port
from scripts.demonstration.state import AlreadyRunning, State, take

SAMPLES: Final = ROOT / "scripts" / "samples"
CONTRACT, MODEL, PICTURE = (
    SAMPLES / name for name in ("export-contract.pdf", "product.glb", "product.png")
)
CHAIN_PORT, SERVICE_PORT = 8545, 8080

out = Console()


class Unexpected(Exception):
    """A step of the demo did not end as it must."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One asset that the demo issued."""

    title: str
    asset: str
    link: str
    page: str


def main() -> int:
    """Run the demo. 0 where every verdict was the expected one."""
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--exit", action="store_true")
    parser.add_argument("--chain", choices=["anvil", "hardhat"], default="anvil")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    started = time.monotonic()
    try:
        with contextlib.ExitStack() as running:
            service = start(arguments.chain, running)
            assets = issue_both(service)
            verify_all(service, *assets)
            look_back(service, assets)
            show_pages(service, assets)
            out.print(
                f"\nDone in {time.monotonic() - started:.1f} s. Every verdict was as expected."
            )
            if not arguments.exit:
                stay(service)
    except KeyboardInterrupt:
        return 130
    except AlreadyRunning:
        _say_why("a demo is running on .demo already")
        return 1
    except (ChainDidNotStart, ServiceDidNotStart, Unexpected) as error:
        _say_why(str(error))
        return 1
    return 0


def start(kind: Kind, running: contextlib.ExitStack) -> Service:
    """The chain, the contracts and the service, each as `running` will end it."""
    state = take(kind)
    goes_on = state.open()
    with out.status(f"starting the chain ({kind})"):
        node = LocalNode(
            kind,
            port=port(CHAIN_PORT),
            state=state.chain if kind == "anvil" else None,
            log=state.chain_log,
        )
        running.callback(_end_chain, state, node)
        node.start()
        goes_on = goes_on and asyncio.run(state.fits(node.url))
        if not goes_on and (state.folder / "data").exists():
            node.stop()
            state.forget()
            state.open()
            node.start()
    _did(f"chain       {kind} at {node.url}", "goes on" if goes_on else "new")
    if not goes_on:
        with out.status("deploying the contracts"):
            deployment = asyncio.run(state.deploy(node.url))
        for contract_kind, contract in deployment.contracts.items():
            _did(f"contract    {contract_kind.contract_name} {contract.address}", "deployed")
    with out.status("starting the service"):
        service = running.enter_context(Service(state, rpc_url=node.url, port=port(SERVICE_PORT)))
    _did(f"service     {service.url}", "ready")
    return service


def issue_both(service: Service) -> list[Issued]:
    """The export contract, encrypted and salted, and the product's public model and picture.

    Both are handed in at once, as a platform would; then each is followed to finality.
    """
    orders = [
        Order(service, "export contract", "deal", SAMPLES / "deal.json", (CONTRACT,)),
        Order(service, "product content", "content", SAMPLES / "content.json", (MODEL, PICTURE)),
    ]
    with ThreadPoolExecutor() as pool:
        accepted = [pool.submit(order.ask) for order in orders]
        for order, answer in zip(orders, accepted, strict=True):
            answer.result()
            order.follow()
        return list(pool.map(Order.issued, orders))


class Order:
    """One `nftsvc issue` under a key of its own: repeating it issues nothing more."""

    def __init__(
        self, service: Service, title: str, what: str, request: Path, files: tuple[Path, ...]
    ) -> None:
        self._title = title
        self._log = service.state.service_log
        self._shown = " ".join(["nftsvc issue", what, *(file.name for file in (request, *files))])
        self._command: list[str | Path] = ["issue", what, request, *files]
        self._command += ["--service", service.url, "--token-file", service.state.api_token]
        self._command += ["--idempotency-key", str(uuid.uuid4())]

    def ask(self) -> dict[str, Any]:
        """The issuance as it stands. Raises `Unexpected` where the service refuses it."""
        code, issuance = nftsvc_json(*self._command)
        if code != 0:
            raise Unexpected(f"issuing ended with {code}: {issuance}")
        return issuance

    def follow(self) -> None:
        """Show every step to finality in this terminal."""
        _begin(f"Issue: {self._title}", f"{self._shown} --wait")
        if code := nftsvc(*self._command, "--wait"):
            raise Unexpected(f"issuing ended with {code}; see {self._log}")

    def issued(self) -> Issued:
        """What came of it."""
        issuance = self.ask()
        if issuance["status"] != "finalized":
            raise Unexpected(f"the issuance is not final: {issuance}")
        links = issuance["links"]
        return Issued(self._title, issuance["asset"], links["verify"], links["asset"])


def verify_all(service: Service, contract: Issued, product: Issued) -> None:
    """The buyer's side. Raises `Unexpected` where a verdict is another than it must be."""
    altered = [one_byte_changed(file, service.state.altered) for file in (CONTRACT, MODEL)]
    cases: list[tuple[Path, str | None, str]] = [
        (CONTRACT, contract.link, "AUTHENTIC"),
        (altered[0], contract.link, "MISMATCH"),
        (MODEL, None, "AUTHENTIC"),
        (altered[1], product.link, "MISMATCH"),
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        answers = [
            pool.submit(nftsvc_json, "verify", file, *([link] if link else []),
                        "--service", service.url)
            for file, link, _ in cases
        ]  # fmt: skip
        for (file, link, expected), answer in zip(cases, answers, strict=True):
            how = "with its link" if link else "without a link, found by its hash"
            what = f"{file.name}, {'one byte changed' if file in altered else 'untouched'}, {how}"
            _begin(f"Verify: {what}", f"nftsvc verify {file.name}{' LINK' if link else ''}")
            code, report = answer.result()
            if report.get("verdict") != expected or code != VERDICT_EXITS[Verdict(expected)]:
                raise Unexpected(f"expected {expected} for {what}, and got {code} {report}")
            terminal.show_verdict(out, report)


def one_byte_changed(file: Path, folder: Path) -> Path:
    """A copy that differs in one byte in its middle."""
    folder.mkdir(exist_ok=True)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x01
    copy = folder / file.name
    copy.write_bytes(data)
    return copy


def look_back(service: Service, assets: list[Issued]) -> None:
    """The histories, as the chain tells them."""
    commands = [("history", asset.asset, "--service", service.url) for asset in assets]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for asset, (code, answer) in zip(
            assets, pool.map(lambda words: nftsvc_json(*words), commands), strict=True
        ):
            _begin(f"History: {asset.title}", "nftsvc history ASSET")
            if code != 0:
                raise Unexpected(f"the history ended with {code}: {answer}")
            if [record["kind"] for record in answer["records"]] != ["issued"]:
                raise Unexpected(f"the history is not one issue: {answer['records']}")
            terminal.show_history(out, answer["asset"], answer["records"])


def show_pages(service: Service, assets: list[Issued]) -> None:
    """Where the same can be done by hand."""
    contract = assets[0]
    _begin("By hand")
    out.print(Panel.fit(f"[bold]{service.url}/[/]  drop {CONTRACT.relative_to(ROOT)} there"))
    rows = [("the buyer's link", contract.link)]
    rows += [(f"{asset.title}, its timeline", asset.page) for asset in assets]
    for name, address in rows:
        out.print(f"{name}\n  {address}", highlight=False, markup=False, soft_wrap=True)
    terminal.show_qr(contract.link)


def stay(service: Service) -> None:
    """Until Ctrl-C, or until the service ends by itself."""
    out.print("Staying up. Ctrl-C ends it; scripts/demo --reset removes its state.")
    with contextlib.suppress(KeyboardInterrupt):
        while not service.ended():
            time.sleep(0.5)
    if not service.ended():
        return
    raise Unexpected(f"the service ended by itself; see {service.state.service_log}")


def _end_chain(state: State, node: LocalNode) -> None:
    node.stop()
    state.end_well()


def _end(*_: Any) -> None:
    raise KeyboardInterrupt


def _begin(title: str, command: str | None = None) -> None:
    out.print()
    out.rule(f"[bold]{title}", align="left")
    if command:
        out.print(f"$ {command}", style="dim", highlight=False, markup=False)


def _did(what: str, how: str) -> None:
    out.print(f"[green]✔[/] {what}  [dim]{how}[/]", highlight=False)


def _say_why(reason: str) -> None:
    Console(stderr=True).print(f"demo: {reason}", style="red", highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(main())
