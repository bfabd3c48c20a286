"""Recording a fault, sounding an alarm, demanding an explanation: per kind and per organisation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import US_PER_S
from hub.errors import InvalidRequest, SettingsError
from hub.model import InterruptionKind, InterruptionState
from hub.monitor.rules import DetectorRules, KindRule
from hub.monitor.thresholds import RULE, check, kinds_of
from hub.settings import load_settings
from tests.unit.monitor_script import Script, started

S = US_PER_S
STALL = InterruptionKind.STALL


def rules_of(*units: dict[str, Any]) -> DetectorRules:
    base = DetectorRules()
    return base.with_kinds(kinds_of(base.kinds, [{RULE: unit} for unit in units]))


def test_what_a_unit_does_not_say_holds_from_above_field_by_field() -> None:
    rules = rules_of({"stall": {"ring_from_s": 7, "explain_from_s": 9}}, {"stall": {"explain_from_ms": 1500}})
    assert rules.of(STALL) == KindRule(0, 7 * S, 1_500_000)
    assert rules.of(InterruptionKind.LOSS) == DetectorRules().of(InterruptionKind.LOSS)
    assert rules_of({"stall": {"ring_from_s": None}}).of(STALL).ring_from_us is None


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"stall": 3},
        {"stal": {}},
        {"stall": {"ring_from": 3}},
        {"stall": {"ring_from_s": -1}},
        {"stall": {"ring_from_s": True}},
        {"stall": {"record_from_s": None}},
        {"stall": {"ring_from_s": 1, "ring_from_ms": 1000}},
    ],
)
def test_what_cannot_be_read_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="interruptions"):
        check(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["stall", "loss", "ring_from_s", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_read_or_refused_and_never_breaks_a_detector(value: object) -> None:
    try:
        check(value)
    except InvalidRequest:
        if value is not None:
            assert kinds_of({}, [{RULE: value}]) == {}
    else:
        kinds_of({}, [{RULE: value}])


def test_the_settings_come_before_the_defaults_and_units_before_the_settings() -> None:
    settings = load_settings(overrides={"interruption_thresholds": ("stall=0.5/-/60", "jump=0/0/0")}, environ={})
    rules = DetectorRules.from_settings(settings)
    assert rules.of(STALL) == KindRule(500_000, None, 60 * S)
    assert rules.of(InterruptionKind.JUMP) == KindRule(0, 0, 0)
    assert kinds_of(rules.kinds, [{RULE: {"stall": {"ring_from_s": 1}}}])[STALL] == KindRule(500_000, S, 60 * S)


@pytest.mark.parametrize("text", ["stall", "stall=1/2", "stall=-/1/2", "stahl=1/2/3", "stall=1/2/x", "stall=1..2/2/2"])
def test_settings_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="interruption_thresholds"):
        DetectorRules.from_settings(load_settings(overrides={"interruption_thresholds": (text,)}, environ={}))


def test_a_break_that_is_too_short_to_be_recorded_is_not() -> None:
    script = started(rules=rules_of({"stall": {"record_from_s": 4}}))
    script.play(2, gone=False)
    script.wait(3)
    script.play(60)
    assert [change.recorded for change in script.changes] == [True, False, False, False]
    assert script.states == ["suspected", "confirmed", "resumed", "closed"]


def test_one_that_lasts_is_recorded_from_then_on() -> None:
    script = started(rules=rules_of({"no_signal": {"record_from_s": 10, "ring_from_s": 20}}))
    script.close()
    script.wait(9)
    assert [
        change for change in script.changes if change.state is InterruptionState.CONFIRMED and change.recorded
    ] == []
    script.wait(2)
    assert script.changes[-1].recorded
    assert not script.changes[-1].rings
    script.wait(10)
    assert script.changes[-1].rings


def test_a_change_reaches_what_is_open() -> None:
    script = started(rules=rules_of({"no_signal": {"ring_from_s": None}}))
    script.close()
    script.wait(30)
    assert not script.changes[-1].rings
    script.detector.use(rules_of({"no_signal": {"ring_from_s": 20}}))
    script.wait(1)
    assert script.changes[-1].rings


def test_moments_below_the_threshold_are_not_recorded() -> None:
    script = Script(rules=rules_of({"jump": {"record_from_s": 1}}))
    script.open()
    script.play(3)
    script.leap(3 * S)
    assert [change.recorded for change in script.changes] == [False, False]
