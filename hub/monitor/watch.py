"""One track under watch: when its next frame is due, where its last good frame ended, how late it is.

All durations are on the monotonic scale, all media positions on the run's axis, both in µs. A *step* is
the distance of two units on the axis (decode order), an *offset* is arrival minus axis position: the
smallest one seen is that of a packet that was not delayed, and everything above it is lateness.
"""

from __future__ import annotations

from collections import deque

from hub.clock import US_PER_S, Instant
from hub.model import AccessUnit, Codec, MediaKind, TrackInfo
from hub.monitor.rules import DetectorRules

_SAMPLES_TO_KNOW = 4
_SAMPLES_TO_TRUST = 25
"""Before a rate has been seen this often, a long step is a property of the stream, not a fault of it."""
_OUTLIERS_TO_BELIEVE = 3
"""So many long steps in one window are a variable frame rate; one is a hiccup, which must not make the
watch slow to see the next."""
_WINDOW_US = 10 * US_PER_S
"""Extremes are kept over one to two of these."""
_STEADY_US = 200_000
"""5 frames a second: below that, frames are few and their distance says less about when one is due."""
_UNKNOWN_STEP_US = 2 * US_PER_S
"""The first frames say nothing of the rhythm yet: one every two seconds is waited for."""
_LATENESS_FORGIVEN_US = 250_000
"""A late last frame makes the next one due sooner, by at most this: lateness may also be here to stay."""
_DTX_REFRESH_US = 400_000
"""An Opus encoder in DTX still sends a frame this often (RFC 6716 §2.1.9; RFC 7587 §3.1.3)."""
_REORDERED_PICTURES = 17
"""The deepest reordering of H.264 and H.265, and the picture itself."""
_MISPLACED_US = 200_000
"""More than tracks of one device differ in how long they take to be coded."""
_NEVER_US = 1 << 62


class TrackWatch:
    """Fed by every unit of one track of one run. ``calm`` is set by the detector while nothing is wrong."""

    __slots__ = (
        "_distance_us",
        "_least_offset_us",
        "_least_offset_us_before",
        "_longest_us",
        "_longest_us_before",
        "_outliers",
        "_rotated_mono_us",
        "_rotations",
        "_rules",
        "_samples",
        "_shown",
        "_skip_at_sample",
        "_us_per_tick",
        "calm",
        "dts_us",
        "good_arrival",
        "good_capture_us",
        "good_device_us",
        "good_dts_ticks",
        "good_pts_ticks",
        "good_ticks",
        "heard_us",
        "info",
        "is_opus",
        "offset_us",
        "plain_us",
        "rebased",
        "silence_us",
    )

    def __init__(self, info: TrackInfo, rules: DetectorRules) -> None:
        self.info = info
        self.is_opus = info.codec is Codec.OPUS
        self.calm = False
        self.heard_us: int | None = None
        """Monotonic arrival of the newest unit; None: nothing yet."""
        self.silence_us = 0
        """How long nothing had come before the newest unit."""
        self.dts_us = 0
        self.offset_us = 0
        self.plain_us = 0
        """A step up to this is part of the stream's rhythm."""
        self.rebased = False
        """The axis was shifted: the next step says nothing."""
        self.good_dts_ticks = self.good_pts_ticks = 0
        self.good_ticks = 0
        self.good_capture_us: int | None = None
        self.good_device_us: int | None = None
        self.good_arrival = Instant(0, 0)
        self._rules = rules
        self._us_per_tick = US_PER_S / info.timescale
        self._distance_us = 0
        self._samples = 0
        self._skip_at_sample = -1
        self._outliers = 0
        self._shown: deque[int] = deque(maxlen=_REORDERED_PICTURES)
        """Presentation times of the newest pictures, where they are not those of their decoding."""
        self._longest_us = self._longest_us_before = 0
        self._least_offset_us = self._least_offset_us_before = _NEVER_US
        self._rotated_mono_us: int | None = None
        self._rotations = 0
        self._set_plain()

    # ------------------------------------------------------------------------------ hot path

    def plain(self, unit: AccessUnit) -> bool:
        """Take in a unit. True: it is whole, in rhythm, and nothing was wrong before: nothing to judge."""
        mono_us = unit.arrival.mono_us
        dts_ticks = unit.dts_ticks
        dts_us = int(dts_ticks * self._us_per_tick)
        step_us = dts_us - self.dts_us
        self.offset_us = offset_us = mono_us - dts_us
        if offset_us < self._least_offset_us:
            self._least_offset_us = offset_us
        if not self.calm or step_us > self.plain_us or unit.damaged or unit.lost or unit.realigned:
            return False
        self.dts_us = dts_us
        self.silence_us = mono_us - self.heard_us  # type: ignore[operator]  # calm: it was heard
        self.heard_us = mono_us
        self._samples += 1
        if step_us <= self._longest_us or self._lengthen(step_us):
            self._distance_us += (step_us - self._distance_us) >> 4
        self.good_dts_ticks = dts_ticks
        self.good_pts_ticks = pts_ticks = unit.pts_ticks
        self.good_ticks = unit.duration_ticks
        self.good_capture_us = unit.capture_us
        self.good_device_us = unit.device_us
        self.good_arrival = unit.arrival
        if pts_ticks != dts_ticks or self._shown:
            self._shown.append(pts_ticks)
        return True

    # --------------------------------------------------------------------- the rare ways

    def _lengthen(self, step_us: int) -> bool:
        """A step longer than any of late. False: an outlier, which says nothing of the rhythm yet."""
        longest_us = self.longest_us
        if self._samples > _SAMPLES_TO_TRUST and step_us > 3 * max(longest_us, self._distance_us):
            self._outliers += 1
            if self._outliers < _OUTLIERS_TO_BELIEVE:
                return False
        self._longest_us = step_us
        if self._samples <= _SAMPLES_TO_KNOW:
            self._distance_us = step_us
        self._set_plain()
        return True

    def hear(self, unit: AccessUnit) -> int:
        """Take in a unit that ``plain`` refused; returns its step in µs (0 for the first)."""
        mono_us = unit.arrival.mono_us
        dts_us = int(unit.dts_ticks * self._us_per_tick)
        first = self.heard_us is None
        step_us = 0 if first else dts_us - self.dts_us
        self.silence_us = 0 if self.heard_us is None else mono_us - self.heard_us
        self.heard_us = mono_us
        self.dts_us = dts_us
        if self.rebased:
            self._least_offset_us = self._least_offset_us_before = self.offset_us
        return step_us

    def learn(self, step_us: int) -> None:
        """A step that is the stream's own, not a fault's."""
        self._samples += 1
        self._distance_us = step_us if self._samples == 1 else self._distance_us + ((step_us - self._distance_us) >> 4)
        if self._samples <= _SAMPLES_TO_KNOW:
            self._distance_us = max(self._distance_us, step_us)
        self._longest_us = max(self._longest_us, step_us)
        self._set_plain()

    def skipped(self, step_us: int) -> bool:
        """A step too long for the rhythm. True: it is a fault. When the very next one is as long
        again, the sender has changed its rate: that is learnt instead."""
        if self._samples != self._skip_at_sample:
            self._skip_at_sample = self._samples
            return True
        self._samples = 0
        self._longest_us = self._longest_us_before = 0
        self.learn(step_us)
        return False

    def good(self, unit: AccessUnit) -> None:
        """The unit is whole: the recording is good up to its end."""
        if self.rebased or unit.lost:
            self._shown.clear()
        self.rebased = False
        if unit.pts_ticks != unit.dts_ticks or self._shown:
            self._shown.append(unit.pts_ticks)
        self.good_dts_ticks = unit.dts_ticks
        self.good_pts_ticks = unit.pts_ticks
        self.good_ticks = unit.duration_ticks
        self.good_capture_us = unit.capture_us
        self.good_device_us = unit.device_us
        self.good_arrival = unit.arrival

    def rotate(self, now_mono_us: int) -> None:
        """Forget extremes that are older than two windows. Not called while something is wrong."""
        if self._samples >= _SAMPLES_TO_TRUST and self.plain_us == self._rules.confirm_after_us:
            self._set_plain()
        if self._rotated_mono_us is None:
            self._rotated_mono_us = now_mono_us
        elif now_mono_us - self._rotated_mono_us > _WINDOW_US and self._samples:
            self._rotated_mono_us = now_mono_us
            self._rotations += 1
            self._outliers = 0
            self._longest_us_before, self._longest_us = self._longest_us, self._distance_us
            self._least_offset_us_before, self._least_offset_us = self._least_offset_us, _NEVER_US
            self._set_plain()

    # ---------------------------------------------------------------------------- answers

    @property
    def kind(self) -> MediaKind:
        return self.info.kind

    @property
    def frames(self) -> int:
        """How many came in rhythm; begins anew when another rate was learnt."""
        return self._samples

    @property
    def distance_us(self) -> int:
        """The normal distance of two frames; 0: not known yet."""
        return self._distance_us

    @property
    def longest_us(self) -> int:
        """The longest step that was not a fault, over the last 10 to 20 s."""
        return max(self._longest_us, self._longest_us_before)

    @property
    def misplaced_us(self) -> int:
        """By how much this track lies too early on a young axis. Tracks that began while the hub was held up lie at one
        place, whenever they were captured: then the smallest delay of another track says nothing of this one's."""
        if self._rotations > 1 or self._shown or self.good_capture_us is None:
            return 0  # aligned by now; or decode times say less than this
        calendar_us = self.good_arrival.utc_us - self.good_arrival.mono_us
        shared_us = self.good_capture_us - self.axis_us(self.good_pts_ticks) - calendar_us
        apart_us = min(self._least_offset_us, self._least_offset_us_before) - shared_us
        return apart_us if _MISPLACED_US < apart_us < _NEVER_US >> 1 else 0

    @property
    def late_us(self) -> int:
        """How much later the newest unit came than an undelayed one would have."""
        least = min(self._least_offset_us, self._least_offset_us_before)
        return 0 if least == _NEVER_US else max(0, self.offset_us - least)

    @property
    def good_end_us(self) -> int | None:
        """Capture time (hub UTC) up to which the recording is good."""
        if self.good_capture_us is None:
            return None
        return self.good_capture_us + self._beyond_us + self.misplaced_us

    @property
    def good_end_device_us(self) -> int | None:
        """The same by the device's clock."""
        return None if self.good_device_us is None else self.good_device_us + self._beyond_us

    @property
    def good_end_axis_us(self) -> int:
        return int(self._good_end_ticks() * self._us_per_tick)

    @property
    def _beyond_us(self) -> int:
        return int((self._good_end_ticks() - self.good_pts_ticks) * self._us_per_tick)

    def _good_end_ticks(self) -> int:
        """Where pictures are reordered, what is shown until the decode time of the last one has all come;
        after that there are holes that later pictures were to fill. Good is what lies before the first."""
        end = self.good_dts_ticks + self.good_ticks
        for pts_ticks in sorted(self._shown):
            if end <= pts_ticks + (self.good_ticks >> 1) and pts_ticks - end <= self.good_ticks >> 1:
                end = pts_ticks + self.good_ticks
        return end

    def axis_us(self, ticks: int) -> int:
        return int(ticks * self._us_per_tick)

    def due_us(self) -> int:
        """Monotonic time at which the next frame should be here. Only for a track that was heard."""
        assert self.heard_us is not None
        longest = self.longest_us
        if self._samples < _SAMPLES_TO_KNOW:
            wait = max(2 * longest, _UNKNOWN_STEP_US)
        elif longest <= _STEADY_US:
            wait = self._distance_us
        else:
            wait = 2 * longest
        if self.is_opus:
            return self.heard_us + max(wait, _DTX_REFRESH_US)
        return self.heard_us + wait - min(self.late_us, _LATENESS_FORGIVEN_US)

    def patience_us(self) -> int:
        """How long after the last frame silence is certainly a break."""
        return max(self._rules.confirm_after_us, 3 * self.longest_us)

    def _set_plain(self) -> None:
        if self.is_opus:
            self.plain_us = _NEVER_US  # unbroken sequence numbers: DTX, whatever the gap
        elif self._samples < _SAMPLES_TO_TRUST:
            self.plain_us = self._rules.confirm_after_us
        else:
            self.plain_us = max(self._rules.skip_us + self._distance_us - 1, 3 * self.longest_us)
