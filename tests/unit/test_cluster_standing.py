"""How a stream is, told and read again; who tells it when, and whose word counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import Instant, ManualClock
from hub.cluster.messages import BadMessage, Message, read
from hub.cluster.standing import (
    EVERY_US,
    STALE_US,
    Standing,
    Standings,
    Telling,
    Told,
    interruption_body,
    interruption_of,
    standing_of,
)
from hub.model import Codec, Interruption, InterruptionKind, InterruptionState, SessionInfo, TrackInfo
from hub.monitor.figures import Figures
from hub.monitor.rules import StreamState
from hub.monitor.vitals import Flow, Vitals

times = st.integers(0, 2**52)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tracks = st.lists(st.integers(1, 9), max_size=3).map(tuple)
evidence = st.dictionaries(st.text("abc_", min_size=1, max_size=8), times | words, max_size=4)
interruptions = st.builds(
    Interruption, words, st.just("cam-1"), st.sampled_from(InterruptionKind), st.sampled_from(InterruptionState), times,
    times, st.none() | times, times, tracks, st.integers(1, 9), st.booleans(), st.booleans(), evidence, st.booleans(),
)  # fmt: skip
announced = st.builds(
    TrackInfo,
    st.integers(1, 9),
    st.sampled_from(Codec),
    st.integers(1, 90000),
    st.integers(0, 8),
    st.binary(max_size=5),
)
moments = times.map(lambda at_us: Instant(at_us, 0))
sessions = st.builds(SessionInfo, words, words, words, st.lists(announced, max_size=3).map(tuple), moments)
figures = st.builds(
    Figures, times, times, times, times, times, st.none() | times, st.none() | times, times, times, times,
    st.none() | times, st.none() | times, st.none() | times, st.none() | times, times, times,
)  # fmt: skip
standings = st.builds(
    Standing, st.just("cam-1"), st.just("node-a"), st.integers(1, 2**40), times, st.sampled_from(StreamState), times,
    st.none() | sessions, times, times, st.none() | st.tuples(words, words, times), st.none() | interruptions,
    st.lists(interruptions, max_size=3).map(tuple), tracks, st.none() | times, st.none() | figures,
)  # fmt: skip


def message_of(one: Standing) -> Message:
    return read(Message("m-1", "standing", one.node, one.at_us, one.body()).data())


@given(standings)
def test_what_is_told_is_read_again(one: Standing) -> None:
    assert standing_of(message_of(one)) == one


@given(interruptions)
def test_an_interruption_goes_over_whole(one: Interruption) -> None:
    assert interruption_of("cam-1", interruption_body(one)) == one


@given(standings, st.data())
def test_what_lacks_a_field_or_has_another_or_a_wrong_one_is_refused(one: Standing, data: st.DataObject) -> None:
    body = one.body()
    name = data.draw(st.sampled_from(sorted(body)))
    wrong = data.draw(st.sampled_from(["missing", "more", "wrong"]))
    if wrong == "missing":
        del body[name]
    elif wrong == "more":
        body["more"] = 1
    else:
        body[name] = {"what": ["is this"]}
    with pytest.raises(BadMessage):
        standing_of(Message("m-1", "standing", "a", 1, body))


@dataclass
class Teller:
    """A pipeline, as far as it is read, and what is said of it."""

    clock: ManualClock
    epoch: int | None = 1

    def __post_init__(self) -> None:
        session = SessionInfo("rtsp", "10.0.0.1", "cam", (TrackInfo(1, Codec.H264, 90000),), Instant(5, 5))
        self.pipeline = SimpleNamespace(
            stream=SimpleNamespace(id="cam-1"), state=StreamState.LIVE, since_us=1, session=session, bitrate_bps=10,
            attempts=1, last_complaint=None, broken=None, current=(), absent_tracks=(), recorded_until_us=None,
            vitals=Vitals(Flow(), "cam-1"),
        )  # fmt: skip
        self.said: list[tuple[str, Any]] = []
        pipelines, epoch = [cast(Told, self.pipeline)], lambda _: self.epoch
        self.telling = Telling(self.clock, "a", lambda: pipelines, epoch, lambda *one: self.said.append(one))


def test_it_is_told_on_change_and_each_five_seconds_and_only_by_the_owner() -> None:
    teller = Teller(ManualClock(mono_us=10**9))
    teller.telling.tick()
    assert len(teller.said) == 1
    for _ in range(20):
        teller.pipeline.bitrate_bps += 1
        teller.clock.advance(0.2)
        teller.telling.tick()
    assert len(teller.said) == 1, "figures are told in their time"
    teller.clock.advance(EVERY_US / 1_000_000)
    teller.telling.tick()
    assert len(teller.said) == 2
    teller.pipeline.state = StreamState.SUSPECTED
    teller.telling.tick()
    assert [body["state"] for _, body in teller.said] == ["live", "live", "suspected"]
    teller.epoch = None
    teller.pipeline.state = StreamState.LIVE
    teller.clock.advance(60)
    teller.telling.tick()
    assert len(teller.said) == 3
    teller.epoch = 7
    teller.telling.tick()
    assert teller.said[-1][1]["epoch"] == 7


def test_the_word_of_an_owner_whose_epoch_is_over_counts_no_more() -> None:
    clock = ManualClock()
    kept = Standings(clock)
    now = Standing("cam-1", "b", 5, 1000, StreamState.LIVE, 1)
    assert kept.hear(message_of(now)) == now
    assert kept.hear(message_of(replace(now, node="a", epoch=4, at_us=2000, state=StreamState.INTERRUPTED))) is None
    assert kept.hear(message_of(replace(now, at_us=999))) is None
    assert kept.of("cam-1") == now
    clock.advance(STALE_US / 1_000_000 + 1)
    assert kept.of("cam-1") is None, "nobody speaks of it any more"
    assert kept.all() == []
