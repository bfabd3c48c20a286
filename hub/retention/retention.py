"""Retention in the background: what is due goes, step by step; what is held stays; a disk that fills is told in time.

All methods are for the event loop. The pauses between passes are the injected clock's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import structlog

from hub.clock import US_PER_S, Clock, rfc3339
from hub.errors import Conflict, HubError, InvalidRequest, NotFound
from hub.ledger.entries import HUB_STREAM, Entry, EntryType, JsonValue
from hub.ledger.keeping import CaseRange, Hold, Keeping
from hub.ledger.retained import ReelRow, Retained
from hub.metrics import STORAGE_FULL, STORAGE_LOW
from hub.outage import Outage
from hub.retention.beside import FindBeside, nothing_beside
from hub.retention.deleter import Deleter, Ledger, Reason, Tell, wait_us
from hub.retention.files import Files, PosixFiles, Usage
from hub.retention.rooms import OWN, Disks, Full, Room, Rooms, full_disks
from hub.retention.rules import EVIDENCE, REASONS, Decision, Rules
from hub.retention.space import Marks, WriteRate, full_at
from hub.retention.survey import Survey, survey
from hub.settings import Settings

PASS_S = 10.0
SURVEY_US = 3600 * US_PER_S
REELS_A_STEP = 16
"""Of one tombstone: some two hours of a stream; a step takes milliseconds."""
STEPS_A_PASS = 8
LEAP_US = 3600 * US_PER_S
"""A calendar that leaps forward this far would make footage look old that is not."""

_Kept = TypeVar("_Kept", Hold, CaseRange)
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Status:
    """As of the last pass. ``full_at_us``: when the disk would be full if all that may go went."""

    usage: Usage | None = None
    marks: Marks | None = None
    low: bool = False
    waiting_bytes: int = 0
    bytes_per_s: float | None = None
    full_at_us: int | None = None
    survey: Survey = field(default_factory=lambda: Survey(0))
    problems: tuple[str, ...] = ()
    full: tuple[Full, ...] = ()
    """Disks of other nodes that are short of room, with nothing that may go."""


class Retention:
    """See the module. ``authorities`` says whether outside authorities are configured to anchor the log, ``beside``
    what else belongs to a stream's footage. ``leaving``: bytes that leave this disk for an archive by themselves; None:
    there is none. With one, no footage is deleted for want of room here. ``rooms``: other disks that it is to look
    after; None: there are none."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: Ledger,
        retained: Retained,
        *,
        tell: Tell = lambda _type, _data: None,
        authorities: Callable[[], bool] = lambda: False,
        files: Files | None = None,
        beside: FindBeside = nothing_beside,
        leaving: Callable[[], int] | None = None,
        rooms: Rooms | None = None,
    ) -> None:
        self.rules = Rules.from_settings(settings)
        self.status = Status()
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._retained = retained
        self._tell = tell
        self._authorities = authorities
        self._leaving = leaving
        self._rooms = rooms
        self._where: Mapping[str, str] | None = None if rooms is None else {}
        """Of candidates, the node on whose disk each lies, as of the last survey."""
        self._files = files or PosixFiles()
        self._keepings: dict[str, Keeping] = {}
        self._stream_of: dict[str, str] = {}
        """Of holds and ranges, by id."""
        self._deleter = Deleter(settings.data, ledger, retained, clock, self._files, self._kept_by, tell, beside)
        self._survey_due = True
        self._freeing: set[str] = set()
        now = clock.now()
        self._rate = WriteRate(now.mono_us)
        self._offset_us = now.utc_us - now.mono_us
        self._leapt = False
        self._outage = Outage("retention", clock)

    # --------------------------------------------------------------------------- in the background

    async def start(self) -> None:
        """Read what is held, and say what an earlier run deleted and could not say. Before anything else is done."""
        for row in await asyncio.to_thread(self._retained.holds):
            self._apply(row.stream_id, row.body, row.at_us)
        self._ledger.on_commit(self._heard)
        await self._deleter.finish(wait_anchor_us=0, only_begun=True)

    async def run(self) -> None:
        """Until cancelled. Nothing that fails here ends it, and nothing of it holds up a recording."""
        while True:
            more = False
            try:
                with self._outage.endured():
                    more = await self.one_pass()
            except (HubError, OSError) as error:
                _log.error("retention could not go on; it tries again", error=str(error))
            except Exception:
                _log.exception("a pass of retention failed; it tries again")
            await self._clock.sleep(1.0 if more else PASS_S)

    async def one_pass(self) -> bool:
        """Delete what was tombstoned and is signed; tombstone what is due; look at the disk. Whether there is more
        to tombstone at once."""
        hours = self._settings.retention_anchor_wait_h
        waiting = await self._deleter.finish(wait_anchor_us=wait_us(hours, self._authorities()))
        usage = await asyncio.to_thread(self._files.usage, self._settings.data)
        await self._look()
        disks = await asyncio.to_thread(self._disks, usage, waiting)
        chosen = [] if self._calendar_leapt() else self._choose(disks)
        for (stream_id, reason), group in groupby(chosen, key=lambda item: (item[0].stream_id, item[1])):
            reels = [reel for reel, _ in group]
            for at in range(0, len(reels), REELS_A_STEP):
                step = reels[at : at + REELS_A_STEP]
                waiting += await self._deleter.tombstone(stream_id, step, reason)
        self._report(disks, waiting)
        return len(chosen) == REELS_A_STEP * STEPS_A_PASS

    def _disks(self, usage: Usage, waiting: int) -> Disks:
        """Blocks. Those of other nodes are looked at anew in each pass: what was deleted there shows at once."""
        rate = self._rate.bytes_per_s(self._clock.now().mono_us)
        leaving = None if self._leaving is None else self._leaving()
        own = Room(usage, Marks.of(self._settings, usage), rate, leaving)
        if self._rooms is None:
            return Disks({OWN: own}, None, {OWN: waiting})
        pending = {one.reel: one.size for standing in self._retained.standing() for one in standing.pending}
        try:
            rooms = {OWN: own, **self._rooms.look()}
            where = {**(self._where or {}), **self._rooms.where(pending)}
        except OSError as error:
            _log.warning("the disks of other nodes cannot be looked at", error=str(error))
            return Disks({OWN: own}, {})
        disks = Disks(rooms, where)
        for reel, size in pending.items():
            if (name := disks.of(reel)) is not None:
                disks.waiting[name] = disks.waiting.get(name, 0) + size
        return disks

    def _heard(self, entries: Sequence[Entry]) -> None:
        mono_us = self._clock.now().mono_us
        for entry in entries:
            if entry.type is EntryType.CHUNK:
                self._rate.add(entry.body["size"], mono_us)
            elif entry.type is EntryType.ANCHOR and entry.stream_id == HUB_STREAM:
                size = entry.body.get("size")
                if isinstance(size, int):
                    self._deleter.anchored_size = max(self._deleter.anchored_size, size)

    async def _look(self) -> None:
        now_us = self._clock.now().utc_us
        spent = not self.status.survey.candidates and not self.status.survey.complete
        if not (self._survey_due or spent or not 0 <= now_us - self.status.survey.at_us < SURVEY_US):
            return
        self._survey_due = False
        keepings = {stream: Keeping(dict(one.holds), dict(one.ranges)) for stream, one in self._keepings.items()}
        self.status.survey = await asyncio.to_thread(survey, self._retained, self.rules, keepings, now_us)
        if self._rooms is not None:
            await asyncio.to_thread(self._locate, self._rooms)

    def _locate(self, rooms: Rooms) -> None:
        """Blocks. Without an answer nothing goes for want of room, until the next survey."""
        try:
            self._where = rooms.where(one.reel for one in self.status.survey.candidates)
        except OSError as error:
            self._survey_due = True
            _log.warning("nobody says where footage lies", error=str(error))

    def _choose(self, disks: Disks) -> list[tuple[ReelRow, Reason]]:
        """What is to be tombstoned in this pass: what may no longer stay, and while a disk is short of room the oldest
        on it that may go. Decided anew by what is held at this moment; sorted, so that what belongs together is one
        tombstone."""
        now_us = self._clock.now().utc_us
        chosen: list[tuple[ReelRow, Reason]] = []
        rest: list[ReelRow] = []
        self._freeing = disks.short(self._freeing)
        free = {name: disks.free(name) for name in self._freeing}
        candidates = self.status.survey.candidates
        for at, reel in enumerate(candidates):
            if len(chosen) == REELS_A_STEP * STEPS_A_PASS:
                rest += candidates[at:]
                break
            decision = self.decide(reel.stream_id, reel.first_us, reel.end_us)
            due = decision.goes_us is not None and decision.goes_us <= now_us
            if not decision.may_go(now_us):
                continue
            disk = disks.of(reel.reel)
            if not due and disk not in self._freeing:
                rest.append(reel)
                continue
            rule = "term" if due else "room"
            chosen.append((reel, Reason(rule, decision.class_name, decision.kept_days, f"rule:{rule}")))
            if disk in self._freeing:
                free[disk] += reel.size
                if free[disk] >= disks.rooms[disk].marks.enough:
                    self._freeing.discard(disk)
        self.status.survey.candidates = rest
        for outlook in self.status.survey.streams:
            taken = [reel for reel, _ in chosen if reel.stream_id == outlook.stream_id]
            outlook.may_go_reels -= len(taken)
            outlook.may_go_bytes -= sum(reel.size for reel in taken)
        chosen.sort(key=lambda item: (item[0].stream_id, item[1].rule, item[1].class_name, item[0].reel))
        return chosen

    def _calendar_leapt(self) -> bool:
        """Whether the calendar was set far forward since the start: then nobody knows how old footage is, and nothing
        goes until the hub is started anew by somebody who has looked at the clock."""
        now = self._clock.now()
        offset_us, before = now.utc_us - now.mono_us, self._offset_us
        self._offset_us = offset_us
        if offset_us - before > LEAP_US and not self._leapt:
            self._leapt = True
            _log.error("the calendar leapt forward: nothing is deleted until the hub is started anew")
        return self._leapt

    def _report(self, disks: Disks, waiting: int) -> None:
        now, status, own = self._clock.now(), self.status, disks.rooms[OWN]
        usage, marks, rate = own.usage, own.marks, own.bytes_per_s
        may_go = status.survey.may_go_bytes + waiting if own.leaving is None else own.leaving
        if disks.where is not None:  # only of what lies here, which takes a while to tell
            may_go = disks.may_go(OWN, status.survey.candidates) if usage.free < marks.enough else 0
        status.full = full_disks(disks, status.survey.candidates, now.utc_us)
        own_low = usage.free < marks.low and may_go == 0
        low = own_low or bool(status.full)
        problems = [self._deleter.problem, *(f"{reel}: {why}" for reel, why in self._deleter.missing.items())]
        if self._leapt:
            problems.append("the calendar leapt forward: nothing is deleted until the hub is started anew")
        before, status.low = status.low, low
        status.usage, status.marks, status.waiting_bytes, status.bytes_per_s = usage, marks, waiting, rate
        status.full_at_us = full_at(now.utc_us, usage.free, may_go, rate)
        status.problems = tuple(problem for problem in problems if problem)
        if own_low:
            status.full = (Full(OWN, usage, marks, status.full_at_us), *status.full)
        STORAGE_LOW.set(low)
        dates = [one for one in (status.full_at_us, *(one.full_at_us for one in status.full)) if one]
        STORAGE_FULL.set(min(dates, default=0) / US_PER_S)
        if low != before:
            _log.log(40 if low else 20, "room is short, and nothing may go" if low else "there is room again")
            self._tell("storage.low" if low else "storage.ok", _room(status.full[0] if low else None, own, status))

    @property
    def problem(self) -> str:
        """For /readyz: "ok", or that a disk fills and nothing may go."""
        return "; ".join(one.text() for one in self.status.full) or "ok"

    # --------------------------------------------------------------------------------- what is kept

    def decide(self, stream_id: str, first_us: int, end_us: int) -> Decision:
        """How long footage of this time is kept, by what is known at this moment."""
        return self.rules.decide(self._keepings.get(stream_id) or Keeping(), stream_id, first_us, end_us)

    def _kept_by(self, stream_id: str, first_us: int, end_us: int) -> str:
        decision = self.decide(stream_id, first_us, end_us)
        return "" if decision.may_go(self._clock.now().utc_us) else decision.why

    def holds(self) -> list[Hold]:
        """All of them, released ones too, newest first."""
        return _newest(hold for keeping in self._keepings.values() for hold in keeping.holds.values())

    def ranges(self) -> list[CaseRange]:
        """All ranges with a class of their own, newest first."""
        return _newest(one for keeping in self._keepings.values() for one in keeping.ranges.values())

    def hold(self, ident: str) -> Hold:
        """Raises NotFound."""
        found = self._keepings.get(self._stream_of.get(ident, ""), Keeping()).holds.get(ident)
        if found is None:
            raise NotFound(f"no hold has the id {ident[:100]!r}")
        return found

    async def place_hold(self, stream_id: str, from_us: int, to_us: int, reason: str, text: str, by: str) -> Hold:
        """Keep this time until the hold is released. Raises InvalidRequest for a reason that is none."""
        _check_range(from_us, to_us)
        if reason not in REASONS:
            raise InvalidRequest(f"reason: expected one of {', '.join(REASONS)}, found {reason[:80]!r}")
        if reason == "other" and not text.strip():
            raise InvalidRequest("text: expected words that say why, since the reason is other")
        ident = await self._say(
            stream_id,
            "hold",
            {"action": "placed", "from_us": from_us, "to_us": to_us, "reason": reason, "text": text},
            by,
        )
        return self.hold(ident)

    async def any_deleted(self, stream_id: str, from_us: int, to_us: int) -> bool:
        """Whether footage of this time was deleted already."""
        return await asyncio.to_thread(self._retained.any_deleted, stream_id, from_us, to_us)

    async def stored(self) -> dict[str, int]:
        """Bytes of footage by stream."""
        return await asyncio.to_thread(self._retained.stored)

    async def release_hold(self, ident: str, text: str, by: str) -> Hold:
        """Raises NotFound, InvalidRequest without words, Conflict if it is released already."""
        hold = self.hold(ident)
        if not text.strip():
            raise InvalidRequest("text: expected words that say why the hold ends")
        if not hold.in_force:
            raise Conflict("this hold was released before", code="released")
        await self._say(hold.stream_id, "hold", {"action": "released", "text": text}, by, ident)
        return self.hold(ident)

    async def mark_copied(self, ident: str, medium: str, label: str, sha256: str, by: str) -> Hold:
        """The footage of this hold was copied to a disc or another medium. Raises NotFound, InvalidRequest."""
        hold = self.hold(ident)
        if not medium.strip() or not label.strip():
            raise InvalidRequest("medium and label: expected what it was copied to, and what is written on it")
        body: dict[str, JsonValue] = {"action": "copied", "medium": medium, "label": label, "sha256": sha256}
        await self._say(hold.stream_id, "hold", body, by, ident)
        return self.hold(ident)

    async def classify(self, stream_id: str, from_us: int, to_us: int, name: str, case: str, by: str) -> CaseRange:
        """Put this time into a class; into ``evidence`` with the number of its case. Raises InvalidRequest; Conflict
        for a class that would keep it shorter than it is kept."""
        _check_range(from_us, to_us)
        found = self.rules.classes.get(name)
        if found is None:
            raise InvalidRequest(f"class: expected one of {', '.join(self.rules.classes)}, found {name[:80]!r}")
        if (name == EVIDENCE) != bool(case.strip()):
            raise InvalidRequest("case: expected the case number of evidence, and of nothing else")
        own = self.rules.class_of(stream_id)
        if found.least_days < own.least_days:
            raise Conflict(
                f"{stream_id} is kept {own.least_days} days ({own.name}): {own.clause}; {name} would keep it "
                f"{found.least_days}",
                code="too_short",
            )
        body: dict[str, JsonValue] = {
            "action": "classified", "from_us": from_us, "to_us": to_us, "class": name, "case": case.strip(),
        }  # fmt: skip
        ident = await self._say(stream_id, "range", body, by)
        return self._keepings[stream_id].ranges[ident]

    async def close_case(self, case: str, term_days: int | None, by: str) -> list[CaseRange]:
        """The case is closed: its footage is kept ``term_days`` from now (None: the least of the class evidence).
        Raises NotFound, Conflict if the term is shorter than that."""
        own = [one for one in self.ranges() if one.case == case.strip() and one.closed_us is None]
        if not own:
            raise NotFound(f"no footage is evidence in an open case {case[:100]!r}")
        least_days = self.rules.classes[EVIDENCE].least_days
        days = least_days if term_days is None else term_days
        if days < least_days:
            clause = self.rules.classes[EVIDENCE].clause
            raise Conflict(f"expected a term of at least {least_days} days, found {days}: {clause}", code="too_short")
        for one in own:
            body: dict[str, JsonValue] = {"action": "case_closed", "case": one.case, "term_days": days}
            await self._say(one.stream_id, "range", body, by, one.id)
        return [self._keepings[one.stream_id].ranges[one.id] for one in own]

    async def approve(self, stream_id: str, from_us: int, to_us: int, by: str) -> int:
        """A person approves that what lies in this time and may go goes now. How many reels are on their way.

        Raises Conflict with code ``kept`` if anything in it must be kept: an early purge is refused as a whole.
        """
        rows = await asyncio.to_thread(self._within, stream_id, from_us, to_us)
        now_us = self._clock.now().utc_us
        for row in rows:
            decision = self.decide(stream_id, row.first_us, row.end_us)
            if not decision.may_go(now_us):
                raise Conflict(f"{row.reel} must be kept: {decision.why}. {decision.clause}", code="kept")
        if self._calendar_leapt():
            raise Conflict("the calendar leapt forward; start the hub anew once its clock is right", code="clock")
        for at in range(0, len(rows), REELS_A_STEP):
            step = rows[at : at + REELS_A_STEP]
            decision = self.decide(stream_id, step[-1].first_us, step[-1].end_us)
            reason = Reason("approved", decision.class_name, decision.kept_days, by)
            await self._deleter.tombstone(stream_id, step, reason)
        self._survey_due = True
        return len(rows)

    def _within(self, stream_id: str, from_us: int, to_us: int) -> list[ReelRow]:
        """Blocks. Reels that begin in this time; the last may reach beyond it, and goes as a whole or not at all."""
        found: list[ReelRow] = []
        after = ""
        while page := self._retained.reels(stream_id, f"reels/{stream_id}/\U0010ffff", after, 200):
            found += [one for one in page if one.first_us >= from_us and one.end_us <= to_us]
            after = page[-1].reel
            if page[-1].first_us >= to_us:
                break
        return found

    async def _say(self, stream_id: str, what: str, body: Mapping[str, JsonValue], by: str, ident: str = "") -> str:
        """Append a ``hold`` entry, take it over, and wait until it is durable. Never while bytes are being removed."""
        async with self._deleter.moving:
            ident = ident or f"{what}-{stream_id}-{self._ledger.next_run(stream_id)}"
            entry = self._ledger.append(stream_id, EntryType.HOLD, {**body, "id": ident, "by": by})
            self._apply(stream_id, entry.body, entry.t_hub_us)
        self._survey_due = True
        await self._ledger.committed()
        self._tell(f"{what}.{body['action']}", {"id": ident, "stream": stream_id, "by": by})
        return ident

    def _apply(self, stream_id: str, body: Mapping[str, JsonValue], at_us: int) -> None:
        self._keepings.setdefault(stream_id, Keeping()).apply(stream_id, body, at_us)
        self._stream_of.setdefault(str(body["id"]), stream_id)


def _newest(found: Iterable[_Kept]) -> list[_Kept]:
    return sorted(found, key=lambda one: (one.at_us, one.id), reverse=True)


def _room(full: Full | None, own: Room, status: Status) -> dict[str, JsonValue]:
    """Of the disk that is full, or of this one, which is not."""
    named = full or Full(OWN, own.usage, own.marks, status.full_at_us)
    at_us = named.full_at_us
    data: dict[str, JsonValue] = {"free_bytes": named.usage.free, "low_bytes": named.marks.low}
    data["full_at"] = None if at_us is None else rfc3339(at_us)
    return data if named.name == OWN else data | {"node": named.name}


def _check_range(from_us: int, to_us: int) -> None:
    if to_us <= from_us:
        raise InvalidRequest("to: expected a time after from")
