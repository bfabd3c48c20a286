"""The time axis of one run: where each track's time stamps lie on it, and when its media was captured.

0 is the first media of the run. A track begins where its first packet arrived. Sender reports
(RFC 3550 §6.4.1) then tell how far tracks are truly apart: where they disagree by more than
:data:`MISALIGNED_US` the alignment is corrected, once, at the next keyframe. Until they come, or where none do,
the smallest delay of each track tells it well enough, once, where its first packet was taken late.

The axis is continuous: wraps of the 32-bit time stamp vanish, and so do leaps. What is a leap is judged
against the clock of the hub: media that claims to be *ahead* of the fastest media seen so far cannot
have been captured; media that is behind was late, or there was a pause.
"""

from __future__ import annotations

from hub.clock import US_PER_S, Instant
from hub.ingest.rtcp import SenderInfo
from hub.ingest.rtp import timestamp_step
from hub.model import MediaKind, SenderReport, TrackInfo

MISALIGNED_US = 50_000
MISPLACED_US = 200_000
"""The smallest delays of tracks lie no further apart, unless first packets came late: in a burst, to a busy hub."""
MEASURED_US = 5_000_000
"""So long delays are measured before they are compared."""
LEAP_US = 500_000
"""Ahead of everything seen by this much, or back by this much: no jitter does that."""
LEAP_WITH_LOSS_US = 2_000_000
"""With packets missing the distance of pictures tells nothing: only the hub's clock does."""
PAUSE_US = 1_000_000
"""No arrivals for this long is a real pause: after a leap across it, the axis keeps its length."""
FIRST_STEP_US = 10_000_000
"""Until a distance of pictures is known, one this long is taken for a slow camera."""
DRIFT_PPM = 200
"""The smallest arrival offset may rise this fast: crystals drift, and the smallest offset of an hour
ago would then lie. A congestion of a minute moves it by 12 ms."""
IMPLAUSIBLE_REPORT_US = 30_000_000
"""A report about media further away than this from what arrives is not about this media."""
CLOCK_SET_US = 500_000
"""A device clock that differs so much from its own last report was set, and not by drift."""
_ANY_DELAY_US = 1 << 62
_REORDERED_PICTURES = 20
"""A picture may be stamped this many distances before or after its neighbour where pictures are
reordered (16 B-frames and some slack)."""


class RunAxis:
    """Shared by the tracks of one run."""

    def __init__(self) -> None:
        self._origin_mono_us: int | None = None
        self._offset_us: int | None = None
        self._offset_at_us = 0
        self._clocks: list[TrackClock] = []
        self._aligned = False
        self._shifts: dict[int, int] = {}
        self.measuring = True
        """Whether the smallest delay of each track is still of use."""

    def clock(self, track: TrackInfo) -> TrackClock:
        """The clock of a track that takes part in this run."""
        clock = TrackClock(self, track)
        self._clocks.append(clock)
        return clock

    @property
    def ended(self) -> bool:
        """Every track that sent media has said goodbye."""
        alive = [clock for clock in self._clocks if clock.started]
        return bool(alive) and all(clock.goodbye for clock in alive)

    def since_start_us(self, arrival: Instant) -> int:
        """The arrival as a place on the axis; the first call sets its origin."""
        if self._origin_mono_us is None:
            self._origin_mono_us = arrival.mono_us
        return arrival.mono_us - self._origin_mono_us

    def capture_us(self, axis_us: int, arrival: Instant) -> int:
        """Hub UTC at which media at ``axis_us`` was captured: its place plus the smallest arrival offset."""
        offset = self._smallest_offset(arrival.mono_us - axis_us, arrival.mono_us)
        return axis_us + offset + arrival.utc_us - arrival.mono_us

    def ahead_us(self, axis_us: int, arrival: Instant) -> int:
        """By how much media at ``axis_us`` would be earlier than any before it."""
        return 0 if self._offset_us is None else self._offset_us - (arrival.mono_us - axis_us)

    def _smallest_offset(self, offset_us: int, mono_us: int) -> int:
        known = self._offset_us
        if known is not None:
            risen = (mono_us - self._offset_at_us) * DRIFT_PPM // 1_000_000
            if offset_us > known + risen:
                if risen:
                    self._offset_us = known = known + risen
                    self._offset_at_us = mono_us
                return known
        self._offset_us = offset_us
        self._offset_at_us = mono_us
        return offset_us

    def compare(self) -> None:
        """Looks at the reports of all tracks once each has one, and notes which tracks lie too early."""
        starts = [clock.device_start_us for clock in self._clocks if clock.started]
        known = [start for start in starts if start is not None]
        if self._aligned or len(known) < 2 or len(known) < len(starts):
            return
        first = min(known)
        self._shifts = {
            index: clock.device_start_us - first
            for index, clock in enumerate(self._clocks)
            if clock.device_start_us is not None and clock.device_start_us - first > MISALIGNED_US
        }

    def clock_was_set(self) -> None:
        """The device has one clock: what its other tracks reported before it was set says nothing now."""
        for clock in self._clocks:
            clock.device_start_us = None
        self._shifts = {}

    def realign(self, kind: MediaKind) -> bool:
        """Called at every keyframe and every audio frame: corrects the alignment if that is due.

        It waits for a keyframe where there is video, because a new reel begins there.
        """
        shifts = self._shifts
        if not shifts:
            if kind is MediaKind.AUDIO or not self.measuring:
                return False
            shifts = self._misplaced()
        elif kind is MediaKind.AUDIO and self._has_video():
            return False
        else:
            self._aligned, self.measuring = True, False
        for index, shift_us in shifts.items():
            self._clocks[index].shift(shift_us)
        self._shifts = {}
        return bool(shifts)

    def _misplaced(self) -> dict[int, int]:
        """Which tracks lie too early by what their media was delayed at least; nothing while that is not known."""
        alive = {index: clock.least_us for index, clock in enumerate(self._clocks) if clock.started}
        if len(alive) < 2 or min(self._clocks[index].measured_us for index in alive) < MEASURED_US:
            return {}
        self.measuring = False
        if all(self._clocks[index].device_start_us is not None for index in alive):
            return {}  # reports agree
        least_us = min(alive.values())
        return {index: delay - least_us for index, delay in alive.items() if delay - least_us > MISPLACED_US}

    def _has_video(self) -> bool:
        return any(clock.kind is MediaKind.VIDEO and clock.started for clock in self._clocks)


class TrackClock:
    """Places the time stamps of one track on the axis of the run."""

    def __init__(self, axis: RunAxis, track: TrackInfo) -> None:
        self.axis = axis
        self.kind = track.kind
        self.track_id = track.id
        self.rate = track.timescale
        self.started = False
        self.goodbye = False
        self.distance_ticks = 0
        """The normal distance to the next picture or frame; 0: not known yet."""
        self.leap_us = 0
        """Of the unit placed last; 0: it was no leap."""
        self.device_start_us: int | None = None
        """Device time at 0 of the axis, by the last sender report of this track."""
        self.least_us = 0
        """The smallest delay against its place on the axis, while that is measured."""
        self._begun_mono_us = 0
        self._offset_ticks = 0
        self._newest = 0
        self._newest_timestamp = 0
        self._newest_mono_us = 0
        self._early_report: tuple[SenderInfo, Instant] | None = None

    # ``_newest`` counts time stamps without their wraps; the axis is ``_newest - _offset_ticks``.

    def place(self, timestamp: int, arrival: Instant, *, lost: int, reordered: bool) -> int:
        """The axis place, in ticks, of a unit stamped ``timestamp``. ``reordered``: pictures of this
        track may come in another order than they are shown in."""
        if not self.started:
            return self._start(timestamp, arrival)
        step = timestamp_step(timestamp, self._newest_timestamp)
        if step > 0:
            if step > min(self.distance_ticks, self.rate) << 2 and self._leaps_forward(step, arrival, lost, reordered):
                return self._leap(step, timestamp, arrival)
        elif step < 0:
            if -step > self._reorder_ticks(reordered):
                return self._leap(step, timestamp, arrival)
            self.leap_us = 0
            return self._newest + step - self._offset_ticks
        self.leap_us = 0
        self._newest += step
        self._newest_timestamp = timestamp
        self._newest_mono_us = arrival.mono_us
        return self._newest - self._offset_ticks

    @property
    def measured_us(self) -> int:
        """For how long its delays have been measured."""
        return self._newest_mono_us - self._begun_mono_us

    def microseconds(self, ticks: int) -> int:
        return ticks * US_PER_S // self.rate

    def device_us(self, ticks: int) -> int | None:
        """Device time at ``ticks`` of the axis; None before a report."""
        start = self.device_start_us
        return None if start is None else start + ticks * US_PER_S // self.rate

    def restart(self) -> None:
        """The sender began anew: its next time stamp lies where it arrives."""
        self.started = False
        self.device_start_us = None

    def shift(self, shift_us: int) -> None:
        """Moves all media from now on later by ``shift_us``."""
        self._offset_ticks -= shift_us * self.rate // US_PER_S
        if self.device_start_us is not None:
            self.device_start_us -= shift_us

    def report(self, info: SenderInfo, arrival: Instant) -> SenderReport | None:
        """Takes in a sender report. None where it cannot be placed: before the first media (it is kept
        for then), without a device clock, or about other media than arrives."""
        if not self.started:
            self._early_report = (info, arrival)
            return None
        if info.device_us is None:
            return None
        ticks = self._newest + timestamp_step(info.timestamp, self._newest_timestamp) - self._offset_ticks
        expected = self._newest - self._offset_ticks + (arrival.mono_us - self._newest_mono_us) * self.rate // US_PER_S
        if abs(self.microseconds(ticks - expected)) > IMPLAUSIBLE_REPORT_US:
            return None
        start_us = info.device_us - self.microseconds(ticks)
        if self.device_start_us is not None and abs(start_us - self.device_start_us) > CLOCK_SET_US:
            self.axis.clock_was_set()
        self.device_start_us = start_us
        self.axis.compare()
        return SenderReport(self.track_id, info.device_us, ticks, arrival.utc_us - info.device_us, arrival)

    @property
    def early_report_waits(self) -> bool:
        return self._early_report is not None

    def early_report(self) -> SenderReport | None:
        """The report that came before the first media, now that it can be placed."""
        if self._early_report is None or not self.started:
            return None
        info, arrival = self._early_report
        self._early_report = None
        return self.report(info, arrival)

    def _start(self, timestamp: int, arrival: Instant) -> int:
        place = self.axis.since_start_us(arrival) * self.rate // US_PER_S
        if self._newest_mono_us:
            # A restart of the sender: never before what was placed already.
            place = max(place, self._newest - self._offset_ticks + max(self.distance_ticks, 1))
        self.started = True
        self.leap_us = 0
        self.least_us, self._begun_mono_us = _ANY_DELAY_US, arrival.mono_us
        self._newest = self._newest_timestamp = timestamp
        self._newest_mono_us = arrival.mono_us
        self._offset_ticks = timestamp - place
        return place

    def _leaps_forward(self, step: int, arrival: Instant, lost: int, reordered: bool) -> bool:
        step_us = self.microseconds(step)
        normal_us = self.microseconds(self._reorder_ticks(reordered)) if self.distance_ticks else FIRST_STEP_US
        if step_us <= max(LEAP_US, normal_us):
            return False
        place_us = self.microseconds(self._newest + step - self._offset_ticks)
        return self.axis.ahead_us(place_us, arrival) > (LEAP_WITH_LOSS_US if lost else LEAP_US)

    def _reorder_ticks(self, reordered: bool) -> int:
        """How far a time stamp may go back: not at all, unless pictures are reordered."""
        if not reordered:
            return 0
        return max(_REORDERED_PICTURES * self.distance_ticks, self.rate * LEAP_US // US_PER_S)

    def _leap(self, step: int, timestamp: int, arrival: Instant) -> int:
        """The axis goes on by one normal distance, or by the pause that there was."""
        passed_us = arrival.mono_us - self._newest_mono_us
        leap_us = self.microseconds(step) - passed_us
        # A distance of seconds may be a leap that was taken for a slow camera: not twice.
        advance = max(min(self.distance_ticks, self.rate), 1)
        if passed_us > PAUSE_US:
            advance = max(advance, passed_us * self.rate // US_PER_S)
        self.leap_us = leap_us or 1
        self._newest += step
        self._newest_timestamp = timestamp
        self._newest_mono_us = arrival.mono_us
        self._offset_ticks += step - advance
        self.device_start_us = None
        return self._newest - self._offset_ticks
