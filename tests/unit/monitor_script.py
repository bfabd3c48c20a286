"""A scripted stream for the detector's tests: frames, pauses, losses and ticks in simulated time.

The script keeps its own truth (what was captured when) and plays it to the detector as an ingest would:
the axis, capture time by the smallest arrival offset, damage until the next keyframe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.clock import US_PER_S, Instant, ManualClock
from hub.model import (
    AccessUnit,
    Codec,
    Interruption,
    InterruptionState,
    MediaKind,
    PacketLoss,
    RtspSource,
    SenderReport,
    SessionInfo,
    Stream,
    StreamKind,
    TimeLeap,
    TrackInfo,
)
from hub.monitor.detector import InterruptionDetector
from hub.monitor.rules import DetectorRules

MS = 1000
VIDEO = TrackInfo(1, Codec.H264, 90_000)
AUDIO = TrackInfo(2, Codec.AAC, 16_000, 1)
OPUS = TrackInfo(1, Codec.OPUS, 48_000, 2)
TICK_US = 100 * MS


def stream(kind: StreamKind = StreamKind.WINDOW) -> Stream:
    return Stream("window-01", "1号窗口", kind, RtspSource("rtsp://127.0.0.1/1"), 0)


@dataclass
class Script:
    """Plays a stream to a detector. ``clock`` is the hub's; the device captures at the same pace."""

    kind: StreamKind = StreamKind.WINDOW
    tracks: tuple[TrackInfo, ...] = (VIDEO,)
    rules: DetectorRules = field(default_factory=DetectorRules)
    restored: Interruption | None = None
    recorded_until_us: int | None = None
    gop: int = 25
    device_known: bool = False
    clock: ManualClock = field(default_factory=lambda: ManualClock(mono_us=77_000_000))
    changes: list[Interruption] = field(default_factory=list)
    loss_pending: dict[int, int] = field(default_factory=dict)
    damaged: dict[int, bool] = field(default_factory=dict)
    frames: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.detector = InterruptionDetector(
            stream(self.kind), self.rules, restored=self.restored, recorded_until_us=self.recorded_until_us
        )
        self.run_mono_us = 0
        self.ticked_us = self.clock.mono_us
        self.seq = 0

    # ------------------------------------------------------------------- what happens

    def take(self, out: list[Interruption]) -> None:
        self.changes.extend(out)

    @property
    def now(self) -> Instant:
        return self.clock.now()

    def open(self) -> None:
        self.run_mono_us = self.clock.mono_us
        self.damaged = {}
        self.loss_pending = {}
        self.frames = {}
        self.take(self.detector.opened(SessionInfo("rtsp", "127.0.0.1:554", "test", self.tracks, self.now)))

    def wait(self, seconds: float) -> None:
        """Time passes; ticks come ten times a second."""
        end_us = self.clock.mono_us + round(seconds * US_PER_S)
        while self.ticked_us + TICK_US <= end_us:
            self.ticked_us += TICK_US
            if self.ticked_us > self.clock.mono_us:
                self.clock.advance((self.ticked_us - self.clock.mono_us) / US_PER_S)
            self.take(self.detector.tick(self.now))
        if end_us > self.clock.mono_us:
            self.clock.advance((end_us - self.clock.mono_us) / US_PER_S)

    def frame(
        self,
        track: TrackInfo = VIDEO,
        *,
        captured_mono_us: int | None = None,
        distance_us: int = 40 * MS,
        key: bool | None = None,
        reorder_us: int = 0,
        gone: bool = False,
        seems_later_us: int = 0,
        realigned: bool = False,
    ) -> None:
        """A frame that was captured at that moment (default: now) arrives now; ``gone``: it never
        does. ``seems_later_us``: the error of its capture time where it is taken from the arrival."""
        captured = self.clock.mono_us if captured_mono_us is None else captured_mono_us
        count = self.frames.get(track.id, 0)
        self.frames[track.id] = count + 1
        if gone:
            self.loss_pending[track.id] = self.loss_pending.get(track.id, 0) + 1
            self.seq += 1
            return
        key = (count % self.gop == 0) if key is None else key
        video = track.kind is MediaKind.VIDEO
        lost = self.loss_pending.pop(track.id, 0)
        if lost:
            self.take(self.detector.loss(PacketLoss(track.id, self.seq - lost, lost, self.now)))
            self.damaged[track.id] = video
        if key:
            self.damaged[track.id] = False
        axis_us = captured - self.run_mono_us
        dts = axis_us * track.timescale // US_PER_S
        pts = (axis_us + reorder_us) * track.timescale // US_PER_S
        self.seq += 1
        capture_us = captured + seems_later_us + reorder_us + self.clock.utc_us - self.clock.mono_us
        self.take(
            self.detector.unit(
                AccessUnit(
                    track_id=track.id,
                    data=b"",
                    dts_ticks=dts,
                    pts_ticks=pts,
                    duration_ticks=distance_us * track.timescale // US_PER_S,
                    keyframe=key or not video,
                    damaged=self.damaged.get(track.id, False),
                    capture_us=capture_us,
                    device_us=capture_us if self.device_known else None,
                    arrival=self.now,
                    first_seq=self.seq,
                    last_seq=self.seq,
                    lost=lost,
                    realigned=realigned,
                )
            )
        )

    def play(self, seconds: float, *, fps: float = 25, track: TrackInfo = VIDEO, gone: bool = False) -> None:
        """Frames come at that rate, each the moment it is captured."""
        distance_us = round(US_PER_S / fps)
        for _ in range(round(seconds * fps)):
            self.wait(distance_us / US_PER_S)
            self.frame(track, distance_us=distance_us, gone=gone)

    def play_both(self, seconds: float, *, video: bool = True, audio: bool = True) -> None:
        """25 pictures and 25 sound frames a second."""
        for _ in range(round(seconds * 25)):
            self.wait(0.04)
            if video:
                self.frame(VIDEO)
            if audio:
                self.frame(AUDIO)

    def backlog(self, seconds: float, *, fps: float = 25, track: TrackInfo = VIDEO) -> None:
        """Nothing arrives for that long; then everything does, at once."""
        start = self.clock.mono_us
        distance_us = round(US_PER_S / fps)
        self.wait(seconds)
        for index in range(round(seconds * fps)):
            self.frame(track, captured_mono_us=start + (index + 1) * distance_us, distance_us=distance_us)

    def report(self, track: TrackInfo = VIDEO, *, device_ahead_us: int = 0, delay_us: int = 0) -> None:
        """A sender report about this moment, sent ``delay_us`` ago."""
        now = self.now
        device_us = now.utc_us - delay_us + device_ahead_us
        axis_us = now.mono_us - delay_us - self.run_mono_us
        ticks = axis_us * track.timescale // US_PER_S
        self.take(self.detector.sender_report(SenderReport(track.id, device_us, ticks, now.utc_us - device_us, now)))

    def leap(self, leap_us: int, track: TrackInfo = VIDEO) -> None:
        self.take(self.detector.leap(TimeLeap(track.id, leap_us, self.now)))

    def close(self, reason: str = "connection reset") -> None:
        self.take(self.detector.closed(self.now, reason))

    def goodbye(self) -> None:
        self.take(self.detector.goodbye("BYE", self.now))
        self.close("ended")

    # ------------------------------------------------------------------- what was said

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(str(change.kind), str(change.state)) for change in self.changes]

    @property
    def states(self) -> list[str]:
        return [str(change.state) for change in self.changes]

    def the(self, state: InterruptionState) -> Interruption:
        """The only change to that state."""
        found = [change for change in self.changes if change.state is state]
        assert len(found) == 1, self.said
        return found[0]


def started(seconds: float = 4.0, **options: object) -> Script:
    """A stream of 25 pictures a second that has run for a while, with nothing said."""
    script = Script(**options)  # type: ignore[arg-type]
    script.open()
    script.frame()
    script.play(seconds)
    assert script.changes == []
    return script


def edges(script: Script) -> tuple[int, int]:
    """From when to when the interruption was, which is over."""
    closed = script.the(InterruptionState.CLOSED)
    assert closed.ended_us is not None
    return closed.started_us, closed.ended_us
