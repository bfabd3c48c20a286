"""The interruptions of one stream on their way through the states: opened, merged, closed.

At most one is suspected or confirmed at a time (``open``). The one before it is kept for as long as a
further break would belong to it (``past``): a flapping link is one interruption with a count.
"""

from __future__ import annotations

from hub.clock import Instant
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.breaks import parse_breaks
from hub.monitor.case import FIRMNESS, WHOLE_STREAM, Case, Fault
from hub.monitor.rules import DetectorRules

_SILENCES = (InterruptionKind.STALL, InterruptionKind.NO_SIGNAL)
"""Of these another node may have had all along what is missing here."""


class Docket:
    """Changes are returned as lists of snapshots, in order. Nothing here knows what a packet is."""

    def __init__(self, stream_id: str, rules: DetectorRules) -> None:
        self._stream_id = stream_id
        self.rules = rules
        self.open: Case | None = None
        self.past: Case | None = None
        self._newest_id_us = 0
        self.maintenance = ""
        """The planned maintenance that runs."""

    def maintain(self, ident: str) -> None:
        """A planned maintenance runs from now on; empty: none does."""
        if self.maintenance and not ident and self.past is not None:
            self.past.excused = True
        self.maintenance = ident

    @property
    def current(self) -> Interruption | None:
        """What is suspected, lasts, or waits for its edge."""
        if self.open is not None:
            return self.open.snapshot()
        if self.past is not None and self.past.state is InterruptionState.RESUMED:
            return self.past.snapshot()
        return None

    # ---------------------------------------------------------------------- opening

    def add(
        self, track_id: int, fault: Fault, kind: InterruptionKind, now: Instant, reason: str = ""
    ) -> list[Interruption]:
        """A fault of a track begins. It joins what is open, or what ended just now, or is a suspicion."""
        case = self.open
        if case is not None:
            return self._join(case, track_id, fault, kind, now)
        past = self.past
        if fault.missing and past is not None and self._belongs(past, fault, kind):
            self._reopen(past, {track_id: fault}, kind)
            return []
        case = self.open = Case(self._next_id(now), self._stream_id, kind, now, faults={track_id: fault})
        if reason:
            case.evidence["reason"] = reason
        if self.maintenance:
            case.evidence["maintenance"] = self.maintenance
        if fault.missing:
            return []  # confirmed in the same breath
        case.announced = True
        return [case.snapshot()]

    def _join(
        self, case: Case, track_id: int, fault: Fault, kind: InterruptionKind, now: Instant
    ) -> list[Interruption]:
        if case.over and not case.goes_on({track_id: fault}):
            case.begin_break()
        if case.state is InterruptionState.SUSPECTED and fault.missing and kind not in FIRMNESS:
            case.kind = kind  # a certainty beside a suspicion
        known = case.faults.setdefault(track_id, fault)
        if known is not fault:
            # Good for a moment while another track was missing: it has been at fault since its first break.
            known.ended_us = None
            known.fixed = False
            known.late_since_us = None
            known.lost += fault.lost
            known.confirm_mono_us = fault.confirm_mono_us
        return self.told(now) if self.refine(kind) else []

    def confirm(self, now: Instant) -> list[Interruption]:
        """Media is missing. Nothing to say where that was known."""
        case, past = self.open, self.past
        if case is None or case.state is InterruptionState.CONFIRMED:
            return []
        out: list[Interruption] = []
        if case.announced and past is not None and self._belongs(past, _earliest(case), case.kind):
            case.state = InterruptionState.WITHDRAWN
            case.evidence["merged_into"] = past.id
            out.append(case.snapshot())
            self._reopen(past, case.faults, case.kind)
            case = past
        case.state = InterruptionState.CONFIRMED
        case.weigh(now, self.rules)
        out.append(case.snapshot())
        return out

    def refine(self, kind: InterruptionKind) -> bool:
        """The open case is of a firmer kind than it seemed. Tell it with :meth:`told`."""
        return self.open is not None and self.open.refine(kind)

    def told(self, now: Instant) -> list[Interruption]:
        """The open case anew, because its kind changed; nothing if nobody has heard of it yet."""
        case = self.open
        if case is None or not (case.announced or case.state is InterruptionState.CONFIRMED):
            return []
        case.weigh(now, self.rules)
        return [case.snapshot()]

    def note(self, key: str, value: int) -> None:
        """Evidence for the open case; the largest value stays."""
        if self.open is not None:
            self.open.evidence[key] = max(value, int(self.open.evidence.get(key, value)))

    # ---------------------------------------------------------------------- ending

    def settle(self, now: Instant) -> list[Interruption]:
        """A fault is over; when it was the last one, media flows again."""
        case = self.open
        if case is None or not case.over:
            return []
        case.resumed_mono_us = now.mono_us
        if case.kind is InterruptionKind.LOSS:
            return []  # told when pictures have stayed whole for a while
        return self._resume(case, now)

    def was_late(self, track_id: int, now: Instant) -> list[Interruption]:
        """Nothing of this track is missing after all."""
        case = self.open
        if case is None:
            return []
        fault = case.faults.pop(track_id)
        if case.faults:
            return self.settle(now)
        if case.breaks:
            case.end_break_unmade()
            return self._resume(case, now)
        self.open = None
        case.faults[track_id] = fault
        case.state = InterruptionState.WITHDRAWN
        return [case.snapshot()]

    def end_expectation(self, reason: str, now: Instant) -> list[Interruption]:
        """Recording is no longer due: whatever is open ends here."""
        out = self._close_past(now)
        case, self.open = self.open, None
        if case is None:
            return out
        case.evidence["reason"] = reason
        if case.state is InterruptionState.SUSPECTED:
            case.state = InterruptionState.WITHDRAWN
            return [*out, case.snapshot()]
        for fault in case.faults.values():
            if fault.ended_us is None:
                fault.ended_us = max(now.utc_us, fault.started_us)
        return [*out, self._close(case, now)]

    def put_away(self, now: Instant) -> list[Interruption]:
        """The hub stops. A suspicion cannot be followed up, a lasting break is taken up at the next start."""
        out = self._close_past(now)
        case = self.open
        if case is None:
            return out
        if case.state is InterruptionState.SUSPECTED:
            self.open = None
            case.state = InterruptionState.WITHDRAWN
            case.evidence["reason"] = "hub stopped"
            out.append(case.snapshot())
        elif case.over:
            self.open = None
            out.append(self._close(case, now))
        return out

    def tick(self, now: Instant, out: list[Interruption], *, may_confirm: bool) -> None:
        """Confirm what has lasted, close what has settled."""
        case = self.open
        if case is not None:
            if case.state is InterruptionState.SUSPECTED:
                if may_confirm and any(_certain(fault, now) for fault in case.faults.values()):
                    out += self.confirm(now)
            elif case.over:
                if now.mono_us - case.resumed_mono_us >= self.rules.whole_for_us:
                    out += self._resume(case, now)
            elif case.weigh(now, self.rules):
                out.append(case.snapshot())
        past = self.past
        if past is None:
            return
        since_us = now.mono_us - past.resumed_mono_us
        if past.state is InterruptionState.RESUMED:
            fixed = all(fault.fixed for fault in past.faults.values())
            if since_us >= (self.rules.settle_us if fixed else self.rules.close_after_us):
                out += self._close_past(now)
        elif since_us > self.rules.merge_break_us:
            self.past = None

    # --------------------------------------------------------------------- after a restart

    def restore(self, last: Interruption) -> None:
        """Take up what was open when the hub ended: :meth:`place` must follow."""
        case = Case(last.id, last.stream_id, last.kind, Instant(last.detected_us, 0), last.state)
        case.announced = True
        case.count = last.count
        case.recorded, case.rings, case.needs_explanation = True, last.rings, last.needs_explanation
        case.evidence = dict(last.evidence)
        breaks = parse_breaks(case.evidence.pop("breaks", ""))
        started_us = last.started_us
        if breaks:
            case.first_us = last.started_us
            started_us = breaks[-1][0]
            case.breaks = [(begin, end) for begin, end in breaks[:-1] if end is not None]
        case.evidence["earlier_lost"] = case.evidence.pop("packets_lost", 0)
        missing = last.kind not in _SILENCES
        for track_id in last.tracks or (WHOLE_STREAM,):
            fault = Fault(started_us, 0, 0, 0, missing=missing, edge_error_us=self.rules.edge_error_us)
            fault.ended_us = last.ended_us
            case.faults[track_id] = fault
        if last.state is InterruptionState.RESUMED:
            self.past = case
        else:
            self.open = case

    def place(self, now: Instant) -> None:
        """The first moment after a restart: monotonic time began anew, the calendar did not."""
        if self.open is not None:
            for fault in self.open.faults.values():
                fault.heard_mono_us = now.mono_us - max(0, now.utc_us - fault.started_us)
        if self.past is not None:
            self.past.resumed_mono_us = now.mono_us - self.rules.close_after_us

    # --------------------------------------------------------------------------- within

    def _belongs(self, past: Case, fault: Fault, kind: InterruptionKind) -> bool:
        related = kind is past.kind or (kind in FIRMNESS and past.kind in FIRMNESS)
        window_us = self.rules.merge_damage_us if kind is InterruptionKind.LOSS else self.rules.merge_break_us
        return related and fault.heard_mono_us - past.resumed_mono_us < window_us

    def _reopen(self, past: Case, faults: dict[int, Fault], kind: InterruptionKind) -> None:
        if not past.goes_on(faults):
            past.begin_break()
            past.faults = faults
        past.refine(kind)
        self.open, self.past = past, None

    def _resume(self, case: Case, now: Instant) -> list[Interruption]:
        out = self._close_past(now)
        self.open, self.past = None, case
        case.state = InterruptionState.RESUMED
        case.weigh(now, self.rules)
        out.append(case.snapshot())
        return out

    def _close_past(self, now: Instant) -> list[Interruption]:
        past = self.past
        if past is None or past.state is not InterruptionState.RESUMED:
            return []
        return [self._close(past, now)]

    def _close(self, case: Case, now: Instant) -> Interruption:
        case.state = InterruptionState.CLOSED
        case.weigh(now, self.rules)
        return case.snapshot()

    def _next_id(self, now: Instant) -> str:
        """Of the moment of suspicion; one later where that is taken."""
        self._newest_id_us = max(now.utc_us, self._newest_id_us + 1)
        return f"{self._stream_id}-{self._newest_id_us}"


def _earliest(case: Case) -> Fault:
    return min(case.faults.values(), key=lambda fault: fault.heard_mono_us)


def _certain(fault: Fault, now: Instant) -> bool:
    return fault.ended_us is None and fault.late_since_us is None and now.mono_us >= fault.confirm_mono_us
