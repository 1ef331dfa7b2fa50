"""Bad input gets a problem with a permanent code and the field's path, and nothing is stored."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from chain.local.node import LocalNode
from tests.chains import deploy
from tests.platform import API_TOKEN, Platform, deal, pdf, platform, product
from tests.service import AUTHORIZED, File, Service

pytestmark = pytest.mark.needs("anvil")

MAX_FILE = 100_000
MAX_BODY = 400_000
BODY_SECONDS = 3

CONTRACT: File = ("수출계약서.pdf", pdf("KR-2026-0117"), "application/pdf")
GLB = b"glTF" + (2).to_bytes(4, "little") + (20).to_bytes(4, "little") + b"\0\0\0\0JSON"


@pytest.fixture(scope="module")
def strict_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with LocalNode("anvil", block_seconds=1) as node:
        yield platform(tmp_path_factory.mktemp("strict"), node, deploy(node))


@pytest.fixture(scope="module")
def service(strict_platform: Platform) -> Iterator[Service]:
    limits = {
        "MAX_FILE_BYTES": MAX_FILE,
        "MAX_BODY_BYTES": MAX_BODY,
        "MAX_DOCUMENTS": 3,
        "BODY_SECONDS": BODY_SECONDS,
    }
    with Service(strict_platform, **limits) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_stored(strict_platform: Platform, service: Service) -> Iterator[None]:
    spool = strict_platform.folder / "data" / "spool"
    before = set(spool.rglob("*"))
    yield
    assert set(spool.rglob("*")) <= before


def changed(**fields: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(deal(**fields)).encode()


def goods(**fields: Any) -> Callable[[], bytes]:
    return changed(goods=[deal()["goods"][0] | fields])


def exporter(**fields: Any) -> Callable[[], bytes]:
    return changed(exporter=deal()["exporter"] | fields)


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        (goods(hsCode="999999"), "goods[0].hsCode", "unknown-hs-code"),
        (changed(currency="WON"), "currency", "unknown-currency"),
        (
            changed(incoterm={"code": "DAF", "place": "Oslo"}),
            "incoterm.code",
            "unknown-incoterm",
        ),
        (exporter(country="XX"), "exporter.country", "unknown-country"),
        (changed(contractDate="2026-02-30"), "contractDate", "not-a-date"),
        (changed(contractDate="04/05/2026"), "contractDate", "not-a-date"),
        (changed(amount=128400.0), "amount", "fraction"),
        (changed(amount="1e5"), "amount", "not-a-decimal-string"),
        (exporter(name="한빛\u0000정밀"), "exporter.name", "control-character"),
        (exporter(name="\u202egnp.exe"), "exporter.name", "control-character"),
        (changed(surprise=1), "surprise", "unknown-field"),
        (
            lambda: changed()().replace(b'"currency"', b'"currency": "EUR", "currency"'),
            "currency",
            "duplicate-key",
        ),
    ],
)
def test_deal__bad_field__refused_with_its_path(
    service: Service, body: Callable[[], bytes], path: str, reason: str
) -> None:
    answer = service.post("deals", "deal", body(), files=[CONTRACT], key=f"{path}-{reason}")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid-field"
    assert [(e["path"], e["reason"]) for e in problem["errors"]] == [(path, reason)]
    assert answer.status_code == problem["status"] == 422


@pytest.mark.parametrize("body", [b'{"contractNumber": ', b"[" * 100_000, b"\xff\xfe", b""])
def test_deal__no_json__refused(service: Service, body: bytes) -> None:
    answer = service.post("deals", "deal", body, files=[CONTRACT], key=f"json-{len(body)}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-json")


@pytest.mark.parametrize(
    ("noun", "file", "status", "code"),
    [
        ("deals", ("a.pdf", b"", "application/pdf"), 422, "invalid-field"),
        ("deals", ("a.pdf", pdf("x" * MAX_FILE), "application/pdf"), 413, "too-large"),
        ("deals", ("a.pdf", b"MZ" + bytes(500), "application/pdf"), 422, "invalid-media"),
        ("contents", ("a.glb", GLB + bytes(80), "model/gltf-binary"), 422, "invalid-media"),
        ("contents", ("a.png", pdf("no picture"), "image/png"), 422, "invalid-media"),
        ("contents", ("a.svg", b"<svg onload=alert(1)>", "image/svg+xml"), 422, "invalid-media"),
        ("deals", ("../../etc/passwd", pdf(""), "application/pdf"), 422, "invalid-field"),
        ("deals", (".hidden.pdf", pdf(""), "application/pdf"), 422, "invalid-field"),
        ("deals", ("x" * 300 + ".pdf", pdf(""), "application/pdf"), 422, "invalid-field"),
    ],
)
def test_file__bad__refused(
    service: Service, noun: str, file: File, status: int, code: str
) -> None:
    part = "deal" if noun == "deals" else "content"
    body = deal() if noun == "deals" else product()
    answer = service.post(noun, part, body, files=[file], key=f"{code}-{file[0][:40]!a}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert problem["errors"][0]["path"].startswith("document" if noun == "deals" else "file")


@pytest.mark.parametrize("name", [b"a\x07.pdf", b"a\xe2\x80\xaefdp.exe", b"\xff.pdf", b"a/b.pdf"])
def test_file__name_as_no_browser_sends_it__refused(service: Service, name: bytes) -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="deal"\r\n\r\n'
    head += json.dumps(deal()).encode() + b"\r\n"
    head += b'--b\r\ncontent-disposition: form-data; name="document"; filename="' + name + b'"'
    body = head + b"\r\ncontent-type: application/pdf\r\n\r\n" + pdf("") + b"\r\n--b--\r\n"
    headers = AUTHORIZED | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx.post(
        f"{service.url}/v1/deals", headers=headers | {"Idempotency-Key": "names"}, content=body
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-field")


def test_deal__no_file__refused(service: Service) -> None:
    problem = service.post("deals", "deal", deal(), files=[], key="no-file").json()
    assert (problem["code"], problem["errors"][0]["path"]) == ("invalid-field", "document")


def test_deal__too_many_files__refused(service: Service) -> None:
    problem = service.post("deals", "deal", deal(), files=[CONTRACT] * 4, key="many").json()
    assert problem["code"] == "invalid-field"
    assert problem["errors"][0]["path"].startswith("document")


@pytest.mark.parametrize("token", [None, "", "wrong", API_TOKEN + "x", API_TOKEN[:-1]])
def test_deal__no_valid_token__unauthorized(service: Service, token: str | None) -> None:
    headers = {"Idempotency-Key": "k"} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = httpx.post(f"{service.url}/v1/deals", headers=headers, files={"deal": b"{}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", [None, "", "x" * 300])
def test_deal__no_valid_idempotency_key__refused(service: Service, key: str | None) -> None:
    headers = AUTHORIZED | ({"Idempotency-Key": key} if key is not None else {})
    answer = httpx.post(f"{service.url}/v1/deals", headers=headers, files={"deal": b"{}"})
    problem = answer.json()
    assert (problem["code"], problem["errors"][0]["path"]) == ("invalid-field", "Idempotency-Key")


@pytest.mark.parametrize(
    ("content_type", "body", "path", "reason"),
    [
        ("application/json", b"{}", "Content-Type", "not-multipart"),
        ("multipart/form-data", b"", "Content-Type", "not-multipart"),
        ("multipart/form-data; boundary=b", b"", "body", "truncated"),
        ("multipart/form-data; boundary=b", b"rubbish", "body", "malformed"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="deal"\r\n\r\n{"a"',
            "body",
            "truncated",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\ncontent-disposition: form-data\r\n\r\n{}\r\n--b--\r\n",
            "body",
            "malformed",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nx-long: " + b"x" * 20_000 + b"\r\n\r\n{}\r\n--b--\r\n",
            "body",
            "malformed",
        ),
    ],
)
def test_body__no_multipart__refused(
    service: Service, content_type: str, body: bytes, path: str, reason: str
) -> None:
    headers = AUTHORIZED | {"Idempotency-Key": "body", "Content-Type": content_type}
    problem = httpx.post(f"{service.url}/v1/deals", headers=headers, content=body).json()
    assert problem["code"] == "invalid-field"
    assert [(e["path"], e["reason"]) for e in problem["errors"]] == [(path, reason)]


def test_body__never_ends__refused_in_time(service: Service) -> None:
    with _begun(service, "Transfer-Encoding: chunked") as client:
        client.sendall(b"5\r\n--b\r\n\r\n")
        assert _code(client) == (408, "too-slow")


def test_body__trickles__refused_in_time(service: Service) -> None:
    with _begun(service, "Content-Length: 100000") as client:
        client.sendall(b'--b\r\ncontent-disposition: form-data; name="deal"\r\n\r\n')
        client.settimeout(0.2)
        for _ in range(20 * BODY_SECONDS):
            client.sendall(b" ")
            try:
                client.recv(1, socket.MSG_PEEK)
                break
            except TimeoutError:
                continue
        assert _code(client) == (408, "too-slow")


def test_body__announced_too_large__refused_before_it_comes(service: Service) -> None:
    with _begun(service, f"Content-Length: {MAX_BODY + 1}") as client:
        assert _code(client) == (413, "too-large")


def test_body__grows_beyond_the_limit__refused(service: Service) -> None:
    with _begun(service, "Transfer-Encoding: chunked") as client:
        head = b'--b\r\ncontent-disposition: form-data; name="nobody"; filename="x"\r\n\r\n'
        piece = head + b"x" * (MAX_BODY + 1)
        client.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        status, code = _code(client)
        assert (status, code) in {(413, "too-large"), (422, "invalid-field")}


def test_body__shorter_than_announced__nothing_kept(service: Service) -> None:
    with _begun(service, "Content-Length: 5000") as client:
        client.sendall(b'--b\r\ncontent-disposition: form-data; name="deal"\r\n\r\n{}')
    assert httpx.get(f"{service.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/v1/assets/nonsense", 422, "invalid-field"),
        ("/v1/assets/1", 404, "not-found"),
        ("/v1/assets/1/history", 404, "not-found"),
        ("/v1/assets/1/history?limit=0", 422, "invalid-field"),
        ("/v1/assets/1/history?cursor=x", 422, "invalid-field"),
        ("/v1/content/nonsense", 400, "invalid-cid"),
        ("/v1/content/f01551220" + "00" * 32, 404, "not-found"),
        ("/v1/documents?sha256=zz", 422, "invalid-field"),
        ("/v1/documents", 422, "invalid-field"),
        ("/v1/nothing", 404, "not-found"),
    ],
)
def test_read__bad_address__problem(service: Service, address: str, status: int, code: str) -> None:
    answer = httpx.get(service.url + address)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def _begun(service: Service, length: str) -> socket.socket:
    """A request whose head is sent, and whose body is still to come."""
    host, port = service.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=4 * BODY_SECONDS)
    head = [
        "POST /v1/deals HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {API_TOKEN}",
        "Idempotency-Key: raw",
        "Content-Type: multipart/form-data; boundary=b",
        length,
    ]
    client.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
    return client


def _code(client: socket.socket) -> tuple[int, str]:
    head, _, body = client.recv(65_536).partition(b"\r\n\r\n")
    while not body.endswith(b"}"):
        body += client.recv(65_536)
    return int(head.split()[1]), json.loads(body)["code"]
