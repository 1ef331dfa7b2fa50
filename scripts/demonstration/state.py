"""The demo's state: one folder with the chain, the contracts' record, the secrets, the ledger."""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chain.local.accounts import ADMIN, CUSTODY, ISSUER, REGISTRAR
from chain.local.node import ROOT, Kind
from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.adapters.deployer import Deployer
from nftsvc.adapters.keystore_signer import write_keystore
from nftsvc.core.deployment import Deployment
from nftsvc.core.errors import Contradiction, Refused
from nftsvc.core.types import Address, AssetKind

STATE: Final = ROOT / ".demo"


class AlreadyRunning(Exception):
    """Another demo works on the same folder."""


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one kind of chain. Secrets lie in files that their owner alone can read."""

    folder: Path

    @property
    def chain(self) -> Path:
        return self.folder / "chain.json"

    @property
    def chain_log(self) -> Path:
        return self.folder / "chain.log"

    @property
    def service_log(self) -> Path:
        return self.folder / "service.log"

    @property
    def api_token(self) -> Path:
        return self.folder / "secrets" / "api-token"

    @property
    def altered(self) -> Path:
        return self.folder / "altered"

    @property
    def _deployment(self) -> Path:
        return self.folder / "deployment.json"

    @property
    def _ended_well(self) -> Path:
        return self.folder / "ended-well"

    def environment(self, *, rpc_url: str, public_url: str) -> dict[str, str]:
        """What the service is started with, beside the machine's own environment."""
        own = {
            "PUBLIC_URL": public_url,
            "RPC_URLS": rpc_url,
            "CHAIN_NAME": "local",
            "DEPLOYMENT_FILE": self._deployment,
            "DATA_DIR": self.folder / "data",
            "API_TOKEN_FILES": self.api_token,
            "RECOVERY_IDENTITY_FILE": self.folder / "secrets" / "recovery-identity",
            "KEYSTORE_FILE": self.folder / "secrets" / "keystore.json",
            "KEYSTORE_PASSWORD_FILE": self.folder / "secrets" / "keystore-password",
            "CUSTODY_ACCOUNT": CUSTODY.address,
            "TRUST_FILE": self.folder / "trust.json",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NFTSVC_")}
        return kept | {f"NFTSVC_{name}": str(value) for name, value in own.items()}

    def open(self) -> bool:
        """Make it ready; True where an earlier run's chain goes on.

        A chain that did not end well may have lost its last blocks, and with them what the
        ledger holds for final: then both begin anew.
        """
        goes_on = self._ended_well.exists() and self.chain.exists() and self._deployment.exists()
        if not goes_on:
            self.forget()
        self._ended_well.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        return goes_on

    def forget(self) -> None:
        """Remove the chain and all that was issued on it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_well(self) -> None:
        """Say that the chain wrote its last block to disk."""
        if self.folder.exists():
            self._ended_well.touch()

    async def fits(self, rpc_url: str) -> bool:
        """Whether the contracts on record are on this chain, and of this version."""
        try:
            deployment = Deployment.parse(self._deployment.read_bytes())
            deployer = Deployer(rpc_url)
            try:
                await deployer.check(deployment)
            finally:
                await deployer.close()
        except (Contradiction, Refused, FileNotFoundError):
            return False
        return True

    async def deploy(self, rpc_url: str) -> Deployment:
        """Deploy the contracts and write the record, the trust list and the secrets."""
        deployer = Deployer(rpc_url)
        try:
            deployment = await deployer.deploy(
                admin_key=ADMIN.private_key,
                issuer=Address(ISSUER.address),
                registrar=Address(REGISTRAR.address),
            )
        finally:
            await deployer.close()
        self._deployment.write_text(json.dumps(deployment.to_json(), indent=2) + "\n")
        issuer = {
            "name": "Demo Export Platform",
            "nameKo": "데모 수출 플랫폼",
            "accounts": [f"eip155:{deployment.chain_id}:{deployment.issuer}"],
            "contracts": [str(deployment.contract_account(kind)) for kind in AssetKind],
        }
        trust = json.dumps({"issuers": [issuer]}, ensure_ascii=False, indent=2)
        (self.folder / "trust.json").write_text(trust + "\n", encoding="utf-8")
        await asyncio.to_thread(self._write_secrets)
        return deployment

    def _write_secrets(self) -> None:
        folder = self.folder / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        password = secrets.token_urlsafe(32)
        for name, secret in {
            "api-token": secrets.token_urlsafe(32),
            "recovery-identity": AgeSealer().new_key().identity,
            "keystore-password": password,
        }.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secret)
        keystore = folder / "keystore.json"
        keystore.unlink(missing_ok=True)
        write_keystore(keystore, private_key=ISSUER.private_key, password=password)


def take(kind: Kind) -> State:
    """The state of one kind of chain, for this process alone. Raises `AlreadyRunning`."""
    STATE.mkdir(exist_ok=True)
    lock = os.open(STATE / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning from None
    return State(STATE / kind)
