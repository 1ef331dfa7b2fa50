"""Thousands of documents under one Merkle root: an anchor, its leaves, and what claims one of them.

An anchor is open while leaves come in, then sealed; once all its leaves are stored its root is
sent to the chain as one transaction, and its way from there is that of any issuance.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from nftsvc.core.errors import InvalidField
from nftsvc.core.merkle import Leaf, MerkleRoot, leaf_hash, nodes_over
from nftsvc.core.types import Address, AnchorId, Digest

LEAF_BYTES: Final = 52
NODE_BYTES: Final = 32
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor. `root` is there once the tree was built, which seals it for good."""

    id: AnchorId
    sealed: bool
    leaves: int
    root: MerkleRoot | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What makes a token of one leaf: anyone may send it, the contract checks it."""

    issuer: Address
    root: MerkleRoot
    leaf: Leaf
    proof: tuple[bytes, ...] = field(repr=False)


def read_anchor_id(text: str) -> AnchorId:
    """Raises `InvalidField`."""
    if not _ID.fullmatch(text):
        raise InvalidField(
            "anchor", reason="not-a-name", detail="expected 1 to 40 of a-z, 0-9 and hyphens"
        )
    return AnchorId(text)


def pack(holder: Address, digest: Digest) -> bytes:
    """A leaf in as few bytes as it can be moved in."""
    return bytes.fromhex(holder[2:]) + digest


def tree_of(leaves: bytes) -> bytes:
    """All nodes of the tree of packed leaves, the root first, in its standard order."""
    return nodes_over(
        leaf_hash(leaves[at : at + 20], leaves[at + 20 : at + LEAF_BYTES])
        for at in range(0, len(leaves), LEAF_BYTES)
    )


def proof_in(nodes: bytes, leaf: Leaf) -> tuple[bytes, ...]:
    """What proves `leaf` in the tree with these nodes. Raises `InvalidField` where it is not there.

    The leaves are the last half of the nodes, from the greatest hash to the smallest.
    """
    count = (len(nodes) // NODE_BYTES + 1) // 2
    wanted = leaf.hash
    low, high = count - 1, 2 * count - 2
    while low < high:
        middle = (low + high) // 2
        if _node(nodes, middle) > wanted:
            low = middle + 1
        else:
            high = middle
    if _node(nodes, low) != wanted:
        raise InvalidField("leaf", reason="not-in-the-tree", detail="no such leaf in this tree")
    proof = []
    while low:
        proof.append(_node(nodes, low + 1 if low % 2 else low - 1))
        low = (low - 1) // 2
    return tuple(proof)


def _node(nodes: bytes, place: int) -> bytes:
    return nodes[NODE_BYTES * place : NODE_BYTES * (place + 1)]
