"""The only place where the service is wired: settings in, an application out.

A verifier needs a tenth of this and is wired in `verifying`, so that a verdict on the command
line does not wait for a database and an engine to be imported.
"""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from nftsvc.adapters.age_sealer import AgeSealer, recipient_of
from nftsvc.adapters.aws_kms_custody import AwsKmsCustody
from nftsvc.adapters.database import Database, database_urls
from nftsvc.adapters.dbos_engine import JOURNEY_VERSION, DbosEngine
from nftsvc.adapters.deployer import Deployer
from nftsvc.adapters.evm_chain import EvmChain
from nftsvc.adapters.failover_chain import FailoverChain
from nftsvc.adapters.folder_lock import FolderLock
from nftsvc.adapters.key_file import KeyFile
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
from nftsvc.adapters.stores import open_stores
from nftsvc.adapters.system_clock import SystemClock
from nftsvc.core.anchors import Claim, read_anchor_id
from nftsvc.core.assets import Issuance
from nftsvc.core.canonical import Json
from nftsvc.core.cid import Cid
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import (
    ChainUnavailable,
    InvalidField,
    InvalidJson,
    Misconfigured,
    NftsvcError,
    NotFound,
    SealUnreadable,
    Unauthorized,
    Unavailable,
)
from nftsvc.core.fees import TERMS
from nftsvc.core.handover import DisclosureFile, EnvelopeFile
from nftsvc.core.keys import Erasure
from nftsvc.core.trust import TrustList
from nftsvc.core.types import (
    Address,
    AnchorId,
    AssetId,
    AssetKind,
    BatchId,
    BlockNumber,
    Digest,
    Gas,
    IssuanceId,
    Wei,
    parse_address,
)
from nftsvc.flows.accept import AcceptFlow, Limits, Part
from nftsvc.flows.alarms import Alarms
from nftsvc.flows.amending import Amending
from nftsvc.flows.anchoring import AnchorFlow
from nftsvc.flows.batch import BatchFlow, Line
from nftsvc.flows.carry import Carrier
from nftsvc.flows.dispatch import Dispatcher
from nftsvc.flows.draft import Drafted, Drafter
from nftsvc.flows.erasing import Erasing
from nftsvc.flows.follow import Follower
from nftsvc.flows.gate import Capacity, Gate
from nftsvc.flows.handover import Handover
from nftsvc.flows.head_tracker import HeadTracker
from nftsvc.flows.heartbeat import Heartbeat
from nftsvc.flows.issuances import Issuances
from nftsvc.flows.issue import IssueFlow, SendingPolicy
from nftsvc.flows.item import ItemLimits
from nftsvc.flows.keyring import Keyring, Rotation
from nftsvc.flows.preview import Preview, PreviewFlow
from nftsvc.flows.read import ReadFlow
from nftsvc.flows.reconcile import Reconciler
from nftsvc.flows.sending import Sending
from nftsvc.flows.sizing import GasMeter
from nftsvc.flows.status import Status, StatusFlow
from nftsvc.flows.store_audit import StoreAudit, StoreReport
from nftsvc.flows.storing import Storing
from nftsvc.flows.views import AnchorView, AssetView, Content, HistoryPage, IssuanceView
from nftsvc.keyring import open_signers
from nftsvc.ports import (
    AlarmBook,
    Audits,
    Chain,
    Clock,
    ContentStore,
    Cores,
    Engine,
    Fence,
    KeyCustody,
    KeyLedger,
    KeyShares,
    Leases,
    Ledger,
    Overview,
    Previews,
    Role,
    Sealer,
    Signer,
    Spool,
    Steps,
)
from nftsvc.settings import Settings, read_secret, read_trust

GWEI: Final = 10**9
CHAIN_SECONDS: Final = 1.0
"""How often a chain that was away at the start is looked for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the process does its work."""

    alive: bool


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served; each part is `ok` or the code of what is wrong."""

    ready: bool
    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Adapters:
    """The outside as the service sees it, one adapter for each port."""

    ledger: Ledger
    chain: Chain
    signer: Signer
    contents: ContentStore
    audits: Audits
    spool: Spool
    sealer: Sealer
    key_custody: KeyCustody
    shares: KeyShares
    keys: KeyLedger
    engine: Engine
    leases: Leases
    overview: Overview
    clock: Clock
    cores: Cores
    previews: Previews
    colleagues: tuple[Signer, ...] = ()
    alarms: AlarmBook | None = None


class Application:
    """The service without its web side: what routes and tests call."""

    def __init__(
        self,
        settings: Settings,
        *,
        adapters: Adapters,
        deployment: Deployment,
        custody: Address,
        recovery_identity: str,
        trust: TrustList | None,
        api_tokens: tuple[str, ...],
    ) -> None:
        self.settings = settings
        self._adapters = adapters
        self._deployment = deployment
        self._trust = trust
        self._api_tokens = api_tokens
        self._role = Role(settings.role)
        self._tasks: list[asyncio.Task[None]] = []
        self._fault: NftsvcError | None = None
        ledger, chain, clock = adapters.ledger, adapters.chain, adapters.clock
        recipient = recipient_of(recovery_identity)
        drafter = Drafter.of(
            deployment,
            sealer=adapters.sealer,
            custody=custody,
            recovery=(recipient, *settings.recovery_recipients),
            issuers=tuple(signer.address for signer in (adapters.signer, *adapters.colleagues)),
        )
        self._gate = Gate(
            adapters.overview,
            capacity=Capacity(
                issuances=settings.max_waiting,
                size=settings.max_waiting_bytes,
                requests=settings.max_requests,
            ),
        )
        self._keyring = Keyring(
            custody=adapters.key_custody,
            shares=adapters.shares,
            keys=adapters.keys,
            ledger=ledger,
            sealer=adapters.sealer,
            recipient=recipient,
            identity=recovery_identity,
        )
        self._accepting = AcceptFlow(
            ledger=ledger,
            spool=adapters.spool,
            drafter=drafter,
            keyring=self._keyring,
            cores=adapters.cores,
            clock=clock,
            limits=Limits(
                file_bytes=settings.max_file_bytes,
                body_bytes=settings.max_body_bytes,
                documents=settings.max_documents,
                body_seconds=settings.body_seconds,
            ),
        )
        self._batches = BatchFlow(
            ledger=ledger,
            drafter=drafter,
            keyring=self._keyring,
            cores=adapters.cores,
            clock=clock,
            limits=ItemLimits(settings.max_documents, settings.max_file_bytes),
        )
        self._anchors = AnchorFlow(
            ledger=ledger, cores=adapters.cores, clock=clock, deployment=deployment
        )
        self._issuances = Issuances(
            ledger=ledger,
            sealer=adapters.sealer,
            keyring=self._keyring,
            public_url=settings.public_url,
        )
        self._handover = Handover(
            issuances=self._issuances, keyring=self._keyring, public_url=settings.public_url
        )
        self._erasing = Erasing(
            ledger=ledger,
            keys=adapters.keys,
            shares=adapters.shares,
            spool=adapters.spool,
            contents=adapters.contents,
            clock=clock,
            delay=timedelta(seconds=settings.erasure_delay_seconds),
        )
        self._storing = self._storing_in(ledger)
        self._auditing = StoreAudit(
            audits=adapters.audits,
            contents=adapters.contents,
            wanted=settings.replicas,
            clock=clock,
        )
        self._signers = (adapters.signer, *adapters.colleagues)
        self._policy = _policy(settings)
        self._meter = GasMeter(cap=self._policy.gas_cap)
        self._alarms = Alarms(clock=clock, book=adapters.alarms)
        self._status = StatusFlow(
            ledger=ledger,
            overview=adapters.overview,
            leases=adapters.leases,
            chain=chain,
            book=adapters.alarms,
            gate=self._gate,
            clock=clock,
            senders=[signer.address for signer in self._signers],
        )
        self._heartbeat = Heartbeat(
            leases=adapters.leases, clock=clock, lease_seconds=settings.lease_seconds
        )
        self._tracker = HeadTracker(chain=chain, clock=clock)
        self._carrier = Carrier(
            leases=adapters.leases,
            engine=adapters.engine,
            clock=clock,
            resting=lambda: self._tracker.waiting,
        )
        self._dispatcher = Dispatcher(
            ledger=ledger,
            carrier=self._carrier,
            clock=clock,
            deadline=settings.batch_deadline_ms / 1000,
            meter=self._meter,
            root=self._anchors.root,
        )
        self._reconciler = Reconciler(
            ledger=ledger,
            chain=chain,
            sending=Sending(
                ledger=ledger,
                chain=chain,
                signers={signer.address: signer for signer in self._signers},
                clock=clock,
                policy=self._policy,
                alarms=self._alarms,
            ),
            senders=[signer.address for signer in self._signers],
            clock=clock,
            alarms=self._alarms,
            contracts=self._check_chain,
            meter=self._meter,
            least_balance=Wei(settings.least_balance_gwei * GWEI),
        )
        self._follower = Follower(
            ledger=ledger,
            chain=chain,
            clock=clock,
            start=BlockNumber(min(c.block for c in deployment.contracts.values())),
        )
        self._reading = ReadFlow(
            ledger=ledger,
            contents=adapters.contents,
            follower=self._follower,
            deployment=deployment,
        )
        self._previewing = PreviewFlow(reading=self._reading, previews=adapters.previews)

    async def start(self) -> None:
        """Take up work, also what was left unfinished.

        Raises `WrongChain` and `WrongContract` where the chain is not the one on record, and
        `LedgerUnavailable`. A chain that is away is waited for while requests are accepted.
        """
        await self._adapters.ledger.start()
        await self._adapters.leases.start()
        self._begin(self._heartbeat.run())
        if not self._role.works:
            return
        self._begin(self._auditing.run(every=self.settings.audit_seconds))
        await self._storing.sweep()
        await self._keyring.adopt()
        await self._erasing.finish()
        try:
            await self._check_chain()
        except Unavailable as error:
            _log.warning("starting without the chain: %s", error)
            self._fault = error
            self._begin(self._work_when_chain_is_back())
        else:
            await self._work()

    async def stop(self) -> None:
        """Lay down work where it is; the next start takes it up."""
        for task in self._tasks:
            task.cancel()
        # What a task failed with was told when it did, in the log and by `health`.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._carrier.stop()
        await self._adapters.engine.stop()
        await self._adapters.cores.stop()
        await self._adapters.chain.close()
        await self._adapters.contents.close()
        await self._adapters.key_custody.close()
        try:
            await self._adapters.leases.stop()
        except Unavailable as error:
            _log.warning("leaving without a word: %s (%s)", error, error.code)
        await self._adapters.ledger.stop()

    # issuing

    def authorize(self, token: str | None) -> None:
        """Raises `Unauthorized` where `token` is not one of the API tokens."""
        given = (token or "").encode()
        known = [hmac.compare_digest(given, expected.encode()) for expected in self._api_tokens]
        if not any(known):
            raise Unauthorized("an API token is needed")

    async def accept(
        self,
        kind: AssetKind,
        *,
        key: str,
        parts: AsyncIterator[Part],
        amending: Amending | None = None,
    ) -> IssuanceView:
        """Accept a request; see `AcceptFlow.accept` for what is raised, and `Overloaded`."""
        async with self._gate.request():
            accepted = await self._accepting.accept(kind, key=key, parts=parts, amending=amending)
        if not isinstance(accepted, Drafted):
            return await self._issuances.view(accepted)
        self._dispatcher.wake()
        return self._issuances.fresh(accepted)

    async def amend(self, token: str, *, key: str, parts: AsyncIterator[Part]) -> IssuanceView:
        """Accept an asset's next version; as `accept`, and `NotFound`, `Erased`, `NotAmendable`."""
        amending = await Amending.of(
            token,
            reading=self._reading,
            ledger=self._adapters.ledger,
            issuers=[signer.address for signer in self._signers],
        )
        return await self.accept(amending.kind, key=key, parts=parts, amending=amending)

    async def accept_batch(
        self, kind: AssetKind, lines: AsyncIterator[Line], *, anchor: str | None = None
    ) -> AsyncIterator[tuple[str | None, IssuanceView | NftsvcError]]:
        """Accept many requests, a line each; for each its key and what became of it, in order.

        Raises `Overloaded` before the first line is read.
        """
        into = read_anchor_id(anchor) if anchor is not None else None
        async with self._gate.request():
            async for answer in self._accept_lines(kind, lines, into):
                yield answer

    async def _accept_lines(
        self, kind: AssetKind, lines: AsyncIterator[Line], anchor: AnchorId | None
    ) -> AsyncIterator[tuple[str | None, IssuanceView | NftsvcError]]:
        most = self.settings.max_batch_items
        async for share in self._batches.accept(kind, lines, most=most, anchor=anchor):
            if any(isinstance(answer.outcome, Drafted) for answer in share):
                self._dispatcher.wake()
            known = await self._issuances.views(
                [answer.outcome for answer in share if isinstance(answer.outcome, str)]
            )
            for answer in share:
                match answer.outcome:
                    case Drafted():
                        yield answer.key, self._issuances.fresh(answer.outcome)
                    case NftsvcError():
                        yield answer.key, answer.outcome
                    case issuance:
                        yield answer.key, known[issuance]

    async def open_anchor(self, anchor: str) -> AnchorView:
        """Begin an anchor, or find it. Raises `InvalidField`."""
        return await self._anchors.open(read_anchor_id(anchor))

    async def anchor(self, anchor: str) -> AnchorView:
        """One anchor. Raises `NotFound`."""
        return await self._anchors.look(AnchorId(anchor))

    async def seal_anchor(self, anchor: str) -> AnchorView:
        """Take no further leaves. Raises `NotFound`, `InvalidField`."""
        found = await self._anchors.seal(AnchorId(anchor))
        self._dispatcher.wake()
        return found

    async def proof(self, id: IssuanceId) -> Claim:
        """What claims an anchored issuance's token. Raises `NotFound`."""
        return await self._anchors.proof(id)

    async def claim(self, id: IssuanceId) -> IssuanceView:
        """Issue the token of an anchored issuance. Raises `NotFound`, `InvalidField`."""
        await self._anchors.claim(id)
        self._dispatcher.wake()
        return await self._issuances.view(id)

    async def issuance(self, id: IssuanceId) -> IssuanceView:
        """One issuance. Raises `NotFound`."""
        return await self._issuances.view(id)

    # reading

    async def asset(self, token: str) -> AssetView:
        """Where an asset stands. Raises `InvalidField`, `NotFound`."""
        view = await self._reading.asset(token)
        issued = await self._adapters.ledger.issuance_of(view.asset)
        return replace(view, erased_at=issued.erased_at) if issued is not None else view

    async def history(
        self, token: str, *, cursor: str | None = None, limit: int = 50
    ) -> HistoryPage:
        """A page of an asset's records. Raises `InvalidField`, `NotFound`."""
        return await self._reading.history(token, cursor=cursor, limit=limit)

    # keys

    async def disclose(self, token: str, paths: Sequence[str]) -> DisclosureFile:
        """Some fields, to be handed on. Raises `NotFound`, `Erased`, `InvalidField`."""
        return await self._handover.disclose(await self._issued(token), paths)

    async def grant(self, token: str, *, recipient: str) -> EnvelopeFile:
        """The asset's key for a party. Raises `NotFound`, `Erased`, `InvalidField`."""
        return await self._handover.envelope(await self._issued(token), recipient=recipient)

    async def request_erasure(self, token: str, *, by: str, reason: str) -> Erasure:
        """The first step; see `Erasing.request`."""
        return await self._erasing.request(await self._first(token), by=by, reason=reason)

    async def confirm_erasure(self, token: str, *, by: str, code: str) -> Erasure:
        """The second step; see `Erasing.confirm`."""
        return await self._erasing.confirm(await self._first(token), by=by, code=code)

    async def erasure(self, token: str) -> Erasure:
        """How far an erasure is. Raises `NotFound`."""
        found = await self._adapters.keys.erasure(await self._first(token))
        if found is None:
            raise NotFound("no erasure was requested for this asset")
        return found

    async def _issued(self, token: str) -> Issuance:
        """The version of an asset that the chain stands at, or the issuance with that id."""
        ledger = self._adapters.ledger
        if token.startswith("iss-"):
            found = await ledger.issuance(IssuanceId(token))
        else:
            asset, _, head = await self._reading.standing(token)
            versions = await ledger.versions_of(asset)
            found = next((each for each in versions if each.digest == head.digest), None)
        if found is None:
            raise NotFound("this service did not issue such an asset")
        return found

    async def _first(self, token: str) -> IssuanceId:
        """The issuance of an asset's first version, whichever is named."""
        issued = await self._issued(token)
        first = await self._adapters.ledger.issuance_of(issued.asset)
        return (first or issued).issuance

    async def find_by_hash(self, digest: Digest) -> tuple[AssetId, ...]:
        """The assets with a public document of this sha256."""
        return await self._reading.find_by_hash(digest)

    async def content(self, cid: str) -> Content:
        """A content of ours. Raises `InvalidCid`, `NotFound`, `ContentUnavailable`."""
        return await self._reading.content(cid)

    async def preview(self, token: str, *, document: str | None = None) -> Preview:
        """A picture of what an asset shows. Raises `InvalidCid`, `NotFound`, `Unavailable`."""
        cid = Cid.parse(document).upgraded() if document is not None else None
        return await self._previewing.preview(token, document=cid)

    async def stores(self) -> StoreReport:
        """How the content stores stand, as far as they were looked at."""
        return await self._auditing.report()

    def trust(self) -> Json:
        """The published trust list."""
        if self._trust is None:
            return {"issuers": []}
        return self._trust.to_json()

    def chains(self) -> Json:
        """Where browsers ask the chain, and how many endpoints must agree."""
        urls: list[Json] = [*self.settings.browser_rpc_urls()]
        chain: dict[str, Json] = {
            "chainId": self._deployment.chain_id,
            "name": self.settings.chain_name,
            "rpc": urls,
            "confirmationDepth": self.settings.confirmation_depth
            or TERMS[self.settings.fee_preset].depth,
        }
        return {"chains": [chain], "quorum": min(self.settings.quorum, max(1, len(urls)))}

    async def status(self) -> Status:
        """How the service stands, all its processes together. Raises `LedgerUnavailable`."""
        return await self._status.look()

    async def health(self) -> Health:
        """Whether the background work runs."""
        return Health(alive=not any(_failed(task) for task in self._tasks))

    async def readiness(self) -> Readiness:
        """Ask every part whether it can work now."""
        probes: dict[str, Coroutine[Any, Any, object]] = {
            "chain": self._adapters.chain.heads(),
            "ledger": self._adapters.ledger.finalized(),
            "content": self._adapters.contents.ping(),
            "queue": self._gate.check(),
        }
        answers = await asyncio.gather(*probes.values(), return_exceptions=True)
        parts = {name: _state(answer) for name, answer in zip(probes, answers, strict=True)}
        parts["follower"] = _state(self._fault or self._follower.fault)
        return Readiness(all(state == "ok" for state in parts.values()), parts)

    async def _check_chain(self) -> None:
        away: ChainUnavailable | None = None
        for url in self.settings.rpc_urls:
            deployer = Deployer(url, timeout=self.settings.rpc_seconds)
            try:
                await deployer.check(self._deployment)
            except ChainUnavailable as error:
                away = error
                continue
            finally:
                await deployer.close()
            return
        if away is not None:
            raise away

    async def _work_when_chain_is_back(self) -> None:
        while self._fault is not None:
            await self._adapters.clock.sleep(CHAIN_SECONDS)
            try:
                await self._check_chain()
            except Unavailable as error:
                self._fault = error
            except NftsvcError as error:
                self._fault = error
                _log.critical("not the chain on record, nothing is issued: %s", error)
                raise
            else:
                self._fault = None
        await self._work()

    async def _work(self) -> None:
        # Whatever it finds is an alarm, and holds the work up where it must.
        with contextlib.suppress(NftsvcError):
            await self._reconciler.look()
        self._begin(self._reconciler.run())
        await self._adapters.engine.start(self._carry)
        self._begin(self._dispatcher.run())
        self._begin(self._follower.run(self._adapters.leases))

    async def _carry(self, batch: BatchId, fence: Fence, steps: Steps) -> None:
        ledger = self._adapters.ledger.fenced(fence)
        issuing = IssueFlow(
            ledger=ledger,
            chain=self._adapters.chain,
            signer=self._adapters.signer,
            storing=self._storing_in(ledger),
            clock=self._adapters.clock,
            policy=self._policy,
            colleagues=self._adapters.colleagues,
            alarms=self._alarms,
            meter=self._meter,
            tracker=self._tracker,
            guard=self._reconciler.guard,
        )
        await issuing.run(batch, steps)

    def _storing_in(self, ledger: Ledger) -> Storing:
        return Storing(
            ledger=ledger,
            spool=self._adapters.spool,
            contents=self._adapters.contents,
            clock=self._adapters.clock,
        )

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(_tell_if_failed)
        self._tasks.append(task)


def bootstrap(
    settings: Settings, *, around: Callable[[Adapters], Adapters] = lambda own: own
) -> Application:
    """Wire the service. Reads files, touches nothing else. Raises `Misconfigured`.

    `around` may put something of its own between the service and its adapters.
    """
    deployment = _deployment(settings.deployment_file)
    identity = read_secret(settings.recovery_identity_file, setting="recovery_identity_file")
    try:
        recipient_of(identity)
    except SealUnreadable as error:
        raise Misconfigured(f"NFTSVC_RECOVERY_IDENTITY_FILE: {error}") from None
    return Application(
        settings,
        adapters=around(_adapters(settings, deployment=deployment)),
        deployment=deployment,
        custody=_custody(settings, deployment),
        recovery_identity=identity,
        trust=read_trust(settings.trust_file),
        api_tokens=tuple(
            read_secret(path, setting="api_token_files") for path in settings.api_token_files
        ),
    )


@asynccontextmanager
async def auditing(settings: Settings) -> AsyncIterator[StoreAudit]:
    """The audit of the stores alone, beside the service or without it. Raises `Misconfigured`."""
    given = settings.database_url.get_secret_value() if settings.database_url else None
    database = Database(database_urls(settings.data_dir, given=given)[0])
    contents = open_stores(
        settings.stores, folder=settings.data_dir / "content", wanted=settings.replicas
    )
    try:
        await database.start()
        yield StoreAudit(
            audits=SqlAudits(database),
            contents=contents,
            wanted=settings.replicas,
            clock=SystemClock(),
        )
    finally:
        await contents.close()
        await database.stop()


async def rotate_keys(settings: Settings) -> Rotation:
    """Rotate the key-encryption key; the service may run meanwhile. Raises `Misconfigured`."""
    identity = read_secret(settings.recovery_identity_file, setting="recovery_identity_file")
    given = settings.database_url.get_secret_value() if settings.database_url else None
    shared = Database(database_urls(settings.data_dir, given=given)[0])
    ledger = SqlLedger(shared)
    keyring = Keyring(
        custody=_key_custody(settings),
        shares=ShareFolder(settings.data_dir / "shares"),
        keys=SqlKeys(shared),
        ledger=ledger,
        sealer=AgeSealer(),
        recipient=recipient_of(identity),
        identity=identity,
    )
    await ledger.start()
    try:
        return await keyring.rotate()
    finally:
        await ledger.stop()


def _key_custody(settings: Settings) -> KeyCustody:
    if settings.aws_kms_wrapping_keys:
        if settings.key_file is not None:
            raise Misconfigured("name one: NFTSVC_KEY_FILE or NFTSVC_AWS_KMS_WRAPPING_KEYS")
        return AwsKmsCustody(settings.aws_kms_wrapping_keys, endpoint=settings.aws_kms_endpoint)
    return KeyFile(settings.key_file or settings.data_dir / "keys" / "kek.json")


def _adapters(settings: Settings, *, deployment: Deployment) -> Adapters:
    """The adapters that the settings choose. Raises `Misconfigured`."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    signer, *colleagues = open_signers(settings, issuer=deployment.issuer)
    database = settings.database_url.get_secret_value() if settings.database_url else None
    ledger_url, engine_url = database_urls(settings.data_dir, given=database)
    shared = Database(ledger_url)
    role = Role(settings.role)
    alone = role.works and shared.dialect == "sqlite"
    leases = SqlLeases(
        shared,
        role=role,
        version=f"{version('nftsvc')}/{JOURNEY_VERSION}",
        alone=FolderLock(settings.data_dir) if alone else None,
    )
    contracts = {kind: contract.address for kind, contract in deployment.contracts.items()}
    return Adapters(
        ledger=SqlLedger(shared),
        chain=FailoverChain(
            [
                EvmChain(
                    url,
                    chain_id=deployment.chain_id,
                    contracts=contracts,
                    depth=settings.confirmation_depth,
                    preset=settings.fee_preset,
                    timeout=settings.rpc_seconds,
                )
                for url in settings.rpc_urls
            ]
        ),
        signer=signer,
        contents=open_stores(
            settings.stores, folder=settings.data_dir / "content", wanted=settings.replicas
        ),
        audits=SqlAudits(shared),
        spool=FolderSpool(settings.data_dir / "spool"),
        sealer=AgeSealer(),
        key_custody=_key_custody(settings),
        shares=ShareFolder(settings.data_dir / "shares"),
        keys=SqlKeys(shared),
        engine=DbosEngine(engine_url, executor=leases.worker),
        leases=leases,
        overview=SqlOverview(shared),
        clock=SystemClock(),
        cores=ProcessCores(settings.draft_processes),
        previews=PreviewFolder(settings.data_dir / "previews"),
        colleagues=tuple(colleagues),
        alarms=SqlAlarms(shared),
    )


def _deployment(path: Path) -> Deployment:
    try:
        return Deployment.parse(path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"NFTSVC_DEPLOYMENT_FILE: cannot read {path}: {error}") from error
    except (InvalidJson, InvalidField) as error:
        raise Misconfigured(f"NFTSVC_DEPLOYMENT_FILE: {path}: {error}") from error


def _policy(settings: Settings) -> SendingPolicy:
    return SendingPolicy(
        fee_cap=Wei(settings.fee_cap_gwei * GWEI),
        gas_cap=Gas(settings.transaction_gas_cap),
        hang_blocks=settings.hang_blocks,
        hang_seconds=settings.hang_seconds,
    )


def _custody(settings: Settings, deployment: Deployment) -> Address:
    if settings.custody_account is None:
        return deployment.issuer
    try:
        return parse_address(settings.custody_account)
    except InvalidField as error:
        raise Misconfigured(f"NFTSVC_CUSTODY_ACCOUNT: {error.detail}") from error


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _tell_if_failed(task: asyncio.Task[None]) -> None:
    if _failed(task):
        name = getattr(task.get_coro(), "__qualname__", "a loop")
        _log.critical("%s ended: restart this process", name, exc_info=task.exception())


def _state(answer: object) -> str:
    if isinstance(answer, NftsvcError):
        return answer.code
    return "internal" if isinstance(answer, BaseException) else "ok"
