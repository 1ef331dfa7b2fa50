"""`tests/vectors/contracts.json`, which Solidity and JavaScript read too, read by Python."""

import hashlib
import json
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from nftsvc.adapters import contract_abi
from nftsvc.core.cid import Cid
from nftsvc.core.manifest import Manifest
from nftsvc.core.merkle import Leaf, MerkleRoot, MerkleTree, Multiproof, proves
from nftsvc.core.types import Digest, TokenStatus, token_id_of
from tests.unit import contract_vectors
from tests.unit.contract_vectors import VECTORS, leaves_of, typed_digest

READ: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))


def word(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_vectors__in_the_repository__are_what_python_computes() -> None:
    fresh = contract_vectors.text()
    assert VECTORS.read_text("utf-8") == fresh, "run: python -m tests.unit.contract_vectors"


def test_tokens__of_manifests__have_their_ids_and_addresses() -> None:
    tokens = READ["tokens"]
    for text, token_id, uri in zip(
        tokens["manifests"], tokens["tokenIds"], tokens["uris"], strict=True
    ):
        data = text.encode()
        Manifest.parse(data)
        digest = Digest(hashlib.sha256(data).digest())
        assert token_id_of(digest) == int(token_id, 16)
        assert Cid.parse(uri.removeprefix("ipfs://")) == Cid.of_block(data)


def test_answers__of_record_of__are_read_field_by_field() -> None:
    given = READ["records"]
    for number, answer in enumerate(given["answers"]):
        found = contract_abi.read_record(word(answer))
        assert found.status is tuple(TokenStatus)[int(given["statuses"][number], 16)]
        assert int(found.holder, 16) == int(given["holders"][number], 16)
        assert found.version == int(given["versions"][number], 16)
        assert found.issued_at == int(given["issuedAts"][number], 16)
        assert found.head_block == int(given["headBlocks"][number], 16)


@pytest.mark.parametrize("tree", READ["trees"], ids=lambda tree: str(tree["count"]))
def test_tree__of_so_many_leaves__is_proved_by_its_proofs(tree: dict[str, Any]) -> None:
    leaves, root = leaves_of(tree["count"]), MerkleRoot(word(tree["root"]))
    assert MerkleTree(leaves).root == root
    for number, leaf, proof in zip(tree["numbers"], tree["leaves"], tree["proofs"], strict=True):
        assert leaves[number].hash == word(leaf)
        assert proves(root, leaves[number], [word(node) for node in proof])
    given = tree["multiproof"]
    proven: tuple[Leaf, ...] = tuple(leaves[number] for number in given["numbers"])
    nodes = tuple(word(node) for node in given["proof"])
    assert Multiproof(proven, nodes, tuple(given["flags"])).proves(root)


def test_digests__of_each_domain__differ_and_are_what_a_wallet_signs() -> None:
    typed = READ["typedData"]
    found = [
        digest
        for kind in ("deals", "assignments", "permits")
        for domain in typed[kind]["digests"]
        for digest in domain
    ]
    assert len(found) == len(set(found)) == 3 * 4 * 2
    domain = {
        "name": "Product Content",
        "version": "1",
        "chainId": int(typed["chainIds"][0], 16),
        "verifyingContract": typed["contracts"][0],
    }
    permit = {
        "spender": typed["permits"]["spender"][0],
        "tokenId": int(typed["permits"]["tokenId"][0], 16),
        "nonce": int(typed["permits"]["headBlock"][0], 16) << 64,
        "deadline": int(typed["permits"]["deadline"][0], 16),
    }
    digest = typed_digest(domain, "Permit", contract_vectors.PERMIT, permit)
    assert digest == word(typed["permits"]["digests"][0][0])
    types = [
        dict(zip(("type", "name"), field.split(), strict=True))
        for field in contract_vectors.PERMIT.split(",")
    ]
    account = Account.create()
    signed = account.sign_message(encode_typed_data(domain, {"Permit": types}, permit))
    assert signed.message_hash == digest
