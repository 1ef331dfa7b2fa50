"""Asks one RPC endpoint what it holds at the addresses of a deployment record."""

from typing import Any

from nftsvc.adapters.json_rpc import JsonRpc, RpcRefusal
from nftsvc.core.deployed_code import ChainFacts, ContractFacts, Creation
from nftsvc.core.deployment import DeployedContract, Deployment
from nftsvc.core.errors import ChainUnavailable
from nftsvc.core.types import BlockHash, ChainId, parse_address


async def chain_facts(rpc: JsonRpc, deployment: Deployment) -> ChainFacts:
    """What the endpoint says. Raises `ChainUnavailable` where it says nothing readable."""
    try:
        return ChainFacts(
            ChainId(int(await rpc.call("eth_chainId"), 16)),
            BlockHash((await rpc.call("eth_getBlockByNumber", "0x0", False))["hash"]),  # noqa: FBT003
            {kind: await _contract(rpc, c) for kind, c in deployment.contracts.items()},
        )
    except RpcRefusal as error:
        raise ChainUnavailable(f"{rpc.url} refused {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ChainUnavailable(f"{rpc.url} gave an unreadable answer: {error!r}") from error


async def _contract(rpc: JsonRpc, contract: DeployedContract) -> ContractFacts:
    code: str = await rpc.call("eth_getCode", contract.address, "latest")
    transaction: Any = await rpc.call("eth_getTransactionByHash", contract.transaction)
    receipt: Any = await rpc.call("eth_getTransactionReceipt", contract.transaction)
    creation = None
    if transaction and receipt:
        made = receipt["contractAddress"]
        creation = Creation(
            bytes.fromhex(transaction["input"][2:]), parse_address(made) if made else None
        )
    return ContractFacts(bytes.fromhex(code[2:]), creation)
