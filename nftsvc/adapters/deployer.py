"""Deploys the contracts, and checks that a chain holds exactly what a record says."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, cast

from aiohttp import ClientError
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import AsyncWeb3
from web3.contract.async_contract import AsyncContractConstructor, AsyncContractFunction
from web3.exceptions import Web3Exception
from web3.types import TxReceipt

from nftsvc.adapters.artifacts import artifact, compiled, compiler_input
from nftsvc.adapters.json_rpc_provider import JsonRpcProvider
from nftsvc.core.deployed_code import same_code
from nftsvc.core.deployment import Argument, DeployedContract, Deployment
from nftsvc.core.errors import (
    ChainUnavailable,
    ChainWiped,
    Contradiction,
    TransactionRefused,
    WrongChain,
    WrongContract,
)
from nftsvc.core.types import (
    Address,
    AssetKind,
    BlockHash,
    BlockNumber,
    ChainId,
    TransactionHash,
)

ADMIN_DELAY_SECONDS: Final = 3 * 24 * 3600
RECOVERY_DELAY_SECONDS: Final = 7 * 24 * 3600
ROYALTY_BASIS_POINTS: Final = 250
RECEIPT_SECONDS: Final = 120.0

T = TypeVar("T")
AsyncContractCall = AsyncContractConstructor | AsyncContractFunction


class Deployer:
    """Deploys to the chain behind one RPC endpoint."""

    def __init__(self, rpc_url: str, *, timeout: float = 10.0) -> None:
        self._rpc_url = rpc_url
        self._w3 = AsyncWeb3(JsonRpcProvider(rpc_url, timeout=timeout))

    async def close(self) -> None:
        """Close the connections."""
        await self._w3.provider.disconnect()

    async def deploy(self, *, admin_key: bytes, issuer: Address, registrar: Address) -> Deployment:
        """Deploy both contracts, name the issuer, and give the roles.

        The admin keeps the admin role alone. Raises `ChainUnavailable`, `TransactionRefused`.
        """
        return await self._asking(lambda: self._deploy(admin_key, issuer, registrar))

    async def check(self, deployment: Deployment) -> None:
        """Compare the chain with `deployment`.

        Raises `WrongChain` for another chain id, `ChainWiped` for another genesis, `WrongContract`
        for no code or other code than recorded or compiled, `ChainUnavailable` where it cannot be
        asked.
        """
        await self._asking(lambda: self._check(deployment))

    async def _deploy(self, admin_key: bytes, issuer: Address, registrar: Address) -> Deployment:
        admin: LocalAccount = Account.from_key(admin_key)
        genesis = await self._w3.eth.get_block(0)
        contracts = {}
        for kind in AssetKind:
            arguments: dict[str, Argument] = {
                "admin": admin.address,
                "adminDelay": ADMIN_DELAY_SECONDS,
                "delay": RECOVERY_DELAY_SECONDS,
            }
            if kind is AssetKind.PRODUCT_CONTENT:
                arguments |= {"royaltyReceiver": issuer, "royaltyBasisPoints": ROYALTY_BASIS_POINTS}
            made = artifact(kind)
            factory = self._w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
            receipt = await self._send(admin, factory.constructor(**arguments))
            address = self._w3.to_checksum_address(receipt["contractAddress"] or "")
            contract = self._w3.eth.contract(address=address, abi=made["abi"])
            calls = contract.functions
            await self._send(admin, calls.authorizeIssuer(issuer))
            for role in ("REGISTRAR_ROLE", "PAUSER_ROLE"):
                role_id = await getattr(calls, role)().call()
                await self._send(admin, calls.grantRole(role_id, registrar))
            contracts[kind] = DeployedContract(
                Address(address),
                BlockNumber(receipt["blockNumber"]),
                TransactionHash(receipt["transactionHash"].to_0x_hex()),
                self._hash(await self._w3.eth.get_code(address)),
                arguments,
            )
        return Deployment(
            chain_id=ChainId(await self._w3.eth.chain_id),
            genesis_hash=BlockHash(genesis["hash"].to_0x_hex()),
            issuer=issuer,
            contracts=contracts,
            solc_version=artifact(AssetKind.EXPORT_CONTRACT)["compiler"]["version"],
            compiler_input=hashlib.sha256(compiler_input()).hexdigest(),
        )

    async def _check(self, deployment: Deployment) -> None:
        chain_id = await self._w3.eth.chain_id
        if chain_id != deployment.chain_id:
            raise WrongChain(f"{self._rpc_url} is chain {chain_id}, not {deployment.chain_id}")
        genesis = await self._w3.eth.get_block(0)
        if genesis["hash"].to_0x_hex() != deployment.genesis_hash:
            raise ChainWiped(f"{self._rpc_url} has another genesis: the chain was begun anew")
        for kind, contract in deployment.contracts.items():
            name = kind.contract_name
            code = await self._w3.eth.get_code(self._w3.to_checksum_address(contract.address))
            if not code:
                raise WrongContract(f"there is no code of {name} at {contract.address}")
            if self._hash(code) != contract.code_hash:
                raise WrongContract(f"{name} at {contract.address} has not the recorded code")
            if not same_code(code, compiled(kind)):
                raise WrongContract(
                    f"{name} at {contract.address} is not the contract of this version"
                )

    async def _send(self, sender: LocalAccount, call: AsyncContractCall) -> TxReceipt:
        transaction = await call.build_transaction(
            {
                "from": sender.address,
                "nonce": await self._w3.eth.get_transaction_count(sender.address),
            }
        )
        signed = sender.sign_transaction(cast(dict[str, Any], transaction))
        sent = await self._w3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = await self._w3.eth.wait_for_transaction_receipt(
            sent, timeout=RECEIPT_SECONDS, poll_latency=0.05
        )
        if receipt["status"] != 1:
            raise TransactionRefused("reverted")
        return receipt

    async def _asking(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await ask()
        except Contradiction:
            raise
        except (Web3Exception, ClientError, OSError, TimeoutError, ValueError) as error:
            raise ChainUnavailable(f"{self._rpc_url} did not answer: {error}") from error

    def _hash(self, code: bytes) -> str:
        return self._w3.keccak(code).to_0x_hex()
