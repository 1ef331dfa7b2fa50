"""Key-encryption keys in a file that its owner alone may read: the custody without a KMS."""

import asyncio
import base64
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from nftsvc.core.errors import KeyRetired, Misconfigured, SealUnreadable
from nftsvc.core.keys import KekId, Wrapped
from nftsvc.ports import KeyCustody

KEY_BYTES: Final = 32
_NONCE: Final = 12

Keys = dict[KekId, bytes]
"""Oldest first; the last one wraps."""


class KeyFile(KeyCustody):
    """KEKs in the file `path`, made with a fresh one where there is no file yet.

    Other processes may rotate: the file is read again whenever it was replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys: Keys = {}

    async def current(self) -> KekId:
        return list(await asyncio.to_thread(self._read))[-1]

    async def wrap(self, data: bytes) -> Wrapped:
        (wrapped,) = await self.wrap_all([data])
        return wrapped

    async def wrap_all(self, items: Sequence[bytes]) -> list[Wrapped]:
        return await asyncio.to_thread(self._wrap_all, items)

    def _wrap_all(self, items: Sequence[bytes]) -> list[Wrapped]:
        kek, key = list(self._read().items())[-1]
        cipher = ChaCha20Poly1305(key)
        nonces = [secrets.token_bytes(_NONCE) for _ in items]
        return [
            Wrapped(kek, nonce + cipher.encrypt(nonce, data, kek.encode()))
            for nonce, data in zip(nonces, items, strict=True)
        ]

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        key = (await asyncio.to_thread(self._read)).get(wrapped.kek)
        if key is None:
            raise KeyRetired(wrapped.kek)
        nonce, sealed = wrapped.sealed[:_NONCE], wrapped.sealed[_NONCE:]
        try:
            return ChaCha20Poly1305(key).decrypt(nonce, sealed, wrapped.kek.encode())
        except (InvalidTag, ValueError) as error:
            raise SealUnreadable("the key-encryption key does not open these bytes") from error

    async def begin_rotation(self) -> None:
        def add(keys: Keys) -> Keys:
            return keys if len(keys) > 1 else keys | _new_key()

        await asyncio.to_thread(self._change, add)

    async def old(self) -> tuple[KekId, ...]:
        return tuple(await asyncio.to_thread(self._read))[:-1]

    async def retire(self, kek: KekId) -> None:
        def without(keys: Keys) -> Keys:
            if kek == list(keys)[-1]:
                raise ValueError("the current key-encryption key cannot be retired")
            return {id_: key for id_, key in keys.items() if id_ != kek}

        await asyncio.to_thread(self._change, without)

    async def close(self) -> None:
        self._keys, self._seen = {}, None

    def _read(self) -> Keys:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._change(lambda keys: keys)
            found = self._path.stat()
        if (found.st_ino, found.st_mtime_ns) != self._seen:
            self._keys = self._load()
            self._seen = (found.st_ino, found.st_mtime_ns)
        return self._keys

    def _load(self) -> Keys:
        if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            raise Misconfigured(f"NFTSVC_KEY_FILE: {self._path} must be mode 0600")
        try:
            listed = json.loads(self._path.read_text("utf-8"))["keys"]
            keys = {KekId(str(k["id"])): base64.b64decode(k["key"], validate=True) for k in listed}
        except (ValueError, KeyError, TypeError) as error:
            raise Misconfigured(f"NFTSVC_KEY_FILE: cannot read {self._path}") from error
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise Misconfigured(f"NFTSVC_KEY_FILE: {self._path} holds no key of 32 bytes")
        return keys

    def _change(self, change: Callable[[Keys], Keys]) -> None:
        with self._locked():
            exists = self._path.exists()
            keys = self._load() if exists else {}
            changed = change(keys) or _new_key()
            if exists and changed == keys:
                return
            self._replace(changed)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _replace(self, keys: Keys) -> None:
        """The new file is durable before the old one's bytes are overwritten."""
        listed = [{"id": id_, "key": base64.b64encode(key).decode()} for id_, key in keys.items()]
        fresh = self._path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({"keys": listed}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        old = os.open(self._path, os.O_RDWR) if self._path.exists() else None
        fresh.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
        if old is not None:
            os.write(old, bytes(os.fstat(old).st_size))
            os.fsync(old)
            os.close(old)


def _new_key() -> Keys:
    return {KekId(f"file-{secrets.token_hex(8)}"): secrets.token_bytes(KEY_BYTES)}
