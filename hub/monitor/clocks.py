"""What the device's clocks do: leaps of the media clock, a clock that was set, a clock that is wrong.

None of them loses media, so they live apart from the breaks of the stream: a camera with a wrong clock
is still live. ``jump`` and ``step`` are moments (closed when none followed for 15 s); ``drift`` lasts.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.clock import Instant
from hub.model import Interruption, InterruptionKind, InterruptionState, SenderReport, TimeLeap
from hub.monitor.rules import DetectorRules

_HUB_STEP_US = 250_000
"""Both scales of the hub run alike; when they part by more than this, UTC was set."""


@dataclass(slots=True)
class _Seen:
    """The newest sender report of a track in this run."""

    device_us: int
    media_ticks: int
    mono_us: int


@dataclass(slots=True)
class _Event:
    id: str
    kind: InterruptionKind
    at: Instant
    newest_us: int
    newest_mono_us: int
    tracks: set[int]
    evidence: dict[str, int | str]
    count: int = 1


class ClockWatch:
    """Fed with leaps and sender reports of one stream."""

    def __init__(self, stream_id: str, rules: DetectorRules) -> None:
        self._stream_id = stream_id
        self._rules = rules
        self._rates: dict[int, int] = {}
        self._seen: dict[int, _Seen] = {}
        self._least_offset_mono_us: int | None = None
        self._least_offset_mono_us_before: int | None = None
        self._events: dict[InterruptionKind, _Event] = {}
        self._drift: _Event | None = None
        self._wrong_since_mono_us: int | None = None
        self._utc_minus_mono_us: int | None = None

    def opened(self, rates: dict[int, int]) -> None:
        """A connection begins; ``rates`` gives the ticks per second of each track."""
        self._rates = rates
        self._seen = {}
        self._least_offset_mono_us_before = self._least_offset_mono_us
        self._least_offset_mono_us = None

    def leap(self, leap: TimeLeap) -> list[Interruption]:
        """The media clock leapt, with unbroken sequence numbers: nothing is missing."""
        self._seen.pop(leap.track_id, None)
        return self._moment(InterruptionKind.JUMP, leap.track_id, leap.noticed, {"leap_us": leap.leap_us})

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
            if now.mono_us - event.newest_mono_us >= self._rules.close_after_us:
                del self._events[event.kind]
                out.append(self._told(event, InterruptionState.CLOSED, event.newest_us))
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
            if abs(step_us) < self._rules.step_us:
                return 0
            self._least_offset_mono_us = offset_us
            return step_us
        before, self._least_offset_mono_us_before = self._least_offset_mono_us_before, None
        step_us = 0 if before is None else before - offset_us
        return step_us if abs(step_us) >= self._rules.step_across_us else 0

    def _judge_drift(self, report: SenderReport) -> list[Interruption]:
        now = report.arrival
        apart_us = report.offset_us
        limit_us = self._rules.drift_us
        if self._drift is not None:
            if abs(apart_us) > limit_us // 2:
                return []
            event, self._drift = self._drift, None
            self._wrong_since_mono_us = None
            return [
                self._told(event, InterruptionState.RESUMED, now.utc_us),
                self._told(event, InterruptionState.CLOSED, now.utc_us),
            ]
        if abs(apart_us) <= limit_us:
            self._wrong_since_mono_us = None
            return []
        if self._wrong_since_mono_us is None:
            self._wrong_since_mono_us = now.mono_us
        if now.mono_us - self._wrong_since_mono_us < self._rules.drift_for_us:
            return []
        self._drift = self._event(InterruptionKind.DRIFT, report.track_id, now, {"offset_us": apart_us})
        return [self._told(self._drift, InterruptionState.CONFIRMED, None)]

    def _moment(
        self, kind: InterruptionKind, track_id: int, now: Instant, evidence: dict[str, int | str]
    ) -> list[Interruption]:
        event = self._events.get(kind)
        if event is not None:
            event.newest_us = now.utc_us
            event.newest_mono_us = now.mono_us
            event.count += track_id in event.tracks  # a leap of both tracks is one leap
            event.tracks.add(track_id)
            return []
        event = self._events[kind] = self._event(kind, track_id, now, evidence)
        return [
            self._told(event, InterruptionState.CONFIRMED, None),
            self._told(event, InterruptionState.RESUMED, now.utc_us),
        ]

    def _event(self, kind: InterruptionKind, track_id: int, now: Instant, evidence: dict[str, int | str]) -> _Event:
        name = f"{self._stream_id}-{now.utc_us}-{kind}"
        return _Event(name, kind, now, now.utc_us, now.mono_us, {track_id}, evidence)

    def _told(self, event: _Event, state: InterruptionState, ended_us: int | None) -> Interruption:
        rule = self._rules.of(event.kind)
        return Interruption(
            id=event.id,
            stream_id=self._stream_id,
            kind=event.kind,
            state=state,
            started_us=event.at.utc_us,
            detected_us=event.at.utc_us,
            ended_us=None if ended_us is None else max(ended_us, event.at.utc_us),
            tracks=tuple(sorted(event.tracks)),
            count=event.count,
            rings=rule.ring_from_us is not None,
            needs_explanation=rule.explain_from_us is not None,
            evidence=event.evidence,
        )
