"""What a node means when it does not take a transaction, by the words of each client.

    geth, reth, erigon    code -32000 for everything (erigon prefixes INTERNAL_ERROR)
    nethermind            code -32010, geth's words; older ones have names such as `OldNonce`
    besu                  -32001 nonce, -32004 funds, -32005 block gas, -32009 price
    anvil, hardhat        geth's words, in sentences of their own
    openethereum's heirs  code -32010 and sentences

A code alone is believed only where its words do not contradict it: providers put -32001 and -32005
before other answers of their own.
"""

from typing import Final

from nftsvc.core.transaction import BroadcastRefusal

KNOWN: Final = (
    "already known",
    "alreadyknown",
    "already imported",
    "known transaction",
    "existing tx with same hash",
    "already exists in the pool",
    "transaction already in mempool",
)
"""The node has these very bytes: they are sent."""

_R = BroadcastRefusal
_WORDS: Final[tuple[tuple[BroadcastRefusal, tuple[str, ...]], ...]] = (
    (_R.NONCE_TOO_LOW, ("nonce too low", "nonce is too low", "oldnonce", "invalid nonce; got")),
    (
        _R.NONCE_TOO_HIGH,
        (
            "nonce too high",
            "nonce is too high",
            "noncegap",
            "nonce gap",
            "too far in the future",
            "nonce too distant",
            "nonce in the future",
            "has nonce gaps",
        ),
    ),
    (
        _R.REPLACEMENT_UNDERPRICED,
        (
            "replacement transaction underpriced",
            "replacement fee too low",
            "replacementnotallowed",
            "could not replace existing tx",
            "there is another transaction with same nonce",
            "gas price is too low to replace",
        ),
    ),
    (
        _R.UNDERPRICED,
        (
            "underpriced",
            "feetoolow",
            "fee too low",
            "gas price below",
            "gas price too low",
            "tip cap",
            "gas tip",
            "less than block base fee",
            "base fee exceeds gas limit",
            "max fee per gas is less than",
            "below configured minimum",
        ),
    ),
    (
        _R.INSUFFICIENT_FUNDS,
        (
            "insufficient funds",
            "insufficientfunds",
            "doesn't have enough funds",
            "upfront cost exceeds",
            "exceeds account balance",
        ),
    ),
    (_R.POOL_FULL, ("txpool is full", "pool is full", "mempool is full", "too many transactions")),
    (
        _R.TOO_MUCH_GAS,
        (
            "exceeds block gas limit",
            "exceeds the block gas limit",
            "gas limit exceeds",
            "gaslimitexceeded",
            "gas limit too high",
            "exceeds current gas limit",
        ),
    ),
)
_CODES: Final = {
    (-32001, "nonce"): _R.NONCE_TOO_LOW,
    (-32004, "balance"): _R.INSUFFICIENT_FUNDS,
    (-32005, "gas"): _R.TOO_MUCH_GAS,
    (-32009, "price"): _R.UNDERPRICED,
}


def is_known(message: str) -> bool:
    """Whether the refusal says that the node has the transaction already."""
    return any(words in message.lower() for words in KNOWN)


def broadcast_refusal(message: str, *, code: int | None = None) -> BroadcastRefusal | None:
    """What the refusal means; None for words that no client known to us says."""
    lower = message.lower()
    for refusal, words in _WORDS:
        if any(each in lower for each in words):
            return refusal
    return next((r for (c, word), r in _CODES.items() if c == code and word in lower), None)
