"""The tree, against the definition in RFC 6962 written out, and against pymerkle."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from hub.errors import LedgerError
from hub.ledger.merkle import EMPTY_ROOT, CompactRange, consistency_proof, node_hash, tree_root, verify_consistency


def leaf(number: int) -> bytes:
    return hashlib.sha256(b"\x00" + str(number).encode()).digest()


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def proof_by_definition(size: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962 §2.1.2, word for word."""
    if size == len(leaves):
        return [] if whole else [by_definition(leaves)]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if size <= split:
        return [*proof_by_definition(size, leaves[:split], whole), by_definition(leaves[split:])]
    return [*proof_by_definition(size - split, leaves[split:], False), by_definition(leaves[:split])]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_root(size: int) -> None:
    leaves = [leaf(number) for number in range(size)]
    assert tree_root(leaves) == by_definition(leaves)
    other = InmemoryTree(algorithm="sha256")
    for number in range(size):
        other.append_entry(str(number).encode())
    if size:
        assert other.get_root() == tree_root(leaves)
    else:
        assert tree_root([]) == EMPTY_ROOT


def test_known_root_of_rfc_6962_test_vectors() -> None:
    """The eight leaves of Certificate Transparency's reference test, and their root."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in inputs]
    assert tree_root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_every_consistency_proof_of_small_trees() -> None:
    leaves = [leaf(number) for number in range(34)]
    for old in range(1, 34):
        tree = CompactRange()
        for item in leaves[:old]:
            tree.append(item)
        for new in range(old, 34):
            proof = consistency_proof(tree, leaves[old:new])
            assert proof == proof_by_definition(old, leaves[:new])
            assert verify_consistency(old, new, tree.root(), tree_root(leaves[:new]), proof)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_proof_of_anything_else_fails(old: int, added: int, data: st.DataObject) -> None:
    leaves = [leaf(number) for number in range(old + added)]
    tree = CompactRange()
    for item in leaves[:old]:
        tree.append(item)
    root, proof = tree_root(leaves), consistency_proof(tree, leaves[old:])
    assert verify_consistency(old, old + added, tree.root(), root, proof)
    assert not verify_consistency(old, old + added, leaf(999), root, proof)
    assert not verify_consistency(old, old + added, tree.root(), leaf(999), proof)
    assert not verify_consistency(old, old + added, tree.root(), root, [*proof, leaf(1)])
    assert not verify_consistency(old, old + added, tree.root(), root, proof[:-1])
    assert not verify_consistency(old + added, old, root, tree.root(), proof)
    at = data.draw(st.integers(0, len(proof) - 1))
    assert not verify_consistency(old, old + added, tree.root(), root, [*proof[:at], leaf(7777), *proof[at + 1 :]])
    assert not verify_consistency(old, old + added, tree.root(), root, [*proof[:at], proof[at][:-1], *proof[at + 1 :]])


def test_the_doubled_leaf_of_cve_2012_2459() -> None:
    """In Bitcoin's tree three leaves and four, the last one doubled, have one root; here they have two."""
    three = [leaf(number) for number in range(3)]
    assert tree_root(three) != tree_root([*three, three[2]])


def test_a_range_that_does_not_fit_its_size() -> None:
    with pytest.raises(LedgerError):
        CompactRange(3, [leaf(0)])
    with pytest.raises(LedgerError):
        CompactRange(1, [b"short"])


def test_a_range_goes_on_where_another_stopped() -> None:
    tree = CompactRange()
    for number in range(13):
        tree.append(leaf(number))
    again = CompactRange(tree.size, tree.peaks)
    for number in range(13, 21):
        tree.append(leaf(number))
        again.append(leaf(number))
    assert again.root() == tree.root() == by_definition([leaf(number) for number in range(21)])
