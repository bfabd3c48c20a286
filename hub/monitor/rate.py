"""``low_rate``: far fewer pictures than usual. Pure; looked at once a second, never for a picture.

What is usual is learnt: the fastest rate of the last minutes. A rate is far below it when less than half is left
for 10 s. Three things are no fault: a camera that is slow (its usual is), one whose pictures come at a varying
distance (its longest step counts, not its average), and a rate that this stream is known to keep at times, as at night.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from hub.clock import US_PER_S, Instant
from hub.model import Interruption, InterruptionKind, InterruptionState, MediaKind
from hub.monitor.moments import Beside
from hub.monitor.rules import DetectorRules
from hub.monitor.watch import TrackWatch

_LOOK_EVERY_US = US_PER_S
_OVER_US = 2 * US_PER_S
_OVER_FRAMES = 8
"""A rate is taken over two seconds, or over eight of the usual distances where they are longer."""
_LEARNT_AFTER_US = 20 * US_PER_S
"""A rate becomes the usual one when it was kept for this long: a fall has been told from it by then."""
_FORGOTTEN_AFTER_US = 600 * US_PER_S
"""The fastest rate of so long a time is the usual one: what falls in small steps is found too."""
_KNOWN_AFTER_US = 600 * US_PER_S
_KNOWN_AFTER_TIMES = 3
"""A low rate that was kept for ten minutes in all, or came and went three times, is one of the stream's own."""
_ALIKE_PERCENT = 25
_KNOWN_RATES = 8


@dataclass(slots=True)
class _Known:
    """A rate below the usual that this stream has kept."""

    distance_us: int
    for_us: int = 0
    times: int = 0

    @property
    def own(self) -> bool:
        return self.for_us >= _KNOWN_AFTER_US or self.times >= _KNOWN_AFTER_TIMES

    def is_like(self, distance_us: int) -> bool:
        return abs(distance_us - self.distance_us) * 100 <= _ALIKE_PERCENT * max(distance_us, self.distance_us)


@dataclass(slots=True)
class _Track:
    marks: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=64))
    """(monotonic, media, frames) once a second."""
    usual: deque[tuple[int, int]] = field(default_factory=deque)
    """(monotonic, distance): the distances of the last minutes, shorter ones drive out longer ones before them."""
    low_since: tuple[int, int] | None = None
    """Monotonic and hub UTC."""
    well_since_us: int | None = None


class RateWatch:
    """Of one stream. Its interruption ends when the rate is back, and is closed when it stayed."""

    def __init__(self, stream_id: str, rules: DetectorRules) -> None:
        self._stream_id = stream_id
        self.maintenance = ""
        self.rules = rules
        self._tracks: dict[int, _Track] = {}
        self._known: list[_Known] = []
        self._event: Beside | None = None
        self._low: dict[int, _Known] = {}
        self._resumed: Instant | None = None
        self._looked_us = 0

    def opened(self) -> None:
        """A new connection: its media clock is another, what is usual is not."""
        for track in self._tracks.values():
            track.marks.clear()
            track.low_since = track.well_since_us = None

    def look(self, watches: Collection[TrackWatch], now: Instant) -> list[Interruption]:
        """Ten times a second; looks once."""
        if now.mono_us - self._looked_us < _LOOK_EVERY_US:
            return []
        past_us, self._looked_us = now.mono_us - self._looked_us, now.mono_us
        out: list[Interruption] = []
        for watch in watches:
            if watch.kind is MediaKind.VIDEO:
                self._look_at(watch, self._tracks.setdefault(watch.info.id, _Track()), now, past_us, out)
        event = self._event
        if event is not None and self._low:
            before = event.crossed
            told = self._told(InterruptionState.CONFIRMED, None, now)
            if before != event.crossed:
                out.append(told)
        if self._resumed is not None and now.mono_us - self._resumed.mono_us >= self.rules.merge_break_us:
            out += self.ended(now)
        return out

    def ended(self, now: Instant) -> list[Interruption]:
        """The stream broke off, or nothing is due any more: what lasted ends here."""
        if self._event is None:
            return []
        ended = self._resumed or now
        out = [] if self._resumed else [self._told(InterruptionState.RESUMED, ended.utc_us, ended)]
        out.append(self._told(InterruptionState.CLOSED, ended.utc_us, ended))
        self._event = self._resumed = None
        self._low.clear()
        for track in self._tracks.values():
            track.low_since = None
        return out

    # --------------------------------------------------------------------------- within

    def _look_at(self, watch: TrackWatch, track: _Track, now: Instant, past_us: int, out: list[Interruption]) -> None:
        if not watch.calm:
            track.marks.clear()  # frames that were lost or damaged are not counted: that is another fault
            track.low_since = track.well_since_us = None
            return
        if track.marks and watch.frames < track.marks[-1][2]:
            track.marks.clear()  # counted anew: the watch has learnt another rate
        track.marks.append((now.mono_us, watch.dts_us, watch.frames))
        usual_us = self._usual_us(track, now)
        distance_us = _distance_us(track, usual_us)
        if distance_us is None:
            return
        if usual_us is None or distance_us * 100 <= usual_us * self.rules.low_rate_percent:
            self._well(track, max(distance_us, watch.longest_us if usual_us is None else 0), watch, now, out)
        else:
            self._fallen(track, distance_us, watch, now, past_us, out)

    def _well(self, track: _Track, distance_us: int, watch: TrackWatch, now: Instant, out: list[Interruption]) -> None:
        track.low_since = None
        if track.well_since_us is None:
            track.well_since_us = now.mono_us
        if now.mono_us - track.well_since_us >= _LEARNT_AFTER_US:
            track.well_since_us = now.mono_us
            # of steps that vary the longest one is usual too
            self._learn(track, max(distance_us, watch.longest_us), now)
        low = self._low.pop(watch.info.id, None)
        if low is not None and not self._low and self._event is not None:
            self._resumed = now
            out.append(self._told(InterruptionState.RESUMED, now.utc_us, now))

    def _fallen(
        self, track: _Track, distance_us: int, watch: TrackWatch, now: Instant, past_us: int, out: list[Interruption]
    ) -> None:
        track.well_since_us = None
        known = self._known_as(distance_us)
        known.for_us += past_us
        if known.own:
            usual = (now.mono_us, known.distance_us)
            track.usual.clear()
            track.usual.append(usual)
            if watch.info.id in self._low and self._event is not None:
                self._event.evidence["learnt"] = 1
            self._well(track, distance_us, watch, now, out)
            return
        if track.low_since is None:
            track.low_since = (now.mono_us - _OVER_US // 2, now.utc_us - _OVER_US // 2)
        if now.mono_us - track.low_since[0] < self.rules.low_rate_for_us or watch.info.id in self._low:
            return
        known.times += 1
        self._low[watch.info.id] = known
        self._open(track, distance_us, watch, now)
        out.append(self._told(InterruptionState.CONFIRMED, None, now))

    def _open(self, track: _Track, distance_us: int, watch: TrackWatch, now: Instant) -> None:
        event, self._resumed = self._event, None
        if event is not None:
            event.count += len(self._low) == 1
            event.tracks.add(watch.info.id)
            return
        assert track.low_since is not None
        usual_us = self._usual_us(track, now) or distance_us
        evidence: dict[str, int | str] = {
            "usual_millihertz": 1_000 * US_PER_S // usual_us,
            "rate_millihertz": 1_000 * US_PER_S // distance_us,
        }
        if self.maintenance:
            evidence["maintenance"] = self.maintenance
        kind = InterruptionKind.LOW_RATE
        detected = Instant(now.utc_us, now.mono_us)
        self._event = Beside(
            self._stream_id, kind, track.low_since[1], detected, {watch.info.id}, evidence, edge_error_us=_OVER_US
        )

    def _told(self, state: InterruptionState, ended_us: int | None, now: Instant) -> Interruption:
        event = self._event
        assert event is not None
        return event.told(
            state, ended_us, now.mono_us - event.detected.mono_us + self.rules.low_rate_for_us, self.rules
        )

    def _usual_us(self, track: _Track, now: Instant) -> int | None:
        """The usual distance; None: not known yet."""
        usual = track.usual
        while len(usual) > 1 and now.mono_us - usual[0][0] > _FORGOTTEN_AFTER_US:
            usual.popleft()
        return usual[0][1] if usual else None

    @staticmethod
    def _learn(track: _Track, distance_us: int, now: Instant) -> None:
        while track.usual and track.usual[-1][1] >= distance_us:
            track.usual.pop()
        track.usual.append((now.mono_us, distance_us))

    def _known_as(self, distance_us: int) -> _Known:
        for known in self._known:
            if known.is_like(distance_us):
                return known
        known = _Known(distance_us)
        if len(self._known) >= _KNOWN_RATES:
            self._known.remove(min(self._known, key=lambda one: one.for_us))
        self._known.append(known)
        return known


def _distance_us(track: _Track, usual_us: int | None) -> int | None:
    """The distance of two pictures on the media's own axis, lately; None: too little was seen."""
    newest_mono_us, newest_us, newest_frames = track.marks[-1]
    over_us = max(_OVER_US, _OVER_FRAMES * (usual_us or 0))
    for mono_us, media_us, frames in reversed(track.marks):
        if newest_mono_us - mono_us >= over_us:
            count = newest_frames - frames
            return (newest_us - media_us) // count if count > 1 and newest_us > media_us else None
    return None
