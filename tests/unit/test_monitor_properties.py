"""The detector under random streams: it never cries wolf, never misses a break, never leaves its diagram."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model import Interruption, InterruptionState, StreamKind
from hub.monitor.rules import StreamState
from tests.unit.monitor_script import AUDIO, VIDEO, Script, started

S = 1_000_000
MS = 1000

STEPS = {
    None: {"suspected", "confirmed"},
    "suspected": {"suspected", "confirmed", "withdrawn"},
    "confirmed": {"confirmed", "resumed", "withdrawn", "closed"},
    "resumed": {"closed", "confirmed"},
    "closed": {"confirmed"},  # one more break of a flapping link
    "withdrawn": set(),
}


def check_diagram(changes: list[Interruption]) -> None:
    """Every interruption moves along the diagram, and at most one that loses media is open at a time."""
    states: dict[str, str] = {}
    for change in changes:
        before = states.get(change.id)
        assert str(change.state) in STEPS[before], (before, change)
        states[change.id] = str(change.state)
        if change.kind.loses_media:
            media = [name for name in states if states[name] in ("suspected", "confirmed") and name[-1].isdigit()]
            assert len(media) <= 1
        if change.state is InterruptionState.CLOSED:
            assert change.ended_us is not None
        if change.ended_us is not None:
            assert change.ended_us >= change.started_us
        assert change.count >= 1
    for one, other in pairwise(changes):
        if one.id == other.id and one.state is other.state is InterruptionState.CONFIRMED:
            assert one != other


@settings(max_examples=40, deadline=None)
@given(
    delays=st.lists(st.integers(0, 850), min_size=150, max_size=300),
    fps=st.sampled_from([5, 12, 25, 50]),
)
def test_jitter_never_alarms(delays: list[int], fps: int) -> None:
    script = Script()
    script.open()
    distance = S // fps
    begun = script.clock.mono_us
    for index, delay in enumerate(delays):
        captured = begun + index * distance
        script.wait(max(0, captured + delay * MS - script.clock.mono_us) / S)
        script.frame(captured_mono_us=captured, distance_us=distance)
    assert set(script.states) <= {"suspected", "withdrawn"}


@settings(max_examples=60, deadline=None)
@given(
    outage_ms=st.integers(1500, 12_000),
    fps=st.sampled_from([5, 12, 25, 50]),
    how=st.sampled_from(["skip", "packets", "connection"]),
    phase_ms=st.integers(0, 99),
    gop=st.integers(1, 60),
)
def test_an_outage_is_always_found_with_its_edges(outage_ms: int, fps: int, how: str, phase_ms: int, gop: int) -> None:
    script = Script(gop=gop)
    script.wait(phase_ms / 1000)
    script.open()
    script.frame()
    distance = S // fps
    script.play(8, fps=fps)
    begun = script.now.utc_us + distance
    frames = max(1, round(outage_ms * fps / 1000))
    if how == "connection":
        script.close()
        script.wait(frames * distance / S)
        script.open()
        script.frame(distance_us=distance)
        ended = script.now.utc_us
    elif how == "packets":
        script.play(frames / fps, fps=fps, gone=True)
        first_key = -(-script.frames[1] // gop) * gop
        ended = script.now.utc_us + (first_key - script.frames[1] + 1) * distance
    else:
        script.wait(frames * distance / S)
        ended = begun + frames * distance
    script.play(gop / fps + 20, fps=fps)
    check_diagram(script.changes)
    closed = script.the(InterruptionState.CLOSED)
    assert abs(closed.started_us - begun) <= 20
    assert closed.ended_us is not None
    assert abs(closed.ended_us - ended) <= max(20, closed.edge_error_us if how == "connection" else 20)
    assert min(change.detected_us for change in script.changes) - begun <= 1 * S


class Deeds:
    """What can happen to a stream with pictures and sound, in any order."""

    def __init__(self, kind: StreamKind) -> None:
        self.script = Script(kind=kind, tracks=(VIDEO, AUDIO), gop=12)
        self.connected = False

    def do(self, deed: str, amount: int) -> None:
        if not self.connected and deed in ("play", "lose", "late", "leap", "report", "close", "goodbye"):
            self.script.wait(0.5)
        else:
            getattr(self, deed)(amount)

    def open(self, amount: int) -> None:
        if self.connected:
            self.script.close("replaced")
        self.script.open()
        self.connected = True

    def wait(self, amount: int) -> None:
        self.script.wait(amount / 3)

    def full(self, amount: int) -> None:
        self.script.take(self.script.detector.storage(False, self.script.now))

    def room(self, amount: int) -> None:
        self.script.take(self.script.detector.storage(True, self.script.now))

    def step(self, amount: int) -> None:
        self.script.clock.step_utc(amount - 20)

    def play(self, amount: int) -> None:
        self.script.play_both(amount / 4, audio=amount % 5 != 0)

    def lose(self, amount: int) -> None:
        self.script.play(amount / 25, gone=True)
        self.script.frame()

    def late(self, amount: int) -> None:
        self.script.backlog(amount / 4)

    def leap(self, amount: int) -> None:
        self.script.leap(amount * S)

    def report(self, amount: int) -> None:
        self.script.report(device_ahead_us=(amount % 3) * S)

    def close(self, amount: int) -> None:
        self.script.close()
        self.connected = False

    def goodbye(self, amount: int) -> None:
        self.script.goodbye()
        self.connected = False


ALL_DEEDS = [name for name in vars(Deeds) if not name.startswith("_") and name != "do"]


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from([StreamKind.WINDOW, StreamKind.RECORDER]),
    deeds=st.lists(st.tuples(st.sampled_from(ALL_DEEDS), st.integers(1, 40)), max_size=40),
)
def test_whatever_happens_the_diagram_holds(kind: StreamKind, deeds: list[tuple[str, int]]) -> None:
    life = Deeds(kind)
    script = life.script
    for deed, amount in deeds:
        life.do(deed, amount)
    check_diagram(script.changes)
    current = script.detector.current
    if current is not None:
        assert current.state in (
            InterruptionState.SUSPECTED,
            InterruptionState.CONFIRMED,
            InterruptionState.RESUMED,
        )
    # And nothing stays open for ever: half a minute of good media ends it all.
    life.room(1)
    if not life.connected:
        life.open(1)
    script.play_both(35)
    check_diagram(script.changes)
    assert script.detector.current is None
    assert script.detector.state is StreamState.LIVE


def test_the_same_script_says_the_same() -> None:
    """Pure: no clock, no randomness, no names that differ from run to run."""

    def play() -> list[Interruption]:
        script = started()
        script.wait(3)
        script.play(3)
        script.close()
        script.wait(9)
        return script.changes

    assert play() == play()
