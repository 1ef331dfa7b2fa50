"""An account's key."""

from abc import ABC, abstractmethod

from eth_hash.auto import keccak

from nftsvc.core.transaction import SignedTransaction, UnsignedTransaction
from nftsvc.core.types import Address, TransactionHash


class Signer(ABC):
    """Holds one account's key and signs with it. The key never leaves it."""

    address: Address

    async def sign(self, transaction: UnsignedTransaction) -> SignedTransaction:
        """The signed bytes and their hash. Raises `Unavailable` where the key cannot be asked."""
        raw = await self._sign(transaction)
        return SignedTransaction(raw, TransactionHash("0x" + keccak(raw).hex()))

    @abstractmethod
    async def _sign(self, transaction: UnsignedTransaction) -> bytes: ...
