"""Telemetry as a part of the hub: takes messages, keeps the newest, tells of changes, alarms and what happened."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import US_PER_S, Clock, Instant, rfc3339
from hub.errors import HubError, InvalidRequest, Unavailable
from hub.ledger.entries import EntryType, JsonValue
from hub.logging import Repetition
from hub.metrics import BAD_INPUT
from hub.telemetry.alarms import SEVERITY, Alarm, AlarmKind, Level, heard, judge, silent
from hub.telemetry.cues import Cue, Cues
from hub.telemetry.faults import Chain, Fault, Faults, durable, point_body
from hub.telemetry.message import Happened, TelemetryIn, read_message
from hub.telemetry.rules import DEFAULTS, TelemetryRules, read_rules
from hub.telemetry.state import State, fault_json, point_json
from hub.telemetry.store import Fact, TelemetryStore
from hub.telemetry.track import Point, is_kept, point_of

log = structlog.get_logger(__name__)
_REFUSED = BAD_INPUT.labels("telemetry_refused")

LABEL = "telemetry"
"""Of the data channel."""
KEEP_S = 5.0
PRUNE_EVERY_US = 3600 * US_PER_S
MAX_POINTS_WAITING = 20_000
MAX_STANDING = 200
"""Calls for help that are looked at again at a start."""
MAX_EVENTS_WAITING = 1000
MAX_IDS = 10_000
"""Ids of events that were taken lately; older ones are asked of the ledger."""
RATE_PER_S, BURST = 5, 30
"""Messages of one device. One a second is plenty; after a reconnect some wait."""
TELL_EVERY_US = US_PER_S
EVENTS = {"sos": "telemetry.sos", "key_mark": "telemetry.key_mark", "report": "telemetry.report"}
WRITTEN = frozenset({"sos", "key_mark"})
"""What is an entry of the stream's chain."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What telemetry asks of the rest: whether a stream is live, its unit's rules as they are written (None: none),
    a way to publish an event, and one to say something to a device (False: it does not hear)."""

    live: Callable[[str], bool]
    rules: Callable[[str], Any]
    publish: Callable[[str, Mapping[str, Any], Instant], None]
    say: Callable[[str, str], bool]
    report: Callable[[str, str, str], Awaitable[None]]
    """A device's report that it must stop: stream, reason, text. What it raises refuses the event."""


@dataclass(frozen=True, slots=True)
class Taken:
    """``acknowledged``: ids of events that are kept, also of those that were before. ``dropped``: fields."""

    acknowledged: tuple[str, ...]
    dropped: tuple[str, ...]
    cues: tuple[Mapping[str, Any], ...] = ()


@dataclass(slots=True)
class _Waiting:
    stream_id: str
    message: TelemetryIn
    dropped: tuple[str, ...]
    answer: Callable[[str], bool]


class Telemetry:
    """All calls on the event loop; none waits for the disk but :meth:`take` where something happened."""

    def __init__(
        self, clock: Clock, chain: Chain, store: TelemetryStore, outside: Surroundings, *, track_days: int
    ) -> None:
        self._clock, self._chain, self._store, self._outside = clock, chain, store, outside
        self._track_us = track_days * 86_400 * US_PER_S
        self.faults = Faults(clock, chain, store, self._tell_fault)
        self.cues = Cues()
        self._states: dict[str, State] = {}
        self._points: deque[tuple[str, Point]] = deque(maxlen=MAX_POINTS_WAITING)
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._events: asyncio.Queue[_Waiting] = asyncio.Queue(MAX_EVENTS_WAITING)
        self._acks: list[tuple[Callable[[str], bool], str]] = []
        self._acks_wait = asyncio.Event()
        self._taking = asyncio.Lock()
        self._quiet = Repetition(clock)
        self._pruned_us: int | None = None

    async def load(self) -> None:
        """What was known when the hub ended."""
        for stream_id, raw in (await asyncio.to_thread(self._store.states)).items():
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                self._states[stream_id] = State.read(raw, self._clock.now())
        await self.faults.load()

    # -------------------------------------------------------------------------------- taking messages

    async def take(self, stream_id: str, data: bytes) -> Taken:
        """A message by HTTP; what happened is durable when this returns. Raises InvalidRequest, LedgerError, and
        Unavailable ``too_often`` or ``not_durable_yet``: the device sends it again, and nothing is kept twice."""
        message, dropped = self._read(stream_id, data)
        taken = await self._happened(stream_id, message.events)
        if taken:
            await durable(self._chain)
        cues = tuple(cue.json() for cue in self.cues.waiting(stream_id, self._clock.now()))
        return Taken(taken, dropped, cues)

    def hear(self, stream_id: str, data: str | bytes, answer: Callable[[str], bool]) -> None:
        """A message by the data channel. What happened is acknowledged there once it is durable; what is not is to be
        sent again."""
        try:
            message, dropped = self._read(stream_id, data)
        except HubError as error:
            answer(_text({"type": "refused", "code": error.code, "message": str(error)}))
            return
        self.cues.send(stream_id, self._clock.now(), lambda cue: answer(_text(cue)))
        if not message.events and not dropped:
            return
        try:
            self._events.put_nowait(_Waiting(stream_id, message, dropped, answer))
        except asyncio.QueueFull:
            log.error("telemetry events wait for the ledger; what comes now is to be sent again", stream=stream_id)

    def _read(self, stream_id: str, data: str | bytes) -> tuple[TelemetryIn, tuple[str, ...]]:
        now = self._clock.now()
        state = self._states.get(stream_id)
        if state is not None and not state.rate.admits(now.mono_us):
            _REFUSED.inc()
            raise Unavailable(f"expected at most {RATE_PER_S} messages a second", code="too_often")
        try:
            message, dropped = read_message(data)
        except InvalidRequest as error:
            self._complain(stream_id, str(error))
            raise
        if dropped:
            self._complain(stream_id, f"dropped: {', '.join(dropped)[:500]}")
        if state is None:
            state = self._states[stream_id] = State(rate_per_s=RATE_PER_S, burst=BURST)
        self._apply(stream_id, state, message, now)
        return message, dropped

    def _complain(self, stream_id: str, message: str) -> None:
        _REFUSED.inc()
        quiet = self._quiet.due(stream_id)
        if quiet is not None:
            log.warning("telemetry refused", stream=stream_id, message=message, like_it=quiet)

    def _apply(self, stream_id: str, state: State, message: TelemetryIn, now: Instant) -> None:
        """The gauges: newest counts."""
        state.take(message, now)
        if message.position is not None:
            point = point_of(message.position, message.at, now.utc_us)
            state.point = point
            if is_kept(point, state.kept_point):
                state.kept_point = point
                self._points.append((stream_id, point))
        state.raised, over = heard(state.raised)
        state.raised, alarms = judge(state.raised, state.numbers(), self._rules(stream_id), now.mono_us)
        self._tell_alarms(stream_id, state, [*over, *alarms], now)
        self._tell_change(stream_id, state, now)

    # ----------------------------------------------------------------------------- what happened once

    async def _happened(self, stream_id: str, events: list[Happened]) -> tuple[str, ...]:
        if not events:
            return ()
        async with self._taking:  # the same id may come by HTTP and by the channel at once
            for event in events:
                if not await self._is_known(stream_id, event):
                    await self._write(stream_id, event)
                    self._remember(stream_id, event.id)
        return tuple(event.id for event in events)

    async def _is_known(self, stream_id: str, event: Happened) -> bool:
        if (stream_id, event.id) in self._ids:
            return True
        if event.type not in WRITTEN:
            return False
        try:
            return await asyncio.to_thread(self._store.is_written, stream_id, event.id)
        except SQLAlchemyError as error:
            log.error("telemetry could not look for an earlier one; twice is better than lost", error=str(error))
            return False

    async def _write(self, stream_id: str, event: Happened) -> None:
        """The entry, and the event. Raises LedgerError: then nothing was kept, and the device sends it again."""
        now = self._clock.now()
        state = self._states[stream_id]
        at_us = now.utc_us if event.at is None else event.at
        point = state.point if event.position is None else point_of(event.position, event.at, now.utc_us)
        if event.type in WRITTEN:
            body: dict[str, JsonValue] = {"kind": event.type, "id": event.id, "by": f"device:{stream_id}"}
            body |= {"at_us": at_us, "text": event.text}
            self._chain.append(stream_id, EntryType.TELEMETRY, body | point_body(point))
        facts: dict[str, Any] = {"stream": stream_id, "id": event.id, "at": rfc3339(at_us), "text": event.text}
        facts["position"] = point_json(point)
        if event.type == "cue_ack":
            cue = self.cues.followed(stream_id, event.cue)
            facts |= {"cue": event.cue, "kind": cue.kind if cue else "", "facts": dict(cue.facts) if cue else {}}
            self._outside.publish("telemetry.cue_ack", facts, now)
            return
        if event.type == "report":
            facts["reason"] = event.reason
            await self._outside.report(stream_id, event.reason, event.text)
        self._outside.publish(EVENTS[event.type], facts, now)
        if event.type == "sos":
            log.error("SOS", stream=stream_id, id=event.id)
            state.sos = {"id": event.id, "at": rfc3339(at_us)}
            self._ring(AlarmKind.SOS.value, Level.EMERGENCY, now, **facts)
            self._tell_change(stream_id, state, now)

    def _remember(self, stream_id: str, ident: str) -> None:
        self._ids[stream_id, ident] = None
        while len(self._ids) > MAX_IDS:
            self._ids.popitem(last=False)

    # -------------------------------------------------------------------------------------- telling

    def _tell_alarms(self, stream_id: str, state: State, alarms: list[Alarm], now: Instant) -> None:
        for alarm in alarms:
            log.warning(
                "telemetry alarm", stream=stream_id, kind=alarm.kind.value, level=alarm.level, value=alarm.value
            )
            facts = {"stream": stream_id, "at": rfc3339(now.utc_us), "position": point_json(state.point)}
            self._ring(alarm.kind.value, alarm.level, now, **facts, value=alarm.value, threshold=alarm.threshold)

    def _ring(self, kind: str, level: Level | None, now: Instant, **facts: Any) -> None:
        """``level`` None: it is over. In the event 1 is the worst, 4 the least."""
        if level is None:
            self._outside.publish("telemetry.alarm_over", {"kind": kind, **facts}, now)
        else:
            data = {"kind": kind, "level": SEVERITY[level], "severity": level.value, **facts}
            self._outside.publish("telemetry.alarm", data, now)

    def _tell_change(self, stream_id: str, state: State, now: Instant) -> None:
        """At most once a second for each stream; the tick tells what came in between."""
        state.unkept = state.untold = True
        if state.told_us is None or now.mono_us - state.told_us >= TELL_EVERY_US:
            state.told_us, state.untold = now.mono_us, False
            self._outside.publish("telemetry.changed", {"stream": stream_id, "telemetry": state.json()}, now)

    def _tell_fault(self, word: str, fault: Fault) -> None:
        log.warning("device fault", stream=fault.stream_id, what=word, reason=fault.reason)
        now, facts = self._clock.now(), fault_json(fault)
        self._outside.publish(word, facts, now)
        self._ring("fault", Level.CRITICAL if fault.ended_us is None else None, now, **facts)

    def _rules(self, stream_id: str) -> TelemetryRules:
        try:
            return read_rules(self._outside.rules(stream_id))
        except InvalidRequest as error:
            if self._quiet.due("rules") is not None:
                log.error("a unit's rules of telemetry are not usable; the defaults hold", error=str(error))
            return DEFAULTS

    # -------------------------------------------------------------------------------------- answers

    def state_json(self, stream_id: str) -> dict[str, Any] | None:
        """The newest of a stream; None: it never said anything."""
        state = self._states.get(stream_id)
        return None if state is None else state.json()

    def point(self, stream_id: str) -> Point | None:
        """Where the device was last."""
        state = self._states.get(stream_id)
        return None if state is None else state.point

    async def track(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Point]:
        """Kept positions, oldest first; the newest few seconds may still wait for the disk."""
        return await asyncio.to_thread(self._store.points, stream_id, from_us, to_us, limit)

    async def marks(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Fact]:
        """SOS and key marks of the device, oldest first."""
        return await asyncio.to_thread(self._store.marks, stream_id, from_us, to_us, limit)

    def cue(self, stream_id: str, kind: str, **facts: Any) -> str:
        """Ask something of a device: sent down its data channel, or with the answer to its next message. Returns the
        cue's id; ``telemetry.cue_ack`` names it once the device has followed it."""
        now = self._clock.now()
        self.cues.ask(stream_id, Cue(secrets.token_hex(8), kind, now, facts))
        self.cues.send(stream_id, now, lambda cue: self._outside.say(stream_id, _text(cue)))
        return self.cues.waiting(stream_id, now)[-1].id

    async def standing(self, since_us: int) -> list[tuple[int, dict[str, Any]]]:
        """Calls for help since then and faults that last, as ``telemetry.alarm`` told them: when, and what."""
        level = SEVERITY[Level.EMERGENCY]
        found = [
            (fault.began_us, {"kind": "fault", "level": SEVERITY[Level.CRITICAL], **fault_json(fault)})
            for fault in self.faults.present()
        ]
        for fact in await asyncio.to_thread(self._store.facts, ("sos",), limit=MAX_STANDING):
            if fact.written_us >= since_us:
                data = {"kind": "sos", "level": level, "stream": fact.stream_id, "id": fact.id}
                found.append((fact.written_us, data | {"text": str(fact.body.get("text", ""))}))
        return found

    def forget(self, stream_id: str) -> None:
        """The stream is retired: nothing of it is in memory any more."""
        self._states.pop(stream_id, None)

    # ------------------------------------------------------------------------------------ time passes

    def tick(self, now: Instant) -> None:
        """Once a second: who is silent, and what was not told yet."""
        for stream_id, state in list(self._states.items()):
            rules = self._rules(stream_id)
            live = self._outside.live(stream_id)
            state.live_us = None if not live else now.mono_us if state.live_us is None else state.live_us
            since_us = None if state.live_us is None else max(state.live_us, state.heard_us)
            quiet_s = None if since_us is None else (now.mono_us - since_us) // US_PER_S
            state.raised, alarms = silent(state.raised, quiet_s, rules.silent_s)
            if alarms:
                self._tell_alarms(stream_id, state, alarms, now)
                self._tell_change(stream_id, state, now)
            elif state.untold:
                self._tell_change(stream_id, state, now)

    async def run(self) -> None:
        """Until cancelled: ticks, the answers on data channels, and the database."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick_for_ever())
            tasks.create_task(self._answer_for_ever())
            tasks.create_task(self._acknowledge_for_ever())
            tasks.create_task(self._keep_for_ever())

    async def _tick_for_ever(self) -> None:
        while True:
            await self._clock.sleep(1.0)
            try:
                self.tick(self._clock.now())
            except Exception:  # a fault of our own in one device's state must not end the watch over all
                log.exception("telemetry tick failed")

    async def _answer_for_ever(self) -> None:
        while True:
            waiting = await self._events.get()
            try:
                taken = await self._happened(waiting.stream_id, waiting.message.events)
            except HubError as error:
                waiting.answer(_text({"type": "refused", "code": error.code, "message": str(error)}))
            except Exception:
                log.exception("telemetry events failed", stream=waiting.stream_id)
            else:
                content = {"type": "ack", "ids": taken, "dropped": waiting.dropped}
                self._acknowledge(waiting.answer, _text(content))

    def _acknowledge(self, answer: Callable[[str], bool], text: str) -> None:
        """Once it is durable. A disk that stands still must not keep the next SOS from being told."""
        if len(self._acks) >= MAX_EVENTS_WAITING:
            return  # without an answer it comes again
        self._acks.append((answer, text))
        self._acks_wait.set()

    async def _acknowledge_for_ever(self) -> None:
        while True:
            await self._acks_wait.wait()
            self._acks_wait.clear()
            acks, self._acks = self._acks, []
            try:
                await durable(self._chain)
            except HubError as error:
                log.error("telemetry events are not durable yet; they come again", error=str(error))
                continue
            for answer, text in acks:
                with contextlib.suppress(Exception):  # the channel is gone: it comes again by the next one
                    answer(text)

    async def _keep_for_ever(self) -> None:
        try:
            while True:
                await self._clock.sleep(KEEP_S)
                await self.keep()
        except asyncio.CancelledError:
            await self.keep()
            raise

    async def keep(self) -> None:
        """Write down what changed. What the database refuses waits: a state as it will be then, positions up to
        MAX_POINTS_WAITING."""
        changed = {stream_id: state for stream_id, state in self._states.items() if state.unkept}
        rows = {stream_id: (state.at_us, state.json()) for stream_id, state in changed.items()}
        points = [self._points.popleft() for _ in range(len(self._points))]
        for state in changed.values():
            state.unkept = False
        try:
            if rows or points:
                await asyncio.to_thread(self._store.keep, rows, points)
            await self._prune()
        except SQLAlchemyError as error:
            log.error("telemetry was not kept; it is tried again", error=str(error))
            for state in changed.values():
                state.unkept = True
            self._points.extendleft(reversed(points[: MAX_POINTS_WAITING - len(self._points)]))

    async def _prune(self) -> None:
        now = self._clock.now()
        if self._pruned_us is not None and now.mono_us - self._pruned_us < PRUNE_EVERY_US:
            return
        if await asyncio.to_thread(self._store.prune, now.utc_us - self._track_us):
            return  # the next beat goes on
        self._pruned_us = now.mono_us


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
