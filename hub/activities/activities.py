"""Activities as they are kept: each word about one is a ledger entry first, and a row after.

All methods are for the event loop but those that say that they block.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Engine

from hub.activities.chain import newest, said_after, said_of
from hub.activities.deadlines import may_exempt
from hub.activities.drafts import MAX_MARKS, Draft, check_reason, check_text
from hub.activities.model import Action, Activity, ExemptionType, MarkKind, Said
from hub.activities.rules import ActivityRules, DeadlineRules, read_rules
from hub.activities.search import Query, search
from hub.activities.store import BATCH, Kept, Store
from hub.clock import US_PER_S, Clock, rfc3339
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.ledger.entries import Entry, EntryType, JsonValue
from hub.ledger.seam import EntryMade
from hub.model import Expected, Stream
from hub.outage import Outage
from hub.people.people import People

AHEAD_US = 5 * US_PER_S
"""A recorder's clock may be ahead of ours by this."""
LONGEST_US = 31 * 86_400 * US_PER_S
EARLIEST_US = 366 * 86_400 * US_PER_S
"""So long after, an activity may still be entered."""
WAITING = 10_000
Tell = Callable[[str, Mapping[str, Any]], None]
Body = dict[str, JsonValue]
_RulesT = TypeVar("_RulesT", ActivityRules, DeadlineRules)
_CUTS = frozenset({EntryType.INTERRUPTION_OPEN, EntryType.INTERRUPTION_CLOSE, EntryType.INTERRUPTION_WITHDRAWN})
_log = structlog.get_logger(__name__)


class Ledger(Protocol):
    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade: ...  # noqa: A002
    async def committed(self) -> None: ...
    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None: ...


class Activities:
    """See the module. ``tell(type, data)`` publishes an event."""

    def __init__(
        self, engine: Engine, data: Path, clock: Clock, ledger: Ledger, people: People, tell: Tell = lambda _t, _d: None
    ) -> None:
        self.store = Store(engine)
        self.clock = clock
        self.people = people
        self.units = people.units
        self.tell = tell
        self._data = data
        self._ledger = ledger
        self._open: dict[str, Activity] = {}
        self._waiting: deque[Entry] = deque()
        self._overflown = False
        self._news = asyncio.Event()
        self._applying = asyncio.Lock()
        self._locks: dict[str, asyncio.Lock] = {}
        self._outage = Outage("activities", clock)

    @classmethod
    async def open(
        cls, engine: Engine, data: Path, clock: Clock, ledger: Ledger, people: People, tell: Tell = lambda _t, _d: None
    ) -> Activities:
        """Everything that the ledger tells, also what was entered when the hub last ended. The tables must exist."""
        self = cls(engine, data, clock, ledger, people, tell)
        await asyncio.to_thread(self.store.prepare)
        await self._catch_up()
        self._open = {kept.activity.stream_id: kept.activity for kept in await asyncio.to_thread(self.store.open)}
        ledger.on_commit(self._heard)
        return self

    # ------------------------------------------------------------------------------------ reading

    def current(self, stream_id: str) -> Activity | None:
        """The activity that the stream is in."""
        return self._open.get(stream_id)

    def expected(self, stream_id: str, at_us: int) -> Expected | None:
        """Within an open activity a stream ought to record; None: no activity says anything. From memory."""
        activity = self._open.get(stream_id)
        if activity is None or at_us < activity.began_us:
            return None
        return Expected(True, activity.began_us, None, f"activity {activity.id}")

    def expected_ranges(self, stream_id: str, from_us: int, to_us: int) -> list[tuple[int, int]]:
        """When it ought to record, by activities open and ended. Blocks."""
        found = self.store.during(stream_id, from_us, to_us)
        return [(max(one.began_us, from_us), min(one.ended_us or to_us, to_us)) for one in found]

    async def get(self, ident: str) -> Kept:
        """Raises NotFound."""
        kept = await asyncio.to_thread(self.store.find, ident)
        if kept is None:
            raise NotFound(f"no activity {ident[:63]!r} is known", code="unknown_activity")
        return kept

    async def history(self, ident: str) -> list[Said]:
        return await asyncio.to_thread(self.store.history, ident)

    async def search(self, query: Query) -> list[Kept]:
        """Raises InvalidRequest."""
        return await asyncio.to_thread(search, self.store.engine, query)

    async def with_findings(
        self, wanted: Callable[[str], bool], limit: int, shown: Callable[[Activity], bool] | None = None
    ) -> list[Kept]:
        """Activities of these units with which something is wrong, the newest first."""
        return await self.search(Query(units=wanted, any_finding=True, limit=limit, shown=shown))

    async def to_be_stored(
        self, wanted: Callable[[str], bool], limit: int, shown: Callable[[Activity], bool] = lambda _: True
    ) -> list[Kept]:
        """待补传: ended, and not all of it is here; what is due first comes first, what waits for a return last."""
        found = await asyncio.to_thread(self.store.to_be_stored)
        return [kept for kept in found if wanted(kept.activity.unit) and shown(kept.activity)][:limit]

    def rules(self, unit: str) -> ActivityRules:
        return _rules_or_default(ActivityRules, self.units.rule(unit, "activities"), unit)

    def deadline_rules(self, unit: str) -> DeadlineRules:
        return _rules_or_default(DeadlineRules, self.units.rule(unit, "deadlines"), unit)

    # ----------------------------------------------------------------------------------- changing

    async def begin(
        self, stream: Stream, draft: Draft, *, by: str, at_us: int | None = None, ended_us: int | None = None
    ) -> Kept:
        """``at_us`` and ``ended_us`` for one that is entered afterwards. Raises InvalidRequest, and Conflict where the
        stream is in another activity at that time."""
        if stream.retired:
            raise Conflict(f"the stream {stream.id!r} is retired and takes nothing in", code="stream_retired")
        async with self._lock(stream.id):
            now_us = self.clock.now().utc_us
            began_us = self._moment("at", at_us, now_us - EARLIEST_US, now_us)
            if ended_us is not None:
                ended_us = self._moment("ended_at", ended_us, began_us, min(now_us, began_us + LONGEST_US))
            await self._check_free(stream.id, began_us, ended_us or now_us + AHEAD_US)
            ident = _new_id(began_us)
            fields = draft.fields(self.people.by_certificate)
            fields.setdefault("mode", self.rules(stream.unit).mode_of(stream.id, stream.kind).value)
            unit = self.units.tree.get(stream.unit or "root")
            body: Body = {
                "id": ident, "action": Action.BEGIN.value, "by": by, "at_us": began_us, "unit": stream.unit,
                "unit_name": unit.name if unit else "", "device": stream.device_number, **fields,
            }  # fmt: skip
            said: list[Body] = [body]
            if ended_us is not None:
                said.append({"id": ident, "action": Action.END.value, "by": by, "at_us": ended_us})
            return await self._enter(stream.id, ident, said)

    async def amend(self, ident: str, draft: Draft, *, by: str, reason: str) -> Kept:
        """Say something otherwise than before: what was said before stays readable. Raises as :meth:`begin`."""
        async with self._of(ident) as kept:
            activity = kept.activity
            fields = draft.fields(self.people.by_certificate, activity.officers)
            if not fields:
                raise InvalidRequest("expected something to change", code="nothing_to_change")
            body: Body = {"id": ident, "action": Action.AMEND.value, "by": by, "fields": fields}
            return await self._enter(activity.stream_id, ident, [{**body, "reason": check_reason("reason", reason)}])

    async def mark(self, ident: str, kind: MarkKind, *, by: str, text: str = "", at_us: int | None = None) -> Kept:
        """A moment within the activity. Raises InvalidRequest, NotFound."""
        async with self._of(ident) as kept:
            activity, now_us = kept.activity, self.clock.now().utc_us
            if len(activity.marks) >= MAX_MARKS:
                raise Conflict(f"the activity has {MAX_MARKS} marks already", code="too_many_marks")
            latest_us = now_us if activity.ended_us is None else activity.ended_us
            at_us = self._moment("at", at_us, activity.began_us, latest_us)
            body: Body = {"id": ident, "action": Action.MARK.value, "by": by, "kind": kind.value, "at_us": at_us}
            return await self._enter(activity.stream_id, ident, [{**body, "text": check_text("text", text)}])

    async def end(self, ident: str, *, by: str, at_us: int | None = None) -> Kept:
        """Raises Conflict when it has ended."""
        async with self._of(ident) as kept:
            activity, now_us = kept.activity, self.clock.now().utc_us
            if not activity.open:
                raise Conflict("the activity has ended already", code="activity_ended")
            at_us = self._moment("at", at_us, activity.began_us, min(now_us, activity.began_us + LONGEST_US))
            body: Body = {"id": ident, "action": Action.END.value, "by": by, "at_us": at_us}
            return await self._enter(activity.stream_id, ident, [body])

    async def exempt(self, ident: str, kind: ExemptionType, *, by: str, text: str) -> Kept:
        """Its footage cannot be stored in time, for one of the reasons of the organisation's rules."""
        async with self._of(ident) as kept:
            rules = self.deadline_rules(kept.activity.unit)
            body: Body = {"id": ident, "action": Action.EXEMPT.value, "by": by, "type": kind.value}
            body["text"] = check_reason("text", text)
            if rules.storage != "24h" or kind not in rules.exemptions:
                raise Conflict("the rules of this unit know no such exemption", code="no_exemption")
            return await self._enter(kept.activity.stream_id, ident, [body])

    async def returned(self, ident: str, *, by: str, at_us: int | None = None) -> Kept:
        """The officers are back: 24 hours run from then."""
        async with self._of(ident) as kept:
            activity, now_us = kept.activity, self.clock.now().utc_us
            if activity.exemption is None or not may_exempt(self.deadline_rules(activity.unit), activity.exemption):
                raise Conflict("the activity has no exemption; its time runs from its end", code="no_exemption")
            at_us = self._moment("at", at_us, activity.ended_us or activity.began_us, now_us)
            body: Body = {"id": ident, "action": Action.RETURNED.value, "by": by, "at_us": at_us}
            return await self._enter(activity.stream_id, ident, [body])

    async def overdue(self, kept: Kept, level: int, unit: str, due_us: int) -> None:
        """Enter that this level of the organisation was told."""
        ident, stream_id = kept.activity.id, kept.activity.stream_id
        async with self._lock(stream_id):
            body: Body = {"id": ident, "action": Action.OVERDUE.value, "by": "hub", "level": level, "unit": unit}
            await self._enter(stream_id, ident, [{**body, "due_us": due_us}])

    # ------------------------------------------------------------------------------------- within

    def _of(self, ident: str) -> _Locked:
        return _Locked(self, ident)

    def _lock(self, stream_id: str) -> asyncio.Lock:
        return self._locks.setdefault(stream_id, asyncio.Lock())

    def _moment(self, name: str, at_us: int | None, earliest_us: int, latest_us: int) -> int:
        """That moment, or now. Raises InvalidRequest outside of the limits."""
        if at_us is None:
            at_us = self.clock.now().utc_us
        if not earliest_us <= at_us <= latest_us + AHEAD_US:
            raise InvalidRequest(f"{name}: expected a time {_between(earliest_us, latest_us)}", code="bad_time")
        return max(earliest_us, min(at_us, latest_us))

    async def _check_free(self, stream_id: str, from_us: int, to_us: int) -> None:
        others = await asyncio.to_thread(self.store.during, stream_id, from_us, to_us)
        if others:
            raise Conflict(
                f"the stream is in the activity {others[0].id!r} at that time; end that one first", code="activity_open"
            )

    async def _enter(self, stream_id: str, ident: str, bodies: Sequence[Mapping[str, JsonValue]]) -> Kept:
        for body in bodies:
            self._ledger.append(stream_id, EntryType.ACTIVITY, body)
        await self._ledger.committed()
        await self.drain()
        return await self.get(ident)

    def _heard(self, entries: Sequence[Entry]) -> None:
        """After a commit. What does not fit waits in the ledger, where it is read again."""
        for entry in entries:
            if entry.type is EntryType.ACTIVITY or entry.type in _CUTS:
                if len(self._waiting) >= WAITING:
                    self._overflown = True
                    break
                self._waiting.append(entry)
                self._news.set()

    async def follow(self) -> None:
        """Until cancelled: what was entered gets into the tables, also when nobody waits for it."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.drain()
                self._outage.went_well()
            except Exception as error:
                if not self._outage.is_met(error):
                    _log.exception("activities could not be written to the database; it is tried again")
                await self.clock.sleep(1.0)
                self._news.set()

    async def drain(self) -> None:
        """Everything that was committed is in the tables when this returns."""
        async with self._applying:
            while self._waiting:
                batch = list(self._waiting)[:BATCH]
                said = [said_of(entry) for entry in batch if entry.type is EntryType.ACTIVITY]
                changed = await asyncio.to_thread(self.store.apply, said)
                await asyncio.to_thread(self._reopen, [entry for entry in batch if entry.type in _CUTS])
                for _ in batch:
                    self._waiting.popleft()
                self._take(changed)
                for one in said:
                    self._announce(one)
            if self._overflown:
                self._overflown = False
                await self._catch_up()
                self._open = {one.activity.stream_id: one.activity for one in await asyncio.to_thread(self.store.open)}

    def _reopen(self, cuts: Sequence[Entry]) -> None:
        for entry in cuts:
            from_us, to_us = entry.body["started_us"], entry.body.get("ended_us", entry.t_hub_us)
            self.store.reopen(entry.stream_id, from_us, to_us)

    def _take(self, changed: Sequence[Kept]) -> None:
        for kept in changed:
            activity = kept.activity
            if activity.open:
                self._open[activity.stream_id] = activity
            elif (known := self._open.get(activity.stream_id)) is not None and known.id == activity.id:
                del self._open[activity.stream_id]

    def _announce(self, said: Said) -> None:
        """Who hears events may not be one who may know the parties: they say that there is news, and of what."""
        body = said.body
        with suppress(KeyError):
            data = {"id": body["id"], "stream": said.stream_id, "action": body["action"], "by": body["by"]}
            self.tell("activity.changed", data)

    async def _catch_up(self) -> None:
        """Take up what the ledger has and these tables have not."""
        engine, store = self.store.engine, self.store

        def read() -> None:
            until = newest(engine)
            batch: list[Said] = []
            for said in said_after(engine, self._data, store.read_until):
                batch.append(said)
                if len(batch) >= BATCH:
                    store.apply(batch)
                    batch = []
            store.apply(batch)
            store.set_read_until(until)

        await asyncio.to_thread(read)


class _Locked:
    """The activity as it is, while nothing is said of its stream's activities."""

    def __init__(self, activities: Activities, ident: str) -> None:
        self._activities = activities
        self._ident = ident
        self._lock: asyncio.Lock | None = None

    async def __aenter__(self) -> Kept:
        kept = await self._activities.get(self._ident)
        self._lock = self._activities._lock(kept.activity.stream_id)
        await self._lock.acquire()
        try:
            return await self._activities.get(self._ident)
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()


def _new_id(began_us: int) -> str:
    day = datetime.fromtimestamp(began_us / US_PER_S, UTC).strftime("%Y%m%d")
    return f"{day}-{secrets.token_hex(6)}"


def _between(earliest_us: int, latest_us: int) -> str:
    return f"from {rfc3339(earliest_us)} to {rfc3339(latest_us)}"


def _rules_or_default(model: type[_RulesT], value: Any, unit: str) -> _RulesT:
    """What cannot be understood must not stop the clock of everybody: the defaults hold, and it is told."""
    try:
        return read_rules(model, value)
    except InvalidRequest as error:
        _log.error("rules of a unit cannot be used; the defaults hold", unit=unit, error=str(error))
        return model()
