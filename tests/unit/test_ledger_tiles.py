"""Tiles of hashes: their paths, what is in them, and that what a power cut left in them is found and made again."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import InvalidRequest, NotFound
from hub.ledger.merkle import tree_root
from hub.ledger.proofs import consistency_proof, inclusion_proof, range_root
from hub.ledger.tiles import WIDTH, TileTree, TreeDamaged, tile_of, tile_path
from tests.small_log import Leaves, SmallLog

LOG = SmallLog()
MOST = 66_100  # above 256²: three levels
ALL = LOG.leaves(MOST)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    LOG.write(folder, MOST)
    return folder


def grown(folder: Path, size: int) -> TileTree:
    tree = TileTree(folder)
    tree.grow(size, tree_root(ALL[:size]))
    return tree


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "0/000"),
        (0, 1234067, 256, "0/x001/x234/067"),
        (1, 999, 17, "1/999.p/17"),
        (63, 1000, 255, "63/x001/000.p/255"),
    ],
)
def test_paths_of_c2sp(level: int, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path
    assert tile_of(path) == (level, index, width)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 63), st.integers(0, 10**18), st.integers(1, 256))
def test_paths_both_ways(level: int, index: int, width: int) -> None:
    assert tile_of(tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "path",
    ["", "0", "0/", "0/0", "0/0000", "00/000", "64/000", "-1/000", "0/x000/001", "0/001/002", "0/x001/x002", "0/x001",
     "0/000.p/0", "0/000.p/256", "0/000.p/01", "0/000.p/", "0/000.p", "0/²00", "entries/000", "0/../000", "0/x1/001",
     "0/" + "x001/" * 9 + "001", "0/000/"],
)  # fmt: skip
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(NotFound):
        tile_of(path)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="0123456789x/.p", max_size=20))
def test_any_path_is_refused_or_names_one_tile(path: str) -> None:
    with contextlib.suppress(NotFound):
        assert tile_path(*tile_of(path)) == path


def test_every_tile_of_a_log_of_three_levels(big: Path) -> None:
    tree = grown(big, MOST)
    assert tree.tile(0, 258, 52) == b"".join(ALL[258 * WIDTH :])
    assert tree.tile(0, 3) == b"".join(ALL[3 * WIDTH : 4 * WIDTH])
    assert tree.tile(1, 0)[:32] == tree_root(ALL[:256])
    assert tree.tile(1, 1, 2) == tree_root(ALL[65_536:65_792]) + tree_root(ALL[65_792:66_048])
    assert tree.tile(2, 0, 1) == tree_root(ALL[:65_536])
    for level, index, width in (
        (0, 258, 53),
        (0, 258, 256),
        (1, 1, 3),
        (2, 0, 2),
        (3, 0, 1),
        (63, 0, 1),
        (0, 10**12, 1),
    ):
        with pytest.raises(NotFound):
            tree.tile(level, index, width)
    tree.close()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, MOST])
def test_proofs_are_those_of_the_leaves(big: Path, size: int) -> None:
    tree, plain = grown(big, size), Leaves(ALL[:size])
    rng = random.Random(size)
    for _ in range(4):
        index, old = rng.randrange(size), rng.randint(1, size)
        assert inclusion_proof(tree, index, size) == inclusion_proof(plain, index, size)
        assert consistency_proof(tree, old, size) == consistency_proof(plain, old, size)
    assert tree.leaf(size - 1) == ALL[size - 1]
    with pytest.raises(InvalidRequest):
        tree.leaf(size)
    tree.close()


def test_a_log_that_grows_step_by_step(tmp_path: Path) -> None:
    LOG.write(tmp_path, 3000)
    tree = TileTree(tmp_path)
    for size in (1, 255, 256, 300, 1024, 3000):
        tree.grow(size, tree_root(ALL[:size]))
        assert range_root(tree, 0, size // 2 or 1) == tree_root(ALL[: size // 2 or 1])
    assert (tmp_path / "hashes.1").stat().st_size == 3000 // 256 * 32
    with pytest.raises(TreeDamaged, match="does not shrink"):
        tree.grow(2999, tree_root(ALL[:2999]))


@pytest.mark.parametrize("where", ["edge", "inside"])
def test_a_damaged_level_is_found_and_made_again(tmp_path: Path, where: str) -> None:
    LOG.write(tmp_path, MOST)
    grown(tmp_path, MOST).close()
    path = tmp_path / "hashes.1"
    good = path.read_bytes()
    at = len(good) - 40 if where == "edge" else 100 * 32
    path.write_bytes(good[:at] + bytes(32) + good[at + 32 :])
    tree = grown(tmp_path, MOST)
    assert inclusion_proof(tree, 100 * 256 + 5, MOST) == inclusion_proof(Leaves(ALL), 100 * 256 + 5, MOST)
    assert path.read_bytes() == good


def test_a_level_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    LOG.write(tmp_path, 2000)
    grown(tmp_path, 2000).close()
    path = tmp_path / "hashes.1"
    good = path.read_bytes()
    path.write_bytes(good[:-45])
    grown(tmp_path, 2000)
    assert path.read_bytes() == good


def test_leaves_that_were_altered_are_not_proven(tmp_path: Path) -> None:
    """Also where the levels above still know better."""
    LOG.write(tmp_path, 2000)
    grown(tmp_path, 2000).close()
    data = bytearray((tmp_path / "leaves").read_bytes())
    data[700 * 32] ^= 1
    (tmp_path / "leaves").write_bytes(data)
    tree = grown(tmp_path, 2000)
    with pytest.raises(TreeDamaged, match="do not have the root"):
        inclusion_proof(tree, 701, 2000)


def test_levels_may_lie_elsewhere(tmp_path: Path) -> None:
    LOG.write(tmp_path / "log", 600)
    (tmp_path / "levels").mkdir()
    tree = TileTree(tmp_path / "log", tmp_path / "levels")
    tree.grow(600, tree_root(ALL[:600]))
    assert [one.name for one in (tmp_path / "log").iterdir()] == ["leaves"]
