"""What the device's clocks do: leaps of the media clock, a clock that was set, a clock that is wrong.

None of them loses media, so they live apart from the breaks of the stream: a camera with a wrong clock
is still live. ``jump`` and ``step`` are moments (closed when none followed for 15 s); ``drift`` lasts.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.clock import Instant
from hub.model import HubClock, Interruption, InterruptionKind, InterruptionState, SenderReport, TimeLeap
from hub.monitor.moments import Beside
from hub.monitor.rules import DetectorRules

_HUB_STEP_US = 250_000
"""Both scales of the hub run alike; when they part by more than this, UTC was set."""
_LATE_REPORTS_US = 4_000_000
"""Devices report every 5 s: the next report, whatever held up the first."""


@dataclass(slots=True)
class _Seen:
    """The newest sender report of a track in this run."""

    device_us: int
    media_ticks: int
    mono_us: int


@dataclass(slots=True)
class _Event:
    about: Beside
    newest_us: int
    newest_mono_us: int


class ClockWatch:
    """Fed with leaps and sender reports of one stream."""

    def __init__(self, stream_id: str, rules: DetectorRules) -> None:
        self._stream_id = stream_id
        self.maintenance = ""
        self.rules = rules
        self.hub_clock = HubClock()
        """How the hub's own calendar is kept, as it was last said."""
        self._rates: dict[int, int] = {}
        self._seen: dict[int, _Seen] = {}
        self._least_offset_mono_us: int | None = None
        self._least_offset_mono_us_before: int | None = None
        self._set_back_since_mono_us: int | None = None
        """When a report first said that the clock was set back between two connections."""
        self._events: dict[InterruptionKind, _Event] = {}
        self._drift: Beside | None = None
        self._wrong_since_mono_us: int | None = None
        self._utc_minus_mono_us: int | None = None

    def opened(self, rates: dict[int, int]) -> None:
        """A connection begins; ``rates`` gives the ticks per second of each track."""
        self._rates = rates
        self._seen = {}
        self._least_offset_mono_us_before = self._least_offset_mono_us
        self._set_back_since_mono_us = None
        self._least_offset_mono_us = None

    def leap(self, leap: TimeLeap) -> list[Interruption]:
        """The media clock leapt, with unbroken sequence numbers: nothing is missing."""
        self._seen.pop(leap.track_id, None)
        return self._moment(InterruptionKind.JUMP, leap.track_id, leap.noticed, {"leap_us": leap.leap_us})

    def realigned(self) -> None:
        """Tracks lie elsewhere on the axis from now on: what reports said of it before cannot be compared."""
        self._seen = {}

    def report(self, report: SenderReport) -> list[Interruption]:
        """The device said what its clock reads: compare it with its media, and with the hub."""
        rate = self._rates.get(report.track_id)
        if rate is None:
            return []
        now = report.arrival
        out: list[Interruption] = []
        step_us = self._step_us(report, rate)
        if step_us:
            out += self._moment(InterruptionKind.STEP, report.track_id, now, {"step_us": step_us})
        self._seen[report.track_id] = _Seen(report.device_us, report.media_ticks, now.mono_us)
        return out + self._judge_drift(report)

    def tick(self, now: Instant) -> list[Interruption]:
        """Close moments that were the last of their kind; notice that the hub's UTC was set."""
        apart_us = now.utc_us - now.mono_us
        if self._utc_minus_mono_us is None:
            self._utc_minus_mono_us = apart_us
        elif abs(apart_us - self._utc_minus_mono_us) > _HUB_STEP_US:
            self._utc_minus_mono_us = apart_us
            self._wrong_since_mono_us = None
        if not self._events:
            return []
        out = []
        for event in list(self._events.values()):
            if now.mono_us - event.newest_mono_us >= self.rules.close_after_us:
                del self._events[event.about.kind]
                out.append(self._told(event.about, InterruptionState.CLOSED, now, event.newest_us))
        return out

    # --------------------------------------------------------------------------- within

    def _step_us(self, report: SenderReport, rate: int) -> int:
        """By how much the device's clock was set since its last report; 0: it was not.

        Inside a connection it is held against its own media, which no network delay can disturb; across
        connections against the hub's monotonic clock, which nobody sets.
        """
        offset_us = report.arrival.mono_us - report.device_us
        least = self._least_offset_mono_us
        self._least_offset_mono_us = offset_us if least is None else min(least, offset_us)
        seen = self._seen.get(report.track_id)
        if seen is not None:
            media_us = (report.media_ticks - seen.media_ticks) * 1_000_000 // rate
            step_us = report.device_us - seen.device_us - media_us
            if abs(step_us) >= self.rules.step_us:
                self._least_offset_mono_us, self._least_offset_mono_us_before = offset_us, None
                return step_us
        return self._step_across_us(self._least_offset_mono_us, report.arrival)

    def _step_across_us(self, least_us: int, now: Instant) -> int:
        """A clock that seems to have been set back may have been told of late, by a hub that was held up: further
        reports are waited for."""
        before = self._least_offset_mono_us_before
        if before is None:
            return 0
        step_us = before - least_us
        if step_us <= -self.rules.step_across_us:
            if self._set_back_since_mono_us is None:
                self._set_back_since_mono_us = now.mono_us
            if now.mono_us - self._set_back_since_mono_us < _LATE_REPORTS_US:
                return 0
        self._least_offset_mono_us_before = None
        return step_us if abs(step_us) >= self.rules.step_across_us else 0

    def _judge_drift(self, report: SenderReport) -> list[Interruption]:
        now = report.arrival
        apart_us = report.offset_us
        limit_us = self.rules.drift_us
        event = self._drift
        if event is not None:
            if abs(apart_us) > limit_us // 2:
                return self._blame(event, apart_us, now)
            self._drift = self._wrong_since_mono_us = None
            return [
                self._told(event, InterruptionState.RESUMED, now),
                self._told(event, InterruptionState.CLOSED, now),
            ]
        if abs(apart_us) <= limit_us:
            self._wrong_since_mono_us = None
            return []
        if self._wrong_since_mono_us is None:
            self._wrong_since_mono_us = now.mono_us
        wrong_for_us = now.mono_us - self._wrong_since_mono_us
        if wrong_for_us < self.rules.drift_for_us:
            return []
        event = self._drift = self._event(InterruptionKind.DRIFT, report.track_id, now, {"offset_us": apart_us})
        event.started_us = now.utc_us - wrong_for_us
        event.evidence["blame"] = self._to_blame(apart_us)
        return [self._told(event, InterruptionState.CONFIRMED, now)]

    def _to_blame(self, apart_us: int) -> str:
        """Two clocks differ. Only where the hub's is known to be right to less than that it is the device's that is
        wrong."""
        clock = self.hub_clock
        error_us = abs(clock.offset_us) + clock.error_us
        return "device" if clock.synchronised and abs(apart_us) > self.rules.drift_us + error_us else "open"

    def _blame(self, event: Beside, apart_us: int, now: Instant) -> list[Interruption]:
        """While the hub's clock was not kept, it was open whose clock is wrong. It may be known by now."""
        if event.evidence["blame"] == self._to_blame(apart_us) or event.evidence["blame"] == "device":
            return []
        event.evidence |= {"offset_us": apart_us, "blame": "device", **self._hub_evidence()}
        return [self._told(event, InterruptionState.CONFIRMED, now)]

    def _hub_evidence(self) -> dict[str, int | str]:
        clock = self.hub_clock
        return {
            "hub_clock": clock.source,
            "hub_clock_offset_us": clock.offset_us,
            "hub_clock_error_us": clock.error_us,
        }

    def _moment(
        self, kind: InterruptionKind, track_id: int, now: Instant, evidence: dict[str, int | str]
    ) -> list[Interruption]:
        event = self._events.get(kind)
        if event is not None:
            event.newest_us = now.utc_us
            event.newest_mono_us = now.mono_us
            event.about.count += track_id in event.about.tracks  # a leap of both tracks is one leap
            event.about.tracks.add(track_id)
            return []
        about = self._event(kind, track_id, now, evidence)
        self._events[kind] = _Event(about, now.utc_us, now.mono_us)
        return [
            self._told(about, InterruptionState.CONFIRMED, now),
            self._told(about, InterruptionState.RESUMED, now),
        ]

    def _event(self, kind: InterruptionKind, track_id: int, now: Instant, evidence: dict[str, int | str]) -> Beside:
        if kind is not InterruptionKind.JUMP:  # in which no clock of the hub plays a part
            evidence = evidence | self._hub_evidence()
        if self.maintenance:
            evidence = evidence | {"maintenance": self.maintenance}
        return Beside(self._stream_id, kind, now.utc_us, now, {track_id}, evidence)

    def _told(self, event: Beside, state: InterruptionState, now: Instant, ended_us: int | None = None) -> Interruption:
        """``ended_us``: where it is not this moment."""
        if state is not InterruptionState.CONFIRMED and ended_us is None:
            ended_us = now.utc_us
        return event.told(state, ended_us, now.mono_us - event.detected.mono_us, self.rules)
