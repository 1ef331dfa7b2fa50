"""Key-encryption keys in AWS KMS, over HTTP with real AES-GCM, and what it may do wrong."""

import base64
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nftsvc.adapters.age_sealer import AgeSealer
from nftsvc.adapters.aws_kms_custody import AwsKmsCustody
from nftsvc.core.errors import KeyCustodyUnavailable, KeyRetired, Misconfigured, SealUnreadable
from nftsvc.core.keys import KekId, Wrapped
from tests.key_service import CREDENTIALS, served
from tests.strongroom import Strongroom

OLD: Final = "1234abcd-12ab-34cd-56ef-1234567890ab"
NEW: Final = "0987dcba-09fe-87dc-65ba-ab0987654321"
ARN: Final = "arn:aws:kms:ap-northeast-2:111122223333:key/"


@dataclass
class KeyService:
    """What AWS KMS answers to GenerateDataKey and Decrypt; its keys never leave it."""

    keys: dict[str, bytes] = field(
        default_factory=lambda: {key: AESGCM.generate_key(256) for key in (OLD, NEW)}
    )
    fault: str | None = None
    uses: str | None = None
    calls: Counter[str] = field(default_factory=Counter)

    def answer(self, action: str, asked: dict[str, Any]) -> tuple[int, dict[str, str]]:
        self.calls[action] += 1
        if self.fault is not None:
            return 400, {"__type": self.fault, "message": "arn:secret"}
        key = self.uses or asked["KeyId"].rpartition("/")[2]
        if key not in self.keys:
            return 400, {"__type": "NotFoundException"}
        bound = json.dumps(asked["EncryptionContext"], sort_keys=True).encode()
        cipher = AESGCM(self.keys[key])
        given = {"KeyId": ARN + key}
        if action == "TrentService.GenerateDataKey":
            assert asked["KeySpec"] == "AES_256"
            plain, nonce = AESGCM.generate_key(256), secrets.token_bytes(12)
            given["CiphertextBlob"] = _base64(nonce + cipher.encrypt(nonce, plain, bound))
        else:
            assert action == "TrentService.Decrypt"
            blob = base64.b64decode(asked["CiphertextBlob"])
            try:
                plain = cipher.decrypt(blob[:12], blob[12:], bound)
            except (InvalidTag, ValueError):
                return 400, {"__type": "InvalidCiphertextException"}
        return 200, given | {"Plaintext": _base64(plain)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def service() -> KeyService:
    return KeyService()


@pytest.fixture
def endpoint(service: KeyService, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with served(service.answer) as address:
        yield address


@pytest.fixture
async def custody(endpoint: str) -> AsyncIterator[AwsKmsCustody]:
    own = AwsKmsCustody([OLD], endpoint=endpoint)
    yield own
    await own.close()


async def test_wrap__a_thousand__cost_one_call_and_each_opens(
    custody: AwsKmsCustody, service: KeyService
) -> None:
    items = [secrets.token_bytes(90) for _ in range(1000)]
    wrapped = await custody.wrap_all(items)
    assert service.calls == {"TrentService.GenerateDataKey": 1}
    assert len({one.sealed for one in wrapped}) == len(items)
    assert not any(item in one.sealed for item, one in zip(items, wrapped, strict=True))
    for at in (0, 1, 999):
        assert await custody.unwrap(wrapped[at]) == items[at]
    assert await custody.wrap_all([]) == []


async def test_unwrap__any_byte_changed_or_cut__is_unreadable(custody: AwsKmsCustody) -> None:
    wrapped = await custody.wrap(b"an asset's key")
    length = len(wrapped.sealed)
    for at in (1, 2, 20, length - 30, length - 1):
        changed = bytearray(wrapped.sealed)
        changed[at] ^= 1
        with pytest.raises(SealUnreadable):
            await custody.unwrap(replace(wrapped, sealed=bytes(changed)))
    for cut in (0, 1, 2, 40, length - 1):
        with pytest.raises(SealUnreadable):
            await custody.unwrap(replace(wrapped, sealed=wrapped.sealed[:cut]))


@pytest.mark.parametrize(
    "fault", ["AccessDeniedException", "DisabledException", "KMSInvalidStateException"]
)
async def test_custody__denied__is_unavailable_says_why_and_names_no_secret(
    custody: AwsKmsCustody, service: KeyService, fault: str
) -> None:
    wrapped = await custody.wrap(b"an asset's key")
    service.fault = fault
    for work in (custody.wrap(b"another"), custody.unwrap(wrapped)):
        with pytest.raises(KeyCustodyUnavailable, match=fault) as refused:
            await work
        assert "arn:secret" not in str(refused.value)
    service.fault = None
    assert await custody.unwrap(wrapped) == b"an asset's key"


async def test_custody__away__is_unavailable(endpoint: str) -> None:
    away = AwsKmsCustody([OLD], endpoint="http://127.0.0.1:9")
    with pytest.raises(KeyCustodyUnavailable):
        await away.wrap(b"an asset's key")
    await away.close()


async def test_custody__service_takes_another_key__is_not_believed(
    custody: AwsKmsCustody, service: KeyService
) -> None:
    wrapped = await custody.wrap(b"an asset's key")
    service.uses = NEW
    with pytest.raises(KeyCustodyUnavailable, match="another key"):
        await custody.wrap(b"another")
    with pytest.raises(SealUnreadable):
        await custody.unwrap(wrapped)


@pytest.mark.parametrize("kek", [f"aws-kms:{NEW}", OLD, "file-00"])
async def test_unwrap__under_a_key_that_is_not_named__is_retired(
    custody: AwsKmsCustody, kek: str
) -> None:
    with pytest.raises(KeyRetired):
        await custody.unwrap(Wrapped(KekId(kek), b"sealed"))


@pytest.mark.parametrize("keys", [[], [OLD, OLD], ["alias/wrapping"], [f"{ARN[:-4]}alias/w"]])
def test_custody__no_key_one_twice_or_an_alias__is_misconfigured(keys: list[str]) -> None:
    with pytest.raises(Misconfigured):
        AwsKmsCustody(keys)


async def test_rotate__a_new_key_named_after_the_old_one__opens_without_the_old_one(
    service: KeyService, endpoint: str, tmp_path: Path
) -> None:
    room = await Strongroom.open(tmp_path).start()
    first = AwsKmsCustody([ARN + OLD], endpoint=endpoint)
    issuance = await replace(room, custody=first).accept()
    with pytest.raises(Misconfigured, match="name the new key"):
        await replace(room, custody=first).keyring.rotate()
    both = AwsKmsCustody([ARN + OLD, ARN + NEW], endpoint=endpoint)
    done = await replace(room, custody=both).keyring.rotate()
    assert (done.rewrapped, done.retired) == (1, (f"aws-kms:{ARN}{OLD}",))
    del service.keys[OLD]
    found = await room.ledger.issuance(issuance)
    identity = await replace(room, custody=both).keyring.identity(found)
    assert AgeSealer().open(found.private, identity=identity)
    for own in (first, both):
        await own.close()
    await room.stop()
