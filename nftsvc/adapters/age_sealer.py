"""Encryption in the age format (age-encryption.org/v1) by pyrage, streaming and small."""

import asyncio
import queue
import secrets
import threading
from typing import Final

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nftsvc.core.errors import DiskFull, InvalidField, SealUnreadable, Unavailable
from nftsvc.ports import ByteSink, Sealer, SealingKey, SealingStream

QUEUED_CHUNKS: Final = 8
_ABORT: Final = object()
_END: Final = b""
LOCKED: Final = b"nftsvc-locked/1\n"
_NONCE_BYTES: Final = 12


class AgeSealer(Sealer):
    """X25519 recipients (`age1...`) and identities (`AGE-SECRET-KEY-1...`)."""

    def new_key(self) -> SealingKey:
        identity = pyrage.x25519.Identity.generate()
        return SealingKey(str(identity.to_public()), str(identity))

    def stream(self, recipient: str, *, sink: ByteSink) -> SealingStream:
        return _AgeStream(_recipient(recipient), sink)

    def seal(self, data: bytes, *, recipient: str) -> bytes:
        return bytes(pyrage.encrypt(data, [_recipient(recipient)]))

    def lock(self, data: bytes, *, secret: bytes, purpose: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = ChaCha20Poly1305(_derived(secret, purpose))
        return LOCKED + nonce + cipher.encrypt(nonce, data, LOCKED)

    def unlock(self, locked: bytes, *, secret: bytes, purpose: str) -> bytes:
        nonce, sealed = locked[len(LOCKED) :][:_NONCE_BYTES], locked[len(LOCKED) + _NONCE_BYTES :]
        try:
            return ChaCha20Poly1305(_derived(secret, purpose)).decrypt(nonce, sealed, LOCKED)
        except (InvalidTag, ValueError) as error:
            raise SealUnreadable("the share does not open these bytes") from error

    def is_locked(self, data: bytes) -> bool:
        return data.startswith(LOCKED)

    def open(self, sealed: bytes, *, identity: str) -> bytes:
        try:
            key = pyrage.x25519.Identity.from_str(identity)
            return bytes(pyrage.decrypt(sealed, [key]))
        except (pyrage.IdentityError, pyrage.DecryptError) as error:
            raise SealUnreadable("the key does not open these bytes") from error


def recipient_of(identity: str) -> str:
    """The public half of an identity. Raises `SealUnreadable` where it is none."""
    try:
        return str(pyrage.x25519.Identity.from_str(identity).to_public())
    except pyrage.IdentityError as error:
        raise SealUnreadable("not an age identity") from error


def _derived(secret: bytes, purpose: str) -> bytes:
    info = b"nftsvc/" + purpose.encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise InvalidField(
            "recipients", reason="not-a-recipient", detail=f"{text[:80]!r} is no age recipient"
        ) from error


class _Aborted(Exception):
    pass


class _AgeStream:
    """pyrage pulls from a file; what is fed goes to it through a short queue and a thread."""

    def __init__(self, recipient: pyrage.x25519.Recipient, sink: ByteSink) -> None:
        self._chunks: queue.Queue[bytes | object] = queue.Queue(maxsize=QUEUED_CHUNKS)
        self._left = memoryview(b"")
        self._sink = sink
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(recipient,), daemon=True)
        self._thread.start()

    async def feed(self, data: bytes) -> None:
        if data:
            await self._put(data)

    async def end(self) -> None:
        await self._put(_END)
        await asyncio.to_thread(self._thread.join)
        self._raise_fault()

    async def abort(self) -> None:
        while self._thread.is_alive():
            try:
                self._chunks.put_nowait(_ABORT)
            except queue.Full:
                self._chunks.get_nowait()
                continue
            await asyncio.to_thread(self._thread.join)

    def read(self, size: int = -1) -> bytes:
        """Called by pyrage in its thread: up to `size` bytes, none at the end."""
        if not self._left:
            chunk = self._chunks.get()
            if not isinstance(chunk, bytes):
                raise _Aborted
            self._left = memoryview(chunk)
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return bytes(taken)

    def write(self, data: bytes) -> int:
        """Called by pyrage in its thread."""
        try:
            self._sink.write(data)
        except Exception as error:
            # pyrage hides the error of a sink behind its own: what it was is kept here.
            self._fault = error
            raise
        return len(data)

    def flush(self) -> None:
        """Called by pyrage at the end."""

    def _run(self, recipient: pyrage.x25519.Recipient) -> None:
        try:
            pyrage.encrypt_io(self, self, [recipient])
        except (_Aborted, pyrage.EncryptError, OSError, DiskFull) as error:
            self._fault = self._fault or error

    async def _put(self, chunk: bytes) -> None:
        while True:
            if not self._thread.is_alive():
                self._raise_fault()
                raise Unavailable("the encryption ended early")
            try:
                self._chunks.put_nowait(chunk)
            except queue.Full:
                await asyncio.sleep(0.001)
            else:
                return

    def _raise_fault(self) -> None:
        if isinstance(self._fault, DiskFull):
            raise self._fault
        if self._fault is not None:
            raise Unavailable(f"the encryption failed: {self._fault}") from self._fault
