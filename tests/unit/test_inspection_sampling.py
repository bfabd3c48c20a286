"""Samples: a prefix of a permutation that anybody can compute again, and no id preferred."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import InvalidRequest
from hub.inspection.sampling import check_seed, draw, new_seed, population_text

IDS = st.lists(st.text("abc019-/:.", min_size=1, max_size=12), min_size=1, max_size=60, unique=True)
SEEDS = st.text("0123456789abcdef", min_size=8, max_size=32)
PAGE = Path(__file__).parents[2] / "docs" / "design" / "inspection.md"
CHI_SQUARE_99_9 = 43.82
"""19 degrees of freedom, 99.9 %."""


@given(IDS, SEEDS, st.integers(1, 80))
def test_a_sample_is_the_beginning_of_a_permutation(ids: list[str], seed: str, size: int) -> None:
    every = draw(ids, seed, len(ids))
    assert sorted(every) == sorted(ids)
    assert draw(ids, seed, size) == every[:size]
    assert draw(list(reversed(ids)), seed, size) == every[:size], "the order in which the population came plays no part"


@given(IDS, SEEDS, st.integers(1, 20))
def test_ten_lines_of_another_hand_draw_the_same(ids: list[str], seed: str, size: int) -> None:
    lines = population_text(ids).decode().splitlines()
    tickets = [(hashlib.sha256((seed + ":" + line).encode()).hexdigest(), line) for line in lines]
    assert [line for _, line in sorted(tickets)[:size]] == draw(ids, seed, size)


def test_no_place_is_preferred_over_many_seeds() -> None:
    """Each of 20 ids is drawn about as often as the others, and is first about as often."""
    ids, rounds, size = [f"window-{number:02}" for number in range(20)], 4000, 5
    drawn, first = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    for number in range(rounds):
        found = draw(ids, f"seed-{number:08}", size)
        first[found[0]] += 1
        for one in found:
            drawn[one] += 1
    expected = rounds / len(ids)
    assert sum((count - expected) ** 2 / expected for count in first.values()) < CHI_SQUARE_99_9
    expected, share = rounds * size / len(ids), 1 - size / len(ids)
    # drawn without putting back: the counts vary by that share less
    assert sum((count - expected) ** 2 / (expected * share) for count in drawn.values()) < CHI_SQUARE_99_9 * 20 / 19


def test_the_worked_example_of_the_page_runs_in_a_shell(tmp_path: Path) -> None:
    """The page's own lines, as an outsider would type them."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = next(text for kind, text in blocks if kind == "sh")
    wanted = next(text for kind, text in blocks if kind == "drawn")
    (tmp_path / "population.txt").write_bytes(population_text(["window-03", "window-01", "rec-7", "window-02"]))
    run = subprocess.run(["bash", "-e"], input=script, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert run.stdout == wanted
    ids = [line.split()[1] for line in wanted.splitlines()]
    seed = re.search(r"SEED=(\w+)", script)
    assert seed is not None
    assert draw(["window-03", "window-01", "rec-7", "window-02"], seed[1], 2) == ids


def test_seeds() -> None:
    assert len({new_seed() for _ in range(100)}) == 100
    assert check_seed(new_seed())
    for bad in ("short", "with blank 123", "x" * 65, "semi;colon-123", ""):
        with pytest.raises(InvalidRequest):
            check_seed(bad)


def test_a_population_is_sorted_by_bytes_without_doubles() -> None:
    assert population_text(["b", "a-1", "a", "b", "B"]) == b"B\na\na-1\nb\n"
    with pytest.raises(ValueError, match="expected an id"):
        population_text(["two\nlines"])
