"""Live tiles: every fragment to everyone who watches, at each one's own pace.

A viewer has one bounded queue for all its tiles, because it has one socket. Where a tile's fragments do
not fit any more, that tile goes on at its next keyframe and the viewer is told how many it missed:
neither the recording nor another viewer ever waits. The bytes are those that are on the disk, uncopied.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from hub import metrics
from hub.model import Fragment, InitSegment, InitTrack, MediaKind

_CACHE_BYTES = 16 << 20
"""Of pictures since the last keyframe; a group of pictures beyond that cannot be joined in its middle."""
_ORIGIN_TOLD_US = 20_000
"""The age of the picture on a tile is shown to a hundredth of a second or so."""
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


class Tap(Protocol):
    """Somebody who takes a feed as it comes, all of its tracks, to pass it on. No call waits."""

    def init(self, tracks: tuple[InitTrack, ...]) -> None:
        """Of the fragments that follow."""
        ...

    def publish(self, fragment: Fragment) -> None: ...

    def ended(self, reason: str) -> None:
        """Nothing comes any more, or nothing comes yet."""
        ...


class LiveFeed:
    """One stream's watchers. ``init`` and ``publish`` never wait, and cost next to nothing unwatched."""

    def __init__(self, stream_id: str, *, preview: bool = False) -> None:
        self.stream_id = stream_id
        self.preview = preview
        """Of the camera's sub-stream: seen and not kept."""
        self.reason = ""
        """Why it waits, where that is known."""
        self.tracks: tuple[InitTrack, ...] = ()
        self.origin_us: int | None = None
        """Hub UTC at media time 0 of the fragments; None until the first of an init came."""
        self._cache: list[Fragment] = []
        self._cached_bytes = 0
        self._has_video = False
        self.newest_key: tuple[InitTrack, Fragment] | None = None
        """The last fragment that began with a keyframe, with its track; it outlives the connection: a last picture."""
        self._tiles: tuple[_Tile, ...] = ()
        self._taps: tuple[Tap, ...] = ()

    def init(self, init: InitSegment) -> None:
        """A new reel begins. Nothing is told when its tracks are the same as before."""
        before = [(track.id, track.mime, track.init) for track in self.tracks]
        self.tracks = init.tracks
        self._has_video = any(track.kind is MediaKind.VIDEO for track in init.tracks)
        if before == [(track.id, track.mime, track.init) for track in init.tracks]:
            return
        self._forget()
        self.origin_us = None
        self.reason = ""
        for tile in self._tiles:
            tile.inited.clear()
        for tap in self._taps:
            tap.init(self.tracks)

    def ended(self, reason: str = "") -> None:
        """Nothing comes any more: its tiles wait, and say why."""
        self.reason = reason
        self.tracks = ()
        self.origin_us = None
        self._forget()
        for tile in self._tiles:
            tile.inited.clear()
            tile.skipping = True
            tile.viewer.tell(tile.slot, self.slots_text(tile.slot))
        for tap in self._taps:
            tap.ended(reason)

    def gap(self, fragments: int) -> None:
        """So many were lost on their way here: its tiles go on at the next keyframe."""
        self._forget()
        for tile in self._tiles:
            tile.skipping = True
            tile.dropped += fragments

    def publish(self, fragment: Fragment) -> None:
        """The next fragment of a track."""
        if self.origin_us is None or fragment.keyframe:
            self._set_origin(fragment)
        if fragment.kind is MediaKind.VIDEO:
            if fragment.keyframe:
                self._forget()
                self._keep_key(fragment)
            if fragment.keyframe or self._cache:
                self._remember(fragment)
        for tile in self._tiles:
            tile.offer(fragment)
        for tap in self._taps:
            tap.publish(fragment)

    def tap(self, tap: Tap) -> None:
        """From the last keyframe on, until :meth:`untap`."""
        self._taps = (*self._taps, tap)
        if not self.tracks:
            tap.ended(self.reason)
            return
        tap.init(self.tracks)
        for fragment in self._cache:
            tap.publish(fragment)

    def untap(self, tap: Tap) -> None:
        self._taps = tuple(other for other in self._taps if other is not tap)

    def subscribe(self, viewer: Viewer, slot: int, *, sound: bool = False) -> None:
        """The stream in a slot of that viewer: from the last keyframe on, without sound unless asked for.

        A viewer that was just cleared and had the stream before goes on where it was: its picture stays.
        """
        tile = _Tile(viewer, slot, self, sound)
        known = viewer.knows(self)
        viewer.take(tile)
        self._tiles = (*self._tiles, tile)
        viewer.tell(slot, self.slots_text(slot))
        missing: Sequence[Fragment] = self._cache
        if known is not None:
            unsent = self._since(known.unsent)
            if unsent is not None:
                missing = unsent
                tile.inited, tile.skipping = known.inited, False
        for fragment in missing:
            tile.offer(fragment)

    def leave(self, tile: _Tile) -> None:
        self._tiles = tuple(other for other in self._tiles if other is not tile)

    @property
    def viewers(self) -> int:
        return len(self._tiles) + len(self._taps)

    @property
    def watched(self) -> bool:
        """Whether anybody waits for its pictures."""
        return bool(self._tiles or self._taps)

    def is_sound(self, track_id: int) -> bool:
        return any(track.id == track_id and track.kind is MediaKind.AUDIO for track in self.tracks)

    def without_sound(self, track_ids: set[int]) -> set[int]:
        return {track_id for track_id in track_ids if not self.is_sound(track_id)}

    def slot_state(self, slot: int) -> dict[str, Any]:
        """The slot's object in a ``slots`` message."""
        return {
            "slot": slot,
            "stream": self.stream_id,
            "state": "waiting" if self.origin_us is None else "live",
            "reason": self.reason,
            "preview": self.preview,
            "origin_us": self.origin_us,
            "tracks": [{"id": track.id, "kind": str(track.kind), "mime": track.mime} for track in self.tracks],
        }

    def slots_text(self, slot: int) -> dict[str, Any]:
        return {"type": "slots", "slots": [self.slot_state(slot)]}

    def _set_origin(self, fragment: Fragment) -> None:
        """Where media time 0 lies on the calendar. Sender reports shift it; small shifts are not told."""
        origin_us = fragment.first_us - fragment.tfdt_ticks * 1_000_000 // fragment.timescale
        if self.origin_us is None:
            self.origin_us = origin_us
        elif fragment.kind is MediaKind.VIDEO and abs(origin_us - self.origin_us) > _ORIGIN_TOLD_US:
            self.origin_us = origin_us
            for tile in self._tiles:
                tile.viewer.tell(tile.slot, self.slots_text(tile.slot))

    def _keep_key(self, fragment: Fragment) -> None:
        track = next((one for one in self.tracks if one.id == fragment.track_id), None)
        if track is not None:
            self.newest_key = (track, fragment)

    def _remember(self, fragment: Fragment) -> None:
        self._cached_bytes += len(fragment.data)
        if self._cached_bytes > _CACHE_BYTES:
            self._forget()
        else:
            self._cache.append(fragment)

    def _since(self, data: bytes | None) -> Sequence[Fragment] | None:
        """The pictures from that one on, nothing for None; None when it is no longer known."""
        if data is None:
            return ()
        return next((self._cache[at:] for at, one in enumerate(self._cache) if one.data is data), None)

    def _forget(self) -> None:
        self._cache = []
        self._cached_bytes = 0


class LiveFeeds:
    """The feeds of all streams, by id."""

    def __init__(self) -> None:
        self._feeds: dict[str, LiveFeed] = {}

    def feed(self, stream_id: str) -> LiveFeed:
        """The feed of a stream; made when it is asked for first."""
        feed = self._feeds.get(stream_id)
        if feed is None:
            feed = self._feeds[stream_id] = LiveFeed(stream_id)
        return feed

    def newest_key(self, stream_id: str) -> tuple[InitTrack, Fragment] | None:
        """The last keyframe that came of a stream, with its track; None: none since the hub began."""
        feed = self._feeds.get(stream_id)
        return feed.newest_key if feed is not None else None

    def ended(self, stream_id: str) -> None:
        """A stream is retired or replaced. Who watches it waits, in case it comes back."""
        feed = self._feeds.get(stream_id)
        if feed is not None:
            feed.ended()
            if not feed.viewers:
                del self._feeds[stream_id]

    def viewer(self, stream_ids: Sequence[str], max_bytes: int) -> Viewer:
        """A viewer with a slot for each of the streams, in that order."""
        viewer = Viewer(max_bytes)
        self.watch(viewer, stream_ids)
        return viewer

    def watch(self, viewer: Viewer, stream_ids: Sequence[str]) -> None:
        """Replace what a viewer watches. A stream that stays goes on where it was, in its new slot."""
        viewer.clear()
        for slot, stream_id in enumerate(stream_ids):
            self.feed(stream_id).subscribe(viewer, slot)


@dataclass(eq=False, slots=True)
class _Tile:
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

    def offer(self, fragment: Fragment) -> None:
        video = fragment.kind is MediaKind.VIDEO
        if not video and not self.sound:
            return
        delta = video and not fragment.keyframe
        if delta and self.keys_only:
            self.skipping = True  # asked for all again, it goes on at a keyframe
            return
        if delta and self.skipping:
            if self.dropped:  # otherwise the tile has just begun, and nothing was lost to it
                self._drop()
            return
        size = len(fragment.data)
        if not self.viewer.has_room(size):
            self.dropped += self.viewer.purge(self.slot)
            self.skipping = True
            if delta or not self.viewer.has_room(size):
                self._drop()
                return
        if video:
            self.skipping = False
        self._send(fragment)

    def _drop(self) -> None:
        self.dropped += 1
        metrics.VIEWER_DROPS.inc()

    def _send(self, fragment: Fragment) -> None:
        viewer = self.viewer
        if self.dropped:
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
    """The first picture that still waited, by its bytes; None when none did."""


class Viewer:
    """One watcher: many slots, one queue. ``next`` gives what to send, in order."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._queue: deque[LiveItem] = deque()
        self._bytes = 0
        self._tiles: dict[int, _Tile] = {}
        self._known: dict[LiveFeed, _Known] = {}
        self._news = asyncio.Event()
        self._closed = False

    async def next(self) -> LiveItem:
        """Waits for the next item. Raises StopAsyncIteration when the viewer was closed."""
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
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
    def waiting(self) -> int:
        """How many items wait."""
        return len(self._queue)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    # ------------------------------------------------------------------ used by the feeds

    def take(self, tile: _Tile) -> None:
        self.drop(tile.slot)
        self._tiles[tile.slot] = tile
        metrics.VIEWERS.inc()

    def drop(self, slot: int) -> None:
        """Forget a slot and what waits for it."""
        tile = self._tiles.pop(slot, None)
        if tile is not None:
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
            tile.feed: _Known(tile.feed.without_sound(tile.inited), unsent.get(slot))
            for slot, tile in self._tiles.items()
            if not tile.skipping and slot not in fresh
        }

    def has_room(self, size: int) -> bool:
        return self._bytes + size <= self._max_bytes

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
        metrics.VIEWER_DROPS.inc(gone)
        return gone
