"""Telling people: the bus rings, the desk keeps, the outbox sends; and what a watcher does about it is an entry.

All methods are for the event loop. Time is the injected clock's: :meth:`Notices.tick` does what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine

from hub.clock import US_PER_S, Clock
from hub.errors import HubError
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue
from hub.metrics import ALARMS
from hub.model import Interruption, InterruptionState, Stream
from hub.monitor.events import DROPPED, Event, EventBus, interruption_json
from hub.notices import alertmanager
from hub.notices.alarm import LEVELS, Alarm, AlarmState, AlarmStore, alarm_json
from hub.notices.causes import Over, Rung, cause_of, of_readiness
from hub.notices.channels import Channel, ChannelKind, Channels, SendError
from hub.notices.delivery import TRIAL, Delivery
from hub.notices.desk import Desk
from hub.notices.handover import Append, Handovers
from hub.notices.kept import Notice, NoticeState, NoticeStore
from hub.notices.outbox import SYNC, Outbox
from hub.notices.roster import Roster
from hub.notices.rules import next_step, plan, rules_for, step_unit
from hub.notices.shifts import ShiftStore
from hub.notices.texts import Place, Words, digest_of, words_of
from hub.outage import Outage
from hub.people.people import People
from hub.people.units import Units
from hub.settings import Settings

TICK_S: Final = 1.0
GATHER_US: Final = 2 * US_PER_S
"""So long the first text of an alarm waits, but for level 1: what breaks at the same instant may be one incident."""
READY_US: Final = 10 * US_PER_S
PRUNE_US: Final = 3600 * US_PER_S
CHANNEL_LEVEL: Final = 3
_log = structlog.get_logger(__name__)


async def _lasts(_cause: str) -> bool:
    return True


async def _nothing() -> Sequence[Event]:
    return ()


@dataclass(frozen=True, slots=True)
class Outside:
    """What this part asks of the rest of the hub. Called on the event loop; ``interruption`` in a thread. ``late``:
    whether the missed deadline of a cause is missed still. ``standing``: events of what the ledger holds and what rings
    by itself no second time, calls for help among it."""

    append: Append
    stream: Callable[[str], Stream | None]
    present: Callable[[], Sequence[Interruption]] = tuple
    interruption: Callable[[str], Interruption | None] = lambda _: None
    ready: Callable[[], Mapping[str, str]] = dict
    late: Callable[[str], Awaitable[bool]] = _lasts
    standing: Callable[[], Awaitable[Sequence[Event]]] = _nothing


class Notices:
    """See the module. Made by :meth:`open`; :meth:`start` sets it going, :meth:`close` ends it."""

    def __init__(
        self, settings: Settings, clock: Clock, engine: Engine, bus: EventBus, people: People, outside: Outside
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bus = bus
        self._units: Units = people.units
        self._outside = outside
        self._zone = ZoneInfo(settings.time_zone)
        self._alarms = AlarmStore(engine)
        self._kept = NoticeStore(engine)
        self._desk = Desk(self._say, self._tell, clear_level=settings.alarm_clear_level)
        self.channels = Channels(engine, clock)
        self.roster = Roster(ShiftStore(engine), clock, people)
        self.shifts = Handovers(clock, bus, self._units, self.roster, self._desk, outside.append, self._flush)
        self._delivery = Delivery(clock, settings.public_url, self.find, self._alerts_of, self.place)
        self.outbox = Outbox(
            clock,
            self.channels,
            self._kept,
            self._delivery.deliver,
            self._digest,
            storm_per_min=settings.notices_per_min,
            changed=self._noticed,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._outage = Outage("notices", clock)
        self._sending: set[asyncio.Task[None]] = set()
        self._listener = bus.subscribe()
        self._missed = False
        """An event could not be looked at, with a database that was away: what lasts is found by looking."""
        self._ready_us = self._prune_us = self._synced_us = -(1 << 62)

    @classmethod
    async def open(
        cls, settings: Settings, clock: Clock, engine: Engine, bus: EventBus, people: People, outside: Outside
    ) -> Notices:
        """As it stood when the hub ended. The tables must exist. It listens from here on."""
        self = cls(settings, clock, engine, bus, people, outside)
        self._desk.load(await asyncio.to_thread(self._alarms.unsettled))
        await self.channels.load()
        await self.roster.load()
        await self.outbox.load()
        await self._look_again()
        return self

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tick_for_ever())]

    async def close(self) -> None:
        """What waits is kept, and sent at the next start."""
        self._listener.close()
        for task in (*self._tasks, *self._sending):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._sending, return_exceptions=True)
        await self._flush()
        await self._delivery.close()

    # ----------------------------------------------------------------------------------- what rings

    async def _listen(self) -> None:
        async for event in self._listener:
            try:
                await self.hear(event)
            except Exception:
                _log.exception("an event could not be made an alarm", event_type=event.type)
                self._missed = True

    async def hear(self, event: Event) -> None:
        """One event of the bus. What was dropped of them is found again by looking."""
        if event.type == DROPPED:
            await self._look_again()
            return
        found = cause_of(event)
        if found is not None:
            await self.ring(found)

    async def ring(self, found: Rung | Over) -> Alarm | None:
        """Something rings, or has ended. The alarm that changed, if any."""
        if self._desk.of_cause(found.cause) is None:
            if isinstance(found, Over) and found.cause.startswith(("hub:", "channel:")):
                return None
            known = await asyncio.to_thread(self._alarms.newest_of, found.cause)
            if known is not None and self._desk.of_cause(found.cause) is None:
                self._desk.load([known])
        if isinstance(found, Over):
            changed = self._desk.over(found)
            if changed is not None and changed.sent:
                self._tell_over(changed)
            return changed
        return self._desk.rung(found, self._unit_of(found), self._clock.now().utc_us)

    def _unit_of(self, rung: Rung) -> str:
        """Where it happened; what is not known belongs to the root."""
        stream = self._outside.stream(rung.stream) if rung.stream else None
        unit = stream.unit if stream is not None else rung.unit
        return unit if self._units.tree.get(unit) is not None else ""

    async def _look_again(self) -> None:
        """At what the detectors hold open, and at what became of the interruptions that alarms are of."""
        now_us = self._clock.now().utc_us
        present = {one.id: one for one in self._outside.present()}
        for one in present.values():
            await self.hear(Event(f"interruption.{one.state}", now_us, interruption_json(one)))
        for alarm in self._desk.unsettled():
            if alarm.cause.startswith("interruption:") and alarm.over_us is None and alarm.subject not in present:
                row = await asyncio.to_thread(self._outside.interruption, alarm.subject)
                if row is not None and row.state not in (InterruptionState.SUSPECTED, InterruptionState.CONFIRMED):
                    await self.hear(Event(f"interruption.{row.state}", now_us, interruption_json(row)))
            elif alarm.cause.startswith(("interruption_overdue:", "activity_overdue:")) and alarm.over_us is None:
                await self._look_whether_late(alarm.cause, now_us)
        await self._look_at_what_stands()

    async def _look_at_what_stands(self) -> None:
        """An alarm is kept a second after it rang: a hub that was killed in between has the entry alone."""
        try:
            standing = await self._outside.standing()
        except Exception:  # what rang before must not wait for it
            _log.exception("what stands in the ledger could not be looked at")
            return
        for event in standing:
            found = cause_of(event)
            if isinstance(found, Rung):
                known = self._desk.of_cause(found.cause)
                known = known or await asyncio.to_thread(self._alarms.newest_of, found.cause)
                if known is None or (known.over_us is not None and known.over_us < event.at_us):
                    await self.ring(found)

    async def _look_whether_late(self, cause: str, now_us: int) -> None:
        try:
            late = await self._outside.late(cause)
        except HubError as error:  # the alarm stays for a person to settle
            _log.warning("a missed deadline could not be looked at", cause=cause, error=str(error))
        else:
            if not late:
                await self.ring(Over(cause, now_us))

    # ------------------------------------------------------------------------------- as time passes

    async def _tick_for_ever(self) -> None:
        while True:
            try:
                with self._outage.endured():
                    await self.tick()
                    for name in self.outbox.ready():
                        task = asyncio.create_task(self.outbox.drain(name))
                        self._sending.add(task)
                        task.add_done_callback(self._sending.discard)
            except Exception:
                _log.exception("a round of notices failed; the next one tries again")
            await self._clock.sleep(TICK_S)

    async def tick(self) -> None:
        """What is due at this moment: escalations, texts, what Alertmanager must hear; then all of it is kept."""
        now = self._clock.now()
        if now.mono_us - self._ready_us >= READY_US:
            self._ready_us = now.mono_us
            for check, problem in self._outside.ready().items():
                if check != "reels":  # those are interruptions, and ring as such
                    await self.ring(of_readiness(check, problem, now.utc_us))
        for alarm in self._desk.unsettled():
            if alarm.waits:
                self._due(alarm, now.utc_us)
        if now.mono_us - self._synced_us >= alertmanager.RESEND_US:
            self._synced_us = now.mono_us
            self._sync()
        await self._flush()
        if self._missed:
            await self._look_again()
            self._missed = False
        if now.mono_us - self._prune_us >= PRUNE_US:
            self._prune_us = now.mono_us
            before_us = now.utc_us - self._settings.notices_days * 86_400 * US_PER_S
            await asyncio.to_thread(self._kept.prune, before_us)
            await asyncio.to_thread(self._alarms.prune, before_us)
        self._gauge()

    def _due(self, alarm: Alarm, now_us: int) -> None:
        tree = self._units.tree
        wanted = plan(alarm, rules_for(tree, step_unit(tree, alarm)), now_us, self._zone)
        step = next_step(tree, alarm)
        if wanted.escalate_us is not None and step is not None and now_us - alarm.step_us >= wanted.escalate_us:
            up = replace(alarm, step=step)
            try:
                alarm = self._desk.escalate(alarm, step, step_unit(tree, up), now_us)
            except HubError as error:
                _log.error("an escalation could not be kept in the ledger; tried again", error=str(error))
                return
            wanted = plan(alarm, rules_for(tree, step_unit(tree, alarm)), now_us, self._zone)
        if alarm.over_us is not None or (alarm.level > 1 and now_us - alarm.raised_us < GATHER_US):
            return
        told: set[str] = set()
        for send in wanted.sends:
            for channel in self._channels_of(alarm, send.channels):
                last = alarm.sent.get(channel.name)
                if channel.name in told or channel.kind is ChannelKind.ALERTMANAGER:
                    continue
                reason = "raised" if last is None else "escalated" if last[0] < alarm.step else "repeat"
                due = last is None or reason == "escalated" or 0 < send.repeat_us <= now_us - last[1]
                if due:
                    if last is None and alarm.step:
                        reason = "escalated"
                    told.add(channel.name)
                    self._put(alarm, channel, reason, now_us)
                    self._desk.sent(alarm.id, channel.name, now_us)

    def _channels_of(self, alarm: Alarm, names: Collection[str] | None) -> list[Channel]:
        """Those of these names that may hear of the alarm; None: all of the nearest unit that has any."""
        tree = self._units.tree
        able = [one for one in self.channels.all() if tree.covers(one.unit, alarm.unit)]
        if names is not None:
            return [one for one in able if one.name in names]
        path = tree.path(step_unit(tree, alarm))
        for unit in path:
            of_unit = [one for one in able if one.unit == unit]
            if of_unit:
                return of_unit
        return []

    def _tell_over(self, alarm: Alarm) -> None:
        """Who was told that it rings is told that it is over."""
        now_us = self._clock.now().utc_us
        for name in alarm.sent:
            channel = self.channels.find(name)
            if channel is not None and self._units.covers(channel.unit, alarm.unit):
                self._put(alarm, channel, "over", now_us)

    def _put(self, alarm: Alarm, channel: Channel, reason: str, now_us: int) -> None:
        words = words_of(alarm, self.place(alarm), reason, self._zone, self._settings.public_url, now_us=now_us)
        self.outbox.put(channel.name, alarm.id, alarm.unit, alarm.level, reason, words)

    def place(self, alarm: Alarm) -> Place:
        unit = self._units.tree.get(self._units.tree.path(alarm.unit)[0])
        stream = self._outside.stream(alarm.stream) if alarm.stream else None
        return Place(unit.name if unit is not None else "", stream.name if stream is not None else alarm.stream)

    def _sync(self) -> None:
        """Every Alertmanager hears of all that last, so that it does not forget them."""
        for channel in self.channels.all():
            if channel.kind is ChannelKind.ALERTMANAGER and self._delivery.alerts_of(channel):
                self._put_sync(channel)

    def _put_sync(self, channel: Channel) -> None:
        if not self.outbox.health(channel.name)[2]:  # what waits carries whatever is true when it is sent
            self.outbox.put(channel.name, "", channel.unit, 1, SYNC, Words("告警同步", ""))

    def _alerts_of(self, channel: Channel) -> list[Alarm]:
        found = [one for one in self._desk.unsettled() if self._units.covers(channel.unit, one.unit)]
        return [one for one in found if alertmanager.is_firing(one)]

    def _gauge(self) -> None:
        waiting = [one.level for one in self._desk.unsettled() if one.waits]
        for level in LEVELS:
            ALARMS.labels(str(level)).set(waiting.count(level))

    # ------------------------------------------------------------------------------------- sending

    def _digest(self, titles: list[str], count: int, from_us: int, to_us: int) -> Words:
        return digest_of(titles, count, self._zone, self._settings.public_url, from_us=from_us, to_us=to_us)

    def _noticed(self, notice: Notice) -> None:
        """A channel that takes nothing is an alarm itself, told to the other channels."""
        cause = f"channel:{notice.channel}"
        now_us = self._clock.now().utc_us
        if notice.state is NoticeState.SENT:
            self._desk.over(Over(cause, now_us))
        elif notice.state is NoticeState.FAILED and self.channels.find(notice.channel) is not None:
            text = f"{notice.channel}: {notice.problem}"
            rung = Rung(cause, "channel", CHANNEL_LEVEL, since_us=now_us, text=text, recurs=True)
            unit = self.channels.get(notice.channel).unit
            self._desk.rung(rung, unit, now_us)
            self._bus.publish("alarm.notice_failed", {**notice.json(), "stream": ""}, self._clock.now())

    async def test_channel(self, name: str) -> str:
        """Send a trial to the channel now. What went wrong; empty for nothing."""
        channel = self.channels.get(name)
        words = Words("【测试】告警通知渠道", "这是一条测试通知，无需处理。")
        notice = Notice("test", self._clock.now().utc_us, name, "", channel.unit, 4, TRIAL, words.title, words.body)
        try:
            await self._delivery.deliver(channel, notice)
        except SendError as error:
            return str(error)
        return ""

    # ------------------------------------------------------------------------------ what people do

    def queue(self) -> list[Alarm]:
        """What is not settled: gravest first, then oldest."""
        return self._desk.unsettled()

    def alarm_json(self, alarm: Alarm) -> dict[str, Any]:
        return alarm_json(alarm, self.rings_for(alarm))

    def rings_for(self, alarm: Alarm) -> list[str] | None:
        """Who should hear it; None: whoever may handle it, since nobody is on duty for it."""
        return self.roster.hearers(alarm, self._units.tree.path(alarm.unit)) if alarm.waits else []

    async def find(self, ident: str) -> Alarm | None:
        """Settled ones too."""
        found = self._desk.find(ident)
        if found is None:
            found = await asyncio.to_thread(self._alarms.get, ident)
            if found is not None and self._desk.of_cause(found.cause) is None:
                self._desk.load([found])
        return found

    async def settled(self, before_us: int, limit: int) -> list[Alarm]:
        return await asyncio.to_thread(self._alarms.settled, before_us, limit)

    async def notices(self, *, before_us: int, limit: int, alarm: str = "", state: str = "") -> list[Notice]:
        return await asyncio.to_thread(self._kept.newest, before_us=before_us, limit=limit, alarm=alarm, state=state)

    async def acknowledge(self, ident: str, by: str, note: str = "") -> Alarm:
        return await self._acted(lambda: self._desk.acknowledge(ident, by, note, self._clock.now().utc_us))

    async def settle(self, ident: str, state: AlarmState, by: str, note: str) -> Alarm:
        return await self._acted(lambda: self._desk.settle(ident, state, by, note, self._clock.now().utc_us))

    async def note(self, ident: str, by: str, note: str) -> Alarm:
        return await self._acted(lambda: self._desk.note(ident, by, note))

    async def hand_over(self, ident: str, by: str, to: str, note: str) -> Alarm:
        alarm = self._desk.find(ident)
        if alarm is not None:
            self.roster.check_may_handle(to, alarm.unit)
        return await self._acted(lambda: self._desk.hand_over(ident, by, to, note, self._clock.now().utc_us))

    async def _acted(self, act: Callable[[], Alarm]) -> Alarm:
        alarm = act()
        await self._flush()
        return alarm

    # ------------------------------------------------------------------------------------- keeping

    def _say(self, alarm: Alarm, action: str, by: str, note: str) -> None:
        stream = alarm.stream if alarm.stream and self._outside.stream(alarm.stream) is not None else HUB_STREAM
        body: dict[str, JsonValue] = {"of": alarm.subject, "action": action, "by": by, "note": note}
        more: dict[str, JsonValue] = {"alarm": alarm.id, "cause": alarm.cause, "level": alarm.level}
        self._outside.append(stream, EntryType.HANDLING, body | more)

    def _tell(self, word: str, alarm: Alarm) -> None:
        self._bus.publish(f"alarm.{word}", self.alarm_json(alarm), self._clock.now())
        if word in ("over", "cleared", "handled", "false_alarm", "joined"):
            self._resolve(alarm)
        elif word == "raised":
            self._synced_us = -(1 << 62)

    def _resolve(self, alarm: Alarm) -> None:
        """Every Alertmanager is to hear soon that it is over."""
        for channel in self.channels.all():
            if channel.kind is ChannelKind.ALERTMANAGER and self._units.covers(channel.unit, alarm.unit):
                self._delivery.resolve(channel.name, alarm)
                self._synced_us = -(1 << 62)

    async def _flush(self) -> None:
        """Keep what changed. What the database refuses is kept with the next."""
        changed, self._desk.dirty = self._desk.dirty, {}
        if changed:
            try:
                await asyncio.to_thread(self._alarms.keep, list(changed.values()))
            except Exception as error:
                self._desk.dirty = changed | self._desk.dirty
                _log.error("alarms could not be kept; tried again", error=type(error).__name__)
        self._desk.forget_settled()
        await self.outbox.flush()
