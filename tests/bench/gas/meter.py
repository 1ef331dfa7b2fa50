"""One deployed contract, and the gas that transactions to it took."""

from typing import Any, Self

from hexbytes import HexBytes
from web3 import HTTPProvider, Web3

from chain.local.accounts import ADMIN, LocalAccount
from chain.local.node import LocalNode


class Meter:
    """The contract at `address`. Every figure is of a whole transaction, from its receipt."""

    def __init__(self, node: LocalNode, *, abi: Any, address: str) -> None:
        self.node, self.gas = node, dict[str, int]()
        self.w3 = Web3(HTTPProvider(node.url))
        self.contract: Any = self.w3.eth.contract(
            address=Web3.to_checksum_address(address), abi=abi
        )
        self.last = HexBytes(b"")

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
        receipt = self.w3.eth.wait_for_transaction_receipt(self.last, poll_latency=0.01)
        if receipt["status"] != 1:
            raise RuntimeError(f"{name} at {self.address} was refused")
        return self.gas.setdefault(row or name, int(receipt["gasUsed"]))

    def later(self, seconds: int) -> None:
        self.node.call("evm_increaseTime", seconds)
        self.node.call("evm_mine")

    def new_slots(self) -> int:
        """How many storage slots the last transaction filled that were empty."""
        diff = self.node.call(
            "debug_traceTransaction",
            "0x" + self.last.hex(),
            {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}},
        )
        filled = 0
        for address, after in diff["post"].items():
            before = diff["pre"].get(address, {}).get("storage", {})
            for slot, value in after.get("storage", {}).items():
                filled += int(value, 16) != 0 and int(before.get(slot, "0x0"), 16) == 0
        return filled
