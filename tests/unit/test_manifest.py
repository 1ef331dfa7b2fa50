"""The manifest: one canonical form, valid ERC-721 metadata, nothing confidential."""

import hashlib
import json

import pytest

from nftsvc.core.cid import Cid
from nftsvc.core.errors import InvalidField, InvalidJson, TooLarge
from nftsvc.core.manifest import MAX_BYTES, Manifest, genesis_token_id, manifest_digest
from nftsvc.core.types import AssetKind, digest_of
from tests.unit import verdict_cases as cases


@pytest.mark.parametrize("data", [cases.V1, cases.V2, cases.PUBLIC])
def test_manifest__encoded__reads_back(data: bytes) -> None:
    assert Manifest.parse(data).encode() == data


def test_manifest__token_id__is_the_sha256_of_its_bytes_and_names_its_cid() -> None:
    token_id = genesis_token_id(cases.V1)
    assert token_id == int(hashlib.sha256(cases.V1).hexdigest(), 16)
    assert Cid.parse(f"f01551220{token_id:064x}") == Cid.raw(digest_of(token_id))
    assert manifest_digest(cases.V1) == digest_of(token_id)


def test_manifest__with_picture_and_model__is_what_wallets_show() -> None:
    picture = cases.public("pump.png", "image/png", b"png")
    model = cases.public("pump.glb", "model/gltf-binary", b"glb")
    shown = json.loads(cases.manifest(model, picture, kind=AssetKind.PRODUCT_CONTENT).encode())
    assert shown["image"] == f"ipfs://{picture.cid}"
    assert shown["animation_url"] == f"ipfs://{model.cid}"
    assert {"name", "description", "attributes"} <= shown.keys()


def test_manifest__sealed_picture__is_not_shown() -> None:
    picture = cases.sealed("document-1.png", b"png", cases.SALTS[0])
    shown = json.loads(cases.manifest(picture).encode())
    assert "image" not in shown


def test_manifest__image_that_is_no_document__is_refused() -> None:
    shown = json.loads(cases.PUBLIC)
    shown["image"] = "https://example.org/tracker.png"
    with pytest.raises(InvalidJson):
        Manifest.parse(json.dumps(shown, ensure_ascii=False, sort_keys=True,
                                  separators=(",", ":")).encode())  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"issuedAt":"2026-11-22T09:00:00+00:00"', '"issuedAt":"2026-11-22T09:00:00"'),
        ('"name":"document-1.pdf"', '"name":"../document-1.pdf"'),
        ('"encryption":"age-encryption.org/v1"', '"encryption":"none"'),
        ('"_sd_alg":"sha-256"', '"_sd_alg":"md5"'),
        ('"reference":"0', '"reference":"G'),
    ],
)
def test_parse__one_member_wrong__is_refused(old: str, new: str) -> None:
    assert old in cases.V1.decode()
    with pytest.raises(InvalidField):
        Manifest.parse(cases.reworded(cases.V1, old, new))


def test_encode__beyond_one_block__is_refused() -> None:
    with pytest.raises(TooLarge):
        cases.manifest(attributes=(("x", "y" * MAX_BYTES),)).encode()
