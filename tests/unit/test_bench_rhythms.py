"""Streams in any rhythm through the real detector: what the benchmark plays, and that it would notice a deaf one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.bench import interruptions as bench
from hub.bench.further import played
from hub.bench.rhythms import Rhythm, Wrong, faulty, judge, steady
from hub.clock import US_PER_S
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


def test_dead_microphones_refusing_disks_and_absent_hubs_are_found_and_nothing_else() -> None:
    score = bench.judge_further(3)
    assert dict(score.kinds) == {
        "silent": [20, 20],
        "storage": [20, 20],
        "hub": [20, 20],
    }
    assert (score.missed, score.false, score.beyond) == (0, 0, 0)


def test_what_is_not_found_where_it_was_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = played(3, hours=0, each=1)
    assert all(one.mine is not None for one in heard if one.to_us)
    elsewhere = [replace(one, from_us=one.from_us - 10 * US_PER_S) for one in heard if one.to_us]
    monkeypatch.setattr("hub.bench.interruptions.play_further", lambda _seed: elsewhere)
    score = bench.judge_further(3)
    assert (score.missed, score.found, score.false) == (3, 0, 3)
