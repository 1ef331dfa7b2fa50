"""The bytes of an EIP-1559 transaction: what is signed, what is sent, and read back (EIP-2718)."""

from typing import Final

import rlp
from eth_hash.auto import keccak

from nftsvc.core.transaction import Call, SignedTransaction, UnsignedTransaction
from nftsvc.core.types import ChainId, Gas, Nonce, Wei, parse_address

TYPE: Final = b"\x02"


def signing_digest(transaction: UnsignedTransaction) -> bytes:
    """The 32 bytes that the sender's key signs."""
    return keccak(TYPE + _encode(_fields(transaction)))


def signed_bytes(transaction: UnsignedTransaction, *, parity: int, r: int, s: int) -> bytes:
    """The bytes to broadcast. `parity` 0 or 1 is that of the signature's point."""
    return TYPE + _encode([*_fields(transaction), _number(parity), _number(r), _number(s)])


def read_transaction(signed: SignedTransaction) -> UnsignedTransaction:
    """What was signed. Raises `ValueError` for bytes that are not ours."""
    if signed.raw[:1] != TYPE:
        raise ValueError("not an EIP-1559 transaction")
    try:
        fields = rlp.decode(signed.raw[1:])
        chain_id, nonce, priority, max_fee, gas, to, value, data, access = fields[:9]
    except (rlp.exceptions.RLPException, TypeError, ValueError) as error:
        raise ValueError("not an EIP-1559 transaction") from error
    if value or access:
        raise ValueError("we send no value and no access list")
    return UnsignedTransaction(
        chain_id=ChainId(int.from_bytes(chain_id, "big")),
        nonce=Nonce(int.from_bytes(nonce, "big")),
        call=Call(parse_address("0x" + to.hex()), data),
        gas=Gas(int.from_bytes(gas, "big")),
        max_fee=Wei(int.from_bytes(max_fee, "big")),
        max_priority_fee=Wei(int.from_bytes(priority, "big")),
    )


def _fields(transaction: UnsignedTransaction) -> list[bytes | list[bytes]]:
    return [
        _number(transaction.chain_id),
        _number(transaction.nonce),
        _number(transaction.max_priority_fee),
        _number(transaction.max_fee),
        _number(transaction.gas),
        bytes.fromhex(transaction.call.to[2:]),
        b"",
        transaction.call.data,
        [],
    ]


def _encode(fields: list[bytes | list[bytes]]) -> bytes:
    return bytes(rlp.encode(fields))


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
