"""One deployed contract, and the gas that transactions to it took."""

from typing import Any, Final, Self

from hexbytes import HexBytes
from web3 import HTTPProvider, Web3

from chain.local.accounts import ADMIN, LocalAccount
from chain.local.node import LocalNode

TRANSACTION: Final = 21_000
NEW_SLOT: Final = 22_100
CHANGED_SLOT: Final = 5_000
LOCKED: Final = Web3.keccak(b"Locked(uint256)")
"""ERC-5192's event, which only tokens that are locked for life have to write."""


class Meter:
    """The contract at `address`. Every figure is of a whole transaction, from its receipt."""

    def __init__(self, node: LocalNode, *, abi: Any, address: str) -> None:
        self.node, self.gas, self.floors = node, dict[str, int](), dict[str, int]()
        self.w3 = Web3(HTTPProvider(node.url))
        self.contract: Any = self.w3.eth.contract(
            address=Web3.to_checksum_address(address), abi=abi
        )
        self.last = HexBytes(b"")
        self.receipt: Any = None

    @classmethod
    def deploy(cls, node: LocalNode, *given: Any, abi: Any, bytecode: str) -> Self:
        """Deploy by the admin; `given` goes to the constructor."""
        w3 = Web3(HTTPProvider(node.url))
        factory = w3.eth.contract(abi=abi, bytecode=bytecode)
        sent = factory.constructor(*given).transact({"from": ADMIN.address})
        receipt = w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
        meter = cls(node, abi=abi, address=str(receipt["contractAddress"]))
        meter.gas["constructor"] = receipt["gasUsed"]
        return meter

    @property
    def address(self) -> str:
        return str(self.contract.address)

    def view(self, name: str, *given: Any) -> Any:
        return self.contract.functions[name](*given).call()

    def pay(self, name: str, *given: Any, by: LocalAccount, row: str | None = None) -> int:
        """Send one call; its gas stays under `row`, or under the function's name."""
        call = self.contract.functions[name](*given)
        self.last = HexBytes(call.transact({"from": by.address}))
        self.receipt = self.w3.eth.wait_for_transaction_receipt(self.last, poll_latency=0.01)
        if self.receipt["status"] != 1:
            raise RuntimeError(f"{name} at {self.address} was refused")
        row = row or name
        if row not in self.gas:
            self.gas[row] = int(self.receipt["gasUsed"])
            self.floors[row] = self._floor()
        return self.gas[row]

    def later(self, seconds: int) -> None:
        self.node.call("evm_increaseTime", seconds)
        self.node.call("evm_mine")

    def new_slots(self) -> int:
        """How many storage slots the last transaction filled that were empty."""
        return sum(not before and bool(after) for before, after in self._changes())

    def _floor(self) -> int:
        """What the last transaction's calldata, changed slots and logs cost without any code.

        What is read or computed, signatures included, is not in it, nor is `LOCKED`.
        """
        data = self.w3.eth.get_transaction(self.last)["input"]
        slots = [CHANGED_SLOT if before else NEW_SLOT for before, _ in self._changes()]
        logs = [
            375 * (1 + len(log["topics"])) + 8 * len(log["data"])
            for log in self.receipt["logs"]
            if log["topics"][0] != LOCKED
        ]
        return TRANSACTION + sum(16 if byte else 4 for byte in data) + sum(slots) + sum(logs)

    def _changes(self) -> list[tuple[int, int]]:
        """The storage slots that the last transaction changed: before, after."""
        diff = self.node.call(
            "debug_traceTransaction",
            "0x" + self.last.hex(),
            {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}},
        )
        changes = []
        for address in diff["pre"].keys() | diff["post"].keys():
            before, after = (
                diff[side].get(address, {}).get("storage", {}) for side in ("pre", "post")
            )
            changes += [
                (int(before.get(slot, "0x0"), 16), int(after.get(slot, "0x0"), 16))
                for slot in before.keys() | after.keys()
            ]
        return changes
