"""geth as a local chain: how it starts, and what tells it which block comes next."""

import base64
import hmac
import json
import secrets
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from chain.local.accounts import account

ROOT: Final = Path(__file__).resolve().parents[2]
ACCOUNTS: Final = 10
ETHER: Final = 10**18
SETTLE_SECONDS: Final = 1.0
"""A transaction behind a gap in the nonces waits for ever; nobody else waits that long."""
_ZERO: Final = "0x" + "0" * 64

Call = Callable[..., Any]


def binary() -> str | None:
    """The geth that `scripts/bring/geth` built, where it has."""
    asked = subprocess.run(
        [ROOT / "scripts/bring/geth", "--path"], capture_output=True, text=True, check=True
    )
    path = Path(asked.stdout.strip())
    return str(path) if path.is_file() else None


class Geth:
    """One geth on data of its own in `folder`, where the accounts of the mnemonic have money.

    With `period`, it runs alone in its developer mode, a block each `period` seconds (0: at
    each transaction), final in epochs of 32 blocks. Without, `Consensus` drives it.
    """

    def __init__(self, program: str, folder: Path, *, chain_id: int, period: int | None) -> None:
        self._program = program
        self._folder = folder
        self._chain_id = chain_id
        self._period = period
        self.secret = secrets.token_bytes(32)

    def prepare(self) -> None:
        """Write the genesis block: geth's own developer chain, with our id and accounts."""
        dumped = subprocess.run(
            [self._program, "--dev", "dumpgenesis"], capture_output=True, check=True
        )
        genesis = json.loads(dumped.stdout)
        genesis["config"]["chainId"] = self._chain_id
        genesis["gasLimit"] = hex(30_000_000)
        money = {"balance": hex(10_000 * ETHER)}
        genesis["alloc"] |= {account(place).address[2:]: money for place in range(ACCOUNTS)}
        (self._folder / "genesis.json").write_text(json.dumps(genesis))
        (self._folder / "secret").write_text("0x" + self.secret.hex())
        subprocess.run(
            [self._program, "--datadir", self._folder, "init", self._folder / "genesis.json"],
            capture_output=True,
            check=True,
        )

    def command(self, *, port: int, engine_port: int) -> list[str]:
        """What starts it, on loopback alone."""
        command = [
            *(self._program, "--datadir", str(self._folder), "--networkid", str(self._chain_id)),
            *("--nodiscover", "--maxpeers", "0", "--port", "0", "--ipcdisable"),
            *("--http", "--http.addr", "127.0.0.1", "--http.port", str(port)),
            *("--http.api", "eth,net,web3,debug,txpool,testing", "--cache", "64"),
            *("--authrpc.addr", "127.0.0.1", "--authrpc.port", str(engine_port)),
            *("--authrpc.jwtsecret", str(self._folder / "secret")),
        ]
        if self._period is not None:
            command += ["--dev", "--dev.period", str(self._period)]
        return command


class Consensus:
    """Stands in for a beacon node: makes blocks when told, and calls the two before final.

    `call` asks geth's open endpoint, `engine` its engine endpoint with the headers it is given.
    """

    def __init__(self, call: Call, engine: Call, *, secret: bytes) -> None:
        self._call = call
        self._engine = engine
        self._secret = secret

    def mine(self, *, empty: bool = False) -> None:
        """One block on the newest, of what is pending unless `empty`."""
        self._settle()
        head = self._block("latest")
        attributes = {
            "timestamp": hex(max(int(time.time()), int(head["timestamp"], 16) + 1)),
            "prevRandao": _ZERO,
            "suggestedFeeRecipient": account(0).address,
            "withdrawals": [],
            "parentBeaconBlockRoot": _ZERO,
        }
        # Blocks at the place of others differ from them, even when nothing else does.
        extra = "0x" + time.monotonic_ns().to_bytes(8, "big").hex()
        self._call("testing_commitBlockV1", attributes, [] if empty else None, extra)
        self._finalize()

    def reorg(self, depth: int) -> None:
        """Leave the newest `depth` blocks for as many empty ones."""
        number = int(self._call("eth_blockNumber"), 16)
        self._call("debug_setHead", hex(number - depth))
        for _ in range(depth):
            self.mine(empty=True)

    def _settle(self) -> None:
        """Wait until what was sent is pending: geth takes it in first and sorts it in later."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while int(self._call("txpool_status")["queued"], 16) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _finalize(self) -> None:
        number = int(self._call("eth_blockNumber"), 16)
        head, safe, final = (self._block(hex(max(0, number - back))) for back in range(3))
        state = {
            "headBlockHash": head["hash"],
            "safeBlockHash": safe["hash"],
            "finalizedBlockHash": final["hash"],
        }
        answer = self._engine("engine_forkchoiceUpdatedV3", state, None, headers=self._token())
        if answer["payloadStatus"]["status"] != "VALID":
            raise RuntimeError(f"geth does not take its own block: {answer}")

    def _block(self, number: str) -> Any:
        return self._call("eth_getBlockByNumber", number, False)  # noqa: FBT003

    def _token(self) -> dict[str, str]:
        """A JSON Web Token as the engine endpoint wants it: HS256, issued now."""
        head, body = (
            _base64(json.dumps(part).encode())
            for part in ({"alg": "HS256", "typ": "JWT"}, {"iat": int(time.time())})
        )
        mark = _base64(hmac.digest(self._secret, f"{head}.{body}".encode(), "sha256"))
        return {"Authorization": f"Bearer {head}.{body}.{mark}"}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
