"""Signs with a key that a device holds: an HSM or a key service that signs 32-byte digests.

Such devices know ECDSA over secp256k1 and nothing of Ethereum. They give the public key as an SPKI
(RFC 5480) and a signature as DER (RFC 3279), with whatever `s` came out and without a recovery id:
the lower `s` is taken (EIP-2), and the id is the one that recovers our own key.
"""

from typing import Final, Protocol, Self

from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from eth_hash.auto import keccak
from eth_keys.exceptions import BadSignature
from eth_keys.main import KeyAPI
from eth_utils.exceptions import ValidationError

from nftsvc.core.eip1559 import signed_bytes, signing_digest
from nftsvc.core.errors import Misconfigured, SignerUnavailable
from nftsvc.core.transaction import UnsignedTransaction
from nftsvc.core.types import Address, parse_address
from nftsvc.ports import Signer

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1's group."""

_keys: Final = KeyAPI()


class DigestDevice(Protocol):
    """One key in a device. Raises `SignerUnavailable` where the device cannot be asked."""

    @property
    def name(self) -> str:
        """Which key in which device, for people."""

    async def public_key(self) -> bytes:
        """The public key, an SPKI in DER."""

    async def sign_digest(self, digest: bytes) -> bytes:
        """The ECDSA signature of exactly these 32 bytes, in DER."""

    async def close(self) -> None:
        """Give back the connection."""


class DeviceSigner(Signer):
    """One account whose key never leaves its device."""

    def __init__(self, device: DigestDevice, *, public_key: bytes) -> None:
        self._device = device
        self._point = _point_of(public_key, device=device.name)
        self.address = _address_of(self._point)

    @classmethod
    async def open(cls, device: DigestDevice) -> Self:
        """Ask a device for its key. Raises `Misconfigured` for one of another kind."""
        return cls(device, public_key=await device.public_key())

    def __repr__(self) -> str:
        return f"DeviceSigner({self.address}, {self._device.name})"

    async def sign_digest(self, digest: bytes) -> tuple[int, int, int]:
        """Parity, r and s of a signature that recovers this account.

        Raises `SignerUnavailable` where the device gave one that does not.
        """
        signature = await self._device.sign_digest(digest)
        try:
            r, s = decode_dss_signature(signature)
        except ValueError as error:
            raise SignerUnavailable(f"{self._device.name} gave no signature") from error
        s = min(s, ORDER - s)
        for parity in (0, 1):
            try:
                found = _keys.Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
            except (BadSignature, ValidationError):
                continue
            if found.to_bytes() == self._point:
                return parity, r, s
        raise SignerUnavailable(f"{self._device.name} signed with another key than it names")

    async def _sign(self, transaction: UnsignedTransaction) -> bytes:
        parity, r, s = await self.sign_digest(signing_digest(transaction))
        return signed_bytes(transaction, parity=parity, r=r, s=s)


def _point_of(public_key: bytes, *, device: str) -> bytes:
    """The 64 bytes of the key's point."""
    try:
        key = load_der_public_key(public_key)
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"{device} gave no public key that can be read") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256K1):
        raise Misconfigured(f"{device} is no key on secp256k1")
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def _address_of(point: bytes) -> Address:
    return parse_address("0x" + keccak(point)[-20:].hex())
