"""The interruption detector: packets and ticks in, changes of interruptions out. Pure.

::

    suspected ─┬─> withdrawn                        late, but nothing is missing
               └─> confirmed ─┬─> resumed ─> closed
                    │    ▲    └─> withdrawn         confirmed by the clock, and yet all of it came
                    └────┴─ another break within 30 s of the resume (damage: 5 s): one more, ``count``

What is known at once to be missing begins at ``confirmed``. ``docs/design/interruptions.md`` has the
table of verdicts and the reasons.
"""

from __future__ import annotations

from hub.clock import Instant
from hub.model import (
    AccessUnit,
    Expected,
    HubClock,
    Interruption,
    InterruptionKind,
    InterruptionState,
    MediaKind,
    PacketLoss,
    SenderReport,
    SessionInfo,
    Stream,
    TimeLeap,
)
from hub.monitor.case import STORAGE, WHOLE_STREAM, Fault
from hub.monitor.clocks import ClockWatch
from hub.monitor.docket import Docket
from hub.monitor.edges import advance, begin_fault, correct_edges, end_fault, gap_us, hear_report, settle_edges
from hub.monitor.expectation import Expectation, Turn, turned_at
from hub.monitor.rate import RateWatch
from hub.monitor.rules import DetectorRules, StreamState
from hub.monitor.successors import awaited, begun_anew, succeed
from hub.monitor.watch import TrackWatch

_NOTHING: list[Interruption] = []
"""Returned by the hot path; never appended to."""
_CAUGHT_UP_US = 300_000
"""Media that was late is on time again when it lags no more than this."""
_LATE_FOR_US = 2_000_000
"""… or when it has flowed for this long: the delay has come to stay."""
_PAUSE_US = 500_000
"""No arrival for so much longer than a frame's distance is a pause; below that, packets are merely missing."""
_LEAPT_US = 100_000
"""Across a leap the axis goes on by one distance of pictures; where they are reordered, that is off by a few."""
_NO_GAP_US = 100_000
"""Less than this (or three frames) between two connections: nothing is missing."""


class InterruptionDetector:
    """Of one stream, for as long as it is registered.

    Every call returns the interruptions that changed, each as it is after one change of state (or of its
    kind, or of ``rings`` and ``needs_explanation``), in order. Calls come in the order of arrival; time
    must not go back on the monotonic scale and may do as it likes on the UTC scale.

    ``restored`` is what was open when the hub last ended, ``recorded_until_us`` (hub UTC) until when the
    stream was recorded then, None if nothing was due.
    """

    def __init__(
        self,
        stream: Stream,
        rules: DetectorRules,
        *,
        restored: Interruption | None = None,
        recorded_until_us: int | None = None,
    ) -> None:
        self._stream = stream
        self._rules = rules
        self._docket = Docket(stream.id, rules)
        self._clocks = ClockWatch(stream.id, rules)
        self._rate = RateWatch(stream.id, rules)
        self._watches: dict[int, TrackWatch] = {}
        self._delivered: dict[int, MediaKind] = {}
        self._run = 0
        self._axis_error_us = 1
        self._connected = False
        self._expectation = Expectation(rules, always=stream.kind.always_expected)
        self._ended = False
        self._restored = False
        self._recorded_until_us = recorded_until_us
        if restored is not None and restored.state in (InterruptionState.CONFIRMED, InterruptionState.RESUMED):
            self._expectation.expected = self._restored = True
            self._docket.restore(restored)

    # ------------------------------------------------------------------------- answers

    @property
    def current(self) -> Interruption | None:
        """The interruption that lasts, or whose edge is still open; None when all is well."""
        return self._docket.current

    @property
    def rules(self) -> DetectorRules:
        """What holds now; under maintenance other than what was said by :meth:`use`."""
        return self._docket.rules

    @property
    def maintenance(self) -> str:
        return self._docket.maintenance

    @property
    def state(self) -> StreamState:
        case = self._docket.open
        if case is not None:
            suspected = case.state is InterruptionState.SUSPECTED
            return StreamState.SUSPECTED if suspected else StreamState.INTERRUPTED
        if self._expectation.off_duty:
            return StreamState.OFF_DUTY
        if self._connected and any(watch.heard_us is not None for watch in self._watches.values()):
            return StreamState.LIVE
        return StreamState.WAITING if self._connected or self._expectation.expected else StreamState.IDLE

    @property
    def absent_tracks(self) -> tuple[int, ...]:
        """Tracks that the session announced and of which nothing has come."""
        return tuple(watch.info.id for watch in self._watches.values() if watch.heard_us is None)

    # ------------------------------------------------------------------------ the media

    def opened(self, session: SessionInfo) -> list[Interruption]:
        """A connection stands and has announced its tracks."""
        now = session.opened
        out = self._begin(now)
        self._run += 1
        self._axis_error_us = 1
        self._connected = True
        self._ended = False
        self._watches = {track.id: TrackWatch(track, self._rules) for track in session.tracks}
        self._rate.opened()
        self._clocks.opened({track.id: track.timescale for track in session.tracks})
        self._expectation.opened(now)
        if self._docket.open is not None:
            succeed(self._docket.open, self._watches.values(), self._delivered)
        return out

    def unit(self, unit: AccessUnit) -> list[Interruption]:
        """A picture or an audio frame has come. Hot: called for every one."""
        watch = self._watches.get(unit.track_id)
        if watch is None or watch.plain(unit):
            return _NOTHING
        return self._judge(watch, unit)

    def loss(self, loss: PacketLoss) -> list[Interruption]:
        """Packets of a track were given up."""
        watch = self._watches.get(loss.track_id)
        if watch is None:
            return []
        return self._missing(watch, loss.count, loss.noticed)

    def leap(self, leap: TimeLeap) -> list[Interruption]:
        """The media clock leapt; nothing is missing."""
        self._axis_error_us = _LEAPT_US
        case = self._docket.open
        if case is not None:
            case.evidence["leaps"] = int(case.evidence.get("leaps", 0)) + 1
        return self._clocks.leap(leap)

    def sender_report(self, report: SenderReport) -> list[Interruption]:
        """The device said what its clock reads."""
        out = self._clocks.report(report)
        watch = self._watches.get(report.track_id)
        if watch is not None:
            hear_report(self._docket, watch, report, self._run)
        return out

    def use(self, rules: DetectorRules) -> None:
        """Other thresholds hold from now on, for what is open too. The timing of what is watched stays."""
        self._rules = rules
        rules = rules.quiet() if self._docket.maintenance else rules
        self._docket.rules = self._clocks.rules = self._rate.rules = rules

    def maintain(self, ident: str) -> None:
        """The planned maintenance that runs, by id; empty: none does. What breaks off meanwhile carries it."""
        if ident != self._docket.maintenance:
            self._docket.maintain(ident)
            self._clocks.maintenance = self._rate.maintenance = ident
            self.use(self._rules)

    def hub_clock(self, clock: HubClock) -> None:
        """How the hub's own calendar is kept, from now on."""
        self._clocks.hub_clock = clock

    # -------------------------------------------------------------------------- what is due

    def due(self, answer: Expected | None, now: Instant) -> list[Interruption]:
        """What a duty calendar or the activities say at this moment; None: nobody says anything, and it is due as
        its kind is. To be asked for about once a second, and before anything else after a start."""
        expectation = self._expectation
        first = not expectation.answered
        turn = expectation.turn(answer)
        if turn is Turn.NOTHING:
            return _NOTHING
        at = turned_at(answer, now, first=first)
        if turn is Turn.BEGINS:
            out = self._begin(now)
            if not first:
                self._watches = begun_anew(self._watches, self._rules, now) if self._connected else {}
            if self._docket.open is None and expectation.deadline_us is None:
                expectation.opening(now if first else at)
            return out
        until_us, ended_us = self._recorded_until_us, None if answer is None else answer.from_us
        if until_us is not None and (ended_us is None or ended_us <= until_us):
            self._recorded_until_us = None  # the hub was away while nothing was due
        out = self._begin(now)
        expectation.ended()
        out += self._rate.ended(now)
        out += self._docket.end_expectation("the activity ended" if answer is None else "off duty", at)
        self._watches = begun_anew(self._watches, self._rules, now) if self._connected else {}
        return out

    # -------------------------------------------------------------------- the connection

    def goodbye(self, reason: str, now: Instant) -> list[Interruption]:
        """The device ended the session on purpose."""
        out = self._begin(now)
        if self._expectation.off_duty:
            pass
        elif self._expectation.lasts:
            out += self._gone(InterruptionKind.STOPPED, reason, now)
        else:
            self._expectation.ended()
            out += self._rate.ended(now)
            out += self._docket.end_expectation(reason, now)
            self._watches = {}
        self._connected = False
        return out

    def closed(self, now: Instant, reason: str) -> list[Interruption]:
        """The connection ended. After a goodbye, or when there was none, that is no news."""
        out = self._begin(now)
        if self._ended or not self._connected:
            return out
        if not self._expectation.off_duty:
            out += self._gone(InterruptionKind.NO_SIGNAL, reason, now)
        self._connected = False
        return out

    def storage(self, ok: bool, now: Instant) -> list[Interruption]:
        """``ok=False``: what is received from now on does not reach the disk; True: it does again."""
        out = self._begin(now)
        case = self._docket.open
        if not ok:
            fault = Fault(now.utc_us, now.mono_us, now.mono_us, self._run, missing=True)
            if case is not None and STORAGE in case.faults and not case.faults[STORAGE].over:
                return out
            out += self._docket.add(STORAGE, fault, InterruptionKind.STORAGE, now)
            out += self._docket.confirm(now)
        elif case is not None and STORAGE in case.faults:
            case.faults[STORAGE].ended_us = max(now.utc_us, case.faults[STORAGE].started_us)
            case.faults[STORAGE].fixed = True
            out += self._docket.settle(now)
        return out

    def stopped(self, now: Instant) -> list[Interruption]:
        """The hub stops in order. What lasts is taken up again at the next start."""
        return self._end(now) + self._docket.put_away(now)

    def retired(self, now: Instant) -> list[Interruption]:
        """The stream is registered no more: nothing is due, and whatever lasts ends here."""
        return self._end(now) + self._docket.end_expectation("stream retired", now)

    def _end(self, now: Instant) -> list[Interruption]:
        out = self._begin(now)
        self._ended = True
        self._connected = False
        return out + self._rate.ended(now)

    # ---------------------------------------------------------------------------- ticks

    def tick(self, now: Instant) -> list[Interruption]:
        """Silence is input. Ten times a second; fewer make it slower to see, never wrong."""
        out = self._begin(now)
        if self._ended:
            return out
        out += self._clocks.tick(now)
        correct_edges(self._docket, self._watches, self._run, now)
        before = self._docket.open
        if self._connected and not self._expectation.off_duty:
            for watch in self._watches.values():
                self._look_at(watch, now, out)
            out += self._rate.look(self._watches.values(), now)
        deadline_us = self._expectation.deadline_us
        if deadline_us is not None and now.mono_us >= deadline_us:
            self._overdue(now, out)
        # A suspicion is at least one tick old when it is confirmed: where the hub itself was held up,
        # packets that wait in its sockets are heard in between.
        self._docket.tick(now, out, may_confirm=before is not None)
        return out

    def _begin(self, now: Instant) -> list[Interruption]:
        """What can only be said once the first moment is known."""
        until_us, self._recorded_until_us = self._recorded_until_us, None
        if self._restored:
            self._restored = False
            self._docket.place(now)
        if until_us is not None and self._docket.open is None:
            self._expectation.expected = True
            fault = Fault(until_us, now.mono_us, now.mono_us, self._run, missing=True)
            fault.heard_mono_us = now.mono_us - max(0, now.utc_us - until_us)
            fault.edge_error_us = self._rules.edge_error_us
            return [
                *self._docket.add(WHOLE_STREAM, fault, InterruptionKind.HUB, now),
                *self._docket.confirm(now),
            ]
        waited_for = self._expectation
        if waited_for.deadline_us is None and waited_for.expected and self._run == 0 and self._docket.open is None:
            waited_for.wait(now)
        return []

    def _look_at(self, watch: TrackWatch, now: Instant, out: list[Interruption]) -> None:
        heard_us = watch.heard_us
        if heard_us is None:
            return
        if watch.calm:
            watch.rotate(now.mono_us)
        if now.mono_us - heard_us < self._rules.suspect_after_us // 2:
            return
        if now.mono_us < watch.due_us() + self._rules.suspect_after_us:
            return
        fault = self._fault(watch)
        if fault is not None and not fault.over:
            silent = now.mono_us - heard_us >= watch.patience_us()
            if silent and fault.missing and self._docket.refine(InterruptionKind.STALL):
                out += self._docket.told(now)
            fault.late_since_us = None
            fault.confirm_mono_us = heard_us + watch.patience_us()
            return
        if watch.good_end_us is None:
            return
        watch.calm = False
        out += self._docket.add(watch.info.id, self._new_fault(watch), InterruptionKind.STALL, now)

    def _overdue(self, now: Instant, out: list[Interruption]) -> None:
        """The time has come by which a source should have delivered."""
        silent = awaited(self._watches.values())
        joining = [watch for watch in silent if watch.heard_us is not None]
        opened_mono_us = self._expectation.since_us
        if self._watches and not silent:
            self._expectation.met()
            return
        if joining and now.mono_us - opened_mono_us < self._rules.first_keyframe_us:
            return  # pictures come; the keyframe may yet
        self._expectation.met()
        begun_us = self._expectation.begun_us(now)
        for track_id in [watch.info.id for watch in silent] or [WHOLE_STREAM]:
            case = self._docket.open
            if case is not None and track_id in case.faults:
                continue
            fault = Fault(begun_us, opened_mono_us, now.mono_us, self._run, missing=True)
            kind = InterruptionKind.LOSS if joining else InterruptionKind.NOT_STARTED
            out += self._docket.add(track_id, fault, kind, now)
            out += self._docket.confirm(now)

    # --------------------------------------------------------------------------- verdicts

    def _judge(self, watch: TrackWatch, unit: AccessUnit) -> list[Interruption]:
        """A unit that is not simply the next one."""
        now = unit.arrival
        if unit.realigned:
            self._rebase()
        step_us = watch.hear(unit)
        fault = self._fault(watch)
        out: list[Interruption] = []
        if unit.lost and (fault is None or fault.over or not fault.lost):
            out += self._missing(watch, unit.lost, now)
            fault = self._fault(watch)
        if watch.silence_us - watch.distance_us >= _PAUSE_US and not self._is_calm(watch):
            self._docket.refine(InterruptionKind.STALL)
            self._docket.note("pause_us", watch.silence_us)
        if unit.damaged:
            if watch.good_end_us is not None or (fault is not None and not fault.over):
                out += self._missing(watch, 0, now)
            return out
        if watch.good_end_us is None:
            self._delivered[watch.info.id] = watch.kind
            self._expectation.delivered()
            if all(other.heard_us is not None for other in self._watches.values()):
                self._expectation.met()
        if fault is not None and not fault.over:
            out += self._back(watch, fault, unit, step_us)
        elif watch.rebased:
            pass
        elif watch.calm and step_us > watch.plain_us:
            out += self._skip(watch, unit, step_us)
        elif step_us > 0 and not unit.lost and (fault is None or fault.over):
            watch.learn(step_us)
        watch.good(unit)
        watch.calm = self._is_calm(watch)
        return out

    def _rebase(self) -> None:
        """Tracks were aligned anew: on each of them the axis may have been shifted."""
        for watch in self._watches.values():
            watch.rebased = True
            watch.calm = False
        self._clocks.realigned()
        settle_edges(self._docket)

    def _is_calm(self, watch: TrackWatch) -> bool:
        fault = self._fault(watch)
        return fault is None or fault.over

    def _missing(self, watch: TrackWatch, count: int, now: Instant) -> list[Interruption]:
        """Packets are missing, or a picture is damaged."""
        fault = self._fault(watch)
        watch.calm = False
        if watch.good_end_us is None and (fault is None or fault.over):
            return []  # before the first good frame of a connection nothing can break off
        if self._expectation.off_duty:
            return []
        if fault is not None and not fault.over:
            fault.lost += count
            fault.missing = True
            fault.late_since_us = None
            return self._docket.confirm(now)
        fault = self._new_fault(watch)
        fault.missing = True
        fault.lost = count
        out = self._docket.add(watch.info.id, fault, InterruptionKind.LOSS, now)
        return out + self._docket.confirm(now)

    def _back(self, watch: TrackWatch, fault: Fault, unit: AccessUnit, step_us: int) -> list[Interruption]:
        """A good unit on a track that was at fault: is media missing, or was it late?"""
        now = unit.arrival
        docket = self._docket
        same_run = fault.run == self._run
        missing_us = gap_us(watch, fault, unit, self._run)
        if same_run and not fault.missing and fault.late_since_us is not None:
            # It is arriving late. Has it caught up, or is something left out after all?
            if step_us > watch.plain_us + 1:
                return self._resume(watch, fault, unit, missing_us)
            advance(watch, fault, unit)
            if watch.late_us <= _CAUGHT_UP_US or now.mono_us - fault.late_since_us >= _LATE_FOR_US:
                return docket.was_late(watch.info.id, now)
            return []
        if fault.missing:
            return self._resume(watch, fault, unit, missing_us)
        if not same_run:
            if missing_us <= max(_NO_GAP_US, 3 * watch.distance_us):
                return docket.was_late(watch.info.id, now)
            return self._resume(watch, fault, unit, missing_us)
        confirmed = docket.open is not None and docket.open.state is InterruptionState.CONFIRMED
        reordered_us = watch.axis_us(unit.pts_ticks - unit.dts_ticks)
        if missing_us - reordered_us >= (self._rules.skip_us if confirmed else watch.plain_us + 1 - watch.distance_us):
            if watch.skipped(step_us):
                return self._resume(watch, fault, unit, missing_us)
            return docket.was_late(watch.info.id, now)
        fault.late_since_us = now.mono_us
        advance(watch, fault, unit)
        if watch.late_us <= _CAUGHT_UP_US or watch.is_opus:
            if step_us > 0 and not watch.is_opus:
                watch.learn(step_us)
            return docket.was_late(watch.info.id, now)
        return []

    def _skip(self, watch: TrackWatch, unit: AccessUnit, step_us: int) -> list[Interruption]:
        """Nothing was suspected, and yet time stamps are too far apart: seen between two ticks, or while
        what was late caught up."""
        if not watch.skipped(step_us) or self._expectation.off_duty:
            return []
        fault = self._new_fault(watch)
        fault.missing = True
        self._docket.note("media_gap_us", step_us)
        out = self._docket.add(watch.info.id, fault, InterruptionKind.STALL, unit.arrival)
        out += self._docket.confirm(unit.arrival)
        return out + self._resume(watch, fault, unit, gap_us(watch, fault, unit, self._run))

    def _resume(self, watch: TrackWatch, fault: Fault, unit: AccessUnit, missing_us: int) -> list[Interruption]:
        """The first complete frame after a break of this track."""
        now = unit.arrival
        fault.missing = True
        out = self._docket.confirm(now)
        stepped_us = end_fault(watch, fault, unit, self._run, self._rules)
        if stepped_us:
            self._docket.note("hub_clock_stepped_us", stepped_us)
        self._docket.note("media_gap_us", max(missing_us, 0))
        return out + self._docket.settle(now)

    # ---------------------------------------------------------------------------- helpers

    def _gone(self, kind: InterruptionKind, reason: str, now: Instant) -> list[Interruption]:
        """No more media can come on this connection. From when a frame has been missing for as long as
        one is waited for, it is certain that media is missing."""
        out = self._rate.ended(now)
        for watch in self._watches.values():
            watch.calm = False
            fault = self._fault(watch)
            if fault is None or fault.over:
                if watch.good_end_us is None:
                    continue
                fault = self._new_fault(watch)
                out += self._docket.add(watch.info.id, fault, kind, now, reason)
            certain = fault.heard_mono_us + max(watch.distance_us, 0) + self._rules.suspect_after_us
            fault.confirm_mono_us = min(fault.confirm_mono_us, max(now.mono_us, certain))
        case = self._docket.open
        if case is None:
            # It was open and delivered nothing.
            self._expectation.in_vain(now)
            return out
        self._expectation.met()
        case.evidence["reason"] = reason
        if self._docket.refine(kind):
            out += self._docket.told(now)
        return out

    def _fault(self, watch: TrackWatch) -> Fault | None:
        case = self._docket.open
        return None if case is None else case.faults.get(watch.info.id)

    def _new_fault(self, watch: TrackWatch) -> Fault:
        return begin_fault(watch, self._run, self._axis_error_us)
