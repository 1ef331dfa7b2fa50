"""Keys in devices: a key service over HTTP, an HSM over PKCS#11, and what either may do wrong."""

import asyncio
import base64
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_account import Account
from eth_keys.main import KeyAPI

from nftsvc.adapters.aws_kms_device import AwsKmsDevice
from nftsvc.adapters.device_signer import ORDER, DeviceSigner
from nftsvc.adapters.pkcs11_device import Pkcs11Device
from nftsvc.core.errors import Misconfigured, SignerUnavailable
from nftsvc.core.transaction import Call, UnsignedTransaction
from nftsvc.core.types import ChainId, Gas, Nonce, Wei, parse_address
from tests.key_service import CREDENTIALS, served

PIN: Final = "4711"
TRANSACTION: Final = UnsignedTransaction(
    ChainId(31337),
    Nonce(7),
    Call(parse_address("0x" + "a1" * 20), b"data"),
    Gas(90_000),
    Wei(9),
    Wei(2),
)


@dataclass
class KeyService:
    """What AWS KMS answers to GetPublicKey and Sign, over HTTP, with a real key."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256K1())
    )
    signs_with: ec.EllipticCurvePrivateKey | None = None
    fault: dict[str, str] | None = None
    high_s: int = 0

    def answer(self, action: str, asked: dict[str, str]) -> tuple[int, dict[str, str]]:
        if self.fault is not None:
            return 400, self.fault
        if action == "TrentService.GetPublicKey":
            spki = self.key.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
            return 200, {"KeyId": asked["KeyId"], "PublicKey": base64.b64encode(spki).decode()}
        assert (action, asked["MessageType"]) == ("TrentService.Sign", "DIGEST")
        digest = base64.b64decode(asked["Message"])
        key = self.signs_with or self.key
        r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
        self.high_s += s > ORDER // 2
        return 200, {"Signature": base64.b64encode(encode_dss_signature(r, s)).decode()}


@pytest.fixture
def service() -> KeyService:
    return KeyService()


@pytest.fixture
def endpoint(service: KeyService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with served(service.answer) as address:
        yield address


@dataclass
class _InProcess:
    """A device without a wire, for many signatures."""

    service: KeyService
    name: str = "a key in this process"

    async def public_key(self) -> bytes:
        return base64.b64decode(
            self.service.answer("TrentService.GetPublicKey", {"KeyId": "k"})[1]["PublicKey"]
        )

    async def sign_digest(self, digest: bytes) -> bytes:
        asked = {"MessageType": "DIGEST", "Message": base64.b64encode(digest).decode()}
        return base64.b64decode(self.service.answer("TrentService.Sign", asked)[1]["Signature"])

    async def close(self) -> None: ...


def _recovered(digest: bytes, vrs: tuple[int, int, int]) -> str:
    key = KeyAPI().Signature(vrs=vrs).recover_public_key_from_msg_hash(digest)
    return str(key.to_checksum_address())


async def test_sign__a_thousand_digests__all_recover_to_the_address_with_a_low_s(
    service: KeyService,
) -> None:
    signer = await DeviceSigner.open(_InProcess(service))
    for _ in range(1000):
        digest = secrets.token_bytes(32)
        parity, r, s = await signer.sign_digest(digest)
        assert s <= ORDER // 2
        assert _recovered(digest, (parity, r, s)) == signer.address
    assert service.high_s > 300, "the device gave low and high ones alike"


async def test_kms__a_transaction__is_signed_by_the_account_of_its_key(
    service: KeyService, endpoint: str
) -> None:
    device = AwsKmsDevice("alias/issuer", endpoint=endpoint)
    signer = await DeviceSigner.open(device)
    signed = await signer.sign(TRANSACTION)
    assert Account.recover_transaction(signed.raw) == signer.address
    numbers = service.key.private_numbers().private_value
    assert signer.address == Account.from_key(numbers.to_bytes(32, "big")).address
    await device.close()


async def test_kms__refuses_or_signs_with_another_key__is_unavailable_and_names_no_secret(
    service: KeyService, endpoint: str
) -> None:
    device = AwsKmsDevice("alias/issuer", endpoint=endpoint)
    signer = await DeviceSigner.open(device)
    service.signs_with = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(SignerUnavailable, match="another key"):
        await signer.sign(TRANSACTION)
    service.fault = {"__type": "DisabledException", "message": "arn:secret is disabled"}
    with pytest.raises(SignerUnavailable, match="DisabledException") as refused:
        await signer.sign(TRANSACTION)
    assert "arn:secret" not in str(refused.value)
    await device.close()


async def test_kms__away__is_unavailable(endpoint: str) -> None:
    device = AwsKmsDevice("alias/issuer", endpoint="http://127.0.0.1:9")
    with pytest.raises(SignerUnavailable):
        await DeviceSigner.open(device)
    await device.close()


async def test_kms__key_on_another_curve__is_misconfigured(
    service: KeyService, endpoint: str
) -> None:
    service.key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Misconfigured, match="secp256k1"):
        await DeviceSigner.open(AwsKmsDevice("alias/issuer", endpoint=endpoint))


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SoftHSM token of its own with a secp256k1 key pair; gives the library."""
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(config)
    words = ["--init-token", "--free", "--label", "nftsvc", "--pin", PIN, "--so-pin", "0000"]
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    module = next(Path("/usr/lib").rglob("libsofthsm2.so"))
    with (
        pkcs11.lib(str(module))
        .get_token(token_label="nftsvc")
        .open(rw=True, user_pin=PIN) as session
    ):
        for label, curve in (("issuer", "secp256k1"), ("other", "secp256r1")):
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)},
                local=True,
            )
            parameters.generate_keypair(store=True, label=label)
    yield module
    del os.environ["SOFTHSM2_CONF"]


@pytest.mark.needs("softhsm")
async def test_hsm__transactions_at_once__are_signed_by_one_account(token: Path) -> None:
    device = Pkcs11Device(token, token="nftsvc", label="issuer", pin=PIN)
    signer = await DeviceSigner.open(device)
    signed = await asyncio.gather(*(signer.sign(TRANSACTION) for _ in range(20)))
    assert {Account.recover_transaction(each.raw) for each in signed} == {signer.address}
    again = Pkcs11Device(token, token="nftsvc", label="issuer", pin=PIN)
    assert (await DeviceSigner.open(again)).address == signer.address
    await device.close()
    await again.close()


@pytest.mark.needs("softhsm")
@pytest.mark.parametrize(
    ("label", "error"), [("missing", SignerUnavailable), ("other", Misconfigured)]
)
async def test_hsm__wrong_key__is_told(token: Path, label: str, error: type[Exception]) -> None:
    device = Pkcs11Device(token, token="nftsvc", label=label, pin=PIN)
    with pytest.raises(error) as refused:
        await DeviceSigner.open(device)
    assert PIN not in str(refused.value)
    await device.close()
