"""Merkle trees over (holder, digest) pairs, in the standard form of `@openzeppelin/merkle-tree`.

1. A leaf is keccak256(keccak256(abi.encode(address, bytes32))): no inner node can pass for one.
2. A node is keccak256 of its two children, the smaller first: a proof needs no directions.
3. The tree is an array of 2n - 1 nodes, the root first, the children of node i at 2i + 1 and
   2i + 2, the leaves at the end from the greatest hash to the smallest.
4. A multiproof takes the leaves from the last node towards the root; each step joins the first
   of the queue with the next one of the queue (flag) or of the proof (no flag).

The contracts check proofs and multiproofs of this form (`claimOne`, `claimMany`, `revokeLeaf`).
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, NewType, Self

from eth_hash.auto import keccak

from nftsvc.core.errors import InvalidField
from nftsvc.core.types import Address, Digest, parse_address

MerkleRoot = NewType("MerkleRoot", bytes)
"""The root of a tree, 32 bytes: what an issuer anchors."""

FORMAT: Final = "standard-v1"
LEAF_ENCODING: Final = ("address", "bytes32")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One document: who is to hold its token, and the sha256 of its manifest."""

    holder: Address
    digest: Digest

    @property
    def hash(self) -> bytes:
        """The node that stands for it (1)."""
        return leaf_hash(bytes.fromhex(self.holder[2:]), self.digest)


@dataclass(frozen=True, slots=True)
class Multiproof:
    """Proves several leaves at once, in the order in which they stand here (4)."""

    leaves: tuple[Leaf, ...]
    proof: tuple[bytes, ...]
    flags: tuple[bool, ...]

    def proves(self, root: MerkleRoot) -> bool:
        """Whether all leaves are in the tree of `root`."""
        if len(self.leaves) + len(self.proof) != len(self.flags) + 1:
            return False
        queue, given = deque(leaf.hash for leaf in self.leaves), deque(self.proof)
        for flag in self.flags:
            source = queue if flag else given
            if not queue or (flag and len(queue) < 2) or not source:
                return False
            queue.append(_node(queue.popleft(), source.popleft()))
        return [*queue, *given] == [root]


class MerkleTree:
    """The tree of at least one leaf. `leaves` keep the order in which they were given."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        if not leaves:
            raise InvalidField("leaves", reason="empty", detail="a tree has at least one leaf")
        self.leaves = tuple(leaves)
        hashes = [leaf.hash for leaf in leaves]
        packed, last = nodes_over(hashes), 2 * len(leaves) - 2
        self._nodes = [packed[at : at + 32] for at in range(0, len(packed), 32)]
        self._place = [0] * len(leaves)
        for rank, number in enumerate(sorted(range(len(leaves)), key=hashes.__getitem__)):
            self._place[number] = last - rank

    @property
    def root(self) -> MerkleRoot:
        return MerkleRoot(self._nodes[0])

    @property
    def nodes(self) -> Sequence[bytes]:
        """All nodes in the standard order (3)."""
        return self._nodes

    def proof(self, number: int) -> tuple[bytes, ...]:
        """What proves leaf `number`, from its sibling up to the root's child."""
        node, found = self._place[number], []
        while node:
            found.append(self._nodes[_sibling(node)])
            node = (node - 1) // 2
        return tuple(found)

    def multiproof(self, numbers: Sequence[int]) -> Multiproof:
        """What proves these leaves together. Raises `InvalidField` for one that is named twice."""
        by_place = {self._place[number]: self.leaves[number] for number in numbers}
        places = sorted(by_place, reverse=True)
        if len(places) != len(numbers):
            raise InvalidField("leaves", reason="duplicate", detail="a leaf is named twice")
        queue, proof, flags = deque(places), [], []
        while queue and queue[0]:
            node = queue.popleft()
            flags.append(bool(queue) and queue[0] == _sibling(node))
            if flags[-1]:
                queue.popleft()
            else:
                proof.append(self._nodes[_sibling(node)])
            queue.append((node - 1) // 2)
        if not places:
            proof.append(self._nodes[0])
        return Multiproof(tuple(by_place[place] for place in places), tuple(proof), tuple(flags))

    def dump(self) -> dict[str, Any]:
        """The JSON that `StandardMerkleTree.load` reads."""
        return {
            "format": FORMAT,
            "leafEncoding": list(LEAF_ENCODING),
            "tree": ["0x" + node.hex() for node in self._nodes],
            "values": [
                {"value": [leaf.holder, "0x" + leaf.digest.hex()], "treeIndex": place}
                for leaf, place in zip(self.leaves, self._place, strict=True)
            ],
        }

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Self:
        """Read a dump and compute it anew. Raises `InvalidField` where the two differ."""
        if dumped.get("format") != FORMAT or dumped.get("leafEncoding") != list(LEAF_ENCODING):
            raise InvalidField(
                "format", reason="not-a-merkle-tree", detail=f"expected {FORMAT} of {LEAF_ENCODING}"
            )
        try:
            values = [value["value"] for value in dumped["values"]]
            leaves = [Leaf(parse_address(holder), _word(digest)) for holder, digest in values]
            tree = cls(leaves)
            same = tree.dump()["tree"] == [node.lower() for node in dumped["tree"]]
            places = [value["treeIndex"] for value in dumped["values"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidField(
                "values", reason="not-a-merkle-tree", detail="a value is no (address, bytes32)"
            ) from error
        if not same or places != tree._place:
            raise InvalidField(
                "tree", reason="not-a-merkle-tree", detail="the nodes are not those of the values"
            )
        return tree


def nodes_over(hashes: Iterable[bytes]) -> bytes:
    """All nodes over leaves with these hashes, in the standard order (3), 32 bytes each.

    They lie in one buffer, which takes a fraction of what an object for each of them would.
    """
    ordered = sorted(hashes, reverse=True)
    inner = len(ordered) - 1
    nodes = bytearray(32 * inner) + b"".join(ordered)
    for at in range(32 * (inner - 1), -1, -32):
        children = bytes(nodes[2 * at + 32 : 2 * at + 96])
        nodes[at : at + 32] = _node(children[:32], children[32:])
    return bytes(nodes)


def leaf_hash(holder: bytes, digest: bytes) -> bytes:
    """The node that stands for a leaf (1); `holder` as 20 bytes."""
    return keccak(keccak(holder.rjust(32, b"\0") + digest))


def proves(root: MerkleRoot, leaf: Leaf, proof: Sequence[bytes]) -> bool:
    """Whether `leaf` is in the tree of `root`."""
    return reduce(_node, proof, leaf.hash) == root


def _node(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))


def _sibling(node: int) -> int:
    return node + 1 if node % 2 else node - 1


def _word(text: str) -> Digest:
    word = bytes.fromhex(text.removeprefix("0x"))
    if len(word) != 32:
        raise ValueError(text)
    return Digest(word)
