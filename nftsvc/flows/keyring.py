"""The keys of assets: locked when they are accepted, opened to read, wrapped anew, handed on."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from nftsvc.core.assets import Envelope, Issuance, IssuanceRequest
from nftsvc.core.errors import Erased, NotFound, SealUnreadable
from nftsvc.core.keys import ENVELOPE, IDENTITY, AssetKey, KekId, Share
from nftsvc.core.types import IssuanceId
from nftsvc.ports import KeyCustody, KeyLedger, KeyShares, Ledger, Sealer

AT_ONCE: Final = 200
"""How many keys are looked up together while they are wrapped anew or adopted."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the KEK that wraps now, how many keys it took, what it replaced."""

    kek: KekId
    rewrapped: int
    retired: tuple[KekId, ...]


class Keyring:
    """`recipient` and `identity` are the platform's own recovery key.

    It opens what was kept before assets' keys were locked; nothing else needs it here.
    """

    def __init__(
        self,
        *,
        custody: KeyCustody,
        shares: KeyShares,
        keys: KeyLedger,
        ledger: Ledger,
        sealer: Sealer,
        recipient: str,
        identity: str,
    ) -> None:
        self._custody = custody
        self._shares = shares
        self._keys = keys
        self._ledger = ledger
        self._sealer = sealer
        self._recipient = recipient
        self._identity = identity

    async def keep(self, requests: Sequence[IssuanceRequest]) -> list[IssuanceRequest]:
        """The requests as they may be written down: no identity, and envelopes that are locked.

        Their shares are durable. Raises `DiskFull`, `KeyCustodyUnavailable`.
        """
        secret = [request for request in requests if request.identity is not None]
        shares = await self._shares.create(len(secret)) if secret else ()
        kept: dict[IssuanceId, IssuanceRequest] = {}
        # In one go for all of them: a thread for each costs more than the work in it.
        locked = await asyncio.to_thread(self._lock_requests, secret, shares)
        keys = await self._custody.wrap_all([identity for identity, _ in locked])
        for request, share, key, (_, envelopes) in zip(secret, shares, keys, locked, strict=True):
            kept[request.issuance] = replace(
                request, identity=None, key=AssetKey(share.place, key), envelopes=envelopes
            )
        return [kept.get(request.issuance, request) for request in requests]

    async def identity(self, issuance: Issuance) -> str:
        """An asset's identity. Raises `Erased`, `KeyDestroyed`, `SealUnreadable`."""
        if issuance.erased_at is not None:
            raise Erased("the asset's key was destroyed")
        if issuance.key is None:
            return self._of_before(issuance)
        locked = await self._custody.unwrap(issuance.key.wrapped)
        secret = await self._shares.read(issuance.key.share)
        return self._sealer.unlock(locked, secret=secret, purpose=IDENTITY).decode()

    async def grant(self, issuance: IssuanceId, *, recipient: str) -> tuple[Issuance, bytes]:
        """The envelope of `recipient`, made where there is none yet, as age wrote it.

        What was anchored is not touched. Raises `NotFound`, `Erased`, `InvalidField`.
        """
        found = await self._found(issuance)
        if found.key is None:
            found = await self._adopted(found)
        if found.key is None:
            raise NotFound("the documents of this asset are public: there is no key to hand on")
        share = Share(found.key.share, await self._shares.read(found.key.share))
        for envelope in found.envelopes:
            if envelope.recipient == recipient:
                return found, self._unlocked(envelope, share)
        sealed = self._sealer.seal((await self.identity(found)).encode(), recipient=recipient)
        (locked,) = self._lock_all([Envelope(recipient, sealed)], share)
        await self._keys.add_envelope(issuance, locked)
        if (await self._found(issuance)).erased_at is not None:
            raise Erased("the asset's key was destroyed")
        return found, sealed

    async def rotate(self) -> Rotation:
        """Wrap every key under a new KEK, and destroy the old ones. May be ended anywhere and

        begun again: it goes on where it was. Documents and envelopes are not touched.
        """
        await self._custody.begin_rotation()
        current = await self._custody.current()
        rewrapped = 0
        retired: list[KekId] = []
        for old in await self._custody.old():
            while True:
                rewrapped += await self._rewrap(current)
                if await self._keys.retire(old):
                    break
            await self._custody.retire(old)
            retired.append(old)
        return Rotation(current, rewrapped, tuple(retired))

    async def adopt(self) -> int:
        """Lock what releases before this one kept; gives how many assets. Those whose key the

        recovery key does not open stay as they are, and are told of in the log.
        """
        adopted = 0
        while ids := await self._keys.unlocked(most=AT_ONCE):
            before = adopted
            for issuance in ids:
                found = await self._ledger.issuance(issuance)
                if found is not None and (await self._adopted(found)).key is not None:
                    adopted += 1
            if adopted == before:
                break
        return adopted

    async def _rewrap(self, current: KekId) -> int:
        count = 0
        while found := await self._keys.not_under(current, most=AT_ONCE):
            for issuance, wrapped in found:
                fresh = await self._custody.wrap(await self._custody.unwrap(wrapped))
                count += await self._keys.rewrap(issuance, old=wrapped, new=fresh)
        return count

    async def _found(self, issuance: IssuanceId) -> Issuance:
        found = await self._ledger.issuance(issuance)
        if found is None:
            raise NotFound("there is no such issuance")
        if found.erased_at is not None:
            raise Erased("the asset's key was destroyed")
        return found

    async def _adopted(self, issuance: Issuance) -> Issuance:
        if not issuance.envelopes:
            return issuance
        try:
            identity = self._of_before(issuance)
        except SealUnreadable as error:
            _log.error("%s is kept as before: %s (%s)", issuance.issuance, error, error.code)
            return issuance
        (share,) = await self._shares.create(1)
        key = await self._locked(identity, share)
        envelopes = self._lock_all(issuance.envelopes, share)
        await self._keys.adopt(issuance.issuance, key=key, envelopes=envelopes)
        return await self._found(issuance.issuance)

    def _of_before(self, issuance: Issuance) -> str:
        for envelope in issuance.envelopes:
            if envelope.recipient == self._recipient and not self._sealer.is_locked(
                envelope.sealed
            ):
                return self._sealer.open(envelope.sealed, identity=self._identity).decode()
        raise SealUnreadable("the asset's key was not sealed to this service's recovery key")

    def _lock_requests(
        self, requests: Sequence[IssuanceRequest], shares: Sequence[Share]
    ) -> list[tuple[bytes, tuple[Envelope, ...]]]:
        return [
            (
                self._sealer.lock(
                    (request.identity or "").encode(), secret=share.secret, purpose=IDENTITY
                ),
                self._lock_all(request.envelopes, share),
            )
            for request, share in zip(requests, shares, strict=True)
        ]

    async def _locked(self, identity: str, share: Share) -> AssetKey:
        locked = await asyncio.to_thread(
            self._sealer.lock, identity.encode(), secret=share.secret, purpose=IDENTITY
        )
        return AssetKey(share.place, await self._custody.wrap(locked))

    def _lock_all(self, envelopes: Sequence[Envelope], share: Share) -> tuple[Envelope, ...]:
        return tuple(
            replace(
                envelope,
                sealed=self._sealer.lock(
                    envelope.sealed,
                    secret=share.secret,
                    purpose=f"{ENVELOPE}/{envelope.recipient}",
                ),
            )
            for envelope in envelopes
        )

    def _unlocked(self, envelope: Envelope, share: Share) -> bytes:
        if not self._sealer.is_locked(envelope.sealed):
            return envelope.sealed
        return self._sealer.unlock(
            envelope.sealed, secret=share.secret, purpose=f"{ENVELOPE}/{envelope.recipient}"
        )
