"""Settings from the environment (`NFTSVC_...`): read once, frozen, and passed down.

Secrets are never settings themselves, only paths of files that nobody but their owner may read.
"""

import stat
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nftsvc.core.errors import InvalidField, InvalidJson, Misconfigured
from nftsvc.core.fees import FeePreset
from nftsvc.core.trust import TrustList

PREFIX: Final = "NFTSVC_"
MEBIBYTE: Final = 1024 * 1024

Loaded = TypeVar("Loaded", bound="_Loaded")
Texts = Annotated[tuple[str, ...], NoDecode]
Paths = Annotated[tuple[Path, ...], NoDecode]


class _Loaded(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; `given` comes before it. Raises `Misconfigured`."""
        try:
            return cls(**given)
        except ValidationError as error:
            faults = [
                f"{PREFIX}{'_'.join(map(str, fault['loc'][:1])).upper()}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise Misconfigured("; ".join(faults)) from None


class VerifierSettings(_Loaded):
    """What a buyer's machine needs to verify: it asks the chain itself."""

    rpc_urls: Texts = Field(min_length=1, description="RPC endpoints of the chain, one or more.")
    quorum: int = Field(1, ge=1, le=16, description="How many endpoints must agree.")
    confirmation_depth: int = Field(
        64, ge=1, description="Blocks that make final where the chain names no final block."
    )
    gateway_url: str | None = Field(None, description="Service that manifests are fetched from.")
    trust_file: Path | None = Field(None, description="Trust list: who counts as an issuer.")

    @field_validator("rpc_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _listed(value)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        return _check_quorum(self, self.quorum, self.rpc_urls)


class Settings(_Loaded):
    """Everything the service is told from outside."""

    role: Literal["api", "worker", "both"] = Field(
        "both", description="What this process does: take in requests, carry them out, or both."
    )
    lease_seconds: float = Field(
        10.0, ge=1, description="Silence after which another worker takes over a worker's work."
    )
    public_url: str = Field(
        "http://127.0.0.1:8080", description="Address that links and QR codes lead to."
    )
    rpc_urls: Texts = Field(min_length=1, description="RPC endpoints of the chain, one or more.")
    public_rpc_urls: Texts = Field(
        (), description="Endpoints that browsers ask; by default those of rpc_urls without a key."
    )
    quorum: int = Field(1, ge=1, le=16, description="How many endpoints must agree in a verdict.")
    chain_name: str = Field("local", description="Name of the chain, as people call it.")
    deployment_file: Path = Field(description="Deployment record of the contracts.")
    data_dir: Path = Field(description="Folder of the spool, the store and the SQLite databases.")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL database; by default SQLite in the data folder."
    )
    stores: Texts = Field(
        ("embedded",),
        min_length=1,
        description="Where content is kept, one store or more: embedded, embedded:/folder, "
        "kubo+http://host:5001, s3+https://host/bucket, pinning+https://host/psa.",
    )
    replicas: int = Field(
        1,
        ge=1,
        le=16,
        description="How many of the stores must keep a content before it is minted.",
    )
    audit_seconds: float = Field(
        60.0, gt=0, description="Seconds between two looks at the content of a random asset."
    )
    api_token_files: Paths = Field(
        min_length=1, description="Files with an API token each, at least one."
    )
    recovery_identity_file: Path = Field(
        description="age identity that opens every asset's key, the platform's own."
    )
    recovery_recipients: Texts = Field(
        (), description="Further age recipients that every asset's key is sealed to."
    )
    key_file: Path | None = Field(
        None, description="Key-encryption keys; by default made in the data folder."
    )
    aws_kms_wrapping_keys: Texts = Field(
        (),
        description="Ids or ARNs of key-encryption keys in AWS KMS, not a file; the last wraps.",
    )
    erasure_delay_seconds: float = Field(
        0.0, ge=0, description="Seconds that a requested erasure waits before it may be confirmed."
    )
    keystore_file: Path | None = Field(
        None, description="Encrypted keystore of the issuing account, where no device has its key."
    )
    colleague_keystore_files: Paths = Field(
        (), description="Keystores of further issuers of the organisation, each with its own lane."
    )
    keystore_password_file: Path | None = Field(
        None, description="File with the password of all keystores."
    )
    pkcs11_module: Path | None = Field(
        None, description="Library of an HSM, e.g. /usr/lib/softhsm/libsofthsm2.so."
    )
    pkcs11_token: str | None = Field(None, description="Label of the HSM's token.")
    pkcs11_pin_file: Path | None = Field(None, description="File with the PIN of the token's user.")
    pkcs11_keys: Texts = Field((), description="Labels of the issuers' keys on the token.")
    aws_kms_keys: Texts = Field(
        (), description="Ids, ARNs or aliases of the issuers' keys in AWS KMS."
    )
    aws_kms_endpoint: str | None = Field(
        None, description="Address of the key service; by default that of the AWS region."
    )
    custody_account: str | None = Field(
        None, description="Holds tokens of parties without an account; by default the issuer."
    )
    trust_file: Path | None = Field(None, description="Trust list that is published.")
    max_file_bytes: int = Field(512 * MEBIBYTE, ge=1, description="Largest file, in bytes.")
    max_body_bytes: int = Field(1024 * MEBIBYTE, ge=1, description="Largest request, in bytes.")
    max_documents: int = Field(32, ge=1, le=64, description="Most files of one request.")
    body_seconds: float = Field(
        600.0, gt=0, description="Seconds within which a request's body must end."
    )
    max_batch_items: int = Field(
        10_000, ge=1, le=100_000, description="Most items of one batch request."
    )
    max_item_bytes: int = Field(
        MEBIBYTE,
        ge=1024,
        le=16 * MEBIBYTE,
        description="Longest line of a batch request, in bytes; its documents are in it.",
    )
    draft_processes: int | None = Field(
        None,
        ge=0,
        le=64,
        description="Processes that draft the items of batch requests; by default one for each "
        "core but one, 0 drafts in the service.",
    )
    max_waiting: int = Field(
        500_000, ge=1, description="Issuances that may wait to be sent; beyond it 429."
    )
    max_waiting_bytes: int = Field(
        64 * 1024 * MEBIBYTE,
        ge=1,
        description="Bytes of documents that may wait to be stored; beyond it 429.",
    )
    max_requests: int = Field(
        512, ge=1, description="Requests that are taken in at a time; beyond it 429."
    )
    batch_deadline_ms: int = Field(
        250, ge=0, description="How long an issuance waits for others to share its transaction."
    )
    transaction_gas_cap: int = Field(
        16_777_216, ge=100_000, le=16_777_216, description="Most gas of one transaction."
    )
    fee_cap_gwei: int = Field(
        500, ge=1, description="Most that is offered for a gas, in gwei, tip included."
    )
    fee_preset: FeePreset = Field(
        FeePreset.L1, description="How the chain takes fees: l1, op-stack, arbitrum or polygon."
    )
    hang_blocks: int = Field(
        5, ge=0, description="Blocks that pass a transaction over before its fee is raised."
    )
    hang_seconds: float = Field(
        30.0,
        ge=0,
        description="Seconds that a transaction waits at least before its fee is raised.",
    )
    least_balance_gwei: int = Field(
        50_000_000, ge=0, description="A sender that has less is an alarm, in gwei."
    )
    confirmation_depth: int | None = Field(
        None,
        ge=1,
        description="Blocks that make final where the chain names no final block; by default what "
        "the fee preset says.",
    )
    rpc_seconds: float = Field(10.0, gt=0, description="Seconds that one RPC call may take.")

    @field_validator(
        "rpc_urls",
        "public_rpc_urls",
        "stores",
        "api_token_files",
        "recovery_recipients",
        "colleague_keystore_files",
        "pkcs11_keys",
        "aws_kms_keys",
        "aws_kms_wrapping_keys",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return _listed(value)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        return _check_quorum(self, self.quorum, self.rpc_urls)

    def browser_rpc_urls(self) -> tuple[str, ...]:
        """The endpoints that may be published: an address with a path or a user may be a key."""
        return self.public_rpc_urls or tuple(url for url in self.rpc_urls if _is_bare(url))


def read_secret(path: Path, *, setting: str) -> str:
    """The one line of a secret's file. Raises `Misconfigured`; the secret is never in it."""
    name = f"{PREFIX}{setting.upper()}"
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise Misconfigured(f"{name}: cannot read {path}: {reason}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise Misconfigured(f"{name}: {path} must be readable by its owner alone (chmod 600)")
    lines = [line.strip() for line in text.splitlines()]
    secrets = [line for line in lines if line and not line.startswith("#")]
    if len(secrets) != 1:
        raise Misconfigured(f"{name}: {path} must hold one line")
    return secrets[0]


def read_trust(path: Path | None) -> TrustList | None:
    """The trust list, None where no file is set. Raises `Misconfigured`."""
    if path is None:
        return None
    try:
        return TrustList.parse(path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"NFTSVC_TRUST_FILE: cannot read {path}: {error}") from error
    except (InvalidJson, InvalidField) as error:
        raise Misconfigured(f"NFTSVC_TRUST_FILE: {path}: {error}") from error


def _listed(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _check_quorum(settings: Loaded, quorum: int, urls: tuple[str, ...]) -> Loaded:
    if quorum > len(urls):
        raise ValueError(f"a quorum of {quorum} needs as many RPC endpoints, not {len(urls)}")
    return settings


def _is_bare(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query and "@" not in parts.netloc
