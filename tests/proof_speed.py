"""How long proofs take, in CPU time: ``python -m tests.proof_speed LEAVES``, of random leaves in a temporary folder."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path

from hub.ledger.files import LEAVES_FILE
from hub.ledger.merkle import HASH_SIZE, tree_root, verify_consistency
from hub.ledger.proofs import consistency_proof, inclusion_proof, range_root, verify_inclusion
from hub.ledger.tiles import TileTree

ROUNDS = 300


def main(size: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        data = os.urandom(HASH_SIZE * size)
        (Path(name) / LEAVES_FILE).write_bytes(data)
        leaves = [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
        root, tree, rng = tree_root(leaves), TileTree(Path(name)), random.Random(1)
        began = time.process_time()
        tree.grow(size, root)
        print(f"all levels from nothing   {time.process_time() - began:.2f} s")
        began = time.process_time()
        TileTree(Path(name)).grow(size, root)
        print(f"open again                {(time.process_time() - began) * 1000:.2f} ms")
        began = time.process_time()
        for _ in range(ROUNDS):
            inclusion_proof(tree, rng.randrange(size), size)
        print(f"an inclusion proof        {(time.process_time() - began) / ROUNDS * 1000:.2f} ms")
        began = time.process_time()
        for _ in range(ROUNDS):
            index, old = rng.randrange(size), rng.randrange(1, size)
            assert verify_inclusion(leaves[index], index, size, root, inclusion_proof(tree, index, size))
            proof = consistency_proof(tree, old, size)
            assert verify_consistency(old, size, range_root(tree, 0, old), root, proof)
        print(f"both kinds, and verified  {(time.process_time() - began) / ROUNDS * 1000:.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]))
