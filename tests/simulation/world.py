"""What outlives a process: chain, store, database and spool."""

import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from eth_account import Account

from chain.local.accounts import ISSUER
from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.adapters.database import Database
from nftsvc.adapters.key_file import KeyFile
from nftsvc.adapters.keystore_signer import KeystoreSigner
from nftsvc.adapters.ledger_tables import issuances
from nftsvc.adapters.memory_chain import MemoryChain
from nftsvc.adapters.memory_engine import MemoryEngine
from nftsvc.adapters.memory_store import MemoryStore, StoreFault
from nftsvc.adapters.preview_folder import PreviewFolder
from nftsvc.adapters.process_cores import ProcessCores
from nftsvc.adapters.share_folder import ShareFolder
from nftsvc.adapters.spool import FolderSpool
from nftsvc.adapters.sql_alarms import SqlAlarms
from nftsvc.adapters.sql_audits import SqlAudits
from nftsvc.adapters.sql_keys import SqlKeys
from nftsvc.adapters.sql_leases import SqlLeases
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.adapters.sql_overview import SqlOverview
from nftsvc.bootstrap import Adapters
from nftsvc.core.deployment import DeployedContract, Deployment
from nftsvc.core.errors import TransactionRefused
from nftsvc.core.history import Heads
from nftsvc.core.issuance import IssuanceStatus
from nftsvc.core.transaction import BroadcastRefusal
from nftsvc.core.types import (
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    ChainId,
    Nonce,
    TransactionHash,
    Wei,
    parse_address,
)
from nftsvc.ports import ByteSink, Fence, Role, SealingKey, SealingStream
from nftsvc.settings import Settings
from tests.simulation.faults import DEEPEST_REORG, Fault
from tests.simulation.process import Process, ProcessClock
from tests.simulation.schedule import Schedule

CHAIN: Final = ChainId(31337)
DEPTH: Final = DEEPEST_REORG + 4
CONTRACTS: Final = {
    AssetKind.EXPORT_CONTRACT: parse_address("0x" + "a1" * 20),
    AssetKind.PRODUCT_CONTENT: parse_address("0x" + "b2" * 20),
}
LYING: Final = (
    StoreFault.FULL,
    StoreFault.OTHER_CID,
    StoreFault.OTHER_BYTES,
    StoreFault.TRUNCATED,
    StoreFault.BLOCK_LOST,
    StoreFault.HALF_TAKEN,
)
IN_THE_DATABASE: Final = frozenset({"leases", "audits", "keys", "alarms", "overview"})
WRITES: Final = frozenset({"write", "replace", "abandon", "mined", "advance", "fail", "finish"})
ENDED: Final = tuple(status.value for status in IssuanceStatus if status.is_terminal)
USUAL_FEE: Final = Wei(10**9)
HIGHEST_FEE: Final = Wei(10**12)


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where controls put a bug back: each is given the process's own adapter."""

    ledger: Callable[[SqlLedger, MemoryChain], Any] = lambda ledger, _: ledger
    chain: Callable[[MemoryChain], Any] = lambda chain: chain
    weather: Mapping[Fault, float] = field(default_factory=dict)
    """Faults that the bug needs, and how much more often they come."""


class SeededSealer(AgeSealer):
    """Seals without a thread of its own, into bytes that the seed fixes.

    What opens is what sealed: an identity is its own recipient.
    Ids of tokens come from sealed bytes, and decide the order in which rows are read; age's own
    randomness knows no seed.
    """

    def new_key(self) -> SealingKey:
        secret = secrets.token_hex(32)
        return SealingKey(secret, secret)

    def open(self, sealed: bytes, *, identity: str) -> bytes:
        return self.unlock(sealed, secret=identity.encode(), purpose="simulated")

    def seal(self, data: bytes, *, recipient: str) -> bytes:
        return self.lock(data, secret=recipient.encode(), purpose="simulated")

    def stream(self, recipient: str, *, sink: ByteSink) -> SealingStream:
        return _InlineStream(self, recipient, sink)


class _InlineStream:
    def __init__(self, sealer: AgeSealer, recipient: str, sink: ByteSink) -> None:
        self._sealer, self._recipient, self._sink = sealer, recipient, sink
        self._data = b""

    async def feed(self, data: bytes) -> None:
        self._data += data

    async def end(self) -> None:
        self._sink.write(self._sealer.seal(self._data, recipient=self._recipient))

    async def abort(self) -> None:
        """Nothing was begun."""


class World:
    """Everything outside the processes, and the processes."""

    def __init__(
        self, schedule: Schedule, folder: Path, database: sa.URL, *, workers: int, wiring: Wiring
    ) -> None:
        self.schedule = schedule
        self.chain = MemoryChain(
            chain_id=CHAIN, contracts=CONTRACTS, issuer=Address(ISSUER.address), depth=DEPTH
        )
        self.store = MemoryStore()
        self.database = Database(database)
        self.ledger = SqlLedger(self.database)
        self.spool = FolderSpool(folder / "spool")
        self.deployment = _deployment()
        self.recovery_identity = AgeSealer().new_key().identity
        self.settings = _settings(folder)
        self.processes: dict[str, Process] = {}
        self.rng = random.Random()
        self.trespasses: list[str] = []
        self._epochs: dict[str, int] = {}
        self._workers = workers
        self._wiring = wiring
        self._away: dict[str, float] = {}
        self._fees_until = 0.0
        self._store_until = 0.0

    def start(self) -> None:
        """Start every process that does not run."""
        for number in range(self._workers):
            name = f"worker-{number}"
            if name not in self.processes or not self.processes[name].alive:
                self.processes[name] = Process(self, name)

    def adapters(self, process: Process) -> Adapters:
        """A process's own connections to the world."""
        return Adapters(
            ledger=self._wiring.ledger(self.ledger, self.chain),
            chain=self._wiring.chain(self.chain),
            signer=KeystoreSigner(Account.from_key(ISSUER.private_key)),
            contents=self.store,
            spool=self.spool,
            sealer=SeededSealer(),
            key_custody=KeyFile(self.settings.data_dir / "kek.json"),
            shares=ShareFolder(self.settings.data_dir / "shares"),
            keys=SqlKeys(self.database),
            alarms=SqlAlarms(self.database),
            engine=MemoryEngine(),
            audits=SqlAudits(self.database),
            cores=ProcessCores(0),
            previews=PreviewFolder(self.settings.data_dir / "previews"),
            leases=SqlLeases(self.database, role=Role.BOTH, version="simulated"),
            overview=SqlOverview(self.database),
            clock=ProcessClock(process),
        )

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what was wrong for a while ends with it."""
        self.schedule.time += seconds
        if self.schedule.time >= self._fees_until:
            self.chain.base_fee = USUAL_FEE
        if self.schedule.time >= self._store_until:
            self.store.fault = None

    async def ended(self) -> frozenset[str]:
        """The issuances that came to an end."""
        query = sa.select(issuances.c.id).where(issuances.c.status.in_(ENDED))
        async with self.database.reading() as connection:
            return frozenset((await connection.execute(query)).scalars())

    def witness(self, call: str, *, fence: Fence | None, answer: object) -> None:
        """Note who holds what, and who writes what another holds by now."""
        if isinstance(answer, Fence):
            self._epochs[answer.lease] = answer.epoch
        if fence is None or call not in WRITES:
            return
        held = self._epochs.get(fence.lease, fence.epoch)
        if held > fence.epoch:
            self.trespasses.append(
                f"{call} of {fence.lease} in epoch {fence.epoch}, which ended: it is {held} now"
            )

    def is_away(self, call: str) -> bool:
        """Whether the other end of a call does not answer now."""
        port = call.partition(".")[0]
        end = "ledger" if port in IN_THE_DATABASE else port
        return self._away.get(end, 0.0) > self.schedule.time

    def send_away(self, port: str, seconds: float) -> None:
        """The other end of `port` does not answer for a while."""
        self._away[port] = self.schedule.time + seconds

    def raise_fees(self, factor: int, seconds: float) -> None:
        """What was offered is not enough for a while."""
        offered = max((sent.max_fee for sent in self.chain.pending), default=USUAL_FEE)
        self.chain.base_fee = Wei(min(offered * factor // 2 + 1, HIGHEST_FEE))
        self._fees_until = self.schedule.time + seconds

    def prefer_older(self) -> None:
        """A block of somebody who never saw the raises; what was offered first is enough again."""
        if self.chain.prefer_outbid():
            self.chain.base_fee = USUAL_FEE
            self.chain.mine()

    def corrupt_store(self, fault: StoreFault, seconds: float) -> None:
        """The store lies for a while."""
        self.store.fault = fault
        self._store_until = self.schedule.time + seconds

    def calm(self) -> None:
        """Everything is well from now on."""
        self._away.clear()
        self._fees_until = self._store_until = 0.0
        self.pass_time(0)
        for process in self.processes.values():
            process.stopped_until = 0.0

    async def reorg(self, rng: random.Random) -> bool:
        """Replace up to `DEEPEST_REORG` blocks, never one that was called final."""
        newest = (await self.chain.heads()).latest.number
        depth = rng.randint(1, DEEPEST_REORG) if rng.random() < 0.3 else rng.randint(1, 6)
        if newest <= depth:
            return False
        self.chain.reorg(depth, keep_transactions=rng.random() < 0.7)
        return True

    async def lie(self, call: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What a node that lies, or that is behind, answers."""
        match call:
            case "chain.heads":
                heads = await self.chain.heads()
                return await self._older(heads, self.rng.randint(1, 30))
            case "chain.nonce":
                return Nonce(max(0, await work() - self.rng.randint(1, 3)))
            case "chain.broadcast":
                lie = self.rng.choice((*BroadcastRefusal, ""))
                if self.rng.random() < 0.5:
                    await work()
                if lie:
                    raise TransactionRefused(lie)
                return None
            case _:
                return None

    async def _older(self, heads: Heads, by: int) -> Heads:
        found = []
        for head in (heads.latest, heads.safe, heads.finalized):
            block = await self.chain.block(BlockNumber(max(0, head.number - by)))
            found.append(block or head)
        return Heads(*found)


def _deployment() -> Deployment:
    contracts = {
        kind: DeployedContract(
            address, BlockNumber(1), TransactionHash("0x" + "0" * 64), "0x" + "0" * 64, {}
        )
        for kind, address in CONTRACTS.items()
    }
    return Deployment(
        chain_id=CHAIN,
        genesis_hash=BlockHash("0x" + "0" * 64),
        issuer=Address(ISSUER.address),
        contracts=contracts,
        solc_version="0.8.37",
        compiler_input="0" * 64,
    )


def _settings(folder: Path) -> Settings:
    nowhere = folder / "none"
    return Settings.load(
        rpc_urls="http://127.0.0.1:9",
        deployment_file=nowhere,
        data_dir=folder,
        api_token_files=str(nowhere),
        recovery_identity_file=nowhere,
        keystore_file=nowhere,
        keystore_password_file=nowhere,
        fee_cap_gwei=10_000,
        hang_seconds=5,
        hang_blocks=2,
    )
