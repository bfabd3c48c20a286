"""The script of faults: what is wrong at which moment."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.demo.faults import NEVER_US, NO_EFFECTS, Fault, FaultKind, FaultScript

S = 1_000_000


def test_an_empty_script_does_nothing() -> None:
    script = FaultScript()
    assert script.effects("video", 5 * S) == NO_EFFECTS
    assert script.next_edge_us(0) == NEVER_US
    assert script.clock_error_us(5 * S) == 0


def test_a_fault_lasts_from_its_start_to_before_its_end() -> None:
    script = FaultScript([Fault(FaultKind.STALL, 2, 3)])
    held = [script.effects("video", at).held for at in (2 * S - 1, 2 * S, 5 * S - 1, 5 * S)]
    assert held == ["", "skip", "skip", ""]
    assert [script.next_edge_us(at) for at in (0, 2 * S, 5 * S)] == [2 * S, 5 * S, NEVER_US]


def test_cut_and_goodbye_are_told_apart() -> None:
    script = FaultScript([Fault(FaultKind.CUT, 0, 1), Fault(FaultKind.GOODBYE, 2, 1)])
    assert [(e.away, e.cut) for e in (script.effects("", at) for at in (0, S, 2 * S, 3 * S))] == [
        (True, True),
        (False, False),
        (True, False),
        (False, False),
    ]


def test_a_fault_of_one_track_leaves_the_other() -> None:
    script = FaultScript([Fault(FaultKind.LOSS, 0, 1, share=0.5, track="video"), Fault(FaultKind.SILENCE, 0, 1)])
    assert script.effects("video", 0).loss == 0.5
    assert script.effects("audio", 0).loss == 0
    assert script.effects("audio", 0).content == "silence"
    assert script.effects("video", 0).content == ""


def test_losses_add_up_as_chances_do() -> None:
    script = FaultScript([Fault(FaultKind.LOSS, 0, 1, share=0.5), Fault(FaultKind.LOSS, 0, 1, share=0.5)])
    assert script.effects("video", 0).loss == 0.75


def test_jump_and_step_stay_and_drift_keeps_what_it_gained() -> None:
    script = FaultScript(
        [Fault(FaultKind.JUMP, 1, by_s=10), Fault(FaultKind.STEP, 2, by_s=-5), Fault(FaultKind.DRIFT, 10, 100, ppm=50)]
    )
    assert script.effects("video", S - 1).leap_us == 0
    assert script.effects("video", 500 * S).leap_us == 10 * S
    assert [script.clock_error_us(at) for at in (S, 2 * S, 60 * S, 500 * S)] == [
        0,
        -5 * S,
        -5 * S + 2500,
        -5 * S + 5000,
    ]


def test_a_script_says_what_media_it_needs() -> None:
    script = FaultScript([Fault(FaultKind.FREEZE, 0, 1), Fault(FaultKind.SILENCE, 0, 1), Fault(FaultKind.CUT, 0, 1)])
    assert script.contents == {"frozen", "silence"}


fault = st.builds(
    Fault,
    kind=st.sampled_from(FaultKind),
    at_s=st.floats(0, 100),
    for_s=st.floats(0, 10),
    share=st.floats(0, 1),
    by_s=st.floats(-10, 10),
    ppm=st.floats(-100, 100),
    track=st.sampled_from(["", "video", "audio"]),
)


@settings(max_examples=50)
@given(st.lists(fault, max_size=5), st.integers(0, 120 * S))
def test_nothing_changes_between_two_edges(faults: list[Fault], at_us: int) -> None:
    """What the feeds rely on: effects hold until the next edge."""
    script = FaultScript(faults)
    edge = script.next_edge_us(at_us)
    last = min(edge - 1, at_us + 20 * S)
    for kind in ("video", "audio", ""):
        assert script.effects(kind, at_us) == script.effects(kind, last)


@settings(max_examples=30)
@given(st.lists(fault, max_size=4))
def test_a_script_survives_json(faults: list[Fault]) -> None:
    script = FaultScript(faults)
    assert FaultScript.from_json(json.loads(json.dumps(script.to_json()))).faults == script.faults


@pytest.mark.parametrize("wrong", [{"at_s": 1}, {"kind": "meteor", "at_s": 1}, {"kind": "cut", "at_s": 1, "often": 2}])
def test_what_is_no_fault_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        FaultScript.from_json([wrong])
