"""The journey of a batch on the chain's twin: what goes wrong on the way, and how it ends."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from eth_account import Account

from chain.local.accounts import CUSTODY, ISSUER, STRANGER
from nftsvc.adapters.database import Database
from nftsvc.adapters.keystore_signer import KeystoreSigner
from nftsvc.adapters.memory_chain import ChainFault, MemoryChain
from nftsvc.adapters.memory_store import MemoryStore
from nftsvc.adapters.spool import FolderSpool
from nftsvc.adapters.sql_alarms import SqlAlarms
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.core.alarms import AlarmCode
from nftsvc.core.assets import Issuance, IssuanceRequest, KeptDocument
from nftsvc.core.cid import Cid
from nftsvc.core.errors import (
    ChainRewritten,
    ChainUnavailable,
    RpcBehind,
    TransactionRefused,
    WrongChain,
)
from nftsvc.core.history import Block, Heads
from nftsvc.core.issuance import IssuanceStatus as S
from nftsvc.core.manifest import genesis_token_id
from nftsvc.core.transaction import (
    TRANSACTION_GAS_CAP,
    Call,
    Fees,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)
from nftsvc.core.types import (
    Address,
    AssetId,
    AssetKind,
    BatchId,
    BlockHash,
    BlockNumber,
    ChainId,
    Gas,
    IssuanceId,
    Nonce,
    TransactionHash,
    Wei,
    digest_of,
    parse_address,
)
from nftsvc.flows.alarms import Alarms
from nftsvc.flows.follow import Follower
from nftsvc.flows.head_tracker import HeadTracker
from nftsvc.flows.issue import IssueFlow, SendingPolicy
from nftsvc.flows.reconcile import LOOK_SECONDS, Reconciler
from nftsvc.flows.sizing import GasMeter
from nftsvc.flows.storing import Storing

DEAL: Final = AssetKind.EXPORT_CONTRACT
CONTRACTS: Final = {
    DEAL: parse_address("0x" + "a1" * 20),
    AssetKind.PRODUCT_CONTENT: parse_address("0x" + "b2" * 20),
}
HOLDER: Final = Address(CUSTODY.address)
STRANGER_HOLDER: Final = Address(STRANGER.address)
NOTHING: Final = Wei(0)
DOCUMENT: Final = b"encrypted bytes"
JOURNEY: Final = [S.ACCEPTED, S.STORED, S.SUBMITTED, S.MINED, S.SAFE, S.FINALIZED]


class BlockClock:
    """Time that passes by itself: whoever waits sees the next block."""

    def __init__(self, chain: MemoryChain) -> None:
        self._now = datetime(2026, 5, 4, tzinfo=UTC)
        self._passed = 0.0
        self._chain = chain
        self.on_block: Callable[[int], None] = lambda _: None
        self._blocks = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed

    def set_back(self, by: timedelta) -> None:
        """What an operator or a time server does to a clock that was wrong."""
        self._now -= by

    async def sleep(self, seconds: float) -> None:
        passed = max(seconds, 6)
        self._now += timedelta(seconds=passed)
        self._passed += passed
        self._blocks += 1
        if self._blocks > 400:
            raise TimeoutError("the journey does not end")
        self._chain.mine()
        self.on_block(self._blocks)
        await asyncio.sleep(0)


class World:
    """Everything around one batch."""

    def __init__(self, folder: Path) -> None:
        self.chain = MemoryChain(
            chain_id=ChainId(31337), contracts=CONTRACTS, issuer=Address(ISSUER.address), depth=4
        )
        self.clock = BlockClock(self.chain)
        url = sa.URL.create("sqlite+aiosqlite", database=str(folder / "ledger.sqlite"))
        database = Database(url)
        self.ledger = SqlLedger(database)
        self.alarms = SqlAlarms(database)
        self.store = MemoryStore()
        self.spool = FolderSpool(folder / "spool")
        self.signer = KeystoreSigner(Account.from_key(ISSUER.private_key))

    def flow(self, tracker: HeadTracker | None = None) -> IssueFlow:
        storing = Storing(
            ledger=self.ledger, spool=self.spool, contents=self.store, clock=self.clock
        )
        return IssueFlow(
            ledger=self.ledger,
            chain=self.chain,
            signer=self.signer,
            storing=storing,
            clock=self.clock,
            policy=SendingPolicy(fee_cap=Wei(10**12), gas_cap=TRANSACTION_GAS_CAP),
            alarms=Alarms(clock=self.clock, book=self.alarms),
            tracker=tracker,
        )

    def reconciler(self, flow: IssueFlow, *, least_balance: Wei = NOTHING) -> Reconciler:
        return Reconciler(
            ledger=self.ledger,
            chain=self.chain,
            sending=flow.sending,
            senders=[self.signer.address],
            clock=self.clock,
            alarms=Alarms(clock=self.clock, book=self.alarms),
            contracts=self.chain.check_identity,
            meter=GasMeter(),
            least_balance=least_balance,
        )

    async def accept(self, count: int) -> list[IssuanceId]:
        accepted = []
        for _ in range(count):
            issuance = IssuanceId(f"iss-{secrets.token_hex(8)}")
            manifest = secrets.token_bytes(40)
            async with self.spool.stage(issuance) as staging:
                staging.create(0).write(DOCUMENT)
                await staging.commit()
            kept = KeptDocument(
                Cid.of_block(DOCUMENT), len(DOCUMENT), "application/pdf", None, None
            )
            token = genesis_token_id(manifest)
            await self.ledger.accept(
                IssuanceRequest(
                    issuance=issuance,
                    idempotency_key=issuance,
                    fingerprint=b"\x01" * 32,
                    asset=AssetId(self.chain.chain_id, CONTRACTS[DEAL], token),
                    kind=DEAL,
                    holder=HOLDER,
                    manifest=manifest,
                    accepted_at=self.clock.now(),
                    documents=(kept,),
                    private=b"",
                    envelopes=(),
                    issuer=self.signer.address,
                )
            )
            accepted.append(issuance)
        return accepted

    async def assign(self) -> BatchId:
        batch = await self.ledger.assign(DEAL, most=100, at=self.clock.now())
        assert batch is not None
        return batch

    async def carry(self, batch: BatchId) -> None:
        await self.flow().run(batch, _run)

    async def carry_until_mined(self, batch: BatchId) -> None:
        """Carry a batch until it is mined, and die before it is anything more."""
        advance = self.ledger.advance

        async def killed(issuances: Collection[IssuanceId], **move: Any) -> int:
            if move["current"] is S.MINED:
                raise asyncio.CancelledError
            return await advance(issuances, **move)

        self.ledger.advance = killed  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await self.carry(batch)
        self.ledger.advance = advance  # type: ignore[method-assign]

    async def carry_with_keeper(self, *batches: BatchId) -> None:
        """Carry batches while ledger and chain are held against each other."""
        flow = self.flow()
        keeper = self.reconciler(flow)
        carried = {batch: asyncio.create_task(flow.run(batch, _run)) for batch in batches}
        while not all(task.done() for task in carried.values()):
            await keeper.look()
            for batch in await self.ledger.open_batches():
                if batch not in carried:
                    carried[batch] = asyncio.create_task(flow.run(batch, _run))
            await self.clock.sleep(LOOK_SECONDS)
        await asyncio.gather(*carried.values())

    async def see(self, issuances: Sequence[IssuanceId]) -> list[Issuance]:
        found = [await self.ledger.issuance(each) for each in issuances]
        return [each for each in found if each is not None]

    async def tokens(self) -> list[int]:
        heads = await self.chain.heads()
        events = await self.chain.events(first=BlockNumber(0), last=heads.latest.number)
        return [event.token_id for event in events]


async def _run(name: str, work: Callable[[], Awaitable[None]]) -> None:
    await work()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.ledger.start()
    yield world
    await world.ledger.stop()


def _statuses(issuance: Issuance) -> list[S]:
    return [change.status for change in issuance.changes]


async def test_batch__nothing_wrong__all_final_by_one_transaction(world: World) -> None:
    ids = await world.accept(3)
    batch = await world.assign()
    await world.carry(batch)
    done = await world.see(ids)
    assert [_statuses(each) for each in done] == [JOURNEY] * 3
    assert len({each.transaction for each in done}) == 1
    assert sorted(await world.tokens()) == sorted(each.asset.token_id for each in done)
    assert await world.ledger.open_batches() == ()
    assert world.store.roots >= {Cid.raw(digest_of(e.asset.token_id)) for e in done}


async def test_batches__many_wait_for_finality__nobody_is_asked_again_and_again(
    world: World,
) -> None:
    count, depth = 40, 64
    world.chain = MemoryChain(
        chain_id=ChainId(31337), contracts=CONTRACTS, issuer=Address(ISSUER.address), depth=depth
    )
    world.clock = BlockClock(world.chain)
    world.chain.mine(depth)
    asked = Counter[str]()

    def counted(part: Any, name: str) -> None:
        own = getattr(part, name)

        async def ask(*words: Any, **named: Any) -> Any:
            asked[name] += 1
            return await own(*words, **named)

        setattr(part, name, ask)

    for name in ("heads", "receipt", "block"):
        counted(world.chain, name)
    for name in ("statuses", "written", "advance"):
        counted(world.ledger, name)
    ids, batches = [], []
    for _ in range(count):
        ids += await world.accept(1)
        batches.append(await world.assign())
    tracker = HeadTracker(chain=world.chain, clock=world.clock)
    await asyncio.gather(*(world.flow(tracker).run(batch, _run) for batch in batches))
    assert all(_statuses(one) == JOURNEY for one in await world.see(ids))
    assert asked["heads"] <= 2 * depth
    # Each: not mined yet some times, mined, safe, final; not once for each block.
    assert asked["receipt"] <= 6 * count
    assert asked["block"] <= 6 * count
    assert asked["statuses"] <= 10 * count
    assert asked["written"] <= 10 * count
    assert asked["advance"] == 4 * count


async def test_batch__one_would_revert__it_fails_alone_with_its_reason(world: World) -> None:
    ids = await world.accept(3)
    bad = (await world.see(ids))[1]
    await _issue_behind_our_back(world, bad, holder=STRANGER_HOLDER)
    await world.carry(await world.assign())
    done = await world.see(ids)
    assert [each.status for each in done] == [S.FINALIZED, S.FAILED, S.FINALIZED]
    assert done[1].failure is not None
    assert "Token_AlreadyIssued" in done[1].failure.detail
    assert len(await world.tokens()) == 3


async def test_batch__many_would_revert__are_found_by_few_questions(world: World) -> None:
    ids = await world.accept(40)
    for bad in (await world.see(ids))[::5]:
        await _issue_behind_our_back(world, bad, holder=STRANGER_HOLDER)
    asked: list[str] = []
    for name in ("estimate", "precheck"):
        _count(world.chain, name, asked)
    await world.carry(await world.assign())
    done = [each.status for each in await world.see(ids)]
    assert [place for place, status in enumerate(done) if status is S.FAILED] == [*range(0, 40, 5)]
    assert set(done) == {S.FAILED, S.FINALIZED}
    assert asked == ["estimate", "precheck", "estimate"]


async def test_batch__token_is_on_the_chain_already__is_adopted_not_failed(world: World) -> None:
    ids = await world.accept(3)
    there = (await world.see(ids))[1]
    first = await _issue_behind_our_back(world, there)
    await world.carry(await world.assign())
    done = await world.see(ids)
    assert [_statuses(each) for each in done] == [JOURNEY] * 3
    assert done[1].transaction is not None
    assert done[1].transaction.transaction_hash == first.transaction_hash
    assert len(await world.tokens()) == 3


async def test_batch__token_there_is_not_final_yet__waits_for_it_and_the_others_go(
    world: World,
) -> None:
    ids = await world.accept(2)
    first = await _issue_behind_our_back(world, (await world.see(ids))[0], blocks=1)
    await world.carry(await world.assign())
    done = await world.see(ids)
    assert [each.status for each in done] == [S.FINALIZED] * 2
    assert done[0].transaction is not None
    assert done[0].transaction.transaction_hash == first.transaction_hash


async def test_batch__token_there_is_reorganised_away__is_issued_after_all(world: World) -> None:
    ids = await world.accept(2)
    await _issue_behind_our_back(world, (await world.see(ids))[0], blocks=1)
    batch = await world.assign()

    def reorg(block: int) -> None:
        if block == 1:
            world.chain.reorg(2, keep_transactions=False)

    world.clock.on_block = reorg
    await world.carry_with_keeper(batch)
    if again := await world.ledger.assign(DEAL, most=9, at=world.clock.now()):
        await world.carry(again)
    assert [each.status for each in await world.see(ids)] == [S.FINALIZED] * 2
    assert len(await world.tokens()) == 2


async def test_batch__base_fee_rises_above_the_offer__is_replaced_and_mined(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    broadcast = world.chain.broadcast

    async def too_late(signed: SignedTransaction) -> None:
        world.chain.base_fee = Wei(10**10)
        await broadcast(signed)

    world.chain.broadcast = too_late  # type: ignore[method-assign]
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert _statuses(done) == JOURNEY
    written = await world.ledger.written(batch)
    assert written is not None
    assert len(written.attempts) == 2
    first, second = written.attempts
    assert 10 * second.max_fee >= 11 * first.max_fee
    assert 10 * second.max_priority_fee >= 11 * first.max_priority_fee
    assert len(await world.tokens()) == 1


async def test_batch__clock_is_set_back_and_the_node_forgets__is_sent_again(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    broadcast = world.chain.broadcast
    sent: list[SignedTransaction] = []

    async def forgotten_at_first(signed: SignedTransaction) -> None:
        sent.append(signed)
        await broadcast(signed)
        if len(sent) <= 2:
            world.chain.forget_pending()
            world.clock.set_back(timedelta(hours=3))

    world.chain.broadcast = forgotten_at_first  # type: ignore[method-assign]
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert _statuses(done)[-1] is S.FINALIZED
    assert len(await world.tokens()) == 1


async def test_batch__older_attempt_wins__is_final_by_the_older(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    sent: list[SignedTransaction] = []
    broadcast = world.chain.broadcast

    async def another_node(signed: SignedTransaction) -> None:
        """The blocks are made by a node that never hears of the replacement."""
        if signed not in sent:
            sent.append(signed)
        if signed == sent[0]:
            await broadcast(signed)
        if len(sent) == 2:
            world.chain.base_fee = Wei(10**9)

    world.chain.broadcast = another_node  # type: ignore[method-assign]
    fees = world.chain.fees

    async def then_rise() -> Fees:
        found = await fees()
        world.chain.base_fee = Wei(10**10)
        return found

    world.chain.fees = then_rise  # type: ignore[method-assign]
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert done.status is S.FINALIZED
    assert len(sent) == 2
    assert done.transaction is not None
    assert done.transaction.transaction_hash == sent[0].transaction_hash
    assert len(await world.tokens()) == 1


async def test_batch__cap_is_reached__is_an_alarm_and_goes_on_when_fees_fall(
    world: World,
) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    world.chain.base_fee = Wei(2 * 10**12)
    world.clock.on_block = lambda n: setattr(world.chain, "base_fee", 10**9) if n == 60 else None
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert done.status is S.FINALIZED
    codes = {alarm.code for alarm in await world.alarms.alarms()}
    assert codes == {AlarmCode.FEE_CAP_REACHED, AlarmCode.FEE_CAP_TOO_LOW}
    written = await world.ledger.written(batch)
    assert written is not None
    assert all(attempt.max_fee <= 10**12 for attempt in written.attempts)
    ended = {alarm.code for alarm in await world.alarms.alarms() if not alarm.active}
    assert AlarmCode.FEE_CAP_REACHED in ended


async def test_batch__reverted_in_a_final_block__only_the_culprit_is_lost(world: World) -> None:
    ids = await world.accept(3)
    batch = await world.assign()
    members = await world.see(ids)
    broadcast = world.chain.broadcast
    passed: list[int] = []

    async def overtaken(signed: SignedTransaction) -> None:
        """The same block holds, before ours, one that issues one of our tokens."""
        if not passed:
            passed.append(1)
            world.chain._issuer = Address(CUSTODY.address)
            other = KeystoreSigner(Account.from_key(CUSTODY.private_key))
            call = world.chain.issuing(
                DEAL, [(STRANGER_HOLDER, digest_of(members[1].asset.token_id))]
            )
            await broadcast(
                await other.sign(
                    UnsignedTransaction(
                        world.chain.chain_id,
                        Nonce(0),
                        call,
                        Gas(90_000),
                        Wei(3 * 10**9),
                        Wei(10**6),
                    )
                )
            )
            world.chain.mine()
            world.chain._issuer = world.signer.address
        await broadcast(signed)

    world.chain.broadcast = overtaken  # type: ignore[method-assign]
    await world.carry(batch)
    done = await world.see(ids)
    assert [each.status for each in done] == [S.FINALIZED, S.FAILED, S.FINALIZED]
    assert [alarm.code for alarm in await world.alarms.alarms()] == [AlarmCode.BATCH_REVERTED]
    assert len(await world.tokens()) == 3


async def test_batch__node_is_behind_what_was_mined__is_no_reorg(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    heads, receipt = world.chain.heads, world.chain.receipt
    behind = 0

    async def old_heads() -> Heads:
        found = await heads()
        if not behind:
            return found
        old = await world.chain.block(BlockNumber(0))
        assert old is not None
        return Heads(old, old, old)

    async def no_receipt(transaction: TransactionHash) -> Receipt | None:
        return None if behind else await receipt(transaction)

    def fall_back(block: int) -> None:
        nonlocal behind
        behind = 3 <= block < 9

    world.clock.on_block = fall_back
    world.chain.heads = old_heads  # type: ignore[method-assign]
    world.chain.receipt = no_receipt  # type: ignore[method-assign]
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert _statuses(done) == JOURNEY


async def test_gap__nothing_of_ours_fills_it__a_transfer_of_nothing_does(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    nonce = world.chain.nonce
    world.chain.nonce = _ahead(nonce, by=2)  # type: ignore[method-assign]
    flow = world.flow()

    async def written_only(name: str, work: Callable[[], Awaitable[None]]) -> None:
        if name == "broadcast":
            raise asyncio.CancelledError
        await work()

    with pytest.raises(asyncio.CancelledError):
        await flow.run(batch, written_only)
    world.chain.nonce = nonce  # type: ignore[method-assign]
    keeper = world.reconciler(flow)
    await keeper.look()
    assert await world.ledger.open_batches() == (batch,), "a gap must be seen twice"
    await keeper.look()
    fillers = [each for each in await world.ledger.open_batches() if each != batch]
    assert len(fillers) == 2
    await keeper.look()
    assert len(await world.ledger.open_batches()) == 3, "a gap is filled once"
    await asyncio.gather(*(flow.run(each, _run) for each in (batch, *fillers)))
    (done,) = await world.see(ids)
    assert _statuses(done) == JOURNEY
    assert await world.ledger.open_batches() == ()
    assert [sent.nonce for sent in world.chain.mined] == [0, 1, 2]
    assert [sent.to for sent in world.chain.mined[:2]] == [world.signer.address] * 2
    assert AlarmCode.NONCE_GAP in {alarm.code for alarm in await world.alarms.alarms()}


async def test_reconcile__nonce_used_by_somebody_else__is_named(world: World) -> None:
    await world.accept(1)
    await world.carry(await world.assign())
    keeper = world.reconciler(world.flow())
    await keeper.look()
    assert await world.alarms.alarms() == ()
    await _spend_nonce(world, world.chain.broadcast)
    await keeper.look()
    (alarm,) = await world.alarms.alarms()
    assert (alarm.code, alarm.subject) == (AlarmCode.NONCE_TAKEN, world.signer.address)


async def test_reconcile__other_chain_or_behind__stops_until_it_has_gone(world: World) -> None:
    await world.ledger.follow([], [], finalized=BlockNumber(50))
    keeper = world.reconciler(world.flow())
    with pytest.raises(RpcBehind):
        await keeper.look()
    with pytest.raises(RpcBehind):
        keeper.guard()
    world.chain.mine(60)
    await keeper.look()
    keeper.guard()
    world.chain.fault = ChainFault.OTHER_CHAIN
    with pytest.raises(WrongChain):
        await keeper.look()
    world.chain.fault = None
    await keeper.look()
    keeper.guard()
    alarms = {alarm.code: alarm.active for alarm in await world.alarms.alarms()}
    assert alarms == {AlarmCode.WRONG_CHAIN: False, AlarmCode.RPC_BEHIND: False}


async def test_reconcile__balance_is_low__is_an_alarm_before_anything_fails(world: World) -> None:
    keeper = world.reconciler(world.flow(), least_balance=Wei(10**22))
    await keeper.look()
    assert [(a.code, a.active) for a in await world.alarms.alarms()] == [
        (AlarmCode.BALANCE_LOW, True)
    ]


async def test_batch__key_is_not_here__waits_with_an_alarm(world: World) -> None:
    await world.accept(1)
    batch = await world.assign()
    world.signer = KeystoreSigner(Account.from_key(CUSTODY.private_key))
    with pytest.raises(TimeoutError):
        await world.carry(batch)
    assert [a.code for a in await world.alarms.alarms()] == [AlarmCode.SIGNER_MISSING]


async def test_batch__answer_to_the_broadcast_is_lost__one_token(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    world.chain.fault = ChainFault.LOST_ANSWER
    world.clock.on_block = lambda n: _set(world.chain, None) if n == 3 else None
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert done.status is S.FINALIZED
    assert len(await world.tokens()) == 1


async def test_batch__contract_is_paused__waits_and_goes_on(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    own = world.chain._issuer
    world.chain._issuer = HOLDER  # nobody else may issue: Roles_NotIssuer for ours
    world.clock.on_block = lambda n: setattr(world.chain, "_issuer", own) if n == 5 else None
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert _statuses(done) == JOURNEY


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("keep", [True, False], ids=["pending again", "forgotten"])
async def test_batch__reorganised__is_announced_and_final_in_the_end(
    world: World, depth: int, *, keep: bool
) -> None:
    ids = await world.accept(1)
    batch = await world.assign()

    def reorg(block: int) -> None:
        if block == depth + 1:
            world.chain.reorg(depth + 1, keep_transactions=keep)

    world.clock.on_block = reorg
    await world.carry(batch)
    (done,) = await world.see(ids)
    statuses = _statuses(done)
    assert S.REORGED in statuses
    assert statuses[statuses.index(S.REORGED) + 1] is S.SUBMITTED
    assert statuses[-1] is S.FINALIZED
    assert len(await world.tokens()) == 1


async def test_batch__killed_between_a_reorg_and_the_way_back__goes_on_all_the_same(
    world: World,
) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    block, advance = world.chain.block, world.ledger.advance
    hidden = False

    async def hidden_once_mined(number: BlockNumber) -> Block | None:
        nonlocal hidden
        (issuance,) = await world.see(ids)
        hidden = hidden or issuance.status is S.MINED
        return None if hidden else await block(number)

    async def killed(issuances: Collection[IssuanceId], **move: Any) -> int:
        if move["current"] is S.REORGED:
            raise asyncio.CancelledError
        return await advance(issuances, **move)

    world.chain.block = hidden_once_mined  # type: ignore[method-assign]
    world.ledger.advance = killed  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await world.carry(batch)
    assert [each.status for each in await world.see(ids)] == [S.REORGED]
    # The node sees the block again, as if nothing had been.
    world.chain.block = block  # type: ignore[method-assign]
    world.ledger.advance = advance  # type: ignore[method-assign]
    await world.carry(batch)
    assert [each.status for each in await world.see(ids)] == [S.FINALIZED]


async def test_batch__reorganised_away_while_nobody_carried_it__is_no_node_that_is_behind(
    world: World,
) -> None:
    world.chain.mine(10)
    ids = await world.accept(1)
    batch = await world.assign()
    await world.carry_until_mined(batch)
    assert [each.status for each in await world.see(ids)] == [S.MINED]
    world.chain.reorg(4, keep_transactions=False)
    assert await world.tokens() == []
    world.chain.mine(20)
    # Another process followed the chain meanwhile, to a final block beyond the one that is gone.
    follower = Follower(
        ledger=world.ledger, chain=world.chain, clock=world.clock, start=BlockNumber(1)
    )
    await follower.catch_up()
    await world.carry_with_keeper(batch)
    (done,) = await world.see(ids)
    assert _statuses(done) == [*JOURNEY[:4], S.REORGED, *JOURNEY[2:]]
    assert len(await world.tokens()) == 1


async def test_batch__in_another_final_block_when_it_is_looked_at_again__is_final_too(
    world: World,
) -> None:
    world.chain.mine(10)
    ids = await world.accept(1)
    batch = await world.assign()
    await world.carry_until_mined(batch)
    world.chain.reorg(4)
    world.chain.mine(20)
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert _statuses(done) == [*JOURNEY[:4], S.REORGED, *JOURNEY[2:]]
    assert len(await world.tokens()) == 1


async def test_batch__nonce_used_by_another_for_good__a_new_transaction(world: World) -> None:
    ids = await world.accept(1)
    batch = await world.assign()
    sent: list[SignedTransaction] = []
    broadcast = world.chain.broadcast

    async def only_later(signed: SignedTransaction) -> None:
        if not sent:
            sent.append(signed)
            await _spend_nonce(world, broadcast)
        await broadcast(signed)

    world.chain.broadcast = only_later  # type: ignore[method-assign]
    await world.carry(batch)
    (done,) = await world.see(ids)
    assert done.status is S.FINALIZED
    assert done.transaction is not None
    assert done.transaction.transaction_hash != sent[0].transaction_hash
    assert (await world.tokens()).count(done.asset.token_id) == 1


async def test_batch__too_much_for_one_transaction__the_rest_waits_its_turn(world: World) -> None:
    ids = await world.accept(4)
    batch = await world.assign()
    estimate = world.chain.estimate

    async def small(call: Call, *, sender: Address) -> Gas:
        gas = await estimate(call, sender=sender)
        if gas > 150_000:
            raise TransactionRefused("GasCapExceeded")
        return gas

    world.chain.estimate = small  # type: ignore[method-assign]
    await world.carry(batch)
    assert [each.status for each in await world.see(ids)] == [S.FINALIZED] * 2 + [S.STORED] * 2
    await world.carry(await world.assign())
    assert [each.status for each in await world.see(ids)] == [S.FINALIZED] * 4
    assert len(await world.tokens()) == 4


@pytest.mark.parametrize("step", ["store", "write", "broadcast", "settle"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_batch__stopped_around_a_step_and_carried_again__one_token(
    world: World, step: str, when: str
) -> None:
    ids = await world.accept(2)
    batch = await world.assign()

    async def stopping(name: str, work: Callable[[], Awaitable[None]]) -> None:
        if (name, when) == (step, "before"):
            raise asyncio.CancelledError
        await work()
        if name == step:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await world.flow().run(batch, stopping)
    await world.carry(batch)
    assert [_statuses(each) for each in await world.see(ids)] == [JOURNEY] * 2
    assert len(await world.tokens()) == 2


async def test_follower__over_reorgs__holds_exactly_what_the_chain_says(world: World) -> None:
    follower = Follower(
        ledger=world.ledger, chain=world.chain, clock=world.clock, start=BlockNumber(1)
    )
    for depth in (1, 3, 2):
        ids = await world.accept(2)
        batch = await world.assign()
        world.clock.on_block = lambda _: None
        task = asyncio.create_task(world.carry(batch))
        await task
        await follower.catch_up()
        world.chain.reorg(depth)
        await follower.catch_up()
        for issuance in await world.see(ids):
            records = await world.ledger.records(
                issuance.asset.token_id, contract=None, after=None, limit=10
            )
            chain = await world.chain.events(
                first=BlockNumber(0), last=(await world.chain.heads()).latest.number
            )
            assert list(records) == [e for e in chain if e.token_id == issuance.asset.token_id]


async def test_follower__range_refused_as_too_wide__takes_smaller_ones(world: World) -> None:
    world.chain.mine(500)
    events = world.chain.events

    async def narrow(*, first: BlockNumber, last: BlockNumber) -> object:
        if last - first > 20:
            raise ChainUnavailable("block range too wide")
        return await events(first=first, last=last)

    world.chain.events = narrow  # type: ignore[assignment]
    follower = Follower(
        ledger=world.ledger, chain=world.chain, clock=world.clock, start=BlockNumber(1)
    )
    await follower.catch_up()
    followed = await world.ledger.followed()
    assert followed is not None
    assert followed.number == 500


async def test_follower__endpoint_lacks_a_final_block__waits_and_believes_another_hash(
    world: World,
) -> None:
    world.chain.mine(20)
    follower = Follower(
        ledger=world.ledger, chain=world.chain, clock=world.clock, start=BlockNumber(1)
    )
    await follower.catch_up()
    block = world.chain.block
    # Final by now, and the newest that is followed.
    world.chain.mine(10)

    async def lacking(_: BlockNumber) -> Block | None:
        return None

    async def another(number: BlockNumber) -> Block | None:
        found = await block(number)
        return found and replace(found, block_hash=BlockHash("0x" + "f0" * 32))

    await world.ledger.follow([], [], finalized=BlockNumber(26))
    world.chain.block = lacking  # type: ignore[method-assign]
    with pytest.raises(RpcBehind):
        await follower.catch_up()
    world.chain.block = block  # type: ignore[method-assign]
    await follower.catch_up()
    followed = await world.ledger.followed()
    assert followed is not None
    assert followed.number == 30
    await world.ledger.follow([], [], finalized=BlockNumber(30))
    world.chain.block = another  # type: ignore[method-assign]
    with pytest.raises(ChainRewritten):
        await follower.catch_up()


def _set(chain: MemoryChain, fault: ChainFault | None) -> None:
    chain.fault = fault


def _count(chain: MemoryChain, name: str, asked: list[str]) -> None:
    method = getattr(chain, name)

    async def counted(*given: Any, **named: Any) -> Any:
        asked.append(name)
        return await method(*given, **named)

    setattr(chain, name, counted)


def _ahead(nonce: Any, *, by: int) -> Any:
    async def lying(account: Address) -> Nonce:
        return Nonce(await nonce(account) + by)

    return lying


async def _issue_behind_our_back(
    world: World, issuance: Issuance, *, holder: Address = HOLDER, blocks: int = 6
) -> SignedTransaction:
    call = world.chain.issuing(DEAL, [(holder, digest_of(issuance.asset.token_id))])
    signed = await _send(world, call, world.chain.broadcast)
    world.chain.mine(blocks)
    return signed


async def _spend_nonce(
    world: World, broadcast: Callable[[SignedTransaction], Awaitable[None]]
) -> None:
    """Somebody else uses the same key: another transaction takes our nonce."""
    call = world.chain.issuing(DEAL, [(HOLDER, digest_of(secrets.randbits(255)))])  # type: ignore[arg-type]
    await _send(world, call, broadcast)
    world.chain.mine()


async def _send(
    world: World, call: Call, broadcast: Callable[[SignedTransaction], Awaitable[None]]
) -> SignedTransaction:
    nonce = Nonce(await world.chain.nonce(world.signer.address))
    transaction = UnsignedTransaction(
        world.chain.chain_id, nonce, call, Gas(90_000), Wei(2 * 10**9), Wei(10**6)
    )
    signed = await world.signer.sign(transaction)
    await broadcast(signed)
    return signed
