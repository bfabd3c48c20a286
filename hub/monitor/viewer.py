"""Who watches: a viewer with its one queue, and its tiles, each at its own pace.

A viewer has one bounded queue for all its tiles, because it has one socket. What a tile begins with, and what does not
fit any more, is not queued: the feed holds the pictures since the keyframe anyway, and the tile is given them in its
turn. What has not had its turn by the next keyframe is lost together with what waits of that tile; the viewer is told
how much, and the tile goes on there. Neither the recording nor another viewer ever waits.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from hub import metrics
from hub.model import Fragment, MediaKind

if TYPE_CHECKING:
    from hub.monitor.live import LiveFeed

_HEADER = struct.Struct(">BBH")


class LiveKind(IntEnum):
    """The first byte of a binary message; the texts have none."""

    INIT = 0
    KEY = 1
    DELTA = 2
    TEXT = 3


@dataclass(frozen=True, slots=True)
class LiveItem:
    """What to send next. ``text`` (JSON) for TEXT, ``data`` for the others."""

    kind: LiveKind
    slot: int
    track_id: int = 0
    data: bytes = b""
    text: Mapping[str, Any] | None = None

    def message(self) -> bytes:
        """The binary message: ``u8 kind · u8 track · u16 slot``, big endian, and the bytes."""
        return _HEADER.pack(self.kind, self.track_id, self.slot) + self.data


@dataclass(eq=False, slots=True)
class Tile:
    """A stream in a slot of a viewer."""

    viewer: Viewer
    slot: int
    feed: LiveFeed
    sound: bool
    inited: set[int] = field(default_factory=set)
    keys_only: bool = False
    """Of the pictures only fragments that begin with a keyframe: its machine decodes no more."""
    skipping: bool = True
    """Until the next keyframe."""
    dropped: int = 0
    behind: int | None = None
    """The place, among the pictures that the feed holds, of the first that waits for its turn; None: none does."""

    def offer(self, fragment: Fragment) -> None:
        """What comes at this moment."""
        video = fragment.kind is MediaKind.VIDEO
        if (video and self.behind is not None) or not self._wants(fragment):
            return
        if self.viewer.has_room(len(fragment.data)):
            self._send(fragment)
        elif video and self.feed.newest_place >= 0:
            self.wait_from(self.feed.newest_place)
        else:
            self._make_room(fragment)

    def wait_from(self, place: int) -> None:
        """For the pictures from that one on."""
        self.behind = place
        self.viewer.line_up(self)

    def take_turn(self) -> bool:
        """Be given what the feed holds, as far as there is room. Whether that was all."""
        while self.behind is not None and (fragment := self.feed.held(self.behind)) is not None:
            size = len(fragment.data)
            again = fragment.keyframe and self.dropped > 0  # after what it lost, it shows something at least
            if not (self.viewer.has_turn(size) or (again and self.viewer.has_room(size))):
                return False
            self.behind += 1
            if self._wants(fragment):
                if self.viewer.has_room(size):
                    self._send(fragment)
                else:
                    self._cut_back(1)  # larger than all that may ever wait
        self.behind = None
        return True

    @property
    def waits_for(self) -> bytes | None:
        """The first picture that waits for its turn, by its bytes."""
        fragment = None if self.behind is None else self.feed.held(self.behind)
        return None if fragment is None else fragment.data

    def last_turn(self, rest: Sequence[Fragment]) -> None:
        """The feed lets go of what it held for this tile: it goes out now, or is lost."""
        self.behind = None
        self.viewer.step_out(self)
        if self.skipping:
            self._lose(len(rest) if self.dropped else 0)  # otherwise it has not begun, and does with the next keyframe
        elif self.viewer.has_room(sum(len(one.data) for one in rest)):
            for one in rest:
                if self._wants(one):
                    self._send(one)
        else:
            self._cut_back(len(rest))

    def _wants(self, fragment: Fragment) -> bool:
        if fragment.kind is not MediaKind.VIDEO:
            return self.sound
        if fragment.keyframe:
            return True
        if self.keys_only:
            self.skipping = True  # asked for all again, it goes on at a keyframe
        elif self.skipping and self.dropped:  # otherwise the tile has just begun, and nothing was lost to it
            self._lose(1)
        return not self.skipping

    def _make_room(self, fragment: Fragment) -> None:
        """For what nobody holds until its turn: sound, and pictures too long after their keyframe."""
        self._cut_back(0)
        if fragment.keyframe and self.viewer.has_room(len(fragment.data)):
            self._send(fragment)
        else:
            self._lose(1)

    def _cut_back(self, more: int) -> None:
        """To the next keyframe: what waits is lost, and so many more."""
        self._lose(self.viewer.purge(self.slot) + more)
        self.skipping = True

    def _lose(self, fragments: int) -> None:
        self.dropped += fragments
        metrics.VIEWER_DROPS.inc(fragments)

    def _send(self, fragment: Fragment) -> None:
        viewer = self.viewer
        video = fragment.kind is MediaKind.VIDEO
        if video:
            self.skipping = False
        if self.dropped and (video or not self.feed.has_video):  # sound may come before it has all been lost
            viewer.tell(self.slot, {"type": "dropped", "slot": self.slot, "fragments": self.dropped})
            self.dropped = 0
        if fragment.track_id not in self.inited:
            self._send_init(fragment.track_id)
        kind = LiveKind.KEY if fragment.keyframe else LiveKind.DELTA
        viewer.put(LiveItem(kind, self.slot, fragment.track_id, fragment.data))

    def _send_init(self, track_id: int) -> None:
        if not self.inited:
            self.viewer.tell(self.slot, self.feed.slots_text(self.slot))
        self.inited.add(track_id)
        for track in self.feed.tracks:
            if track.id == track_id:
                self.viewer.put(LiveItem(LiveKind.INIT, self.slot, track_id, track.init))


@dataclass(frozen=True, slots=True)
class _Known:
    """Where a viewer was in a stream when it was cleared."""

    inited: set[int]
    unsent: bytes | None
    """The first picture that still waited, in the queue or for its turn, by its bytes; None when none did."""


class Viewer:
    """One watcher: many slots, one queue. ``next`` gives what to send, in order."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._queue: deque[LiveItem] = deque()
        self._bytes = 0
        self._tiles: dict[int, Tile] = {}
        self._line: dict[Tile, None] = {}
        """Tiles that wait for their turn, in order."""
        self._known: dict[LiveFeed, _Known] = {}
        self._news = asyncio.Event()
        self._closed = False

    async def next(self) -> LiveItem:
        """Waits for the next item. Raises StopAsyncIteration when the viewer was closed."""
        while (item := self.ready()) is None:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return item

    def ready(self) -> LiveItem | None:
        """The next item, where there is one at this moment."""
        self.give_turns()
        if not self._queue:
            return None
        item = self._queue.popleft()
        self._bytes -= len(item.data)
        return item

    def set_sound(self, slot: int, on: bool) -> None:
        """Send that slot's sound from now on, or stop. An unknown slot is no error: it may just have gone."""
        tile = self._tiles.get(slot)
        if tile is not None:
            tile.sound = on
            tile.inited = tile.feed.without_sound(tile.inited)  # the page makes a new SourceBuffer: it needs its init

    def set_keys_only(self, slot: int, on: bool) -> None:
        """Of that slot's pictures only the keyframes' fragments from now on, or all from the next keyframe on. An
        unknown slot is no error: it may just have gone."""
        tile = self._tiles.get(slot)
        if tile is not None:
            tile.keys_only = on

    def close(self) -> None:
        """Leaves every feed; whoever waits in ``next`` is let go."""
        self.clear()
        self._known = {}
        self._closed = True
        self._news.set()

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    # ------------------------------------------------------------------ used by the feeds

    def take(self, tile: Tile) -> None:
        self.drop(tile.slot)
        self._tiles[tile.slot] = tile
        metrics.VIEWERS.inc()

    def drop(self, slot: int) -> None:
        """Forget a slot and what waits for it."""
        tile = self._tiles.pop(slot, None)
        if tile is not None:
            self.step_out(tile)
            tile.feed.leave(tile)
            metrics.VIEWERS.dec()

    def clear(self) -> None:
        """Leave every feed and forget what waits. Who subscribes to one of them next goes on where it was."""
        self._known = self._in_step()
        for slot in list(self._tiles):
            self.drop(slot)
        self._queue.clear()
        self._bytes = 0

    def knows(self, feed: LiveFeed) -> _Known | None:
        """Where it was in that feed before it was cleared; asked once."""
        return self._known.pop(feed, None)

    def _in_step(self) -> dict[LiveFeed, _Known]:
        """Of the tiles that could go on with the next picture: all but those that skip, or whose init waits."""
        unsent: dict[int, bytes] = {}
        fresh: set[int] = set()
        for item in self._queue:
            tile = self._tiles.get(item.slot)
            if tile is None or item.kind is LiveKind.TEXT:
                continue
            if item.kind is LiveKind.INIT:
                fresh.add(item.slot)
            elif not tile.feed.is_sound(item.track_id):
                unsent.setdefault(item.slot, item.data)
        return {
            tile.feed: _Known(tile.feed.without_sound(tile.inited), unsent.get(slot) or tile.waits_for)
            for slot, tile in self._tiles.items()
            if not tile.skipping and slot not in fresh
        }

    def has_room(self, size: int) -> bool:
        return self._bytes + size <= self._max_bytes

    def has_turn(self, size: int) -> bool:
        """Room in half of the queue: the other half is for what comes at this moment."""
        return not self._bytes or self._bytes + size <= self._max_bytes // 2

    def line_up(self, tile: Tile) -> None:
        """It waits for its turn; in front, where it lost pictures: who always finds others in its way shows nothing."""
        self._line = {tile: None} | self._line if tile.dropped else self._line | {tile: None}

    def step_out(self, tile: Tile) -> None:
        self._line.pop(tile, None)

    def give_turns(self) -> None:
        while self._line and (first := next(iter(self._line))).take_turn():
            self.step_out(first)

    def put(self, item: LiveItem) -> None:
        self._queue.append(item)
        self._bytes += len(item.data)
        self._news.set()

    def tell(self, slot: int, text: Mapping[str, Any]) -> None:
        """A text; one of the same type that still waits for this slot is replaced, so they cannot pile up."""
        for index, waiting in enumerate(self._queue):
            if waiting.text is not None and waiting.slot == slot and waiting.text["type"] == text["type"] == "slots":
                del self._queue[index]
                break
        self.put(LiveItem(LiveKind.TEXT, slot, text=text))

    def purge(self, slot: int) -> int:
        """Forget the fragments that wait for a slot; returns how many."""
        kept = [item for item in self._queue if item.slot != slot or item.kind not in (LiveKind.KEY, LiveKind.DELTA)]
        gone = len(self._queue) - len(kept)
        self._queue = deque(kept)
        self._bytes = sum(len(item.data) for item in kept)
        return gone
