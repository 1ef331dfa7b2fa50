"""A key in an HSM, or in SoftHSM, over PKCS#11. Needs python-pkcs11 (`nftsvc[pkcs11]`)."""

import asyncio
import threading
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nftsvc.core.errors import Misconfigured, SignerUnavailable

SECONDS: Final = 20.0
_OCTET_STRING: Final = 0x04


class Pkcs11Device:
    """The key pair with a label on a token. `pin` opens a session, which is kept.

    A session signs one digest at a time; calls run in a thread, because the library waits.
    """

    def __init__(self, module: Path, *, token: str, label: str, pin: str) -> None:
        self.name = f"key {label!r} on PKCS#11 token {token!r}"
        self._module = module
        self._token = token
        self._label = label
        self._pin = pin
        self._session: Any | None = None
        self._turn = threading.Lock()

    async def public_key(self) -> bytes:
        return await self._call(self._read_public_key)

    async def sign_digest(self, digest: bytes) -> bytes:
        return await self._call(lambda: self._sign(digest))

    async def close(self) -> None:
        if self._session is not None:
            await asyncio.to_thread(self._session.close)
            self._session = None

    async def _call(self, work: Any) -> bytes:
        def run() -> bytes:
            with self._turn:
                return bytes(work())

        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.to_thread(run)
        except TimeoutError as error:
            raise SignerUnavailable(f"{self.name} did not answer in time") from error

    def _open(self) -> Any:
        try:
            import pkcs11  # noqa: PLC0415 - only who has an HSM needs it
        except ImportError:
            raise Misconfigured("PKCS#11 needs python-pkcs11: install nftsvc[pkcs11]") from None
        if self._session is None:
            try:
                token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
                self._session = self._log_in(token)
            except (pkcs11.PKCS11Error, RuntimeError) as error:
                raise self._away(error) from None
        return self._session

    def _log_in(self, token: Any) -> Any:
        from pkcs11 import UserAlreadyLoggedIn  # noqa: PLC0415

        try:
            return token.open(user_pin=self._pin)
        except UserAlreadyLoggedIn:
            return token.open()  # a login is the process's: another key of the token has it

    def _read_public_key(self) -> bytes:
        from pkcs11 import Attribute, ObjectClass, PKCS11Error  # noqa: PLC0415

        session = self._open()
        try:
            key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=self._label)
            encoded = bytes(key[Attribute.EC_POINT])
        except PKCS11Error as error:
            raise self._away(error) from None
        # PKCS#11 wraps the point in an OCTET STRING (3.0, 6.3.3); some modules leave it bare.
        point = (
            encoded[2:] if encoded[:1] == bytes([_OCTET_STRING]) and len(encoded) == 67 else encoded
        )
        try:
            found = EllipticCurvePublicKey.from_encoded_point(SECP256K1(), point)
        except ValueError:
            raise Misconfigured(f"{self.name} is no key on secp256k1") from None
        return found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def _sign(self, digest: bytes) -> bytes:
        from pkcs11 import Mechanism, ObjectClass, PKCS11Error  # noqa: PLC0415

        session = self._open()
        try:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self._label)
            signature = bytes(key.sign(digest, mechanism=Mechanism.ECDSA))
        except PKCS11Error as error:
            self._session = None  # a token that was taken out needs a new one
            raise self._away(error) from None
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        return encode_dss_signature(r, s)

    def _away(self, error: Exception) -> SignerUnavailable:
        return SignerUnavailable(f"{self.name}: {type(error).__name__}")
