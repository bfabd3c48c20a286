"""A gate between a source and its pipeline. Open, media go through; shut, they wait behind it, in their order.

A stream goes on elsewhere between two pictures. Here these are told apart, by their bytes: where one gate was shut
before a picture (:meth:`Gate.cut`), another, of another connection to the same camera, begins with that very picture
(:meth:`Gate.place`), and with the sound that follows what was recorded last. A camera that sends each client other
bytes is cut by time: from the last keyframe before it, so that some of it is recorded twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from hub.clock import US_PER_S, Clock
from hub.model import AccessUnit, MediaKind, MediaSink, PacketLoss, SenderReport, SessionInfo, TimeLeap

MAX_HELD_BYTES: Final = 48 << 20
"""Behind one gate; the oldest gives way."""
ROLLS_US: Final = 15 * US_PER_S
"""So far back a gate remembers while nobody knows yet with which picture it is to begin, and always two keyframes."""
NEAR_US: Final = 2 * US_PER_S
"""A picture of the same bytes that was taken this much earlier or later is another one: a covered lens repeats them."""
LISTENS_US: Final = US_PER_S
"""So long it listens before it is shut: until then it knows too little of what came last."""
MARGIN_US: Final = US_PER_S // 2
"""Clocks of two nodes, and what they make of a picture's time, differ by less."""
_TAIL: Final = 24
_SURE: Final = 3
_AT_ONCE: Final = 100
_MARKS: Final = 64

_Item = AccessUnit | PacketLoss | TimeLeap | SenderReport | str
"""``str``: the reason of a goodbye."""


class Tail(BaseModel):
    """What was recorded last of one track: when it ended (hub UTC), and the SHA-256 of its last units, oldest first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    track: int
    end_us: int
    digests: tuple[str, ...] = Field(max_length=_TAIL)


class Cut(BaseModel):
    """Where a recording ends: before this picture (SHA-256 of the access unit; empty: the other side has other bytes),
    which was taken at ``at_us`` by who recorded it; and what came before it of the other tracks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keyframe: str = Field(max_length=64)
    at_us: int
    tails: tuple[Tail, ...] = Field((), max_length=16)


def digest_of(unit: AccessUnit) -> str:
    return hashlib.sha256(unit.data).hexdigest()


class Gate:
    """Shut at first. ``session`` is what the source said of itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.session: SessionInfo | None = None
        self._sink: MediaSink | None = None
        self._behind: MediaSink | None = None
        """Whom it was shut before."""
        self._through: MediaSink | None = None
        """The sink, while nobody needs to know what passes: the common way is short."""
        self._opened = asyncio.Event()
        self._news = asyncio.Event()
        self._lead: int | None = None
        self._rolls = True
        self._listening = True
        self._since_us = 0
        self._held: deque[tuple[int, _Item]] = deque()
        self._held_bytes = 0
        self._marks: deque[tuple[str, AccessUnit]] = deque()
        """Keyframes: those that wait here, or since it was listened to."""
        self._tails: dict[int, deque[AccessUnit]] = {}
        self._not_before_us: dict[int, int] = {}
        """Of tracks whose next unit may still be one that was recorded elsewhere."""
        self._cutting: asyncio.Future[Cut] | None = None

    # ------------------------------------------------------------------------------------- asked

    @property
    def shut(self) -> bool:
        return self._sink is None

    @property
    def lead(self) -> int | None:
        """The track whose keyframes a cut is made at; None: the session has no pictures, or there is none yet."""
        return self._lead

    def keyframes(self) -> Sequence[str]:
        return [digest for digest, _ in self._marks]

    async def began(self) -> None:
        """A keyframe has come, or the session is one without pictures."""
        while not self._marks and (self.session is None or self._lead is not None):
            await self._next()

    async def shown(self, count: int) -> None:
        """So many keyframes have come."""
        while len(self._marks) < count:
            await self._next()

    async def saw(self, any_of: Sequence[str]) -> None:
        """One of these keyframes has come."""
        while not any(digest in any_of for digest, _ in self._marks):
            await self._next()

    async def holds(self, cut: Cut) -> None:
        """The picture that begins there waits here."""
        while self._exact(cut) is None:
            await self._next()

    async def passed(self) -> None:
        """It is open."""
        await self._opened.wait()

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()

    # ------------------------------------------------------------------------ who records until now

    def listen(self) -> None:
        """From now on remember keyframes, and what came last of other tracks."""
        if not self._listening:
            self._marks.clear()
            self._tails.clear()
            self._since_us = self._clock.now().mono_us
        self._listening, self._through = True, None

    def hush(self) -> None:
        self._listening = False
        self._through = None if self._not_before_us else self._sink

    async def cut(self) -> Cut:
        """Shut it before the next whole keyframe. Whoever gives up waiting opens it again: :meth:`go_on`."""
        self._cutting = asyncio.get_running_loop().create_future()
        try:
            return await self._cutting
        finally:
            self._cutting = None

    async def go_on(self) -> None:
        """Open it again before whom it was shut: what waits goes through first."""
        if self._sink is None and self._behind is not None:
            await self._open(self._behind)

    # ------------------------------------------------------------------------ who records from now on

    def pin(self) -> None:
        """With which picture it is to begin is known: nothing is forgotten any more while there is room."""
        self._rolls = False

    def place(self, cut: Cut | None, until_us: int | None) -> bool:
        """Forget what was recorded elsewhere: what is before ``cut``, or else before the last keyframe that was taken
        before ``until_us`` (None: nothing was recorded). False: more than that is missing here."""
        self.pin()
        exact = None if cut is None else self._exact(cut)
        first = exact or self._by_time(until_us if cut is None else cut.at_us)
        whole = first is not None
        if first is None and self._marks:
            first = self._marks[0][1]
        if first is not None:
            self._forget_before(first, cut if exact is not None else None)
        return whole

    async def flow(self, sink: MediaSink) -> None:
        """Open it: first whoever waits goes through, and from then on whoever comes."""
        if self.session is not None:
            sink.opened(replace(self.session, opened=self._clock.now()))
        await self._open(sink)

    async def _open(self, sink: MediaSink) -> None:
        count = 0
        while self._held:
            _, item = self._held.popleft()
            _deliver(sink, item)
            count += 1
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
        self._held_bytes = 0
        self._sink = self._behind = sink
        self._rolls = False
        self.hush()
        self._marks.clear()
        self._opened.set()

    # ------------------------------------------------------------- what the source tells (MediaSink)

    def opened(self, session: SessionInfo) -> None:
        self.session = session
        self._lead = next((one.id for one in session.tracks if one.kind is MediaKind.VIDEO), None)
        if self._sink is not None:
            self._sink.opened(session)
        self._news.set()

    def unit(self, unit: AccessUnit) -> None:
        if self._through is not None:
            self._through.unit(unit)
            return
        if self._listening:
            self._remember(unit)
        if self._sink is None:
            self._hold(unit)
        elif not self._is_elsewhere(unit):
            self._sink.unit(unit)

    def loss(self, loss: PacketLoss) -> None:
        self._pass(loss)

    def leap(self, leap: TimeLeap) -> None:
        self._pass(leap)

    def sender_report(self, report: SenderReport) -> None:
        self._pass(report)

    def goodbye(self, reason: str) -> None:
        self._pass(reason)

    def complaint(self, code: str, message: str) -> None:
        sink = self._sink or self._behind
        if sink is not None:
            sink.complaint(code, message)

    # ------------------------------------------------------------------------------------ inside

    def _pass(self, item: _Item) -> None:
        if self._sink is None:
            self._hold(item)
        else:
            _deliver(self._sink, item)

    def _remember(self, unit: AccessUnit) -> None:
        if unit.track_id == self._lead:
            if unit.keyframe and not unit.damaged:
                digest = digest_of(unit)
                if self._may_shut():
                    assert self._cutting is not None
                    self._cutting.set_result(self._shut(digest, unit))
                self._marks.append((digest, unit))
                if len(self._marks) > _MARKS:
                    self._marks.popleft()
                self._news.set()
        elif self._sink is not None:
            self._tails.setdefault(unit.track_id, deque(maxlen=_TAIL)).append(unit)

    def _may_shut(self) -> bool:
        if self._cutting is None or self._cutting.done() or self._sink is None:
            return False
        return self._clock.now().mono_us - self._since_us >= LISTENS_US

    def _shut(self, digest: str, before: AccessUnit) -> Cut:
        self._sink = self._through = None
        self._opened.clear()
        tails = [
            Tail(track=track, end_us=self._end_us(units[-1]), digests=tuple(map(digest_of, units)))
            for track, units in self._tails.items()
        ]
        return Cut(keyframe=digest, at_us=before.capture_us, tails=tuple(tails))

    def _hold(self, item: _Item) -> None:
        now_us = self._clock.now().mono_us
        self._held.append((now_us, item))
        self._held_bytes += _size(item)
        while self._held_bytes > MAX_HELD_BYTES or (self._rolls and self._is_old(now_us)):
            _, gone = self._held.popleft()
            self._held_bytes -= _size(gone)
            if self._marks and gone is self._marks[0][1]:
                self._marks.popleft()

    def _is_old(self, now_us: int) -> bool:
        at_us, item = self._held[0]
        needed = 0 < len(self._marks) < 3 and item is self._marks[0][1]
        return now_us - at_us > ROLLS_US and not needed

    def _exact(self, cut: Cut) -> AccessUnit | None:
        """The nearest, where a camera repeats its bytes."""
        same = [unit for digest, unit in self._marks if digest == cut.keyframe]
        nearest = min(same, key=lambda unit: abs(unit.capture_us - cut.at_us), default=None)
        return nearest if nearest is not None and abs(nearest.capture_us - cut.at_us) <= NEAR_US else None

    def _by_time(self, until_us: int | None) -> AccessUnit | None:
        keyframes = [unit for _, unit in self._marks]
        if until_us is None:
            return keyframes[0] if keyframes else None
        before = [unit for unit in keyframes if unit.capture_us <= until_us]
        well_before = [unit for unit in before if unit.capture_us <= until_us - MARGIN_US]
        found = well_before or before
        return found[-1] if found else None

    def _forget_before(self, first: AccessUnit, cut: Cut | None) -> None:
        last = {track: self._last_elsewhere(track, first, cut) for track in self._other_tracks()}
        begun, held = False, self._held
        self._held = deque()
        for at_us, item in held:
            begun = begun or item is first
            if not isinstance(item, AccessUnit) or item.track_id == self._lead:
                keep = begun
            elif last[item.track_id] is not None:
                keep = False
                if item is last[item.track_id]:
                    last[item.track_id] = None
            else:
                keep = not self._is_elsewhere(item)
            if keep:
                self._held.append((at_us, item))
        self._held_bytes = sum(_size(item) for _, item in self._held)

    def _other_tracks(self) -> Iterator[int]:
        tracks = () if self.session is None else self.session.tracks
        return (one.id for one in tracks if one.id != self._lead)

    def _last_elsewhere(self, track: int, first: AccessUnit, cut: Cut | None) -> AccessUnit | None:
        """The last unit of a track that was recorded elsewhere. None: none of those here, or it is told by time."""
        tail = None if cut is None else next((one for one in cut.tails if one.track == track), None)
        if cut is None or tail is None:
            self._not_before_us[track] = first.capture_us
            return None
        end_us = first.capture_us + tail.end_us - cut.at_us
        units = [item for _, item in self._held if isinstance(item, AccessUnit) and item.track_id == track]
        found = self._find(units, tail.digests, end_us)
        if found is None:
            self._not_before_us[track] = end_us
        return found

    def _find(self, units: Sequence[AccessUnit], tail: Sequence[str], end_us: int) -> AccessUnit | None:
        """Where the longest piece of this tail ends; of several, for silence repeats itself, the one at that time."""
        digests = [digest_of(unit) for unit in units]
        best: tuple[int, int, AccessUnit] | None = None
        for at, unit in enumerate(units):
            length = 0
            while length < min(len(tail), at + 1) and digests[at - length] == tail[-1 - length]:
                length += 1
            off_us = abs(self._end_us(unit) - end_us)
            if length >= min(_SURE, len(tail), at + 1) and off_us <= NEAR_US:
                found = (length, -off_us, unit)
                best = found if best is None or found[:2] > best[:2] else best
        return None if best is None else best[2]

    def _is_elsewhere(self, unit: AccessUnit) -> bool:
        """By time: more than half of it. The first that is not ends the question for its track."""
        not_before_us = self._not_before_us.get(unit.track_id)
        if not_before_us is None:
            return False
        if unit.capture_us + self._end_us(unit) < 2 * not_before_us:
            return True
        del self._not_before_us[unit.track_id]
        if not self._listening:
            self.hush()
        return False

    def _end_us(self, unit: AccessUnit) -> int:
        tracks = () if self.session is None else self.session.tracks
        timescale = next((one.timescale for one in tracks if one.id == unit.track_id), US_PER_S)
        return unit.capture_us + unit.duration_ticks * US_PER_S // timescale


def _size(item: _Item) -> int:
    return len(item.data) if isinstance(item, AccessUnit) else 64


def _deliver(sink: MediaSink, item: _Item) -> None:
    match item:
        case AccessUnit():
            sink.unit(item)
        case PacketLoss():
            sink.loss(item)
        case TimeLeap():
            sink.leap(item)
        case SenderReport():
            sink.sender_report(item)
        case _:
            sink.goodbye(item)
