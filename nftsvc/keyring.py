"""The keys that the settings name: keystore files, an HSM's, a key service's."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nftsvc.adapters.aws_kms_device import AwsKmsDevice
from nftsvc.adapters.device_signer import DeviceSigner, DigestDevice
from nftsvc.adapters.keystore_signer import KeystoreSigner
from nftsvc.adapters.pkcs11_device import Pkcs11Device
from nftsvc.core.errors import Misconfigured, SignerUnavailable
from nftsvc.core.types import Address
from nftsvc.ports import Signer
from nftsvc.settings import Settings, read_secret


def open_signers(settings: Settings, *, issuer: Address) -> tuple[Signer, ...]:
    """All keys, that of the deployment's `issuer` first. Raises `Misconfigured`."""
    signers: list[Signer] = []
    files = [*filter(None, [settings.keystore_file]), *settings.colleague_keystore_files]
    if files:
        path = _needed(settings.keystore_password_file, "keystore_password_file")
        password = read_secret(path, setting="keystore_password_file")
        signers += [KeystoreSigner.load(file, password=password) for file in files]
    signers += [_opened(device) for device in _devices(settings)]
    if not signers:
        raise Misconfigured("name a key: NFTSVC_KEYSTORE_FILE, _PKCS11_KEYS or _AWS_KMS_KEYS")
    addresses = [signer.address for signer in signers]
    if len(set(addresses)) < len(addresses):
        raise Misconfigured("the same key is named twice")
    if issuer not in addresses:
        raise Misconfigured(
            f"none of the keys ({', '.join(addresses)}) is the contracts' issuer, {issuer}"
        )
    return tuple(sorted(signers, key=lambda signer: (signer.address != issuer, signer.address)))


def _devices(settings: Settings) -> list[DigestDevice]:
    devices: list[DigestDevice] = []
    if settings.pkcs11_keys:
        module = _needed(settings.pkcs11_module, "pkcs11_module")
        pin = _needed(settings.pkcs11_pin_file, "pkcs11_pin_file")
        if settings.pkcs11_token is None:
            raise Misconfigured("NFTSVC_PKCS11_TOKEN: is needed for NFTSVC_PKCS11_KEYS")
        devices += [
            Pkcs11Device(
                module,
                token=settings.pkcs11_token,
                label=label,
                pin=read_secret(pin, setting="pkcs11_pin_file"),
            )
            for label in settings.pkcs11_keys
        ]
    devices += [
        AwsKmsDevice(key, endpoint=settings.aws_kms_endpoint) for key in settings.aws_kms_keys
    ]
    return devices


def _opened(device: DigestDevice) -> Signer:
    """Which account a device's key has decides what is accepted: nothing starts without."""
    try:
        return _wait(DeviceSigner.open(device))
    except SignerUnavailable as error:
        raise Misconfigured(str(error)) from None


def _wait(work: Coroutine[None, None, DeviceSigner]) -> DeviceSigner:
    # In a thread of its own: whoever wires the service may have a loop running already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def _needed(path: Path | None, setting: str) -> Path:
    if path is None:
        raise Misconfigured(f"NFTSVC_{setting.upper()}: is needed for the keys that are named")
    return path
