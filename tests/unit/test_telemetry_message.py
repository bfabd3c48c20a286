"""What a device may say, and what becomes of what it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import InvalidRequest
from hub.telemetry.message import GAUGES, MAX_BYTES, MAX_EVENTS, read_message

SOS = {"type": "sos", "id": "a-1"}
FULL: dict[str, Any] = {
    "at": "2026-11-20T16:00:00+08:00",
    "battery_percent": 83,
    "storage_left_mb": 12_000.5,
    "storage_total_mb": 64_000,
    "signal_percent": 71,
    "temperature_c": -3.5,
    "recording_locally": True,
    "position": {"lat": 30.65, "lon": 104.06, "accuracy_m": 4.2, "at": "2026-11-20T08:00:00Z"},
    "events": [SOS | {"text": "求助", "at": "2026-11-20T08:00:00.5Z"}],
}


def read(value: object) -> tuple[Any, tuple[str, ...]]:
    return read_message(json.dumps(value))


def test_everything_is_read() -> None:
    message, dropped = read(FULL)
    assert dropped == ()
    assert message.at == 1_795_161_600_000_000
    assert message.battery_percent == 83
    assert message.position.lon == 104.06
    assert message.events[0].at == 1_795_161_600_500_000
    assert message.events[0].text == "求助"


def test_unknown_fields_are_dropped_without_a_word() -> None:
    message, dropped = read({"battery_percent": 5, "mood": "good", "position": {"lat": 1, "lon": 2, "floor": 3}})
    assert dropped == ()
    assert not hasattr(message, "mood")
    assert not hasattr(message.position, "floor")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("battery_percent", "83"),
        ("battery_percent", 101),
        ("battery_percent", -1),
        ("battery_percent", True),
        ("storage_left_mb", []),
        ("recording_locally", 1),
        ("recording_locally", "yes"),
        ("temperature_c", 1000),
        ("at", "yesterday"),
        ("at", "2026-11-20T08:00:00"),
        ("at", 1_795_161_600),
        ("at", "9999-12-31T23:59:59Z"),
        ("position", {"lat": 91, "lon": 0}),
        ("position", {"lat": 1}),
        ("position", "here"),
        ("events", {}),
        ("events", [SOS] * (MAX_EVENTS + 1)),
    ],
)
def test_a_value_that_is_wrong_is_dropped_and_named_and_the_rest_counts(field: str, value: object) -> None:
    message, dropped = read(FULL | {field: value})
    assert dropped == (field,)
    assert message.signal_percent == 71
    if field != "events":
        assert [event.id for event in message.events] == ["a-1"], "an SOS is not lost with a gauge"


@pytest.mark.parametrize(
    ("event", "dropped"),
    [
        (SOS | {"position": {"lat": 200, "lon": 0}}, "events.0.position"),
        (SOS | {"text": "x" * 501}, "events.0.text"),
        (SOS | {"at": "now"}, "events.0.at"),
    ],
)
def test_an_event_is_not_lost_with_its_details(event: object, dropped: str) -> None:
    message, named = read({"events": [event]})
    assert named == (dropped,)
    assert [(one.type, one.id) for one in message.events] == [("sos", "a-1")]


def test_an_event_of_an_unknown_kind_or_without_id_is_named_and_the_others_stay() -> None:
    message, dropped = read(
        {"events": [{"type": "dance", "id": "1"}, SOS, {"type": "sos"}, {"type": "sos", "id": "a b"}, 7]}
    )
    assert set(dropped) == {"events.0", "events.2", "events.3", "events.4"}
    assert [one.id for one in message.events] == ["a-1"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"battery_percent": NaN}', b'{"battery_percent": "1"}',
        b'{"text": "\\ud800"}', b"[" * 5000, b'{"a":' * 3000, b" " * (MAX_BYTES + 1),
        b'{"x": "' + b"a" * MAX_BYTES + b'"}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_message(data)
    assert caught.value.code == "bad_telemetry"


def test_an_empty_message_is_a_sign_of_life() -> None:
    assert read({}) == read({"later": 1})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [*GAUGES, "at", "position", "events", "lat"]


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300)
    | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6).map(lambda value: json.dumps(value).encode())
    | st.lists(st.dictionaries(st.sampled_from(["type", "id", "at", "text", "position"]), VALUES | st.just("sos"))).map(
        lambda events: json.dumps({"events": events}).encode()
    )
)
def test_nothing_costs_more_than_its_refusal(data: bytes) -> None:
    try:
        message, dropped = read_message(data)
    except InvalidRequest:
        return
    assert len(message.events) <= MAX_EVENTS
    for name in GAUGES:
        value = getattr(message, name)
        assert value is None or isinstance(value, bool) or -100 <= value <= 1e9
    assert all(isinstance(name, str) for name in dropped)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES, max_size=6))
def test_an_sos_comes_through_whatever_stands_beside_it(beside: dict[str, Any]) -> None:
    message, _ = read_message(
        json.dumps(beside | {"events": [SOS]}, allow_nan=False) if _finite(beside) else json.dumps({"events": [SOS]})
    )
    assert [event.id for event in message.events] == ["a-1"]


def _finite(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode("utf-8")
    except ValueError:
        return False
    return True
