"""The benchmark's own world: real RTP, real detector, and a truth that does not come from either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.bench import interruptions as bench
from hub.bench.simulated import Network, listen
from hub.demo.faults import Fault, FaultKind
from hub.model import InterruptionState


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loops")


def test_every_fault_of_a_stream_is_found_and_nothing_else(media: Path) -> None:
    score = bench.judge(bench.Task(0, 1, media, None))
    assert (score.missed, score.false) == (0, 0), score.notes
    assert score.found == score.faults >= 9
    assert max(score.delays) <= 1.0
    assert score.beyond == 0, score.notes


def test_a_clean_stream_with_jitter_says_nothing(media: Path) -> None:
    score = bench.judge(bench.Task(0, 1, media, 300.0))
    assert score.false == 0, score.notes
    assert score.units > 7000


def test_the_truth_tells_when_a_fault_was_not_found(media: Path) -> None:
    """A detector that says nothing would be caught."""
    plan = replace(
        bench.plan_of(0, 1, media, None),
        faults=(Fault(FaultKind.STALL, 10.0, 3.0),),
        network=Network(),
        seconds=40.0,
    )
    heard = listen(plan)
    assert [change.state for change in heard.changes][-1] is InterruptionState.CLOSED
    score = bench.Score()
    bench.judge_fault(plan, heard, plan.faults[0], [], score)
    assert (score.faults, score.missed) == (1, 1)
