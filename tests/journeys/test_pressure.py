"""More than the service may hold: it says when to come again, and loses nothing."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from chain.local.node import LocalNode
from tests.chains import deploy
from tests.platform import API_TOKEN, Platform, deal, pdf, platform
from tests.service import AUTHORIZED, Service

pytestmark = pytest.mark.needs("anvil")


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Platform]:
    """On a chain that stands still until it is told to mine."""
    with LocalNode("anvil", block_seconds=0) as node:
        own = platform(tmp_path, node, deploy(node))
        yield own


def _post(service: Service, key: str) -> httpx.Response:
    return service.post(
        "deals",
        "deal",
        deal(contractNumber=key),
        files=[("contract.pdf", pdf(key), "application/pdf")],
        key=key,
    )


def test_requests__more_wait_than_may__429_and_taken_in_when_there_is_room(
    still: Platform,
) -> None:
    accepted = []
    # Nobody carries: this process only takes in.
    with Service(still, ROLE="api", MAX_WAITING=3) as api:
        for number in range(3):
            answer = _post(api, f"deal-{number}")
            assert answer.status_code == 202, answer.text
            accepted.append(answer.json()["id"])
        refused = _post(api, "deal-3")
        assert refused.status_code == 429
        assert refused.json()["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        batch = httpx.post(
            f"{api.url}/v1/deals:batch",
            content=b'{"idempotencyKey": "x"}',
            headers=AUTHORIZED | {"Content-Type": "application/x-ndjson"},
        )
        assert batch.status_code == 429
        ready = httpx.get(f"{api.url}/readyz")
        assert (ready.status_code, ready.json()["parts"]["queue"]) == (503, "overloaded")
    with Service(still, MAX_WAITING=3) as service, still.node.mining(every=0.2):
        for id_ in accepted:
            assert service.until_ended(id_)["status"] == "finalized"
        assert _post(service, "deal-3").status_code == 202


def test_requests__beyond_the_limit__are_refused_before_their_body_is_read(
    still: Platform,
) -> None:
    with Service(still, ROLE="api", MAX_REQUESTS=1) as api, _open_request(api) as first:
        assert _post(api, "second").status_code == 429
        with _open_request(api) as third:
            # Of the body nothing but its first bytes were ever sent.
            third.settimeout(10)
            assert b"429" in third.recv(4096).split(b"\r\n")[0]
        first.close()


def test_requests__many_at_once__are_drafted_elsewhere_and_each_gets_its_own_answer(
    still: Platform,
) -> None:
    with Service(still, ROLE="api") as api, ThreadPoolExecutor(24) as clients:
        for wave in range(3):
            keys = [f"wave-{wave}-{number}" for number in range(48)]
            answers = list(clients.map(lambda key: _post_or_lie(api, key), keys))
            for key, answer in zip(keys, answers, strict=True):
                if _is_lie(key):
                    assert answer.status_code == 422, answer.text
                    assert answer.json()["errors"][0]["path"] == "document[0]"
                else:
                    assert answer.status_code == 202, answer.text
                    assert answer.json()["documents"][0]["name"] == f"{key}.pdf"
        assert _children(api.pid)


def _is_lie(key: str) -> bool:
    return key.endswith("7")


def _post_or_lie(service: Service, key: str) -> httpx.Response:
    """A deal whose document is a PDF, or only says so."""
    data = b"no PDF at all" if _is_lie(key) else pdf(key)
    files = [(f"{key}.pdf", data, "application/pdf")]
    return service.post("deals", "deal", deal(contractNumber=key), files=files, key=key)


def _children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


def _open_request(service: Service) -> socket.socket:
    """A request that has begun, and whose body does not go on."""
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    head = (
        "POST /v1/deals HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {API_TOKEN}\r\nIdempotency-Key: {json.dumps(id(connection))}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="deal"\r\n\r\n{'
    )
    connection.sendall(head.encode())
    return connection
