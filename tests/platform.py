"""A platform that uses the service: its settings and secrets, its deals, its patience."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from chain.local.accounts import ISSUER
from chain.local.node import LocalNode
from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.bootstrap import Application
from nftsvc.core.deployment import Deployment
from nftsvc.core.link import VerificationLink
from nftsvc.core.types import AssetKind, Digest, IssuanceId
from nftsvc.flows.intake import Part
from nftsvc.flows.views import IssuanceView
from nftsvc.settings import Settings

API_TOKEN: Final = "an-api-token-of-the-tests"
PASSWORD: Final = "a password of the tests"
PDF: Final = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\nstartxref\n9\n%%EOF\n"
CHUNK: Final = 50_000


@dataclass(frozen=True, slots=True)
class Platform:
    """The files and environment of one service."""

    folder: Path
    node: LocalNode
    deployment: Deployment

    @property
    def environment(self) -> dict[str, str]:
        """What the service is started with."""
        names = {
            "RPC_URLS": self.node.url,
            "DEPLOYMENT_FILE": self.folder / "deployment.json",
            "DATA_DIR": self.folder / "data",
            "API_TOKEN_FILES": self.folder / "api-token",
            "RECOVERY_IDENTITY_FILE": self.folder / "recovery",
            "KEYSTORE_FILE": self.folder / "keystore.json",
            "KEYSTORE_PASSWORD_FILE": self.folder / "password",
            "TRUST_FILE": self.folder / "trust.json",
            "BATCH_DEADLINE_MS": "20",
        }
        return {f"NFTSVC_{name}": str(value) for name, value in names.items()}

    def settings(self, **changed: Any) -> Settings:
        """The same as `Settings`, with some changed."""
        own = {name.removeprefix("NFTSVC_").lower(): v for name, v in self.environment.items()}
        return Settings.load(**(own | changed))


def platform(folder: Path, node: LocalNode, deployment: Deployment) -> Platform:
    """Write all files that a service on `node` needs."""
    folder.mkdir(parents=True, exist_ok=True)
    recovery = AgeSealer().new_key().identity
    # One round of the key derivation: the tests start services by the dozen.
    keystore = Account.encrypt(ISSUER.private_key, PASSWORD, kdf="pbkdf2", iterations=1)
    contracts = [str(deployment.contract_account(kind)) for kind in AssetKind]
    issuer = {
        "name": "Test platform",
        "accounts": [f"eip155:{deployment.chain_id}:{deployment.issuer}"],
        "contracts": contracts,
    }
    for name, content in {
        "deployment.json": json.dumps(deployment.to_json()),
        "trust.json": json.dumps({"issuers": [issuer]}),
        "api-token": API_TOKEN,
        "recovery": recovery,
        "keystore.json": json.dumps(keystore),
        "password": PASSWORD,
    }.items():
        path = folder / name
        path.write_text(content)
        path.chmod(0o600)
    return Platform(folder, node, deployment)


def deal(**changed: Any) -> dict[str, Any]:
    """A closed deal with a Korean exporter."""
    return {
        "contractNumber": "KR-2026-0117",
        "contractDate": "2026-05-04",
        "exporter": {
            "name": "한빛정밀 주식회사",
            "nameEnglish": "Hanbit Precision Co., Ltd.",
            "country": "KR",
            "businessRegistrationNumber": "504-81-12346",
        },
        "buyer": {"name": "Nordlys Maskin AS", "country": "NO"},
        "incoterm": {"code": "CIF", "place": "Oslo"},
        "currency": "USD",
        "amount": "128400.00",
        "goods": [
            {
                "description": "CNC machining centre",
                "hsCode": "845710",
                "quantity": "2",
                "unit": "C62",
            }
        ],
        "programmeYear": 2026,
    } | changed


def product(**changed: Any) -> dict[str, Any]:
    """A product of the same company."""
    return {
        "name": "한빛 가공기 HB-500",
        "description": "A five-axis machining centre.",
        "company": deal()["exporter"],
        "programmeYear": 2026,
    } | changed


def pdf(text: str) -> bytes:
    """A PDF with these words in it."""
    return PDF.replace(b"endobj", b"endobj\n% " + text.encode())


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    """As the network brings it."""
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


async def deal_parts(
    content: dict[str, Any] | bytes, *files: bytes, media_type: str = "application/pdf"
) -> AsyncIterator[Part]:
    """A multipart request for a deal."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    yield Part("deal", None, "application/json", chunks(data))
    for number, file in enumerate(files):
        yield Part("document", f"계약서-{number}.pdf", media_type, chunks(file))


async def content_parts(
    content: dict[str, Any], *files: tuple[str, str, bytes]
) -> AsyncIterator[Part]:
    """A multipart request for product content; files are (name, media type, bytes)."""
    yield Part("content", None, "application/json", chunks(json.dumps(content).encode()))
    for name, media_type, data in files:
        yield Part("file", name, media_type, chunks(data))


async def until(
    application: Application, issuance: IssuanceId, *statuses: str, seconds: float = 40.0
) -> IssuanceView:
    """The issuance, once it stands at one of `statuses`."""
    deadline = time.monotonic() + seconds
    while True:
        view = await application.issuance(issuance)
        if view.status in statuses:
            return view
        if time.monotonic() > deadline:
            raise TimeoutError(f"{issuance} is {view.status} after {seconds} s: {view.events}")
        await asyncio.sleep(0.1)


def link_of(view: IssuanceView) -> VerificationLink:
    """The link that the buyer gets."""
    assert view.verify_link is not None
    return VerificationLink.parse(view.verify_link)


def digest(data: bytes) -> Digest:
    """sha256."""
    return Digest(hashlib.sha256(data).digest())
