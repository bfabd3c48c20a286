"""One interruption while it is being judged: its faults by track, its earlier breaks, its edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.clock import Instant
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.breaks import format_breaks
from hub.monitor.rules import DetectorRules

WHOLE_STREAM = 0
"""In the place of a track id: the tracks are not known (yet)."""
STORAGE = -1
"""In the place of a track id: the disk, which no track can mend."""
_BREAKS_LISTED = 16
"""Earlier breaks of a flapping link are listed one by one up to here; then only counted."""

FIRMNESS = (
    InterruptionKind.LOSS,
    InterruptionKind.STALL,
    InterruptionKind.NO_SIGNAL,
    InterruptionKind.STOPPED,
)
"""A kind is only ever refined to one further right: a pulled cable is a stall first."""


@dataclass(slots=True)
class Fault:
    """What is wrong with one track. Times as in :class:`Interruption`; ``_mono_us`` is monotonic."""

    started_us: int
    heard_mono_us: int
    """Arrival of the last frame before it."""
    confirm_mono_us: int
    """With nothing further heard, media is certainly missing from here on."""
    run: int
    """The connection in which it began."""
    axis_us: int = 0
    """Where the last good frame ended on the axis of that connection."""
    device_us: int | None = None
    """The same by the device's clock."""
    missing: bool = False
    """Media is known to be missing, not merely late."""
    late_since_us: int | None = None
    """Monotonic time since which what was late has been arriving."""
    ended_us: int | None = None
    end_axis_us: int = 0
    end_run: int = 0
    end_calendar_us: int = 0
    """UTC minus monotonic at the end: the calendar that ``ended_us`` is on."""
    end_device_us: int | None = None
    """The end by the device's clock."""
    lag_us: int | None = None
    """The hub's monotonic clock minus the device's, by whatever came with the smallest delay since."""
    edge_error_us: int = 0
    frame_us: int = 1
    """The distance of two frames: the error of an edge that is exact."""
    fixed: bool = False
    """The edge is as exact as it can become."""
    lost: int = 0

    @property
    def over(self) -> bool:
        return self.ended_us is not None

    def heard(self, lag_us: int) -> None:
        self.lag_us = lag_us if self.lag_us is None else min(self.lag_us, lag_us)

    @property
    def begin_error_us(self) -> int:
        """Of its start alone, which lies inside one connection where a frame came before it."""
        return self.frame_us if self.frame_us > 1 else self.edge_error_us


@dataclass(slots=True)
class Case:
    """An interruption in the making. ``breaks`` are earlier ones (from, to) that were merged into it."""

    id: str
    stream_id: str
    kind: InterruptionKind
    detected: Instant
    state: InterruptionState = InterruptionState.SUSPECTED
    faults: dict[int, Fault] = field(default_factory=dict)
    breaks: list[tuple[int, int]] = field(default_factory=list)
    first_us: int | None = None
    first_error_us: int = 0
    """Of ``first_us``, whatever track is at fault later on."""
    since_us: int | None = None
    """Where breaks began that turned out to be parts of the newest one."""
    tracks: set[int] = field(default_factory=set)
    count: int = 1
    evidence: dict[str, int | str] = field(default_factory=dict)
    announced: bool = False
    """Somebody was told of it."""
    resumed_mono_us: int = 0
    rings: bool = False
    needs_explanation: bool = False
    recorded: bool = False
    excused: bool = False
    """It was over when a planned maintenance was: what follows rings and asks nothing for it."""

    # ---------------------------------------------------------------------------- edges

    @property
    def break_started_us(self) -> int:
        """Start of the newest break."""
        started_us = min(fault.started_us for fault in self.faults.values())
        return started_us if self.since_us is None else min(started_us, self.since_us)

    @property
    def started_us(self) -> int:
        """Of the first break; another track may have broken off even earlier, and have been noticed later."""
        return self.break_started_us if self.first_us is None else min(self.first_us, self.break_started_us)

    @property
    def ended_us(self) -> int | None:
        """End of the newest break, None while a track is still missing."""
        ends = [fault.ended_us for fault in self.faults.values()]
        known = [end for end in ends if end is not None]
        if not known or len(known) < len(ends):
            return None
        return max(*known, self.started_us)  # a calendar set back between two breaks

    @property
    def edge_error_us(self) -> int:
        """Of the start of the first break and the end of the newest one: whichever is worse."""
        return max(self.first_error_us, *(fault.edge_error_us for fault in self.faults.values()))

    @property
    def missing(self) -> bool:
        return any(fault.missing for fault in self.faults.values())

    @property
    def over(self) -> bool:
        return all(fault.over for fault in self.faults.values())

    @property
    def awaits_edge(self) -> bool:
        """Media flows again, and its first capture time may yet become clearer."""
        return self.state is InterruptionState.RESUMED

    def missing_us(self, now: Instant) -> int:
        """Time missing or spoilt so far, all breaks together."""
        ended_us = self.ended_us
        if ended_us is not None:
            newest_us = ended_us - self.break_started_us
        else:
            # On the monotonic scale: a clock that NTP sets must not demand a signature.
            newest_us = now.mono_us - min(fault.heard_mono_us for fault in self.faults.values() if not fault.over)
        return newest_us + int(self.evidence.get("earlier_us", 0))

    # -------------------------------------------------------------------------- changes

    def refine(self, kind: InterruptionKind) -> bool:
        """Take the firmer of two kinds; True when that changed something."""
        if kind is self.kind or self.kind not in FIRMNESS or kind not in FIRMNESS:
            return False
        if FIRMNESS.index(kind) < FIRMNESS.index(self.kind):
            return False
        self.kind = kind
        return True

    def weigh(self, now: Instant, rules: DetectorRules) -> bool:
        """Judge the thresholds anew: they are only ever crossed upwards. True when one was."""
        rule = rules.of(self.kind)
        missing_us = self._weight_us(now, rules)
        rings = self.rings or (rule.rings(missing_us) and not self.excused)
        needs = self.needs_explanation or (rule.demands(missing_us) and not self.excused)
        recorded = self.recorded or missing_us >= rule.record_from_us
        changed = (recorded, rings, needs) != (self.recorded, self.rings, self.needs_explanation)
        self.recorded, self.rings, self.needs_explanation = recorded, rings, needs
        return changed

    def _weight_us(self, now: Instant, rules: DetectorRules) -> int:
        if self.kind is not InterruptionKind.LOSS:
            return self.missing_us(now)
        newest_us = self.missing_us(now) - int(self.evidence.get("earlier_us", 0))
        since_us = self.break_started_us + newest_us - rules.damage_window_us
        return newest_us + sum(end - max(begin, since_us) for begin, end in self.breaks if end > since_us)

    def goes_on(self, faults: Mapping[int, Fault]) -> bool:
        """Faults are told while nothing is wrong any more. True where they began before another track was good again,
        and it was noticed only now (a picture is missed after longer than sound is): it is the same break."""
        others = [fault for track_id, fault in self.faults.items() if track_id not in faults]
        ends = [fault.ended_us for fault in others if fault.ended_us is not None]
        started_us = min(fault.started_us for fault in faults.values())
        heard_us = min(fault.heard_mono_us for fault in faults.values())
        if not ends or started_us >= max(ends) or heard_us >= self.resumed_mono_us:
            return False
        again = [fault for track_id, fault in self.faults.items() if track_id in faults]
        if again:
            self.since_us = self.break_started_us
            self._note_lost(again)
        self.faults |= faults
        while self.breaks and self.breaks[-1][1] > started_us:
            begin, end = self.breaks.pop()
            self.evidence["earlier_us"] = int(self.evidence.get("earlier_us", 0)) - (end - begin)
            self.since_us = min(begin, self.break_started_us)
            self.count -= 1
        return True

    def begin_break(self) -> None:
        """The newest break is over and another one begins: keep the old one as one that was."""
        ended_us = self.ended_us
        assert ended_us is not None
        started_us = self.break_started_us
        if self.first_us is None or started_us < self.first_us:
            self.first_us = started_us
            self.first_error_us = max(fault.begin_error_us for fault in self.faults.values())
        self.breaks = [*self.breaks[-(_BREAKS_LISTED - 1) :], (started_us, ended_us)]
        self.evidence["earlier_us"] = int(self.evidence.get("earlier_us", 0)) + ended_us - started_us
        self.tracks |= {track for track in self.faults if track > 0}
        self._note_lost(self.faults.values())
        self.faults = {}
        self.since_us = None
        self.excused = False
        self.count += 1

    def end_break_unmade(self) -> None:
        """The newest break was none: what was late came. The one before is the newest again."""
        started_us, ended_us = self.breaks.pop()
        self.since_us = None
        self.evidence["earlier_us"] = int(self.evidence.get("earlier_us", 0)) - (ended_us - started_us)
        self.count -= 1
        self.faults = {WHOLE_STREAM: Fault(started_us, 0, 0, 0, missing=True, ended_us=ended_us, fixed=True)}

    def _note_lost(self, faults: Iterable[Fault]) -> None:
        lost = sum(fault.lost for fault in faults)
        self.evidence["earlier_lost"] = int(self.evidence.get("earlier_lost", 0)) + lost

    def _lost(self) -> int:
        return sum(fault.lost for fault in self.faults.values())

    def snapshot(self) -> Interruption:
        """What is known of it at this moment."""
        evidence = dict(self.evidence)
        lost = self._lost() + int(evidence.pop("earlier_lost", 0))
        if lost:
            evidence["packets_lost"] = lost
        if self.breaks:
            evidence["breaks"] = format_breaks([*self.breaks, (self.break_started_us, self.ended_us)])
        settled = self.state in (InterruptionState.RESUMED, InterruptionState.CLOSED)
        return Interruption(
            id=self.id,
            stream_id=self.stream_id,
            kind=self.kind,
            state=self.state,
            started_us=self.started_us,
            detected_us=self.detected.utc_us,
            ended_us=self.ended_us if settled else None,
            edge_error_us=self.edge_error_us,
            tracks=tuple(sorted(self.tracks | {track for track in self.faults if track > 0})),
            count=self.count,
            needs_explanation=self.needs_explanation,
            rings=self.rings and self.state is not InterruptionState.SUSPECTED,
            evidence=evidence,
            recorded=self.recorded or self.state in (InterruptionState.SUSPECTED, InterruptionState.WITHDRAWN),
        )
