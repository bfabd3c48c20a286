"""Figures over time: a ring against a plain list of everything, rates of counters that begin anew, quantiles."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.operations.rates import Quantile, Rate
from hub.operations.reading import SERIES
from hub.operations.ring import Fold, Ring

FOLDS = {"mean": Fold.MEAN, "most": Fold.MOST, "least": Fold.LEAST}
STEP, SLOTS = 5, 7
READINGS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.dictionaries(st.sampled_from([*FOLDS, "unknown"]), st.none() | st.floats(-1e6, 1e6) | st.just(math.inf)),
    ),
    max_size=60,
)


def kept(readings: list[tuple[int, dict[str, float | None]]]) -> dict[int, dict[str, list[float]]]:
    """All slots, by brute force: a step back forgets what is later."""
    slots: dict[int, dict[str, list[float]]] = {}
    newest = -1
    for at_us, reading in readings:
        number = at_us // STEP
        if number < newest:
            slots = {one: found for one, found in slots.items() if one < number}
        newest = number
        found = slots.setdefault(number, {name: [] for name in FOLDS})
        for name, value in reading.items():
            if name in FOLDS and value is not None and math.isfinite(value):
                found[name].append(value)
    # what was written over stays so, also after a step back
    return {one: found for one, found in slots.items() if one > newest - SLOTS}


@given(READINGS, st.booleans(), st.integers(0, 200), st.integers(0, 200))
def test_a_ring_is_the_newest_slots_of_everything(
    readings: list[tuple[int, dict[str, float | None]]], forward: bool, from_us: int, to_us: int
) -> None:
    if forward:
        moments = [at for at, _ in readings]
        readings = [(sum(moments[: number + 1]), one) for number, (_, one) in enumerate(readings)]
    ring = Ring(FOLDS, step_us=STEP, slots=SLOTS)
    size = ring.nbytes
    for at_us, reading in readings:
        ring.add(at_us, reading)
    found = ring.points(list(FOLDS), from_us, to_us)
    wanted = {one * STEP: row for one, row in kept(readings).items() if from_us <= one * STEP < to_us}
    if forward:
        assert list(found.at_us) == sorted(wanted)
    else:  # a step back may have found its slots written over
        assert set(found.at_us) <= set(wanted)
    assert ring.nbytes == size
    for place, at_us in enumerate(found.at_us):
        row = {name: found.values[name][place] for name in FOLDS}
        for name, values in wanted[at_us].items():
            value = row[name]
            if not values:
                assert value is None
            elif name == "mean":
                assert value == pytest.approx(sum(values) / len(values), abs=1e-3)
            else:
                assert value == (max if name == "most" else min)(values)


def test_what_a_hub_keeps_is_bounded() -> None:
    fine = Ring(SERIES, step_us=5_000_000, slots=1440)
    coarse = Ring(SERIES, step_us=300_000_000, slots=2016)
    assert fine.nbytes + coarse.nbytes < 1 << 20


def test_a_counter_that_began_anew_counts_from_zero() -> None:
    rate = Rate()
    assert rate.look(1000, 1_000_000) is None
    assert rate.look(1500, 2_000_000) == 500
    assert rate.look(1500, 2_000_000) is None  # no time has passed
    assert rate.look(300, 3_000_000) == 300
    assert rate.look(300, 5_000_000) == 0


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=50))
def test_a_rate_is_never_negative(totals: list[int]) -> None:
    rate = Rate()
    rates = [rate.look(total, number * 1_000_000) for number, total in enumerate(totals)]
    assert all(one is None or one >= 0 for one in rates)


def test_a_quantile_is_of_what_is_new() -> None:
    quantile = Quantile(0.95)
    inf = math.inf
    assert quantile.look({0.1: 0, 1.0: 0, inf: 0}) is None
    assert quantile.look({0.1: 100, 1.0: 100, inf: 100}) == pytest.approx(0.095)
    assert quantile.look({0.1: 100, 1.0: 100, inf: 100}) is None
    assert quantile.look({0.1: 100, 1.0: 200, inf: 200}) == pytest.approx(0.1 + 0.9 * 0.95)
    assert quantile.look({0.1: 100, 1.0: 200, inf: 300}) == 1.0  # nobody knows how far beyond
    assert quantile.look({0.1: 10, 1.0: 10, inf: 10}) == pytest.approx(0.095)  # the histogram began anew
