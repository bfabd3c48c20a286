"""What an interruption's entries add up to: one pure function, so that nothing is remembered that could be wrong.

An interruption is not closed by the stream's return. It is closed by footage or by an explanation (A§23): after a
resume a spoken clip, otherwise a written statement that two officers with different certificate numbers signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from hub.followup.bodies import readable
from hub.followup.rules import Rules
from hub.followup.statements import Statement, statements_of
from hub.ledger.entries import EntryType
from hub.ledger.told import Told
from hub.model import Interruption, InterruptionState, StreamKind

HUB = "hub"


class State(StrEnum):
    NONE = "none"
    """It is on record and asks for nothing."""
    OPEN = "open"
    REPORTED = "reported"
    AWAITING = "awaiting"
    PARTLY_BACKFILLED = "partly_backfilled"
    BACKFILLED = "backfilled"
    EXPLAINED = "explained"
    OVERDUE = "overdue"
    EXEMPT = "exempt"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Form(StrEnum):
    """``form`` of an ``explanation`` entry."""

    REPORT = "report"
    SPOKEN = "spoken"
    WRITTEN = "written"
    PAPER = "paper"
    CORRECTION = "correction"
    EXEMPTION = "exemption"
    REMINDER = "reminder"
    OVERDUE = "overdue"
    CLOSE = "close"


class Exemption(StrEnum):
    """Planned maintenance (计划检修) asks for no explanation; the others only for more time (A§24, 002§23)."""

    MAINTENANCE = "maintenance"
    CONTINUOUS = "continuous"
    OTHER_PLACE = "other_place"
    REMOTE = "remote"
    ON_WATER = "on_water"
    HARD_TO_REACH = "hard_to_reach"


@dataclass(frozen=True, slots=True)
class Need:
    """A way that is left: ``footage``, ``spoken``, ``written``, each enough; ``resume`` is only told."""

    code: Literal["footage", "spoken", "written", "resume"]
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """``missing`` says what closing still needs, ``needs`` the same in parts; ``findings`` what stays a finding though
    it is closed."""

    state: State
    deadline_us: int | None = None
    reported_us: int | None = None
    report_due_us: int | None = None
    """When an escalation for a missing report begins; None where none is due."""
    explained_us: int | None = None
    how: str = ""
    """backfilled, spoken, written, paper or exempt."""
    filled_us: int = 0
    closed_us: int | None = None
    closed_by: str = ""
    exemption: str = ""
    findings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    signatures: int = 0
    """How many must sign a statement: officers, of a window's its hall administrator."""
    statements: tuple[Statement, ...] = ()
    steps: frozenset[tuple[str, int]] = frozenset()
    """What was escalated: (explanation or report, level above the stream's unit)."""
    reminded: bool = False

    @property
    def settled(self) -> bool:
        """Nothing more is asked for."""
        return self.state in (State.NONE, State.CLOSED, State.WITHDRAWN)

    @property
    def late(self) -> bool:
        """A deadline was missed and is not met yet: that of the explanation, or that of the report."""
        unreported = self.report_due_us is not None and any(what == "report" for what, _ in self.steps)
        return self.state is State.OVERDUE or unreported

    @property
    def may_close(self) -> bool:
        return not self.missing and not self.settled


@dataclass
class _Facts:
    """The entries of one interruption, by form; what a correction withdrew is left out."""

    reports: list[Told] = field(default_factory=list)
    spoken: list[Told] = field(default_factory=list)
    exemptions: list[Told] = field(default_factory=list)
    backfills: list[tuple[int, int]] = field(default_factory=list)
    whole_us: int | None = None
    """Since when footage fills it as a whole, as far as it lasted by then."""
    steps: set[tuple[str, int]] = field(default_factory=set)
    reminded: bool = False
    close: Told | None = None


def judge(fault: Interruption, told: Sequence[Told], rules: Rules, kind: StreamKind, now_us: int) -> Outcome:
    """The state of ``fault`` at ``now_us``, by its ``told`` entries in their order."""
    if fault.state is InterruptionState.WITHDRAWN:
        return Outcome(State.WITHDRAWN)
    known = [one for one in told if readable(one)]
    withdrawn = {one.body["cites"] for one in known if _form(one) == Form.CORRECTION and one.body["withdraws"]}
    standing = [one for one in known if one.leaf not in withdrawn]
    facts = _sort(standing)
    statements = statements_of(standing, kind, rules.signatures)
    filled_us = _filled(facts.backfills, fault)
    how, explained_us = _explained(fault, kind, facts, statements)
    deadline_us = _deadline(fault, facts.exemptions, rules)
    reported_us = min((one.at_us for one in facts.reports), default=None)
    findings = _findings(fault, kind, how, explained_us, deadline_us, bool(facts.spoken))
    state = _state(fault, facts, how, now_us > deadline_us, filled_us)
    explained = bool(how) and not (how == "exempt" and fault.ended_us is None)
    asks = not explained and fault.needs_explanation and facts.close is None
    signatures = 1 if kind is StreamKind.WINDOW else rules.signatures
    needs = _needs(fault, kind, statements, signatures) if asks else ()
    return Outcome(
        state,
        deadline_us=deadline_us if fault.needs_explanation else None,
        reported_us=reported_us,
        report_due_us=_report_due(fault, kind, reported_us, how, rules),
        explained_us=explained_us,
        how=how,
        filled_us=filled_us,
        closed_us=facts.close.at_us if facts.close else None,
        closed_by=str(facts.close.body["by"]) if facts.close else "",
        exemption=str(facts.exemptions[-1].body["kind"]) if facts.exemptions else "",
        findings=findings,
        missing=(_sentence(needs),) if needs else (),
        needs=needs,
        signatures=signatures,
        statements=tuple(statements),
        steps=frozenset(facts.steps),
        reminded=facts.reminded,
    )


def _form(one: Told) -> str:
    return str(one.body.get("form", "")) if one.type is EntryType.EXPLANATION else ""


def _sort(told: Iterable[Told]) -> _Facts:
    facts = _Facts()
    lists = {Form.REPORT: facts.reports, Form.SPOKEN: facts.spoken, Form.EXEMPTION: facts.exemptions}
    for one in told:
        form = _form(one)
        if one.type is EntryType.BACKFILL:
            facts.backfills.append((int(one.body.get("from_us", 0)), int(one.body.get("to_us", 0))))
            if one.body.get("whole") is True and facts.whole_us is None:
                facts.whole_us = one.at_us
        elif one.type is EntryType.INTERRUPTION_OPEN:
            # it broke off once more: what was said and closed before does not speak of that
            facts.whole_us, facts.close = None, None
            facts.spoken.clear()
        elif form in lists:
            lists[Form(form)].append(one)
            if form == Form.EXEMPTION:
                # the deadline moved: who was told of the old one hears of the new one
                facts.steps = {step for step in facts.steps if step[0] != "explanation"}
                facts.reminded = False
        elif form == Form.OVERDUE:
            facts.steps.add((str(one.body["what"]), int(one.body["step"])))
        elif form == Form.REMINDER:
            facts.reminded = True
        elif form == Form.CLOSE:
            facts.close = one
    return facts


def _filled(backfills: list[tuple[int, int]], fault: Interruption) -> int:
    """How much of it footage reaches over; a piece may have holes of its own."""
    at_us, filled_us = fault.started_us, 0
    end_us = fault.ended_us
    for start, end in sorted(backfills):
        start, end = max(start, at_us), end if end_us is None else min(end, end_us)
        if end > start:
            filled_us += end - start
            at_us = end
    return filled_us


def _explained(
    fault: Interruption, kind: StreamKind, facts: _Facts, statements: Sequence[Statement]
) -> tuple[str, int | None]:
    """How, and since when; empty for not at all."""
    if facts.whole_us is not None and fault.ended_us is not None:
        return "backfilled", facts.whole_us
    if facts.spoken and fault.ended_us is not None and kind is not StreamKind.WINDOW:
        return "spoken", facts.spoken[0].at_us
    done = sorted((one.done_us, one.how) for one in statements if one.done_us is not None)
    if done:
        return done[0][1], done[0][0]
    maintenance = [one for one in facts.exemptions if one.body["kind"] == Exemption.MAINTENANCE]
    return ("exempt", maintenance[0].at_us) if maintenance else ("", None)


def _deadline(fault: Interruption, exemptions: Sequence[Told], rules: Rules) -> int:
    """24 hours (as set) after the resume, the fault's begin, or the return that an exemption names."""
    starts = [fault.started_us if fault.ended_us is None else fault.ended_us]
    starts += [int(one.body["until_us"]) for one in exemptions if one.body["kind"] != Exemption.MAINTENANCE]
    return max(starts) + rules.deadline_us


def _report_due(fault: Interruption, kind: StreamKind, reported_us: int | None, how: str, rules: Rules) -> int | None:
    due_us = fault.started_us + rules.report_within_us
    short = fault.ended_us is not None and fault.ended_us <= due_us
    worn = kind in (StreamKind.RECORDER, StreamKind.VEHICLE)
    return None if reported_us is not None or short or how or not worn or not fault.needs_explanation else due_us


def _findings(
    fault: Interruption, kind: StreamKind, how: str, explained_us: int | None, deadline_us: int, spoken: bool
) -> tuple[str, ...]:
    found = []
    if how in ("written", "paper"):
        if fault.ended_us is None:
            found.append("not_resumed")
        elif kind is not StreamKind.WINDOW and not spoken:
            found.append("no_spoken_explanation")
    if explained_us is not None and explained_us > deadline_us:
        found.append("late")
    return tuple(found)


def _state(fault: Interruption, facts: _Facts, how: str, late: bool, filled_us: int) -> State:
    if facts.close is not None:
        return State.CLOSED
    if how == "backfilled":
        return State.BACKFILLED
    if not fault.needs_explanation:
        return State.NONE
    if how:
        return State.EXEMPT if how == "exempt" else State.EXPLAINED
    if late:
        return State.OVERDUE
    if fault.ended_us is None:
        return State.REPORTED if facts.reports else State.OPEN
    return State.PARTLY_BACKFILLED if filled_us else State.AWAITING


def _needs(fault: Interruption, kind: StreamKind, statements: Sequence[Statement], signatures: int) -> tuple[Need, ...]:
    signed = max((len(one.signatures) for one in statements), default=0)
    found = [] if fault.ended_us is not None else [Need("resume", "the stream has not come back")]
    found.append(Need("footage", "footage of the whole (补传)"))
    if kind is StreamKind.WINDOW:
        return (*found, Need("written", "a statement signed by the hall's administrator (大厅管理员书面说明)"))
    if fault.ended_us is not None:
        found.append(Need("spoken", "a spoken explanation after the resume (语音说明)"))
    return (*found, Need("written", f"a statement signed by {signatures} officers (书面说明; {signed} have signed)"))


def _sentence(needs: Sequence[Need]) -> str:
    ways = [one.text for one in needs if one.code != "resume"]
    told = "".join(f"{one.text}: " for one in needs if one.code == "resume")
    return f"{told}{', '.join(ways[:-1])}, or {ways[-1]}"
