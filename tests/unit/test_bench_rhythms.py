"""Streams in any rhythm through the real detector: what the benchmark plays, and that it would notice a deaf one."""

from __future__ import annotations

import pytest

from hub.bench import interruptions as bench
from hub.bench.rhythms import Rhythm, Wrong, faulty, judge, steady
from hub.model import InterruptionKind


@pytest.mark.parametrize("rhythm", list(faulty(1))[::5], ids=lambda rhythm: rhythm.label)
def test_rates_that_fall_late_openings_and_wrong_clocks_are_found(rhythm: Rhythm) -> None:
    verdict = judge(rhythm)
    assert (verdict.missed, verdict.false) == ([], [])
    assert len(verdict.found) == len(rhythm.wrong)


@pytest.mark.parametrize("rhythm", list(steady(1.0, 3))[::3], ids=lambda rhythm: rhythm.label)
def test_no_rhythm_is_a_fault(rhythm: Rhythm) -> None:
    verdict = judge(rhythm)
    assert verdict.false == []
    assert verdict.units > 100


def test_what_is_not_said_is_missed_and_what_is_said_too_much_is_false() -> None:
    rates = ((0.0, 25.0, 25.0), (60.0, 6.0, 6.0), (100.0, 25.0, 25.0))
    rhythm = Rhythm("falls", 150, rates, 1, wrong=(Wrong(InterruptionKind.DRIFT, 10, 20),))
    score = bench.judge_rhythm(rhythm)
    assert (score.kinds["drift"], score.missed) == ([1, 0], 1)
    assert score.false_of["low_rate"] == score.false == 1
