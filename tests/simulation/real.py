"""The same in earnest: real processes and kill -9, a real Anvil, real time.

What happens when is not fixed by the seed here, only what is tried; so a failing seed may pass
when it is played again, and the judge's words are what there is to go by.
"""

import asyncio
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import sqlalchemy as sa

from chain.local.accounts import ISSUER
from chain.local.node import LocalNode
from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.ledger_tables import attempts
from nftsvc.core.history import RecordEvent
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import AssetId, AssetKind, BlockNumber, Digest
from nftsvc.core.verify import Verdict
from nftsvc.settings import VerifierSettings
from nftsvc.verifying import bootstrap_verifier
from tests.chains import deploy
from tests.journeys.service_process import ServiceProcess
from tests.platform import PDF, deal, digest, platform
from tests.simulation.faults import DEEPEST_REORG, Fault
from tests.simulation.faulty_rpc import FaultyRpc
from tests.simulation.judge import Findings

BLOCK_SECONDS: Final = 0.15
SLOTS_IN_AN_EPOCH: Final = 22
"""Final are blocks two epochs down: more than the deepest reorg."""
MOST_OPEN: Final = 12
END_SECONDS: Final = 240.0
LEASE_SECONDS: Final = 3
SILENT_SECONDS: Final = 120.0
"""A service that does not answer for so long never will: the run has failed."""
STRIKES: Final = (
    Fault.KILLED,
    Fault.STOPPED,
    Fault.REORG,
    Fault.NODE_RESTART,
    Fault.CHAIN_AWAY,
    Fault.DATABASE_RESTART,
    Fault.SENT_TWICE,
)


@dataclass(slots=True)
class RealDeal:
    """One deal: what was posted and what came of it."""

    key: str
    document: bytes
    answers: set[tuple[str, str]] = field(default_factory=set)
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.last.get("status") in ("finalized", "failed")


class RealRun:
    """One run. `database` is None for SQLite, with one process; else there are two."""

    def __init__(
        self,
        *,
        faults: int,
        seed: int,
        folder: Path,
        database: sa.URL | None,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._wanted = faults
        self._rng = random.Random(seed)
        self._folder = folder
        self._database = database
        self._tell = tell
        self._lock = threading.Lock()
        self._deals: list[RealDeal] = []
        self.faults: Counter[Fault] = Counter()
        self._processes: list[ServiceProcess] = []
        self._stopped: dict[int, float] = {}
        self._ends = ExitStack()

    @property
    def deals(self) -> int:
        """How many deals there were."""
        return len(self._deals)

    def run(self) -> Findings:
        """Strike until there were enough faults, wait for the end, and judge."""
        with (
            self._ends,
            LocalNode(block_seconds=None, slots_in_an_epoch=SLOTS_IN_AN_EPOCH) as node,
            node.mining(every=BLOCK_SECONDS),
            ThreadPoolExecutor(2 * MOST_OPEN) as platforms,
        ):
            self._node = node
            self._own = platform(self._folder, node, deploy(node))
            rng = random.Random(self._rng.random())
            with FaultyRpc(node.url, rng=rng, percent=4, tell=self._note) as self._rpc:
                for _ in range(1 if self._database is None else 2):
                    self._processes.append(self._start())
                struck = time.monotonic()
                while self.faults.total() < self._wanted:
                    self._post(platforms)
                    time.sleep(self._rng.uniform(0.2, 1.0))
                    self._look_after()
                    if self._awake():
                        self._strike(platforms)
                        struck = time.monotonic()
                    elif time.monotonic() - struck > SILENT_SECONDS:
                        raise TimeoutError(f"no service answers: {self._processes[0].log[-2000:]}")
                    self._tell(self.faults.total())
                self._rpc.calm = True
                return self._judge(self._until_ended())

    def _start(self) -> ServiceProcess:
        changed: dict[str, object] = {
            "RPC_URLS": self._rpc.url,
            "RPC_SECONDS": 3,
            "LEASE_SECONDS": LEASE_SECONDS,
        }
        if self._database is not None:
            url = self._database.set(drivername="postgresql")
            changed["DATABASE_URL"] = url.render_as_string(hide_password=False)
        return self._ends.enter_context(ServiceProcess(self._own, **changed))

    def _note(self, fault: Fault) -> None:
        with self._lock:
            self.faults[fault] += 1

    def _post(self, platforms: ThreadPoolExecutor) -> None:
        still = sum(not posted.ended for posted in self._deals)
        for _ in range(self._rng.randint(0, max(0, MOST_OPEN - still))):
            key = f"deal-{len(self._deals)}"
            document = PDF.replace(b"\n", b"\n%" + key.encode() + b"\n", 1)
            self._deals.append(RealDeal(key, document))
            platforms.submit(self._deliver, self._deals[-1])

    def _deliver(self, posted: RealDeal) -> None:
        """Repeat the request until it is answered."""
        content = json.dumps(deal(contractNumber=posted.key))
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            service = random.choice(self._processes)
            files: dict[str, tuple[str | None, str | bytes, str]] = {
                "deal": (None, content, "application/json"),
                "document": ("contract.pdf", posted.document, "application/pdf"),
            }
            try:
                answer = service.http.post(
                    "/v1/deals", files=files, headers={"Idempotency-Key": posted.key}, timeout=10
                )
            except (httpx.HTTPError, RuntimeError):
                time.sleep(0.5)
                continue
            if answer.status_code == 202:
                given = answer.json()
                with self._lock:
                    posted.answers.add((given["id"], given["asset"]))
                    posted.last = posted.last or given
                return
            if answer.status_code not in (409, 429, 500, 503):
                raise AssertionError(answer.text)
            time.sleep(0.5)

    def _strike(self, platforms: ThreadPoolExecutor) -> None:
        fault = self._rng.choice(STRIKES)
        victim = self._rng.randrange(len(self._processes))
        match fault:
            case Fault.KILLED:
                if not self._processes[victim].is_up():
                    return
                self._processes[victim].signal(signal.SIGKILL)
                self._processes[victim] = self._start()
                self._stopped.pop(victim, None)
            case Fault.STOPPED:
                if self._stopped or not self._processes[victim].is_up():
                    return
                self._processes[victim].signal(signal.SIGSTOP)
                self._stopped[victim] = time.monotonic() + self._rng.uniform(1, 3 * LEASE_SECONDS)
            case Fault.REORG:
                if not self._reorg():
                    return
            case Fault.NODE_RESTART:
                self._node.call("anvil_dropAllTransactions")
            case Fault.CHAIN_AWAY:
                self._rpc.away_until = time.monotonic() + self._rng.uniform(0.2, 3)
            case Fault.DATABASE_RESTART:
                if self._database is None:
                    return
                self._cut_connections(self._database)
            case Fault.SENT_TWICE:
                if not self._deals:
                    return
                platforms.submit(self._deliver, self._rng.choice(self._deals[-20:]))
        self._note(fault)

    def _reorg(self) -> bool:
        newest = int(self._node.call("eth_blockNumber"), 16)
        final = int(self._block("finalized")["number"], 16)
        depth = self._rng.choice((1, 2, 3, 5, 8, 20, DEEPEST_REORG))
        if newest - final <= depth + 2:
            return False
        self._node.reorg(depth)
        return True

    def _cut_connections(self, database: sa.URL) -> None:
        engine = sa.create_engine(database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        engine.dispose()

    def _look_after(self) -> None:
        """Wake who slept long enough, start who ended, and ask how far the deals are."""
        for index, until in tuple(self._stopped.items()):
            if time.monotonic() > until:
                self._processes[index].signal(signal.SIGCONT)
                del self._stopped[index]
        for index, process in enumerate(self._processes):
            if process.has_ended():
                self._processes[index] = self._start()
        awake = self._awake()
        for posted in self._deals:
            if posted.last and not posted.ended and awake:
                try:
                    posted.last = awake[0].issuance(posted.last["id"])
                except (httpx.HTTPError, RuntimeError):
                    return

    def _awake(self) -> list[ServiceProcess]:
        """The processes that answer."""
        going = [p for index, p in enumerate(self._processes) if index not in self._stopped]
        return [process for process in going if process.is_up()]

    def _until_ended(self) -> ServiceProcess:
        deadline = time.monotonic() + END_SECONDS
        for index in tuple(self._stopped):
            self._stopped[index] = 0.0
        while time.monotonic() < deadline and not all(posted.ended for posted in self._deals):
            self._look_after()
            time.sleep(0.5)
        return self._processes[0]

    def _judge(self, service: ServiceProcess) -> Findings:
        found = Findings()
        events = asyncio.run(self._events())
        issued = Counter((event.contract, event.token_id) for event in events)
        promised = set()
        for posted in self._deals:
            if len(posted.answers) > 1:
                found.duplicate.append(f"{posted.key}: answers {sorted(posted.answers)}")
            if not posted.answers or not posted.ended:
                found.stuck.append(f"{posted.key}: {posted.last.get('status', 'never accepted')}")
                continue
            asset = AssetId.parse(posted.last["asset"])
            promised.add((asset.contract, asset.token_id))
            if posted.last["status"] != "finalized":
                found.lost.append(f"{posted.key}: {posted.last['status']} {posted.last['error']}")
            if issued[asset.contract, asset.token_id] != 1:
                found.lost.append(f"{posted.key}: {posted.last['status']} without its token")
            verdict = asyncio.run(self._verdict(service, posted))
            if verdict is not Verdict.AUTHENTIC:
                found.lost.append(f"{posted.key}: {verdict}")
        found.duplicate += [
            f"token {t:x} without a deal" for c, t in issued if (c, t) not in promised
        ]
        known = self._known()
        found.duplicate += [f"{sent} is not in the ledger" for sent in self._sent() - known]
        return found

    async def _events(self) -> list[RecordEvent]:
        contracts = {kind: self._own.deployment.contracts[kind].address for kind in AssetKind}
        chain = EvmChain(
            self._node.url, chain_id=self._own.deployment.chain_id, contracts=contracts
        )
        heads = await chain.heads()
        events = await chain.events(first=BlockNumber(0), last=heads.latest.number)
        await chain.close()
        return list(events)

    async def _verdict(self, service: ServiceProcess, posted: RealDeal) -> Verdict:
        settings = VerifierSettings.load(
            rpc_urls=self._node.url,
            gateway_url=str(service.http.base_url),
            trust_file=self._folder / "trust.json",
        )
        verifier = bootstrap_verifier(settings)
        link = VerificationLink.parse(posted.last["links"]["verify"])
        report = await verifier.verify(link, digest=Digest(digest(posted.document)))
        await verifier.close()
        return report.verdict

    def _sent(self) -> set[str]:
        """The transactions of our account that the chain holds, contracts' set-up apart."""
        newest = int(self._node.call("eth_blockNumber"), 16)
        sent = set()
        for number in range(newest + 1):
            block = self._block(hex(number))
            sent |= {
                str(transaction["hash"]).lower()
                for transaction in block["transactions"]
                if transaction["from"].lower() == ISSUER.address.lower()
            }
        return sent

    def _block(self, name: str) -> dict[str, Any]:
        with_transactions = True
        found: dict[str, Any] = self._node.call("eth_getBlockByNumber", name, with_transactions)
        return found

    def _known(self) -> set[str]:
        url = self._database or sa.URL.create(
            "sqlite", database=str(self._folder / "data" / "ledger.sqlite")
        )
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            known = set(connection.execute(sa.select(attempts.c.hash)).scalars())
        engine.dispose()
        return known
