"""What the service answers besides JSON: content, headers, its own description."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chain.local.node import LocalNode
from tests.browser.files import png
from tests.chains import deploy
from tests.platform import deal, pdf, platform, product
from tests.service import AUTHORIZED, Service

pytestmark = pytest.mark.needs("anvil")

PICTURE = png()
CONTRACT = pdf("KR-2026-0117")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with (
        LocalNode("anvil", block_seconds=1) as node,
        Service(platform(tmp_path_factory.mktemp("web"), node, deploy(node))) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def content(service: Service) -> dict[str, Any]:
    files = [("그림.png", PICTURE, "image/png")]
    return service.issue("contents", "content", product(), files=files)


@pytest.fixture(scope="module")
def contract(service: Service) -> dict[str, Any]:
    files = [("계약서.pdf", CONTRACT, "application/pdf")]
    return service.issue("deals", "deal", deal(), files=files)


def test_content__public_picture__its_bytes_sandboxed_and_for_ever(
    service: Service, content: dict[str, Any]
) -> None:
    cid = content["documents"][0]["cid"]
    answer = httpx.get(f"{service.url}/v1/content/{cid}")
    assert answer.content == PICTURE
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{cid}"'
    assert "immutable" in answer.headers["cache-control"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == f'attachment; filename="{cid}.png"'
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_content__sealed_document__bytes_without_a_meaning(
    service: Service, contract: dict[str, Any]
) -> None:
    answer = httpx.get(f"{service.url}/v1/content/{contract['documents'][0]['cid']}")
    assert answer.content.startswith(b"age-encryption.org/v1\n")
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("wanted", "status", "expected"),
    [
        ("bytes=0-3", 206, PICTURE[:4]),
        ("bytes=4-", 206, PICTURE[4:]),
        ("bytes=-5", 206, PICTURE[-5:]),
        ("bytes=0-99999", 206, PICTURE),
        ("bytes=5-2", 200, PICTURE),
        ("bytes=0-1,3-4", 200, PICTURE),
        ("lines=1-2", 200, PICTURE),
    ],
)
def test_content__range__just_that(
    service: Service, content: dict[str, Any], wanted: str, status: int, expected: bytes
) -> None:
    address = f"{service.url}/v1/content/{content['documents'][0]['cid']}"
    answer = httpx.get(address, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, expected)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_content__range_outside__416(service: Service, content: dict[str, Any]) -> None:
    address = f"{service.url}/v1/content/{content['documents'][0]['cid']}"
    answer = httpx.get(address, headers={"Range": "bytes=99999-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(PICTURE)}"


def test_content__asked_again__not_sent_again(service: Service, content: dict[str, Any]) -> None:
    cid = content["documents"][0]["cid"]
    address = f"{service.url}/v1/content/{cid}"
    assert httpx.get(address, headers={"If-None-Match": f'"{cid}"'}).status_code == 304
    head = httpx.head(address)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(PICTURE)))


def test_content__other_spellings_of_the_cid__the_same_bytes(
    service: Service, content: dict[str, Any]
) -> None:
    cid = f"f01551220{content['tokenId'][2:]}"
    answer = httpx.get(f"{service.url}/v1/content/{cid}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == f'"{content["manifestCid"]}"'


@pytest.mark.parametrize("path", ["/", "/verify", "/assets/1", "/static/pages/verify.js"])
def test_page__any__says_nothing_to_others_and_loads_nothing_from_them(
    service: Service, path: str
) -> None:
    headers = httpx.get(service.url + path).headers
    policy = headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert "frame-ancestors 'none'" in policy
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(" ".join(policy).split())
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize(
    ("query", "headers", "language"),
    [
        ("", {}, "en"),
        ("", {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"}, "ko"),
        ("", {"Accept-Language": "fr,en;q=0.5,ko;q=0.4"}, "en"),
        ("", {"Accept-Language": "ko", "Cookie": "language=en"}, "en"),
        ("?lang=ko", {"Cookie": "language=en"}, "ko"),
        ("?lang=xx", {"Accept-Language": "ko"}, "ko"),
    ],
)
def test_page__language__asked_then_stored_then_negotiated(
    service: Service, query: str, headers: dict[str, str], language: str
) -> None:
    answer = httpx.get(f"{service.url}/{query}", headers=headers)
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}"' in answer.text


def test_qr__issuance__only_with_a_token_and_asset_for_all(
    service: Service, contract: dict[str, Any]
) -> None:
    secret = f"{service.url}/v1/issuances/{contract['id']}/qr.svg"
    assert httpx.get(secret).status_code == 401
    assert httpx.get(secret, headers=AUTHORIZED).headers["content-type"] == "image/svg+xml"
    public = httpx.get(f"{service.url}/v1/assets/{contract['tokenId']}/qr.svg")
    assert b"<svg" in public.content


def test_documents__public_file__found_and_a_sealed_one_never(
    service: Service, content: dict[str, Any], contract: dict[str, Any]
) -> None:
    def found(data: bytes) -> list[str]:
        sha256 = hashlib.sha256(data).hexdigest()
        answer = httpx.get(f"{service.url}/v1/documents", params={"sha256": sha256})
        assets: list[str] = answer.json()["assets"]
        return assets

    assert found(PICTURE) == [content["asset"]]
    assert contract["asset"]
    assert found(CONTRACT) == []


def test_openapi__every_operation__described_with_examples(service: Service) -> None:
    description = httpx.get(f"{service.url}/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
    body = description["paths"]["/v1/deals"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["properties"]["deal"]["examples"]
    properties = description["components"]["schemas"]["Issuance"]["properties"]
    assert properties["asset"]["examples"][0].startswith("eip155:")


def test_issuance__example_of_the_description__is_accepted(service: Service) -> None:
    description = httpx.get(f"{service.url}/openapi.json").json()
    for noun, part, file in (
        ("deals", "deal", ("계약서.pdf", pdf("example"), "application/pdf")),
        ("contents", "content", ("그림.png", PICTURE, "image/png")),
    ):
        body = description["paths"][f"/v1/{noun}"]["post"]["requestBody"]["content"]
        properties = body["multipart/form-data"]["schema"]["properties"]
        example = properties[part]["examples"][0]
        answer = service.post(noun, part, example, files=[file], key=f"example-{noun}")
        assert answer.status_code == 202, answer.text


def test_stores__report__only_with_a_token(service: Service) -> None:
    assert httpx.get(f"{service.url}/v1/stores").status_code == 401
    report = httpx.get(f"{service.url}/v1/stores", headers=AUTHORIZED).json()
    assert (report["wanted"], report["stores"], report["lacking"]) == (1, ["embedded"], 0)
