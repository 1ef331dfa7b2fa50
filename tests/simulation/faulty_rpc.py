"""An RPC endpoint in front of a real node that fails, forgets and lies, as a seed decides."""

import http.server
import json
import random
import threading
import time
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from tests.simulation.faults import Fault

FATES: Final = (Fault.NOT_ASKED, Fault.ANSWER_LOST, Fault.WRONG_ANSWER)
_LIES: Final[dict[str, Any]] = {
    "eth_getTransactionReceipt": None,
    "eth_getTransactionCount": "0x0",
    "eth_getBlockByNumber": None,
    "eth_sendRawTransaction": {"code": -32000, "message": "nonce too low"},
}


class FaultyRpc:
    """Passes calls on to `node`; of so many in a hundred it makes something else. Loopback only."""

    def __init__(
        self, node: str, *, rng: random.Random, percent: float, tell: Callable[[Fault], None]
    ) -> None:
        self._node = node
        self._rng = rng
        self._percent = percent
        self._tell = tell
        self._lock = threading.Lock()
        self.away_until = 0.0
        self.calm = False
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = endpoint.answer(body)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing: there are thousands."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where the service asks."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, body: bytes) -> bytes | None:
        """What the service gets; None where the connection just ends."""
        if not self.calm and time.monotonic() < self.away_until:
            return None
        fate = self._fate()
        if fate is Fault.NOT_ASKED:
            return None
        request = json.loads(body)
        if fate is Fault.WRONG_ANSWER and isinstance(request, dict):
            method = request.get("method")
            if method in _LIES:
                part = "error" if method == "eth_sendRawTransaction" else "result"
                lie = {"jsonrpc": "2.0", "id": request["id"], part: _LIES[method]}
                return json.dumps(lie).encode()
        forwarded = urllib.request.Request(  # noqa: S310 - our own loopback address
            self._node, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(forwarded, timeout=30) as response:  # noqa: S310
                given: bytes = response.read()
        except OSError:
            return None
        return None if fate is Fault.ANSWER_LOST else given

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _fate(self) -> Fault | None:
        with self._lock:
            if self.calm or self._rng.random() * 100 >= self._percent:
                return None
            fate = self._rng.choice(FATES)
            self._tell(fate)
            return fate
