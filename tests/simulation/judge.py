"""The chain is the judge: what came of each deal, and what is on the chain that should not be."""

import itertools
from collections import Counter
from dataclasses import dataclass, field

import sqlalchemy as sa

from nftsvc.adapters.ledger_tables import attempts, transactions
from nftsvc.core.cid import Cid
from nftsvc.core.errors import NftsvcError
from nftsvc.core.issuance import IssuanceStatus, may_become
from nftsvc.core.types import Address, BlockNumber, Digest, TokenId, digest_of
from tests.simulation.deals import PostedDeal
from tests.simulation.world import World


@dataclass(slots=True)
class Findings:
    """What is wrong, in words."""

    lost: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether something is wrong."""
        return bool(self.lost or self.duplicate or self.stuck)

    def summary(self, faults: int) -> str:
        """The simulation's last line."""
        return (
            f"faults {faults} lost {len(self.lost)} duplicate {len(self.duplicate)} "
            f"stuck {len(self.stuck)}"
        )


async def judge(world: World, deals: list[PostedDeal]) -> Findings:
    """Compare deals, ledger, store and chain, when all is quiet."""
    findings = Findings()
    heads = await world.chain.heads()
    events = await world.chain.events(first=BlockNumber(0), last=heads.latest.number)
    issued = Counter((event.contract, event.token_id) for event in events)
    promised = set()
    for posted in deals:
        await _judge_deal(world, posted, issued, findings)
        if posted.asset is not None:
            promised.add((posted.asset.contract, posted.asset.token_id))
    findings.duplicate += [
        f"token {t:x} without a deal" for c, t in issued if (c, t) not in promised
    ]
    carried = Counter((sent.to, digest) for sent in world.chain.mined for _, digest in sent.items)
    findings.duplicate += [
        f"token {digest.hex()} sent in {count} transactions"
        for (_, digest), count in carried.items()
        if count > 1
    ]
    findings.duplicate += world.trespasses
    findings.lost += await _given_up(world)
    known = await _known_transactions(world)
    findings.duplicate += [
        f"transaction {sent.signed.transaction_hash} is not in the ledger"
        for sent in world.chain.mined
        if sent.signed.transaction_hash not in known
    ]
    await _judge_history(world, events, findings)
    return findings


async def _judge_deal(
    world: World, posted: PostedDeal, issued: Counter[tuple[Address, TokenId]], findings: Findings
) -> None:
    if posted.other_answers:
        findings.duplicate.append(
            f"{posted.key}: {posted.other_answers} answers with another token"
        )
    if posted.issuance is None or posted.asset is None:
        findings.stuck.append(f"{posted.key}: never accepted")
        return
    issuance = await world.ledger.issuance(posted.issuance)
    if issuance is None:
        findings.lost.append(f"{posted.key}: not in the ledger")
        return
    if not issuance.status.is_terminal:
        findings.stuck.append(f"{posted.key}: {issuance.status}")
        return
    if issuance.status is not IssuanceStatus.FINALIZED:
        findings.lost.append(f"{posted.key}: {issuance.status}, {issuance.failure}")
    if issued[posted.asset.contract, posted.asset.token_id] != 1:
        findings.lost.append(f"{posted.key}: {issuance.status} without its token")
    statuses = [change.status for change in issuance.changes]
    for current, following in itertools.pairwise(statuses):
        if not may_become(current, following):
            findings.lost.append(f"{posted.key}: {current} became {following}")
    manifest = Cid.raw(Digest(digest_of(posted.asset.token_id)))
    for cid in (manifest, *(document.cid for document in issuance.documents)):
        try:
            await world.store.verify(cid)
        except NftsvcError as error:
            findings.lost.append(f"{posted.key}: {error}")


async def _given_up(world: World) -> list[str]:
    """Transactions that were taken for lost and are in the chain, doing what they should."""
    query = (
        sa.select(attempts.c.hash)
        .join(transactions, transactions.c.ordinal == attempts.c.transaction)
        .where(transactions.c.abandoned)
    )
    found = []
    async with world.database.reading() as connection:
        for given_up in (await connection.execute(query)).scalars():
            receipt = await world.chain.receipt(given_up)
            if receipt is not None and receipt.succeeded:
                found.append(f"transaction {given_up} was given up and is in the chain")
    return found


async def _known_transactions(world: World) -> frozenset[str]:
    async with world.database.reading() as connection:
        return frozenset((await connection.execute(sa.select(attempts.c.hash))).scalars())


async def _judge_history(world: World, events: object, findings: Findings) -> None:
    """The ledger's copy of the chain's records is the chain's."""
    for event in events if isinstance(events, tuple) else ():
        kept = await world.ledger.records(
            event.token_id, contract=event.contract, after=None, limit=10
        )
        if [(r.block_hash, r.log_index) for r in kept] != [(event.block_hash, event.log_index)]:
            findings.lost.append(f"token {event.token_id:x}: the history is not the chain's")
