"""Two connections to one camera, a cut between them: whatever comes when, each unit is recorded once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import US_PER_S, Instant, ManualClock
from hub.ingest import gate as module
from hub.ingest.gate import Cut, Gate
from hub.model import AccessUnit, Codec, PacketLoss, SenderReport, SessionInfo, TimeLeap, TrackInfo

PICTURE_US, FRAME_US = 40_000, 32_000
TRACKS = (TrackInfo(1, Codec.H264, 90_000), TrackInfo(2, Codec.AAC, 32_000, 1, b"\x12\x88"))


@dataclass
class Recorded:
    """A sink that keeps what it is told."""

    units: list[AccessUnit] = field(default_factory=list)
    sessions: list[SessionInfo] = field(default_factory=list)
    others: list[object] = field(default_factory=list)

    def opened(self, session: SessionInfo) -> None:
        self.sessions.append(session)

    def unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def loss(self, loss: PacketLoss) -> None:
        self.others.append(loss)

    def leap(self, leap: TimeLeap) -> None:
        self.others.append(leap)

    def sender_report(self, report: SenderReport) -> None:
        self.others.append(report)

    def goodbye(self, reason: str) -> None:
        self.others.append(reason)

    def complaint(self, code: str, message: str) -> None:
        self.others.append((code, message))

    def numbers(self, track: int) -> list[int]:
        """Which units of the camera these are: each says it in its sequence number."""
        return [unit.first_seq for unit in self.units if unit.track_id == track]


@dataclass(frozen=True)
class Line:
    """What one client gets: how late, how far its idea of the time is off, and other bytes than others (``own``)."""

    late_us: Sequence[int]
    off_us: int
    begins_us: int = 0
    own: bytes = b""

    def units(self, seconds: float, gop: int, repeats: int, silent: bool) -> list[tuple[int, AccessUnit]]:
        """By the moment at which each comes, in the order of its track."""
        found: list[tuple[int, AccessUnit]] = []
        for track, step_us in ((1, PICTURE_US), (2, FRAME_US)):
            came_us = 0
            for number in range(int(seconds * US_PER_S / step_us)):
                at_us = number * step_us
                came_us = max(came_us, at_us + self.late_us[(number * 7 + track) % len(self.late_us)])
                if at_us < self.begins_us:
                    continue
                keyframe = track == 2 or number % gop == 0
                content = b"silence" if track == 2 and silent else b"%d" % (number % repeats)
                found.append(
                    (
                        came_us,
                        AccessUnit(
                            track,
                            self.own + b"%d:" % track + content,
                            dts_ticks=number * step_us * TRACKS[track - 1].timescale // US_PER_S,
                            pts_ticks=number * step_us * TRACKS[track - 1].timescale // US_PER_S,
                            duration_ticks=step_us * TRACKS[track - 1].timescale // US_PER_S,
                            keyframe=keyframe,
                            damaged=False,
                            capture_us=at_us + self.off_us,
                            device_us=None,
                            arrival=Instant(came_us, came_us),
                            first_seq=number,
                            last_seq=number,
                        ),
                    )
                )
        return sorted(found, key=lambda one: one[0])


@dataclass
class Story:
    """The giver is asked to cut at ``cut_us``; the taker hears of it and takes the stream, each so much later."""

    giver: Line
    taker: Line
    gop: int
    cut_us: int
    told_us: int
    taken_us: int
    repeats: int = 1 << 30
    silent: bool = False
    seconds: float = 14.0
    fails: bool = False

    async def play(self) -> tuple[Recorded, Recorded, bool]:
        clock = ManualClock(0, 0)
        giving, taking, first, second = Gate(clock), Gate(clock), Recorded(), Recorded()
        for each in (giving, taking):
            each.opened(SessionInfo("rtsp", "camera", "", TRACKS, Instant(0, 0)))
        await giving.flow(first)
        cut: asyncio.Task[Cut] | None = None
        told_at = taken_at = -1
        whole = True
        lines = [
            *((at, 0, unit) for at, unit in self.giver.units(self.seconds, self.gop, self.repeats, self.silent)),
            *((at, 1, unit) for at, unit in self.taker.units(self.seconds, self.gop, self.repeats, self.silent)),
        ]
        for at_us, side, unit in sorted(lines, key=lambda one: (one[0], one[1])):
            clock.utc_us = clock.mono_us = max(clock.mono_us, at_us)
            if cut is None and at_us >= self.cut_us:
                giving.listen()
                cut = asyncio.create_task(giving.cut())
                await asyncio.sleep(0)
            (giving, taking)[side].unit(unit)
            if cut is not None and giving.shut and told_at < 0:
                told_at = at_us + self.told_us
            if cut is not None and told_at >= 0 and taken_at < 0 and at_us >= told_at:
                place = await cut
                if self.fails:
                    await giving.go_on()
                    taken_at = 1 << 60
                    continue
                taking.pin()
                taken_at = at_us + self.taken_us
            if 0 <= taken_at <= at_us and taking.shut:
                place = await cut if cut is not None else place
                if self.taker.own:
                    place = place.model_copy(update={"keyframe": ""})
                whole = taking.place(place, None)
                await taking.flow(second)
        if cut is not None and not cut.done():
            cut.cancel()
        return first, second, whole


latencies = st.lists(st.integers(0, 300_000), min_size=1, max_size=9)


def line(draw: st.DrawFn, begins_us: int = 0, own: bytes = b"") -> Line:
    return Line(draw(latencies), draw(st.integers(-150_000, 150_000)), begins_us, own)


@st.composite
def stories(draw: st.DrawFn, own: bytes = b"") -> Story:
    begins_us = draw(st.integers(0, 2_000_000))
    return Story(
        giver=line(draw),
        taker=line(draw, begins_us, own),
        gop=draw(st.integers(3, 60)),
        cut_us=draw(st.integers(5_000_000, 7_000_000)),
        told_us=draw(st.integers(0, 500_000)),
        taken_us=draw(st.integers(400_000, 3_000_000)),
        repeats=draw(st.sampled_from([1 << 30, 125])),
        silent=draw(st.booleans()),
    )


def once_and_whole(numbers: Sequence[int]) -> bool:
    return list(numbers) == list(range(numbers[0], numbers[0] + len(numbers)))


@settings(max_examples=150, deadline=None)
@given(stories())
def test_every_picture_and_sound_is_recorded_once(story: Story) -> None:
    first, second, whole = asyncio.run(story.play())
    assert whole
    assert second.sessions
    assert second.units
    pictures = first.numbers(1) + second.numbers(1)
    assert pictures == list(range(len(pictures)))
    assert second.numbers(1)[0] % story.gop == 0, "the second recording begins with a keyframe"
    sound = first.numbers(2) + second.numbers(2)
    assert len(pictures) >= 330
    if not story.silent:
        assert sound == list(range(len(sound)))
    else:  # frames that are all alike are told apart by their time alone, which both know to a fraction of a second
        assert abs(len(sound) - len(set(sound))) * FRAME_US < 2 * 150_000 + 2 * FRAME_US


@settings(max_examples=60, deadline=None)
@given(stories())
def test_a_cut_that_comes_to_nothing_leaves_the_recording_whole(story: Story) -> None:
    story.fails = True
    first, second, _ = asyncio.run(story.play())
    assert not second.units
    assert once_and_whole(first.numbers(1))
    assert once_and_whole(first.numbers(2))
    assert [unit.arrival.mono_us for unit in first.units] == sorted(unit.arrival.mono_us for unit in first.units)


@settings(max_examples=100, deadline=None)
@given(stories(own=b"other bytes"))
def test_where_each_client_gets_other_bytes_some_is_recorded_twice_and_nothing_is_missing(story: Story) -> None:
    first, second, whole = asyncio.run(story.play())
    assert whole
    for track, step_us in ((1, PICTURE_US), (2, FRAME_US)):
        mine, theirs = first.numbers(track), second.numbers(track)
        assert once_and_whole(theirs)
        assert theirs[0] <= mine[-1] + 1 + (track == 2), "nothing is missing"
        twice_us = (mine[-1] + 1 - theirs[0]) * step_us
        assert twice_us <= story.gop * PICTURE_US + module.MARGIN_US + 700_000


def test_what_waits_is_bounded_and_who_lost_the_picture_says_so() -> None:
    story = Story(Line((0,), 0), Line((0,), 0), gop=25, cut_us=5_000_000, told_us=0, taken_us=0)

    async def play() -> None:
        clock = ManualClock(0, 0)
        gate, sink = Gate(clock), Recorded()
        gate.opened(SessionInfo("rtsp", "camera", "", TRACKS, Instant(0, 0)))
        for at_us, unit in story.taker.units(60, 25, 1 << 30, False):
            clock.mono_us = at_us
            gate.unit(unit)
        assert gate.keyframes()
        assert len(gate.keyframes()) <= 17, "fifteen seconds, and no more"
        assert not gate.place(Cut(keyframe="0" * 64, at_us=1_000_000), None), "that was long ago"
        await gate.flow(sink)
        assert sink.numbers(1)[0] % 25 == 0
        assert len(sink.numbers(1)) <= 17 * 25

    asyncio.run(play())


def test_a_picture_of_the_same_bytes_from_long_before_is_another_one() -> None:
    """A covered lens: the loop repeats every five seconds."""
    gate = Gate(ManualClock(0, 0))
    gate.opened(SessionInfo("rtsp", "camera", "", TRACKS, Instant(0, 0)))
    units = Line((0,), 0).units(12, 25, 125, False)
    for at_us, unit in units:
        if at_us < 9_000_000:
            gate.unit(unit)
    twin = next(unit for at_us, unit in units if unit.track_id == 1 and at_us == 5_000_000)
    cut = Cut(keyframe=module.digest_of(twin), at_us=10_000_000)

    async def holds() -> bool:
        try:
            async with asyncio.timeout(0.05):
                await gate.holds(cut)
        except TimeoutError:
            return False
        return True

    assert not asyncio.run(holds()), "it has not come yet"
    for at_us, unit in units:
        if at_us >= 9_000_000:
            gate.unit(unit)
    assert asyncio.run(holds())
