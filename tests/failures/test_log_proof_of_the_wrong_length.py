"""Proofs with a hash too many, one too few, or for a place that the log does not have: none may convince anybody."""

from __future__ import annotations

import pytest

from hub.ledger.merkle import verify_consistency
from hub.ledger.proofs import BadProof, inclusion_proof, root_from_inclusion, verify_inclusion
from tests.small_log import Leaves, SmallLog, leaf

LOG = SmallLog()
SIZE = 21


@pytest.mark.parametrize("index", range(SIZE))
def test_inclusion(index: int) -> None:
    leaves = LOG.leaves(SIZE)
    root, proof = LOG.head(SIZE).root, inclusion_proof(Leaves(leaves), index, SIZE)
    assert verify_inclusion(leaves[index], index, SIZE, root, proof)
    for wrong in (proof[:-1], proof[1:], [*proof, leaf(5)], [leaf(5), *proof], [*proof, root]):
        assert not verify_inclusion(leaves[index], index, SIZE, root, wrong)
    for place in (SIZE, SIZE + index, -1):
        with pytest.raises(BadProof, match="below the size"):
            root_from_inclusion(leaves[index], place, SIZE, proof)


@pytest.mark.parametrize("old", range(1, SIZE))
def test_consistency(old: int) -> None:
    roots, proof = (LOG.head(old).root, LOG.head(SIZE).root), LOG.proof(old, SIZE)
    assert verify_consistency(old, SIZE, *roots, proof)
    for wrong in (proof[:-1], proof[1:], (*proof, leaf(5)), (leaf(5), *proof), ()):
        assert not verify_consistency(old, SIZE, *roots, wrong)
