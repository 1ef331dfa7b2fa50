"""Trees, proofs and multiproofs: by their properties, and against OpenZeppelin's own tool."""

import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftsvc.core.errors import InvalidField
from nftsvc.core.merkle import Leaf, MerkleRoot, MerkleTree, Multiproof, proves
from nftsvc.core.types import Digest, parse_address
from tests import parts

TOOL: Final = Path(__file__).parent / "js" / "merkle.mjs"

leaves = st.builds(
    lambda holder, digest: Leaf(parse_address("0x" + holder.hex()), Digest(digest)),
    st.binary(min_size=20, max_size=20).filter(any),
    st.binary(min_size=32, max_size=32),
)


@st.composite
def chosen(draw: st.DrawFn) -> tuple[MerkleTree, list[int]]:
    """A tree, and some of its leaves in any order."""
    tree = MerkleTree(draw(st.lists(leaves, min_size=1, max_size=40)))
    numbers = draw(st.lists(st.integers(0, len(tree.leaves) - 1), unique=True))
    return tree, numbers


@given(chosen())
def test_proofs__of_leaves_of_the_tree__prove_them(given_: tuple[MerkleTree, list[int]]) -> None:
    tree, numbers = given_
    assert all(proves(tree.root, tree.leaves[n], tree.proof(n)) for n in numbers)
    multiproof = tree.multiproof(numbers)
    assert sorted(multiproof.leaves, key=repr) == sorted(
        (tree.leaves[n] for n in numbers), key=repr
    )
    assert multiproof.proves(tree.root)


@given(chosen(), leaves, st.data())
def test_proofs__one_thing_changed__prove_nothing(
    given_: tuple[MerkleTree, list[int]], other: Leaf, data: st.DataObject
) -> None:
    tree, numbers = given_
    number = data.draw(st.integers(0, len(tree.leaves) - 1))
    root = MerkleRoot(bytes(b ^ 1 for b in tree.root))
    if other not in tree.leaves:
        assert not proves(tree.root, other, tree.proof(number))
    assert not proves(root, tree.leaves[number], tree.proof(number))
    good = tree.multiproof([number, *(n for n in numbers if n != number)])
    assert not good.proves(root)
    if other not in tree.leaves:
        assert not replace(good, leaves=(other, *good.leaves[1:])).proves(tree.root)
    assert not replace(good, leaves=good.leaves[1:]).proves(tree.root)
    assert not replace(good, proof=(*good.proof, bytes(32))).proves(tree.root)
    if good.flags:
        turned = data.draw(st.integers(0, len(good.flags) - 1))
        flags = tuple(flag ^ (n == turned) for n, flag in enumerate(good.flags))
        assert not replace(good, flags=flags).proves(tree.root)


def test_proof__of_an_inner_node__cannot_be_given_for_a_leaf() -> None:
    tree = MerkleTree([_leaf(n) for n in range(4)])
    nodes = tree.dump()["tree"]
    inner = Leaf(parse_address("0x" + nodes[3][26:]), Digest(bytes.fromhex(nodes[4][2:])))
    assert not proves(tree.root, inner, [bytes.fromhex(nodes[2][2:])])
    assert not Multiproof((inner,), (bytes.fromhex(nodes[2][2:]),), (False,)).proves(tree.root)


@given(st.lists(leaves, min_size=1, max_size=20), st.randoms())
def test_root__leaves_in_another_order__is_the_same(
    given_: list[Leaf], dice: random.Random
) -> None:
    shuffled = dice.sample(given_, len(given_))
    assert MerkleTree(shuffled).root == MerkleTree(given_).root


@given(chosen())
def test_dump__loaded__is_the_tree(given_: tuple[MerkleTree, list[int]]) -> None:
    tree, _ = given_
    loaded = MerkleTree.load(json.loads(json.dumps(tree.dump())))
    assert (loaded.root, loaded.leaves) == (tree.root, tree.leaves)
    assert loaded.dump() == tree.dump()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "simple-v1"),
        ("leafEncoding", ["bytes32", "address"]),
        ("tree", ["0x" + "00" * 32] * 5),
        ("tree", None),
        ("values", [{"value": ["0x" + "11" * 20, "0x1234"], "treeIndex": 0}]),
        ("values", [{"value": ["0x" + "11" * 20], "treeIndex": 0}]),
        ("values", []),
    ],
)
def test_dump__changed__is_refused(name: str, value: Any) -> None:
    dumped = MerkleTree([_leaf(n) for n in range(3)]).dump()
    with pytest.raises(InvalidField):
        MerkleTree.load(dumped | {name: value})


def test_dump__a_value_points_elsewhere__is_refused() -> None:
    dumped = MerkleTree([_leaf(n) for n in range(3)]).dump()
    dumped["values"][0]["treeIndex"] += 1
    with pytest.raises(InvalidField):
        MerkleTree.load(dumped)


def test_tree__no_leaves_or_one_named_twice__is_refused() -> None:
    with pytest.raises(InvalidField):
        MerkleTree([])
    with pytest.raises(InvalidField):
        MerkleTree([_leaf(0), _leaf(1)]).multiproof([1, 1])


@pytest.mark.needs("node")
def test_tree__beside_openzeppelins_tool__each_reads_and_proves_the_others() -> None:
    dice = random.Random(20261122)
    trees = [MerkleTree([_leaf(n) for n in range(count)]) for count in (*range(1, 18), 100, 1000)]
    trees.append(MerkleTree([_leaf(0), _leaf(1), _leaf(0)]))
    asked = [(tree, dice.sample(range(len(tree.leaves)), len(tree.leaves) // 3)) for tree in trees]
    asked += [(tree, [0]) for tree in trees]
    cases = [
        {
            "dump": tree.dump(),
            "numbers": numbers,
            "proofs": [_hex(tree.proof(n)) for n in numbers],
            "multiproof": _their_form(tree.multiproof(numbers)),
        }
        for tree, numbers in asked
    ]
    ran = subprocess.run(
        [str(parts.find("node")), str(TOOL)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    for (tree, numbers), case, theirs in zip(asked, cases, json.loads(ran.stdout), strict=True):
        assert theirs["accepts"]
        assert MerkleTree.load(theirs["dump"]).root == tree.root
        assert {name: theirs[name] for name in ("dump", "proofs", "multiproof")} == {
            name: case[name] for name in ("dump", "proofs", "multiproof")
        }
        for number, proof in zip(numbers, theirs["proofs"], strict=True):
            assert proves(tree.root, tree.leaves[number], _bytes(proof))
        given_ = theirs["multiproof"]
        proven = tuple(_read(leaf) for leaf in given_["leaves"])
        flags = tuple(given_["proofFlags"])
        assert Multiproof(proven, _bytes(given_["proof"]), flags).proves(tree.root)


def _leaf(number: int) -> Leaf:
    dice = random.Random(number)
    return Leaf(parse_address("0x" + dice.randbytes(20).hex()), Digest(dice.randbytes(32)))


def _their_form(multiproof: Multiproof) -> dict[str, Any]:
    return {
        "leaves": [[leaf.holder, "0x" + leaf.digest.hex()] for leaf in multiproof.leaves],
        "proof": _hex(multiproof.proof),
        "proofFlags": list(multiproof.flags),
    }


def _read(value: list[str]) -> Leaf:
    return Leaf(parse_address(value[0]), Digest(bytes.fromhex(value[1][2:])))


def _hex(words: tuple[bytes, ...]) -> list[str]:
    return ["0x" + word.hex() for word in words]


def _bytes(words: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(word[2:]) for word in words)
