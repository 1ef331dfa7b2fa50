"""What an operator must look at: the service goes on as well as it can, and says so.

fee-cap-reached     a transaction hangs, and the cap allows no higher fee
fee-cap-too-low     the chain asks for more than the cap
broadcast-refused   no endpoint takes a transaction (no funds, pool full, ...)
balance-low         a sender has less than the operator wants it to have
nonce-taken         a nonce of ours was used by a transaction that the ledger does not know
nonce-gap           a nonce that nothing of ours could fill, and that was filled
batch-reverted      a transaction that was simulated reverted in its block
token-adopted       a token of ours was on the chain before the ledger knew
signer-missing      accepted assets name an issuer whose key is not here
issuer-not-authorized  a key that is here may not issue
wrong-chain, chain-wiped, wrong-contract, rpc-behind   the errors of the same codes
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlarmCode(StrEnum):
    """Permanent names, as those of errors."""

    FEE_CAP_REACHED = "fee-cap-reached"
    FEE_CAP_TOO_LOW = "fee-cap-too-low"
    BROADCAST_REFUSED = "broadcast-refused"
    BALANCE_LOW = "balance-low"
    NONCE_TAKEN = "nonce-taken"
    NONCE_GAP = "nonce-gap"
    BATCH_REVERTED = "batch-reverted"
    TOKEN_ADOPTED = "token-adopted"
    SIGNER_MISSING = "signer-missing"
    ISSUER_NOT_AUTHORIZED = "issuer-not-authorized"
    WRONG_CHAIN = "wrong-chain"
    CHAIN_WIPED = "chain-wiped"
    WRONG_CONTRACT = "wrong-contract"
    RPC_BEHIND = "rpc-behind"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm about one subject (a sender, a batch, the chain).

    `active` until its cause has gone; `times` counts how often it was sounded since `first_at`.
    """

    code: AlarmCode
    subject: str
    detail: str
    first_at: datetime
    last_at: datetime
    times: int
    active: bool
