"""Verdicts become interruptions: one fault one interruption, flapping is one with a count. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hub.clock import US_PER_S, Instant
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.breaks import Break, format_breaks
from hub.monitor.moments import Beside
from hub.monitor.rules import DetectorRules

SETTLE_US = 10 * US_PER_S
"""Good for so long, and it is over; what comes back sooner is the same fault."""
_SURE_US = 1 * US_PER_S
"""What was seen bad from a second after the last good picture counts as bad from there on: of a fault of exactly
``record_from_us`` the last second is never seen."""
_LISTED_BREAKS = 17
_SIGHTS = 20
Evidence = Mapping[str, int | str]


class Matter(StrEnum):
    """What can be wrong at the same time; of each matter one case is open at most."""

    PICTURE = "picture"
    SHARPNESS = "sharpness"
    SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Sight:
    """One check: ``at_us`` is the capture time of the keyframe or frame (hub UTC), ``now`` its arrival."""

    at_us: int
    now: Instant
    track_id: int
    kind: InterruptionKind | None
    evidence: Evidence = field(default_factory=dict)
    since_us: int | None = None
    """An earlier sight is known now to have been as bad."""


_DEEPER = {InterruptionKind.COVERED: InterruptionKind.BLACK}
"""A hand that closes over the lens covers it first, and then there is no light at all: one fault."""


@dataclass(slots=True)
class _Case:
    about: Beside
    last_good_us: int
    newest_us: int
    """Of the last bad sight."""
    break_us: int
    """Where the break that lasts, or lasted, began."""
    seen: int = 1
    confirmed: bool = False
    good_us: int | None = None
    """The first good sight after the break."""
    good_mono_us: int = 0
    breaks: deque[Break] = field(default_factory=lambda: deque(maxlen=_LISTED_BREAKS))
    earlier_us: int = 0


class CaseBook:
    """Of one stream. Every call returns the changes, in order, as the detector does."""

    def __init__(self, stream_id: str, rules: DetectorRules) -> None:
        self._stream_id = stream_id
        self.rules = rules
        self.maintenance = ""
        """The planned maintenance that runs."""
        self._cases: dict[Matter, _Case] = {}
        self._last_good_us: dict[Matter, int] = {}
        self._newest_us: dict[Matter, int] = {}
        self._sights: deque[tuple[Matter, int]] = deque(maxlen=_SIGHTS)

    @property
    def current(self) -> tuple[Interruption, ...]:
        """What lasts, or has not settled yet."""
        return tuple(self._told(case) for case in self._cases.values() if case.confirmed)

    def suspicious(self, matter: Matter) -> bool:
        """Something is wrong, and not yet known to have lasted long enough: look more often."""
        case = self._cases.get(matter)
        return case is not None and (not case.confirmed or case.good_us is not None)

    def note(self, matter: Matter, evidence: Evidence) -> None:
        """More evidence for the open case."""
        case = self._cases.get(matter)
        if case is not None:
            case.about.evidence |= evidence

    def see(self, matter: Matter, sight: Sight) -> list[Interruption]:
        """The next check of one matter."""
        distance_us = max(sight.at_us - self._newest_us.get(matter, sight.at_us), 0)
        self._newest_us[matter] = sight.at_us
        self._sights.append((matter, sight.at_us))
        case = self._cases.get(matter)
        if sight.kind is None:
            self._last_good_us[matter] = sight.at_us
            return [] if case is None else self._good(matter, case, sight, distance_us)
        out: list[Interruption] = []
        if case is not None and not self._same_fault(case, sight.kind):
            out = self._end(matter, case, case.good_us or sight.at_us, "")
            case = None
        if case is None:
            self._cases[matter] = self._begin(matter, sight, distance_us)
            return out + self._weigh(self._cases[matter])
        return out + self._bad(case, sight)

    def tick(self, now: Instant) -> list[Interruption]:
        """Close what has settled."""
        out: list[Interruption] = []
        for matter, case in list(self._cases.items()):
            if case.good_us is not None and now.mono_us - case.good_mono_us >= SETTLE_US:
                del self._cases[matter]
                if case.confirmed:
                    out.append(self._told(case, InterruptionState.CLOSED))
        return out

    def end(self, reason: str, matters: tuple[Matter, ...] = tuple(Matter)) -> list[Interruption]:
        """The stream broke off, or nothing is looked at any more: what lasted is known up to the last sight."""
        out: list[Interruption] = []
        for matter in matters:
            case = self._cases.get(matter)
            if case is not None:
                out += self._end(matter, case, case.good_us or case.newest_us, reason if case.good_us is None else "")
            self._last_good_us.pop(matter, None)
            self._newest_us.pop(matter, None)
        return out

    # ----------------------------------------------------------------------------- within

    def _begin(self, matter: Matter, sight: Sight, distance_us: int) -> _Case:
        assert sight.kind is not None
        detected = Instant(max(sight.now.utc_us, sight.at_us), sight.now.mono_us)
        began_us = sight.at_us if sight.since_us is None else min(sight.since_us, sight.at_us)
        about = Beside(self._stream_id, sight.kind, began_us, detected, {sight.track_id}, dict(sight.evidence))
        good_us = self._last_good_us.get(matter, began_us)
        if began_us < sight.at_us:
            before = [at_us for each, at_us in self._sights if each is matter and at_us < began_us]
            good_us = max(before, default=began_us)
            distance_us = max(began_us - good_us, 0)
        about.edge_error_us = distance_us
        if self.maintenance:
            about.evidence["maintenance"] = self.maintenance
        return _Case(about, good_us, sight.at_us, began_us, seen=1 if began_us == sight.at_us else 2)

    def _same_fault(self, case: _Case, kind: InterruptionKind) -> bool:
        return case.about.kind is kind or _DEEPER.get(case.about.kind) is kind or _DEEPER.get(kind) is case.about.kind

    def _bad(self, case: _Case, sight: Sight) -> list[Interruption]:
        case.seen += 1
        case.newest_us = max(sight.at_us, case.newest_us)
        for key, value in sight.evidence.items():
            case.about.evidence.setdefault(key, value)
        again = case.good_us is not None
        if again:
            self._next_break(case, sight)
        if again and case.confirmed:
            return [self._told(case)]
        return self._weigh(case)

    def _next_break(self, case: _Case, sight: Sight) -> None:
        assert case.good_us is not None
        if len(case.breaks) == _LISTED_BREAKS - 1:
            begin, end = case.breaks.popleft()
            case.earlier_us += (end or begin) - begin
        case.breaks.append((case.break_us, case.good_us))
        case.about.count += 1
        case.break_us, case.good_us = sight.at_us, None

    def _weigh(self, case: _Case) -> list[Interruption]:
        """Confirm once it lasted, and tell anew when it rings or must be explained."""
        rule = self.rules.of(case.about.kind)
        before = case.about.crossed
        if not case.confirmed:
            lasted_us = case.newest_us - case.last_good_us
            if case.seen < 2 or lasted_us < rule.record_from_us - _SURE_US:
                return []
            case.confirmed = case.about.recorded = True
            return [self._told(case)]
        told = self._told(case)
        return [told] if case.about.crossed != before else []

    def _good(self, matter: Matter, case: _Case, sight: Sight, distance_us: int) -> list[Interruption]:
        if case.good_us is not None:
            return []
        rule = self.rules.of(case.about.kind)
        if not case.confirmed:
            if case.seen < 2 or sight.at_us - case.last_good_us < rule.record_from_us + distance_us:
                del self._cases[matter]
                return []
            case.confirmed = case.about.recorded = True
            out = [self._told(case)]
        else:
            out = []
        case.good_us, case.good_mono_us = sight.at_us, sight.now.mono_us
        case.about.edge_error_us = max(case.about.edge_error_us, distance_us)
        return [*out, self._told(case, InterruptionState.RESUMED)]

    def _end(self, matter: Matter, case: _Case, ended_us: int, reason: str) -> list[Interruption]:
        del self._cases[matter]
        if not case.confirmed:
            return []
        if case.good_us is None:
            case.good_us = ended_us
        if reason:
            case.about.evidence["reason"] = reason
        return [self._told(case, InterruptionState.CLOSED)]

    def _told(self, case: _Case, state: InterruptionState | None = None) -> Interruption:
        if state is None:
            state = InterruptionState.CONFIRMED if case.good_us is None else InterruptionState.RESUMED
        lasted_us = sum((end or begin) - begin for begin, end in case.breaks) + case.earlier_us
        lasted_us += (case.good_us or case.newest_us) - case.break_us
        if case.breaks:
            case.about.evidence["breaks"] = format_breaks([*case.breaks, (case.break_us, case.good_us)])
            if case.earlier_us:
                case.about.evidence["earlier_us"] = case.earlier_us
        return case.about.told(state, case.good_us, lasted_us, self.rules)
