"""The life of interruptions after the fault: who reports, who explains, who closes, and what is late.

All methods are for the event loop. Every change is an ``explanation`` entry in the stream's chain, durable before the
method returns; nothing is edited. What they add up to is :func:`hub.followup.judge.judge`, asked anew each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from hub.clock import US_PER_S, Clock
from hub.errors import Conflict, HubError, NotFound
from hub.followup.judge import HUB, Form, Outcome, State, judge
from hub.followup.overdue import due_steps, next_look_us
from hub.followup.rules import Rules, rules_of
from hub.ledger.bodies import INTERRUPTION_TYPES, interruption_from_body
from hub.ledger.entries import Entry, EntryType, JsonValue
from hub.ledger.seam import EntryMade
from hub.ledger.told import Told, ToldReader
from hub.model import Chunk, Interruption, InterruptionState, Stream, StreamKind
from hub.outage import Outage
from hub.people.units import Units

PASS_S = 2.0
AT_ONCE = 200
"""Interruptions looked at in one pass."""
REPORT_AGE_US = 86_400 * US_PER_S
"""Of what is older than a day no waiting report is looked for."""
LATE_US = 60 * US_PER_S
"""A report that came between the fault and its confirmation."""
EVENTS = {
    State.EXPLAINED: "interruption.explained",
    State.EXEMPT: "interruption.explained",
    State.BACKFILLED: "interruption.backfilled",
    State.PARTLY_BACKFILLED: "interruption.backfilled",
    State.CLOSED: "interruption.closed_for_good",
}
_log = structlog.get_logger(__name__)

Tell = Callable[[str, Mapping[str, Any]], None]


class Ledger(Protocol):
    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade: ...  # noqa: A002
    async def committed(self) -> None: ...
    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None: ...


class Footage(Protocol):
    """The ledger's read side. Blocks."""

    def chunks(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Chunk]: ...
    def interruption(self, ident: str) -> Interruption | None: ...


@dataclass(frozen=True, slots=True)
class Case:
    """One interruption as it stands: the fault, its stream, its entries, and what they add up to."""

    fault: Interruption
    stream: Stream
    rules: Rules
    told: tuple[Told, ...]
    outcome: Outcome


class Followup:
    """``stream_of`` finds a stream, retired or not; ``present`` is what the detectors hold open at this moment;
    ``tell`` publishes an event; ``cue`` asks a recorder to let its officer speak (stream id, data)."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        told: ToldReader,
        footage: Footage,
        units: Units,
        stream_of: Callable[[str], Stream | None],
        present: Callable[[], Sequence[Interruption]],
        *,
        tell: Tell = lambda _type, _data: None,
        cue: Tell = lambda _stream, _data: None,
    ) -> None:
        self.told = told
        self.footage = footage
        self.units = units
        self.clock = clock
        self.changing = asyncio.Lock()
        """One change at a time: what is judged before an entry is still so when it is appended."""
        self._ledger = ledger
        self._stream_of = stream_of
        self._present = present
        self._tell = tell
        self._cue = cue
        self._open: dict[str, Interruption] = {}
        """What asks for an explanation and is not closed for good, as of its newest entry."""
        self._looks: dict[str, int] = {}
        """When each is to be looked at again (hub UTC, µs)."""
        self._states: dict[str, State] = {}
        self._outage = Outage("following up", clock)
        self._cued: dict[str, str] = {}
        """The interruption that each stream was last cued for."""
        self._fresh: set[str] = set()
        """Earlier reports may belong to these."""

    # ------------------------------------------------------------------------------ in the background

    async def start(self) -> None:
        """Take up what is open, by the entries alone."""
        self._ledger.on_commit(self._heard)
        for fault in await asyncio.to_thread(self.told.unsettled):
            self._open.setdefault(fault.id, fault)
            self._looks.setdefault(fault.id, 0)
            self._fresh.add(fault.id)

    async def run(self) -> None:
        """Until cancelled. Nothing that fails here ends it."""
        while True:
            try:
                with self._outage.endured():
                    await self.one_pass()
            except (HubError, OSError) as error:
                _log.error("following up could not go on; it tries again", error=str(error))
            except Exception:
                _log.exception("a pass of following up failed; it tries again")
            await self.clock.sleep(PASS_S)

    async def one_pass(self) -> None:
        """Look at what changed and what is due."""
        now_us = self.clock.now().utc_us
        due = [ident for ident, at_us in self._looks.items() if at_us <= now_us][:AT_ONCE]
        if not due:
            return
        faults = [self._open[ident] for ident in due if ident in self._open]
        for ident in due:
            self._looks.pop(ident, None)
        try:
            await self._attach([fault for fault in faults if fault.id in self._fresh])
            for case in await self._cases(faults):
                await self._look(case)
        except BaseException:
            for ident in due:
                self._looks.setdefault(ident, now_us)
            raise

    async def _attach(self, faults: Sequence[Interruption]) -> None:
        """Reports that came before a fault belong to it from now on: one further entry each, which cites the first."""
        self._fresh.difference_update(fault.id for fault in faults)
        windows = {fault.id: self.rules_for(self._stream_of(fault.stream_id)).report_window_us for fault in faults}
        faults = [one for one in faults if self.clock.now().utc_us - one.detected_us <= REPORT_AGE_US]
        if not faults:
            return
        since_us = min(fault.started_us - windows[fault.id] for fault in faults)
        reports = await asyncio.to_thread(self.told.unattached, since_us)
        for fault in sorted(faults, key=lambda one: one.started_us):
            mine = [
                one
                for one in reports
                if one.stream_id == fault.stream_id
                and fault.started_us - windows[fault.id] <= one.at_us <= fault.detected_us + LATE_US
            ]
            for one in mine:
                reports.remove(one)
                case = await self.case(fault.id)
                facts = {"reason": one.body["reason"], "text": one.body["text"], "cites": one.leaf}
                await self.write(case, Form.REPORT, str(one.body["by"]), **facts)

    async def _look(self, case: Case) -> None:
        fault, now_us = case.fault, self.clock.now().utc_us
        self._changed(case)
        if case.outcome.how == "backfilled" and case.outcome.may_close:
            async with self.changing:
                fresh = await self.case(fault.id)
                if fresh.outcome.may_close:
                    await self.write(fresh, Form.CLOSE, HUB, how="backfilled", findings=list(fresh.outcome.findings))
            return
        for step in due_steps(case.outcome, case.rules, self.units.tree.path(case.stream.unit), fault, now_us):
            form = Form.REMINDER if step.what == "reminder" else Form.OVERDUE
            facts: dict[str, JsonValue] = {"unit": step.unit, "due_us": step.due_us}
            if form is Form.OVERDUE:
                facts |= {"what": step.what, "step": step.number}
            await self.write(case, form, HUB, **facts)
            data = {**self._json(case), "what": step.what, "level": step.number, "unit": step.unit}
            self._tell("interruption.reminder" if form is Form.REMINDER else "interruption.overdue", data)
        at_us = next_look_us(case.outcome, case.rules, now_us)
        if case.outcome.settled:
            self._open.pop(fault.id, None)
            self._states.pop(fault.id, None)
        elif at_us is not None:
            self._looks[fault.id] = min(at_us, self._looks.get(fault.id, at_us))

    def _changed(self, case: Case) -> None:
        """Tell of a state that was not known. At the start every state is one: those are only remembered."""
        ident, state = case.fault.id, case.outcome.state
        before = self._states.get(ident)
        self._states[ident] = state
        if before is None or before is state:
            return
        if state in EVENTS:
            self._tell(EVENTS[state], self._json(case))
        elif before is State.OVERDUE and not case.outcome.settled:
            self._tell("interruption.deadline_moved", self._json(case))

    def _heard(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.type in INTERRUPTION_TYPES:
                fault = interruption_from_body(entry.stream_id, entry.type, entry.body)
                if fault.needs_explanation and fault.state is not InterruptionState.WITHDRAWN:
                    if fault.id not in self._open:
                        self._fresh.add(fault.id)
                    self._open[fault.id] = fault
                    self._looks[fault.id] = 0
                    self._states.setdefault(fault.id, State.OPEN)
                else:
                    self._open.pop(fault.id, None)
                    self._looks.pop(fault.id, None)
                    self._fresh.discard(fault.id)
                if entry.type is EntryType.INTERRUPTION_CLOSE:
                    self.resumed(fault)
            elif entry.type in (EntryType.EXPLANATION, EntryType.BACKFILL):
                ident = str(entry.body.get("interruption", ""))
                if ident in self._open:
                    self._looks[ident] = 0

    def resumed(self, fault: Interruption) -> None:
        """Ask the officer to say the reason aloud (A§23), once for each resume that asks for it."""
        stream = self._stream_of(fault.stream_id)
        if stream is None or stream.kind is StreamKind.WINDOW or not fault.needs_explanation:
            return
        key = f"{fault.id}/{fault.count}"
        if self._cued.get(stream.id) == key:
            return
        self._cued[stream.id] = key
        data = {"id": fault.id, "stream": stream.id, "kind": fault.kind.value, "text": CUE}
        self._tell("interruption.cue", data)
        self._cue(stream.id, data)

    # ------------------------------------------------------------------------------------ reading

    def pending(self) -> list[Interruption]:
        """What asks for something still, newest first."""
        return sorted(self._open.values(), key=lambda one: (one.started_us, one.id), reverse=True)

    def standing(self) -> list[tuple[Interruption, State | None]]:
        """The same with its state when it was last looked at, within seconds of each change; None: not yet."""
        return [(fault, self._states.get(fault.id)) for fault in self.pending()]

    def open_of(self, stream_id: str) -> list[Interruption]:
        """The same of one stream."""
        return [fault for fault in self.pending() if fault.stream_id == stream_id]

    def now_open(self, stream_id: str) -> Interruption | None:
        """The confirmed fault that the stream has at this moment; of several the one that must be explained."""
        states = (InterruptionState.CONFIRMED, InterruptionState.RESUMED)
        found = [one for one in self._present() if one.stream_id == stream_id and one.state in states]
        return min(found, key=lambda one: (not one.needs_explanation, one.started_us), default=None)

    def outcomes(self, faults: Iterable[Interruption]) -> dict[str, Outcome]:
        """What became of each. Blocks: call it in a thread."""
        wanted = list(faults)
        told = self.told.of(fault.id for fault in wanted)
        now_us = self.clock.now().utc_us
        return {fault.id: self._judge(fault, told[fault.id], now_us) for fault in wanted}

    def _judge(self, fault: Interruption, told: Sequence[Told], now_us: int) -> Outcome:
        stream = self._stream_of(fault.stream_id)
        kind = stream.kind if stream is not None else StreamKind.RECORDER
        return judge(fault, told, self.rules_for(stream), kind, now_us)

    def rules_for(self, stream: Stream | None) -> Rules:
        return rules_of(self.units.rule(stream.unit if stream is not None else "", "followup"))

    async def _cases(self, faults: Sequence[Interruption]) -> list[Case]:
        told = await asyncio.to_thread(self.told.of, [fault.id for fault in faults])
        now_us = self.clock.now().utc_us
        cases = []
        for fault in faults:
            stream = self._stream_of(fault.stream_id)
            if stream is not None:
                outcome = self._judge(fault, told[fault.id], now_us)
                cases.append(Case(fault, stream, self.rules_for(stream), tuple(told[fault.id]), outcome))
        return cases

    async def case(self, ident: str) -> Case:
        """The interruption as it stands. Raises NotFound; a mere suspicion is none yet."""
        fault = await asyncio.to_thread(self.footage.interruption, ident)
        if fault is None and any(one.id == ident for one in self._present()):
            await self._ledger.committed()  # it is told of before its entry is durable
            fault = await asyncio.to_thread(self.footage.interruption, ident)
        cases = [] if fault is None else await self._cases([fault])
        if not cases:
            raise NotFound(f"no interruption has the id {ident[:100]!r}")
        return cases[0]

    async def unsettled_case(self, ident: str) -> Case:
        """The same. Raises Conflict where nothing more can be said of it."""
        case = await self.case(ident)
        if case.outcome.settled:
            raise Conflict(f"this interruption is {case.outcome.state.value}; nothing is added to it", code="settled")
        return case

    # ------------------------------------------------------------------------------------ writing

    async def write(self, case: Case, form: Form, by: str, **facts: JsonValue) -> str:
        """One more ``explanation`` entry, durable when this returns; its leaf. Told to listeners within a pass, or at
        once by :meth:`settled`."""
        leaf = await asyncio.to_thread(self.told.leaf_of, case.fault.id)
        body = {"interruption": case.fault.id, "leaf": leaf, "form": form.value, "by": by} | facts
        entry = self._ledger.append(case.stream.id, EntryType.EXPLANATION, body)
        await self._ledger.committed()
        what = f"{form.value}.{facts['action']}" if "action" in facts else form.value
        self._tell("interruption.noted", {"id": case.fault.id, "stream": case.stream.id, "what": what, "by": by})
        return entry.leaf

    async def write_of_none(self, stream_id: str, form: Form, by: str, **facts: JsonValue) -> str:
        """The same of no interruption (yet)."""
        body: dict[str, JsonValue] = {"interruption": "", "leaf": "", "form": form.value, "by": by}
        entry = self._ledger.append(stream_id, EntryType.EXPLANATION, body | facts)
        await self._ledger.committed()
        return entry.leaf

    async def settled(self, ident: str) -> Case:
        """The case after a change; its new state is told at once."""
        case = await self.case(ident)
        self._states.setdefault(ident, State.OPEN)
        self._changed(case)
        return case

    def tell(self, kind: str, case: Case, **facts: Any) -> None:
        self._tell(kind, {**self._json(case), **facts})

    def tell_of_stream(self, kind: str, stream: Stream, **facts: Any) -> None:
        """An event of a stream that is about no interruption yet."""
        self._tell(kind, {"id": "", "stream": stream.id, **facts})

    def _json(self, case: Case) -> dict[str, Any]:
        return {
            "id": case.fault.id,
            "stream": case.stream.id,
            "kind": case.fault.kind.value,
            "state": case.outcome.state.value,
            "unit": case.stream.unit,
            "deadline_us": case.outcome.deadline_us,
        }


CUE = "录像已恢复，请口述中断原因。"
"""What the officer is asked to do: say aloud why the recording broke off."""
