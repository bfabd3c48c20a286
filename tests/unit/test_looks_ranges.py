"""What is covered by what: the algebra of ranges against sets of integers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub.looks.ranges import Range, contains, merged, overlaps

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)
ONE = st.tuples(st.integers(0, 40), st.integers(0, 40))


def points(ranges: list[Range]) -> set[int]:
    return {at for begin, end in ranges for at in range(begin, end)}


@given(RANGES)
def test_merging_changes_no_point_and_leaves_nothing_to_merge(ranges: list[Range]) -> None:
    found = merged(ranges)
    assert points(list(found)) == points(ranges)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(begin < end for begin, end in found)


@given(RANGES, ONE)
def test_a_range_is_covered_exactly_when_each_of_its_points_is(ranges: list[Range], one: Range) -> None:
    wanted = points([one])
    assert contains(merged(ranges), one) == (bool(wanted) and wanted <= points(ranges))


@given(RANGES, ONE)
def test_ranges_overlap_exactly_when_they_share_a_point(ranges: list[Range], one: Range) -> None:
    solid = [item for item in ranges if item[0] < item[1]]
    if one[0] < one[1]:
        assert overlaps(solid, one) == bool(points(ranges) & points([one]))
