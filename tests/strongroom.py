"""The parts of a service that hold keys, without its chain: wired on one folder or database.

`python -m tests.strongroom FOLDER ISSUANCE WORK --die WHEN CALL NTH` does one piece of work on
it and is killed on the way.
"""

import argparse
import asyncio
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from nftsvc.adapters.age_sealer import AgeSealer, recipient_of
from nftsvc.adapters.database import Database
from nftsvc.adapters.embedded_store import EmbeddedStore
from nftsvc.adapters.key_file import KeyFile
from nftsvc.adapters.share_folder import ShareFolder
from nftsvc.adapters.spool import FolderSpool
from nftsvc.adapters.sql_keys import SqlKeys
from nftsvc.adapters.sql_ledger import SqlLedger
from nftsvc.adapters.system_clock import SystemClock
from nftsvc.core.assets import Failure
from nftsvc.core.cid import Cid
from nftsvc.core.drafting import TakenDocument
from nftsvc.core.types import Address, AnchorId, AssetKind, ChainId, Digest, IssuanceId
from nftsvc.flows.draft import Drafter
from nftsvc.flows.erasing import Erasing
from nftsvc.flows.issuances import Issuances
from nftsvc.flows.keyring import Keyring
from tests.parts import ROOT

NOW: Final = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ACCOUNT: Final = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
DOCUMENT: Final = b"%PDF-1.7\n% USD 128400.00 between Hanbit and Nordlys\n%%EOF\n"
DEAL: Final = {
    "contractNumber": "KR-2026-0117",
    "contractDate": "2026-05-04",
    "exporter": {
        "name": "Hanbit Precision",
        "country": "KR",
        "businessRegistrationNumber": "504-81-12346",
    },
    "buyer": {"name": "Nordlys Maskin AS", "country": "NO"},
    "incoterm": {"code": "CIF", "place": "Oslo"},
    "currency": "USD",
    "amount": "128400.00",
    "goods": [
        {"description": "Machining centre", "hsCode": "845710", "quantity": "2", "unit": "C62"}
    ],
    "programmeYear": 2026,
}


class Watched:
    """Any adapter; `meet` is told before and after each of its calls."""

    def __init__(self, port: str, adapter: Any, meet: Callable[[str, str], None]) -> None:
        self._port, self._adapter, self._meet = port, adapter, meet

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._adapter, name)
        if not asyncio.iscoroutinefunction(value):
            return value

        async def told(*args: Any, **kwargs: Any) -> Any:
            self._meet("before", f"{self._port}.{name}")
            result = await value(*args, **kwargs)
            self._meet("after", f"{self._port}.{name}")
            return result

        return told


@dataclass(slots=True)
class Strongroom:
    """One life of those parts. `recovery` is the platform's own age identity."""

    folder: Path
    recovery: str
    ledger: Any
    keys: Any
    custody: Any
    shares: Any
    spool: Any
    contents: Any

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        url: sa.URL | None = None,
        meet: Callable[[str, str], None] = lambda *_: None,
    ) -> "Strongroom":
        folder.mkdir(parents=True, exist_ok=True)
        secret = folder / "recovery"
        if not secret.exists():
            secret.write_text(AgeSealer().new_key().identity)
        place = url or sa.URL.create("sqlite+aiosqlite", database=str(folder / "ledger.sqlite"))
        database = Database(place)
        own: dict[str, Any] = {
            "ledger": SqlLedger(database),
            "keys": SqlKeys(database),
            "custody": KeyFile(folder / "kek.json"),
            "shares": ShareFolder(folder / "shares"),
            "spool": FolderSpool(folder / "spool"),
            "contents": EmbeddedStore(folder / "content"),
        }
        watched = {name: Watched(name, adapter, meet) for name, adapter in own.items()}
        return cls(folder, secret.read_text(), **watched)

    async def start(self) -> "Strongroom":
        await self.ledger.start()
        return self

    async def stop(self) -> None:
        await self.ledger.stop()

    @property
    def keyring(self) -> Keyring:
        return Keyring(
            custody=self.custody,
            shares=self.shares,
            keys=self.keys,
            ledger=self.ledger,
            sealer=AgeSealer(),
            recipient=recipient_of(self.recovery),
            identity=self.recovery,
        )

    @property
    def issuances(self) -> Issuances:
        return Issuances(
            ledger=self.ledger,
            sealer=AgeSealer(),
            keyring=self.keyring,
            public_url="https://register.example",
        )

    def erasing(self, *, delay: timedelta = timedelta(0)) -> Erasing:
        return Erasing(
            ledger=self.ledger,
            keys=self.keys,
            shares=self.shares,
            spool=self.spool,
            contents=self.contents,
            clock=SystemClock(),
            delay=delay,
        )

    async def accept(
        self,
        *recipients: str,
        locked: bool = True,
        ended: bool = True,
        anchor: AnchorId | None = None,
    ) -> IssuanceId:
        """A deal with one document in the store; `locked` as this release keeps its key."""
        sealer = AgeSealer()
        issuance = IssuanceId(f"iss-{secrets.token_hex(12)}")
        contracts = dict.fromkeys(AssetKind, ACCOUNT)
        everyone = (recipient_of(self.recovery), *recipients)
        drafter = Drafter(sealer, ChainId(31337), (ACCOUNT,), contracts, ACCOUNT, everyone)
        key = sealer.new_key()
        sealed = sealer.seal(DOCUMENT, recipient=key.recipient)

        async def chunks() -> Any:
            yield sealed

        cid: Cid = await self.contents.put(chunks())
        digest = Digest(hashlib.sha256(DOCUMENT).digest())
        taken = TakenDocument(
            "계약서 Nordlys.pdf", "application/pdf", len(DOCUMENT), digest, cid, len(sealed)
        )
        drafted = drafter.draft(
            drafter.subject(AssetKind.EXPORT_CONTRACT, json.dumps(DEAL).encode()),
            kind=AssetKind.EXPORT_CONTRACT,
            issuance=issuance,
            key=f"deal-KR-2026-{secrets.token_hex(4)}",
            fingerprint=hashlib.sha256(b"a guessable request").digest(),
            taken=(taken,),
            held=(),
            asset_key=key,
            at=NOW,
        )
        requests = [replace(drafted.request, anchor=anchor)]
        await self.ledger.accept_all(await self.keyring.keep(requests) if locked else requests)
        if ended:
            failure = Failure("test", "ended, so that it may be erased")
            await self.ledger.fail(issuance, failure=failure, at=NOW)
        return issuance


def killed(folder: Path, issuance: str, work: str, *, die: tuple[str, str, int]) -> bool:
    """Whether `work` was killed where it should be, in a process of its own."""
    command = [sys.executable, "-m", "tests.strongroom", str(folder), issuance, work, "--die"]
    ended = subprocess.run(
        [*command, *map(str, die)], cwd=ROOT, capture_output=True, check=False, timeout=120
    )
    return ended.returncode == -signal.SIGKILL


def files_below(folder: Path) -> list[Path]:
    """Every file, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def _work(room: Strongroom, issuance: IssuanceId, work: str) -> None:
    await room.start()
    if work == "rotate":
        await room.keyring.rotate()
    elif work == "adopt":
        await room.keyring.adopt()
    else:
        wanted = await room.erasing().request(issuance, by="dpo", reason="asked to")
        await room.erasing().confirm(issuance, by="dpo", code=wanted.code)
    await room.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("issuance")
    parser.add_argument("work", choices=["rotate", "adopt", "erase"])
    parser.add_argument("--die", nargs=3, required=True)
    chosen = parser.parse_args()
    when, call, nth = chosen.die
    counts: Counter[tuple[str, str]] = Counter()

    def meet(moment: str, name: str) -> None:
        counts[moment, name] += 1
        if (moment, name, counts[moment, name]) == (when, call, int(nth)):
            os.kill(os.getpid(), signal.SIGKILL)

    room = Strongroom.open(chosen.folder, meet=meet)
    asyncio.run(_work(room, IssuanceId(chosen.issuance), chosen.work))


if __name__ == "__main__":
    main()
