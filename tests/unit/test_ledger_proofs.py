"""Proofs against the definition in RFC 6962 written out and against pymerkle; what is no proof; their text files."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle import verify_inclusion as pymerkle_verifies

from hub.ledger.merkle import node_hash, tree_root, verify_consistency
from hub.ledger.proofs import (
    PROOF_MAGIC,
    Addition,
    BadProof,
    TlogProof,
    consistency_proof,
    inclusion_proof,
    parse_addition,
    parse_number,
    parse_tlog_proof,
    range_root,
    root_from_inclusion,
    verify_inclusion,
)
from tests.small_log import Leaves, SmallLog, leaf
from tests.unit.test_ledger_merkle import by_definition, proof_by_definition

LOG = SmallLog()
C2SP_EXAMPLE = """c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path_by_definition(index, leaves[:split]), by_definition(leaves[split:])]
    return [*path_by_definition(index - split, leaves[split:]), by_definition(leaves[:split])]


def test_every_proof_of_small_logs() -> None:
    all_leaves = LOG.leaves(40)
    for size in range(1, 41):
        leaves = all_leaves[:size]
        tree, root = Leaves(leaves), by_definition(leaves)
        assert range_root(tree, 0, size) == root
        for index in range(size):
            proof = inclusion_proof(tree, index, size)
            assert proof == path_by_definition(index, leaves)
            assert verify_inclusion(leaves[index], index, size, root, proof)
        for old in range(1, size + 1):
            assert consistency_proof(tree, old, size) == proof_by_definition(old, leaves)


def test_proofs_for_older_sizes_of_a_log_that_grew() -> None:
    """What is asked of an older size must not look at what came later."""
    tree = Leaves(LOG.leaves(37))
    for size in (1, 5, 16, 31):
        leaves = tree.leaves[:size]
        assert inclusion_proof(tree, size - 1, size) == path_by_definition(size - 1, leaves)
        assert consistency_proof(tree, (size + 1) // 2, size) == proof_by_definition((size + 1) // 2, leaves)


def test_pymerkle_accepts_our_inclusion_proof() -> None:
    other = InmemoryTree(algorithm="sha256")
    entries = [f"entry {number}".encode() for number in range(23)]
    for entry in entries:
        other.append_entry(entry)
    leaves = [other.get_leaf(number + 1) for number in range(23)]
    tree = Leaves(leaves)
    for index in range(23):
        theirs = other.prove_inclusion(index + 1, 23)
        root = root_from_inclusion(leaves[index], index, 23, inclusion_proof(tree, index, 23))
        assert root == other.get_root()
        pymerkle_verifies(leaves[index], root, theirs)
        # their path holds the leaf itself and its siblings: the same hashes as ours
        assert theirs.path[1:] == inclusion_proof(tree, index, 23)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 70), st.data())
def test_a_proof_of_anything_else_fails(size: int, data: st.DataObject) -> None:
    leaves = LOG.leaves(size)
    tree, root = Leaves(leaves), tree_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(tree, index, size)
    own = leaves[index]
    assert verify_inclusion(own, index, size, root, proof)
    assert not verify_inclusion(leaf(999), index, size, root, proof)
    assert not verify_inclusion(own, index, size, leaf(999), proof)
    assert not verify_inclusion(own, index, size, root, [*proof, leaf(1)])
    assert not verify_inclusion(own, size, size, root, proof)
    assert not verify_inclusion(own, index + size, size, root, proof)
    assert not verify_inclusion(own, -1, size, root, proof)
    assert not verify_inclusion(own[:-1], index, size, root, proof)
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index)) if size > 1 else None
    if other is not None:
        assert not verify_inclusion(own, other, size, root, proof)
        assert not verify_inclusion(own, index, size, root, proof[:-1])
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not verify_inclusion(own, index, size, root, [*proof[:at], leaf(7777), *proof[at + 1 :]])
        assert not verify_inclusion(own, index, size, root, [*proof[:at], proof[at][:-1], *proof[at + 1 :]])


def test_a_node_is_no_leaf() -> None:
    """An inner node shown as an entry of a shorter log must not verify (RFC 6962 §2.1's prefixes)."""
    leaves = LOG.leaves(4)
    inner = node_hash(leaves[0], leaves[1])
    assert not verify_inclusion(inner, 0, 4, tree_root(leaves), [node_hash(leaves[2], leaves[3])])


def test_places_that_the_log_does_not_have() -> None:
    tree = Leaves(LOG.leaves(5))
    for index, size in ((5, 5), (6, 5), (0, 0), (-1, 5)):
        with pytest.raises(BadProof, match="expected an index"):
            inclusion_proof(tree, index, size)
    with pytest.raises(BadProof, match="expected an older size"):
        consistency_proof(tree, 6, 5)
    assert consistency_proof(tree, 0, 5) == consistency_proof(tree, 5, 5) == []


def test_a_log_that_shrank_or_was_rewritten_has_no_consistency_proof() -> None:
    old, new = LOG.head(20), LOG.head(30, fork=19)
    proof = LOG.proof(20, 30, fork=19)
    assert not verify_consistency(20, 30, old.root, new.root, proof)
    assert not verify_consistency(30, 20, LOG.head(30).root, old.root, LOG.proof(20, 30))


# ------------------------------------------------------------------------------------ as text files


def test_the_example_of_c2sp() -> None:
    proof = parse_tlog_proof(C2SP_EXAMPLE)
    assert (proof.index, len(proof.hashes), proof.extra) == (73894, 2, b"age-v1.2.1-darwin-arm64.tar.gz")
    assert proof.text() == C2SP_EXAMPLE
    assert parse_tlog_proof(C2SP_EXAMPLE.encode()) == proof


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**62 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.booleans())
def test_what_is_written_is_read(number: int, hashes: list[bytes], extra: bool) -> None:
    note = LOG.note(3)
    proof = TlogProof(number, tuple(hashes), note, b"\x00e" if extra else None)
    assert parse_tlog_proof(proof.text()) == proof
    addition = Addition(number, tuple(hashes), note)
    assert parse_addition(addition.text().encode()) == addition


NOTE = LOG.note(3)
HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"old 1\n{NOTE}",
        f"old 01\n\n{NOTE}",
        f"old -1\n\n{NOTE}",
        f"old ²\n\n{NOTE}",
        f"old {2**62}\n\n{NOTE}",
        f"old  1\n\n{NOTE}",
        f"new 1\n\n{NOTE}",
        f"old 1\n{HASH[:-4]}\n\n{NOTE}",
        f"old 1\n{HASH} \n\n{NOTE}",
        f"old 1\r\n\n{NOTE}",
        "old 1\n" + f"{HASH}\n" * 64 + f"\n{NOTE}",
        "old 1\n\nno note\n",
        f"old 1\n\n{NOTE}" + "x" * 70_000,
    ],
)
def test_what_is_no_addition(text: str) -> None:
    with pytest.raises(BadProof):
        parse_addition(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{PROOF_MAGIC}\n\n{NOTE}",
        f"{PROOF_MAGIC}\nindex 1\nextra AAAA\n\n{NOTE}",
        f"{PROOF_MAGIC}\nextra !\nindex 1\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v2\nindex 1\n\n{NOTE}",
        f"{PROOF_MAGIC}\nindex 1\n{HASH}x\n\n{NOTE}",
    ],
)
def test_what_is_no_tlog_proof(text: str) -> None:
    with pytest.raises(BadProof):
        parse_tlog_proof(text)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=80)
    | st.text(max_size=80)
    | st.builds(lambda head, tail: head + "\n\n" + NOTE + tail, st.text(max_size=40), st.text(max_size=5))
    | st.builds(lambda at, junk: C2SP_EXAMPLE[:at] + junk + C2SP_EXAMPLE[at:], st.integers(0, 200), st.text(max_size=3))
)
def test_parsers_raise_bad_proof_and_nothing_else(data: bytes | str) -> None:
    for parser in (parse_tlog_proof, parse_addition):
        with contextlib.suppress(BadProof):
            parser(data)
    if isinstance(data, str):
        with contextlib.suppress(BadProof):
            assert parse_number(data, "it") >= 0
