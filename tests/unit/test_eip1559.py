"""The bytes of a transaction, beside those of eth-account."""

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.eip1559 import read_transaction, signed_bytes, signing_digest
from nftsvc.core.transaction import Call, SignedTransaction, UnsignedTransaction
from nftsvc.core.types import ChainId, Gas, Nonce, TransactionHash, Wei, parse_address

KEY = b"\x01" * 32
TO = parse_address("0x" + "a1" * 20)
NUMBER = st.integers(0, 2**63)


@given(
    plain=st.builds(
        UnsignedTransaction,
        st.integers(1, 2**40).map(ChainId),
        NUMBER.map(Nonce),
        st.binary(max_size=200).map(lambda data: Call(TO, data)),
        NUMBER.map(Gas),
        NUMBER.map(Wei),
        NUMBER.map(Wei),
    )
)
def test_bytes__any_transaction__are_those_of_eth_account_and_read_back(
    plain: UnsignedTransaction,
) -> None:
    fields = {
        "type": 2,
        "chainId": plain.chain_id,
        "nonce": plain.nonce,
        "to": bytes.fromhex(TO[2:]),
        "data": plain.call.data,
        "value": 0,
        "gas": plain.gas,
        "maxFeePerGas": plain.max_fee,
        "maxPriorityFeePerGas": plain.max_priority_fee,
    }
    signed = Account.sign_transaction(fields, KEY)
    raw = bytes(signed.raw_transaction)
    assert signing_digest(plain) == bytes(TypedTransaction.from_dict(fields).hash())
    assert signed_bytes(plain, parity=signed.v, r=signed.r, s=signed.s) == raw
    assert read_transaction(SignedTransaction(raw, TransactionHash("0x"))) == plain
    assert TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["nonce"] == plain.nonce


@pytest.mark.parametrize("raw", [b"", b"\x02", b"\x01\xc0", b"\x02\xc0", b"\x02\x80", b"\x02\xff"])
def test_read__no_transaction__is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not an EIP-1559"):
        read_transaction(SignedTransaction(raw, TransactionHash("0x")))
