"""What can go wrong, and how a call then ends."""

from enum import StrEnum
from typing import Final

from nftsvc.core.errors import (
    ChainUnavailable,
    ContentUnavailable,
    DiskFull,
    LedgerUnavailable,
    NftsvcError,
)


class Fault(StrEnum):
    """One injected fault."""

    # of one call
    NOT_ASKED = "the call fails before the other end saw it"
    ANSWER_LOST = "the other end did it, and the answer is lost"
    WRONG_ANSWER = "the node answers with what is not so"
    KILLED_BEFORE = "the process is killed before the call"
    KILLED_AFTER = "the process is killed when the call is done, before it knows"

    # of the world
    KILLED = "a process is killed"
    STOPPED = "a process stands still, and goes on later as if nothing had been"
    CLOCK_JUMP = "a process's clock jumps"
    REORG = "the chain replaces its newest blocks"
    NODE_RESTART = "the node forgets what is pending"
    CHAIN_AWAY = "the node does not answer for a while"
    OLDER_WINS = "a transaction that was replaced is preferred to its replacement"
    FEES_RISE = "the base fee rises above what was offered"
    STORE_AWAY = "the content store does not answer for a while"
    STORE_LIES = "the content store does what it should not for a while"
    DATABASE_RESTART = "the database does not answer for a while"
    SENT_TWICE = "a request is delivered again"


OF_A_CALL: Final = (
    Fault.NOT_ASKED,
    Fault.ANSWER_LOST,
    Fault.WRONG_ANSWER,
    Fault.KILLED_BEFORE,
    Fault.KILLED_AFTER,
)
OF_THE_WORLD: Final = tuple(fault for fault in Fault if fault not in OF_A_CALL)
DEEPEST_REORG: Final = 40

LIES: Final = frozenset(
    {"chain.heads", "chain.receipt", "chain.nonce", "chain.block", "chain.broadcast"}
)
"""Calls that a node can answer wrongly without a contradiction in the answer itself."""


def unavailable(call: str) -> NftsvcError:
    """The error that the port raises where the other end cannot be asked."""
    match call.partition(".")[0]:
        case "chain":
            return ChainUnavailable("simulated: no answer")
        case "contents":
            return ContentUnavailable("simulated: no answer")
        case "spool" | "shares":
            return DiskFull("simulated: no room")
        case _:
            return LedgerUnavailable("simulated: no answer")
