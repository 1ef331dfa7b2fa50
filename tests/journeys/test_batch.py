"""Thousands of deals in one request: each line its answer, and a bad one sinks nobody."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain.local.node import LocalNode
from tests.chains import deploy
from tests.load import item
from tests.platform import pdf, platform, product
from tests.service import AUTHORIZED, Service
from tests.unit.test_media import A_PNG

pytestmark = pytest.mark.needs("anvil")

NDJSON = {"Content-Type": "application/x-ndjson"}
LONGEST, MOST = 20_000, 500


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with LocalNode("anvil", block_seconds=1) as node:
        own = platform(tmp_path_factory.mktemp("batch"), node, deploy(node))
        limits = {"MAX_ITEM_BYTES": LONGEST, "MAX_BATCH_ITEMS": MOST, "MAX_DOCUMENTS": 2}
        with Service(own, **limits) as running:
            yield running


def post(
    service: Service, *lines: bytes, noun: str = "deals", anchor: str | None = None
) -> list[dict[str, Any]]:
    """The answers, a line each."""
    response = httpx.post(
        f"{service.url}/v1/{noun}:batch",
        content=b"\n".join(lines),
        params={"anchor": anchor} if anchor else {},
        headers=AUTHORIZED | NDJSON,
        timeout=60,
    )
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def line(number: int, **changed: Any) -> bytes:
    return json.dumps(item(number) | changed, ensure_ascii=False).encode()


def test_batch__hundreds__each_becomes_a_token_of_its_own(service: Service) -> None:
    answers = post(service, *(line(n) for n in range(300)))
    assert [answer["status"] for answer in answers] == [202] * 300
    assert [answer["index"] for answer in answers] == list(range(300))
    assert [answer["idempotencyKey"] for answer in answers] == [f"load-{n}" for n in range(300)]
    assert len({answer["issuance"]["tokenId"] for answer in answers}) == 300
    for answer in (answers[0], answers[-1]):
        ended = service.until_ended(answer["issuance"]["id"])
        assert ended["status"] == "finalized"
        assert ended["links"] == answer["issuance"]["links"]


def test_batch__same_again__same_answers_and_nothing_new(service: Service) -> None:
    lines = [line(n) for n in range(1000, 1020)]
    first, again = post(service, *lines), post(service, *lines[:10], line(1020), *lines[10:])
    expected = [answer["issuance"]["id"] for answer in first]
    found = [answer["issuance"]["id"] for answer in again]
    assert found[:10] + found[11:] == expected
    assert found[10] not in expected
    for before, after in zip(first[:10], again[:10], strict=True):
        assert before["issuance"]["links"] == after["issuance"]["links"]


def test_batch__same_key_twice_in_one_request__one_issuance(service: Service) -> None:
    one, two, other = post(
        service, line(2000), line(2000), line(2000, documents=item(2001)["documents"])
    )
    assert one["issuance"]["id"] == two["issuance"]["id"]
    assert (other["status"], other["problem"]["code"]) == (422, "idempotency-key-reused")


def _document(**changed: Any) -> list[dict[str, Any]]:
    return [item(0)["documents"][0] | changed]


@pytest.mark.parametrize(
    ("bad", "code", "path", "reason"),
    [
        (b"{", "invalid-json", None, None),
        (b"[1]", "invalid-field", None, None),
        (b'{"deal": {}}', "invalid-field", "idempotencyKey", "missing"),
        (line(1, idempotencyKey="two words"), "invalid-field", "idempotencyKey", "not-a-key"),
        (line(1, idempotencyKey="x", deal=7), "invalid-field", "deal", "not-an-object"),
        (
            line(1, idempotencyKey="x", deal=item(1)["deal"] | {"currency": "WON"}),
            "invalid-field",
            "deal.currency",
            "unknown-currency",
        ),
        (line(1, idempotencyKey="x", documents=[]), "invalid-field", "documents", "out-of-range"),
        (
            line(1, idempotencyKey="x", documents=_document() * 3),
            "invalid-field",
            "documents",
            "out-of-range",
        ),
        (
            line(1, idempotencyKey="x", documents=_document(base64="?")),
            "invalid-field",
            "documents[0].base64",
            "not-base64",
        ),
        (
            line(1, idempotencyKey="x", documents=_document(base64="")),
            "invalid-field",
            "documents[0].base64",
            "empty",
        ),
        (
            line(1, idempotencyKey="x", documents=_document(name="../a.pdf")),
            "invalid-field",
            "documents[0].name",
            "not-a-file-name",
        ),
        (
            line(1, idempotencyKey="x", documents=_document(base64="AAAA")),
            "invalid-media",
            "documents[0]",
            "invalid-media",
        ),
        (
            line(1, idempotencyKey="x", documents=_document(mediaType="text/html")),
            "invalid-media",
            "documents[0]",
            "invalid-media",
        ),
        (line(1, idempotencyKey="x", more=1), "invalid-field", "more", "unknown-field"),
        (line(1, more="x" * LONGEST), "too-large", "item", "too-large"),
    ],
    ids=str,
)
def test_batch__one_bad_item__is_refused_with_its_path_and_the_others_go(
    service: Service, bad: bytes, code: str, path: str | None, reason: str | None
) -> None:
    before, refused, after = post(service, line(3000), bad, line(3001))
    assert (before["status"], after["status"]) == (202, 202)
    problem = refused["problem"]
    assert problem["code"] == code
    assert refused["status"] == problem["status"] >= 400
    if path is not None:
        assert [(e["path"], e["reason"]) for e in problem["errors"]] == [(path, reason)]


def test_batch__more_items_than_allowed__the_first_ones_go(service: Service) -> None:
    answers = post(service, *(line(4000) for _ in range(MOST)), line(4001))
    assert {answer["status"] for answer in answers[:MOST]} == {202}
    assert answers[MOST]["problem"]["code"] == "invalid-field"


def test_batch__blank_lines_and_no_last_newline__are_no_items(service: Service) -> None:
    assert len(post(service, b"", line(5000), b"  \r", line(5001))) == 2
    assert post(service) == []


def test_batch__contents__are_public(service: Service) -> None:
    files = [
        {"name": "pump.png", "mediaType": "image/png", "base64": base64.b64encode(A_PNG).decode()}
    ]
    content = {"idempotencyKey": "pump", "content": product(), "files": files}
    (answer,) = post(service, json.dumps(content).encode(), noun="contents")
    ended = service.until_ended(answer["issuance"]["id"])
    assert (ended["kind"], ended["status"]) == ("product-content", "finalized")
    assert httpx.get(f"{service.url}/v1/content/{ended['documents'][0]['cid']}").content == A_PNG


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (NDJSON, 401, "unauthorized"),
        (AUTHORIZED | {"Content-Type": "application/json"}, 422, "invalid-field"),
    ],
)
def test_batch__whole_request_is_at_fault__one_problem(
    service: Service, headers: dict[str, str], status: int, code: str
) -> None:
    response = httpx.post(f"{service.url}/v1/deals:batch", content=line(1), headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_batch__clear_text__is_nowhere_in_the_data_folder(service: Service, tmp_path: Path) -> None:
    text = "clear words that nobody may find on the disk"
    encoded = base64.b64encode(pdf(text)).decode()
    (answer,) = post(service, line(6000, documents=_document(base64=encoded)))
    service.until_ended(answer["issuance"]["id"])
    files = [path for path in service.folder.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite" for path in files)
    for path in files:
        data = path.read_bytes()
        assert text.encode() not in data, path
        assert encoded.encode() not in data, path
