"""The clock of activities: is the footage of each one here, is it late, and who has been told.

A pass looks at every activity that is open or not wholly stored, finds what is wrong with it, and tells what has
become due since the pass before. What was told is kept in the tables and, for every level of the organisation, in the
ledger: a hub that was down tells what became due meanwhile, each step at least once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from hub.activities.activities import Activities
from hub.activities.deadlines import Step, deadline_us, steps, storage_state
from hub.activities.findings import findings, uncovered
from hub.activities.model import Activity, Mode
from hub.activities.store import Kept
from hub.clock import US_PER_S, rfc3339
from hub.model import Interruption, InterruptionClass, InterruptionState, Span, Stream
from hub.outage import Outage, is_away

PASS_S = 10.0
LOOKS = 200
"""In one pass: some tenths of a second. A backlog of five thousand is gone through in four minutes."""
CUTS = 1000
"""Interruptions looked at of one activity."""
SETTLED = frozenset({"none", "explained", "backfilled", "exempt", "closed", "withdrawn"})
"""States of an interruption afterwards that ask for nothing more."""
RECORDING = frozenset({"live", "suspected"})
_log = structlog.get_logger(__name__)


class Footage(Protocol):
    """The read side of the ledger. Blocks."""

    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]: ...
    def interruptions(
        self, *, stream: str | None, from_us: int | None, to_us: int | None, limit: int
    ) -> list[Interruption]: ...


@dataclass(frozen=True, slots=True)
class Around:
    """What the watch asks of the rest of the hub. On the event loop: ``live`` (a stream's state, and since when) and
    ``work_ends`` (the end of a unit's working hours on the day of a moment; None: not known, or a day off). The others
    may block: ``followups`` gives what became of interruptions, a word for each id that is known, ``backfilled``
    footage that was brought later."""

    footage: Footage
    streams: Callable[[], Sequence[Stream]] = tuple
    live: Callable[[Stream], tuple[str, int | None]] = lambda _stream: ("idle", None)
    followups: Callable[[Sequence[Interruption]], Mapping[str, str]] = lambda _cuts: {}
    backfilled: Callable[[str, int, int], Sequence[Span]] = lambda _stream, _from, _to: ()
    work_ends: Callable[[str, int], int | None] = lambda _unit, _at: None


@dataclass(frozen=True, slots=True)
class Whole:
    """Whether all of an activity is here, which interruptions keep it from being whole; ``footage``: whether anything
    is here."""

    complete: bool
    unexplained: bool
    lacking: tuple[Interruption, ...] = ()
    footage: bool = True


@dataclass(frozen=True, slots=True)
class Unattended:
    """A stream that records while nobody said what for (R25)."""

    stream_id: str
    since_us: int


class Watch:
    """See the module. :meth:`run` makes passes until it is cancelled."""

    def __init__(self, activities: Activities, around: Around) -> None:
        self.unattended: dict[str, Unattended] = {}
        """As of the last pass."""
        self._after_row = -1
        self._activities = activities
        self._around = around
        self._clock = activities.clock
        self._outage = Outage("the clock of activities", activities.clock)

    async def run(self) -> None:
        while True:
            try:
                with self._outage.endured():
                    await self.look()
            except Exception:
                _log.exception("the clock of activities failed; it goes on")
            await self._clock.sleep(PASS_S)

    async def look(self) -> None:
        """One pass: :data:`LOOKS` activities, where the pass before left off."""
        await self._activities.drain()
        self._look_at_streams()
        page = await asyncio.to_thread(self._activities.store.unsettled, self._after_row, LOOKS)
        self._after_row = page[-1].row if len(page) == LOOKS else -1
        for kept in page:
            try:
                await self._look_at(kept)
            except Exception as error:  # one that cannot be judged must not hide the others
                if is_away(error):
                    raise
                _log.exception("an activity could not be looked at", activity=kept.activity.id)

    # --------------------------------------------------------------------------------- activities

    async def _look_at(self, kept: Kept) -> None:
        now_us = self._clock.now().utc_us
        ended_us, unit = kept.activity.ended_us, kept.activity.unit
        work_ends_us = None if ended_us is None else self._around.work_ends(unit, ended_us)
        found = await asyncio.to_thread(self._found, kept, now_us, work_ends_us)
        due = self._due(found, now_us) if found.storage in ("due", "overdue") else []
        warnings = [step for step in due if step.warn_minutes is not None]
        levels = [step for step in due if step.level is not None]
        if warnings and not levels:
            self._tell("activity.deadline_near", found, {"warn_minutes": warnings[-1].warn_minutes})
        self._tell_of_late(kept.storage, found)
        if due:
            found = replace(found, told_until_us=now_us)
        if found != kept:
            await asyncio.to_thread(self._activities.store.update, [found])
        for step in levels:
            await self._escalate(found, step.level or 0)

    def _found(self, kept: Kept, now_us: int, work_ends_us: int | None) -> Kept:
        """Blocks."""
        activity = kept.activity
        whole = self.whole(activity, now_us)
        due_us = None
        if activity.ended_us is not None:
            rules = self._activities.deadline_rules(activity.unit)
            due_us = deadline_us(activity.ended_us, rules, activity.exemption, work_ends_us=work_ends_us)
        storage = storage_state(activity, complete=whole.complete, due_us=due_us, now_us=now_us)
        wrong = findings(
            activity,
            self._activities.rules(activity.unit),
            now_us,
            unexplained=whole.unexplained,
            overdue=storage == "overdue",
            footage=whole.footage,
        )
        settled = storage == "stored" and not whole.unexplained
        return replace(kept, findings=wrong, storage=storage, due_us=due_us, settled=settled)

    def whole(self, activity: Activity, now_us: int) -> Whole:
        """Blocks. What was cut off counts where it asks for an explanation and has neither that nor its footage."""
        around, end_us = self._around, activity.ended_us or now_us
        cuts = around.footage.interruptions(
            stream=activity.stream_id, from_us=activity.began_us, to_us=end_us, limit=CUTS
        )
        cuts = [one for one in cuts if one.state is not InterruptionState.WITHDRAWN]
        asking = [one for one in cuts if one.needs_explanation]
        became = around.followups(asking) if asking else {}
        unsettled = [one for one in asking if became.get(one.id) not in SETTLED]
        lacking = tuple(one for one in unsettled if _lacks_footage(one))
        if activity.open:
            return Whole(False, bool(unsettled), lacking)
        spans = [
            (one.from_us, one.to_us) for one in around.footage.spans(activity.stream_id, activity.began_us, end_us)
        ]
        later = around.backfilled(activity.stream_id, activity.began_us, end_us)
        spans += [(one.from_us, one.to_us) for one in later]
        if lacking:
            return Whole(False, bool(unsettled), lacking, bool(spans))
        if activity.mode is not Mode.FULL:
            return Whole(bool(spans or cuts), bool(unsettled), footage=bool(spans))
        told = [(one.started_us, one.ended_us or end_us) for one in cuts]
        gap_us = self._activities.rules(activity.unit).gap_s * US_PER_S
        gaps = uncovered(activity.began_us, end_us, spans + told, gap_us)
        return Whole(not gaps and bool(spans or told), bool(unsettled), footage=bool(spans))

    def _due(self, kept: Kept, now_us: int) -> list[Step]:
        if kept.due_us is None:
            return []
        rules, path = self._activities.deadline_rules(kept.activity.unit), self._path(kept.activity)
        return [
            step
            for step in steps(kept.due_us, rules, len(path))
            if step.at_us <= now_us
            and (step.at_us > kept.told_until_us if step.level is None else step.level >= kept.activity.told_levels)
        ]

    def _path(self, activity: Activity) -> tuple[str, ...]:
        return self._activities.units.tree.path(activity.unit)

    async def _escalate(self, kept: Kept, level: int) -> None:
        """Told first, entered after: a hub that is killed in between tells it again."""
        unit = self._path(kept.activity)[level]
        self._tell("activity.overdue", kept, {"level": level, "to_unit": unit})
        assert kept.due_us is not None
        await self._activities.overdue(kept, level, unit, kept.due_us)

    def _tell_of_late(self, before: str, found: Kept) -> None:
        """What was late is not any more, or all of it has come: told before it is kept, so that no kill hides it."""
        if found.storage == before:
            return
        if found.storage == "stored":
            self._tell("activity.stored", found, {})
        elif before == "overdue":
            self._tell("activity.deadline_moved", found, {})

    def _tell(self, what: str, kept: Kept, more: Mapping[str, Any]) -> None:
        activity = kept.activity
        due = None if kept.due_us is None else rfc3339(kept.due_us)
        data = {"id": activity.id, "stream": activity.stream_id, "unit": activity.unit, "deadline": due, **more}
        self._activities.tell(what, data)

    # ------------------------------------------------------------------------------------ streams

    def _look_at_streams(self) -> None:
        now_us = self._clock.now().utc_us
        found: dict[str, Unattended] = {}
        for stream in self._around.streams():
            rules = self._activities.rules(stream.unit)
            if stream.retired or stream.kind not in rules.accountable or self._activities.current(stream.id):
                continue
            state, since_us = self._around.live(stream)
            if state not in RECORDING or since_us is None:
                continue
            known = self.unattended.get(stream.id)
            since_us = known.since_us if known is not None else since_us  # a suspicion begins nothing anew
            if now_us - since_us < rules.grace_s * US_PER_S:
                continue
            found[stream.id] = known or Unattended(stream.id, since_us)
            if known is None:
                self._activities.tell("activity.missing", {"stream": stream.id, "since": rfc3339(since_us)})
        self.unattended = found


def _lacks_footage(cut: Interruption) -> bool:
    """What was black or covered was recorded: no device has more of it."""
    return cut.kind.loses_media and cut.kind.interruption_class is not InterruptionClass.CONTENT
