"""The time line: what was recorded, what was not, how complete it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model import Interruption, InterruptionKind, InterruptionState, Span
from hub.monitor.timeline import Timeline, timeline

S = 1_000_000
T = 1_767_225_600 * S


def span(begin_s: float, end_s: float) -> Span:
    return Span(T + round(begin_s * S), T + round(end_s * S))


def broken(
    begin_s: float,
    end_s: float | None,
    *,
    kind: InterruptionKind = InterruptionKind.STALL,
    state: InterruptionState = InterruptionState.CLOSED,
    count: int = 1,
    breaks: str = "",
) -> Interruption:
    return Interruption(
        id="i",
        stream_id="w",
        kind=kind,
        state=state,
        started_us=T + round(begin_s * S),
        detected_us=T,
        ended_us=None if end_s is None else T + round(end_s * S),
        count=count,
        evidence={"breaks": breaks} if breaks else {},
    )


def shown(line: Timeline) -> list[tuple[str, float, float]]:
    return [(str(s.state), (s.from_us - T) / S, (s.to_us - T) / S) for s in line.spans]


def hour(spans: list[Span], broken_by: list[Interruption], **options: object) -> Timeline:
    now = {"now_us": T + 7200 * S} | options
    return timeline(spans, broken_by, T, T + 3600 * S, **now)  # type: ignore[arg-type]


def test_recorded_and_interrupted_time() -> None:
    line = hour([span(0, 100), span(110, 3600)], [broken(100, 110)])
    assert shown(line) == [("recorded", 0, 100), ("interrupted", 100, 110), ("recorded", 110, 3600)]
    assert line.completeness == round(3590 / 3600, 6)


def test_what_it_looks_like_in_json() -> None:
    line = hour([span(0, 100)], [broken(100, 110)])
    assert line.json()["spans"][1] == {
        "from": "2026-01-01T00:01:40.000000Z",
        "to": "2026-01-01T00:01:50.000000Z",
        "state": "interrupted",
        "interruption": {"id": "i", "kind": "stall", "state": "closed"},
    }
    assert "interruption" not in line.json()["spans"][0]


def test_nothing_due_is_no_completeness_and_no_span() -> None:
    assert hour([], []) == Timeline((), None)
    assert timeline([], [], T, T, now_us=T) == Timeline((), None)
    assert timeline([], [], T + S, T, now_us=T) == Timeline((), None)


def test_seams_are_closed_and_holes_are_not() -> None:
    line = hour([span(0, 10), span(10.15, 20), span(21, 30)], [])
    assert shown(line) == [("recorded", 0, 20), ("recorded", 21, 30)]


def test_clipped_to_what_was_asked_for() -> None:
    line = hour([span(-50, 10), span(20, 9000)], [broken(10, 20)])
    assert shown(line) == [("recorded", 0, 10), ("interrupted", 10, 20), ("recorded", 20, 3600)]


def test_never_into_the_future() -> None:
    line = hour([span(0, 50)], [broken(50, None)], now_us=T + 60 * S)
    assert shown(line) == [("recorded", 0, 50), ("interrupted", 50, 60)]
    assert line.completeness == round(50 / 60, 6)


def test_damage_inside_recorded_time_is_interrupted() -> None:
    line = hour([span(0, 100)], [broken(40, 45, kind=InterruptionKind.LOSS)])
    assert shown(line) == [("recorded", 0, 40), ("interrupted", 40, 45), ("recorded", 45, 100)]
    assert line.completeness == 0.95


def test_suspicions_and_withdrawn_ones_are_not_history() -> None:
    suspected = broken(40, None, state=InterruptionState.SUSPECTED)
    withdrawn = broken(60, 70, state=InterruptionState.WITHDRAWN)
    assert shown(hour([span(0, 100)], [suspected, withdrawn])) == [("recorded", 0, 100)]


def test_a_leap_of_a_clock_loses_nothing() -> None:
    line = hour([span(0, 100)], [broken(40, None, kind=InterruptionKind.DRIFT)])
    assert shown(line) == [("recorded", 0, 100)]


def test_backfilled_time_counts() -> None:
    line = hour([span(0, 100), span(120, 200)], [broken(100, 120)], backfilled=[span(100, 115)])
    assert shown(line) == [
        ("recorded", 0, 100),
        ("backfilled", 100, 115),
        ("interrupted", 115, 120),
        ("recorded", 120, 200),
    ]
    assert line.completeness == round(195 / 200, 6)


def test_off_duty_is_grey_and_not_due() -> None:
    line = hour([span(0, 100)], [broken(100, 120)], off_duty=[span(110, 3600)], due_from_us=T)
    assert shown(line) == [("recorded", 0, 100), ("interrupted", 100, 120), ("off_duty", 120, 3600)]
    assert line.completeness == round(100 / 110, 6)


def test_what_came_off_duty_makes_up_for_nothing() -> None:
    line = hour([span(0, 100), span(200, 300)], [], off_duty=[span(200, 3600)], due_from_us=T)
    assert shown(line)[-2:] == [("recorded", 200, 300), ("off_duty", 300, 3600)]
    assert line.completeness == 0.5


def test_of_several_breaks_only_the_breaks_are_missing() -> None:
    listed = f"{T + 100 * S}-{T + 110 * S} {T + 130 * S}-{T + 135 * S}"
    flapping = broken(100, 135, count=2, breaks=listed)
    line = hour([span(0, 100), span(110, 130), span(135, 200)], [flapping])
    assert [state for state, _, _ in shown(line)] == ["recorded", "interrupted", "recorded", "interrupted", "recorded"]
    assert line.completeness == round(185 / 200, 6)


def test_breaks_too_old_to_be_listed_are_the_holes() -> None:
    flapping = broken(50, 135, count=3, breaks=f"{T + 130 * S}-{T + 135 * S}")
    line = hour([span(0, 50), span(60, 130), span(135, 200)], [flapping])
    assert shown(line)[1] == ("interrupted", 50, 60)
    assert shown(line)[2] == ("recorded", 60, 130)


def test_a_stream_that_is_always_due_misses_what_nobody_explained() -> None:
    line = hour([span(0, 1800)], [], due_from_us=T)
    assert line.completeness == 0.5
    assert hour([span(1800, 3600)], [], due_from_us=T + 1800 * S).completeness == 1.0


def test_what_is_not_sealed_yet_is_not_missing() -> None:
    line = hour([span(0, 95)], [], due_from_us=T, now_us=T + 100 * S)
    assert line.completeness == 1.0


Intervals = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 900)), max_size=12)


@settings(max_examples=100, deadline=None)
@given(spans=Intervals, faults=Intervals, fills=Intervals, free=Intervals, now=st.integers(0, 5000))
def test_spans_are_in_order_and_never_overlap(
    spans: list[tuple[int, int]],
    faults: list[tuple[int, int]],
    fills: list[tuple[int, int]],
    free: list[tuple[int, int]],
    now: int,
) -> None:
    def made(intervals: list[tuple[int, int]]) -> list[Span]:
        return [span(begin, begin + length) for begin, length in sorted(intervals)]

    line = timeline(
        made(spans),
        [broken(begin, begin + length) for begin, length in faults],
        T,
        T + 3600 * S,
        now_us=T + now * S,
        due_from_us=T,
        backfilled=made(fills),
        off_duty=made(free),
    )
    place = T
    for one in line.spans:
        assert place <= one.from_us < one.to_us <= T + min(now, 3600) * S
        place = one.to_us
    assert line.completeness is None or 0 <= line.completeness <= 1


@settings(max_examples=150, deadline=None)
@given(faults=Intervals, fills=Intervals)
def test_where_several_claim_a_moment_the_first_told_has_it(
    faults: list[tuple[int, int]], fills: list[tuple[int, int]]
) -> None:
    told = [replace(broken(begin, begin + length), id=str(at)) for at, (begin, length) in enumerate(faults)]
    line = hour([], told, backfilled=[span(begin, begin + length) for begin, length in fills])
    owners = [""] * 3600
    for begin, length, owner in [
        *((*fault, str(at)) for at, fault in reversed(list(enumerate(faults)))),
        *((*fill, "filled") for fill in fills),
    ]:
        owners[begin : begin + length] = [owner] * len(owners[begin : begin + length])
    found = [""] * 3600
    for one in line.spans:
        owner = one.interruption.id if one.interruption else "filled"
        found[(one.from_us - T) // S : (one.to_us - T) // S] = [owner] * ((one.to_us - one.from_us) // S)
    assert found == owners
    # what belongs together is one span
    for earlier, later in pairwise(line.spans):
        assert (earlier.to_us, earlier.interruption) != (later.from_us, later.interruption)
