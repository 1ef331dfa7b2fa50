"""Erasure: an asset's key is destroyed, in two steps, each on record.

    request   who, why, and a code; nothing is touched
    confirm   with the code, and not before the delay is over: the point of no return

What follows is done in this order, each part as often as it takes, also after a crash:

    1  the share is overwritten: from here on nothing opens the key or an envelope
    2  key, envelopes and sealed data leave the ledger
    3  what waits in the spool is removed
    4  free pages and the write-ahead log are rid of what was removed
    5  the stores are asked to give up the encrypted documents, which nobody can read any more

An asset is erased with all its versions, each of which has a key of its own. The manifests stay,
and with them everything that the chain says: whoever has a document proves it.
"""

import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from nftsvc.core.assets import Issuance
from nftsvc.core.errors import NftsvcError, NotErasable, NotFound
from nftsvc.core.fields import check_text
from nftsvc.core.issuance import IssuanceStatus, Way
from nftsvc.core.keys import Erasure
from nftsvc.core.types import IssuanceId
from nftsvc.ports import Clock, ContentStore, KeyLedger, KeyShares, Ledger, Spool

CODE_BYTES: Final = 10

_log = logging.getLogger(__name__)


class Erasing:
    """Erases assets. `delay` is how long a request waits before it may be confirmed."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        keys: KeyLedger,
        shares: KeyShares,
        spool: Spool,
        contents: ContentStore,
        clock: Clock,
        delay: timedelta,
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._shares = shares
        self._spool = spool
        self._contents = contents
        self._clock = clock
        self._delay = delay

    async def request(self, issuance: IssuanceId, *, by: str, reason: str) -> Erasure:
        """Write the wish down; its `code` confirms it. A new request replaces an open one.

        Raises `NotFound`, `NotErasable` (`public`, `under-way`), `InvalidField`.
        """
        check_text(by, path="by", longest=120)
        check_text(reason, path="reason", longest=200)
        found = await self._found(issuance)
        if found.erased_at is None and not found.envelopes:
            raise NotErasable("the documents of this asset are public", reason="public")
        _check_at_rest([found, *await self._others(found)])
        now = self._clock.now()
        return await self._keys.request_erasure(
            Erasure(
                issuance=issuance,
                requested_at=now,
                requested_by=by,
                reason=reason,
                code=secrets.token_hex(CODE_BYTES),
                confirm_from=now + self._delay,
            )
        )

    async def confirm(self, issuance: IssuanceId, *, by: str, code: str) -> Erasure:
        """Destroy the key. A second call gives the same answer.

        Raises `NotFound`, `NotErasable` (`wrong-code`, `too-early`, `under-way`), and what stands
        in the way of the rest of the work, which is taken up again by the next call or start.
        """
        check_text(by, path="by", longest=120)
        wanted = await self._keys.erasure(issuance)
        if wanted is None:
            raise NotFound("no erasure was requested for this asset")
        if not hmac.compare_digest(wanted.code.encode(), code.encode()):
            raise NotErasable("the code is not that of the request", reason="wrong-code")
        now = self._clock.now()
        if wanted.confirmed_at is None and now < wanted.confirm_from:
            raise NotErasable(
                f"may be confirmed from {wanted.confirm_from.isoformat()} on", reason="too-early"
            )
        # The asset first: from here on it takes no further version.
        confirmed = await self._keys.confirm_erasure(issuance, by=by, at=now)
        if confirmed.finished_at is None:
            await self._carry_out(issuance)
        return await self._keys.erasure(issuance) or confirmed

    async def finish(self) -> None:
        """Take up what was confirmed and not finished; what fails again is told in the log."""
        for issuance in await self._keys.unfinished_erasures():
            try:
                await self._carry_out(issuance)
            except NftsvcError as error:
                _log.error("%s is not erased to the end: %s (%s)", issuance, error, error.code)

    async def _carry_out(self, issuance: IssuanceId) -> None:
        confirmed = await self._keys.erasure(issuance)
        if confirmed is None or confirmed.confirmed_at is None:
            return
        by, at = confirmed.confirmed_by or "", confirmed.confirmed_at
        for version in await self._others(await self._found(issuance)):
            await self._keys.request_erasure(replace(confirmed, issuance=version.issuance))
            await self._keys.confirm_erasure(version.issuance, by=by, at=at)
            await self._carry_out_one(version.issuance)
        await self._carry_out_one(issuance)

    async def _carry_out_one(self, issuance: IssuanceId) -> None:
        key = await self._keys.key(issuance)
        if key is not None:
            await self._shares.destroy(key.share)  # 1
        await self._keys.erase(issuance)  # 2
        await self._spool.discard([issuance])  # 3
        await self._keys.compact()  # 4
        await self._remove_documents(await self._found(issuance))  # 5
        await self._keys.finish_erasure(issuance, at=self._clock.now())
        _log.info("%s is erased", issuance)

    async def _remove_documents(self, issuance: Issuance) -> None:
        for document in issuance.documents:
            if document.sha256 is None:
                await self._contents.remove(document.cid)

    async def _others(self, issuance: Issuance) -> list[Issuance]:
        """The other versions of the same asset."""
        versions = await self._ledger.versions_of(issuance.asset)
        return [version for version in versions if version.issuance != issuance.issuance]

    async def _found(self, issuance: IssuanceId) -> Issuance:
        found = await self._ledger.issuance(issuance)
        if found is None:
            raise NotFound("there is no such issuance")
        return found


def _check_at_rest(issuances: Sequence[Issuance]) -> None:
    for each in issuances:
        # An anchored deal rests at `stored` for as long as nobody claims its token.
        rests = each.way is Way.LEAF and each.status is IssuanceStatus.STORED
        if not (each.status.is_terminal or rests):
            raise NotErasable("the asset is still being issued", reason="under-way")
