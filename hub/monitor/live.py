"""Live tiles: every fragment to everyone who watches, at each one's own pace (:mod:`hub.monitor.viewer`). The bytes are
those that are on the disk, uncopied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hub.model import Fragment, InitSegment, InitTrack, MediaKind
from hub.monitor.viewer import Tile, Viewer

_CACHE_BYTES = 16 << 20
"""Of pictures since the last keyframe; a group of pictures beyond that cannot be joined in its middle."""
_ORIGIN_TOLD_US = 20_000
"""The age of the picture on a tile is shown to a hundredth of a second or so."""


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
        self.has_video = False
        self.newest_key: tuple[InitTrack, Fragment] | None = None
        """The last fragment that began with a keyframe, with its track; it outlives the connection: a last picture."""
        self._tiles: tuple[Tile, ...] = ()
        self._taps: tuple[Tap, ...] = ()

    def init(self, init: InitSegment) -> None:
        """A new reel begins. Nothing is told when its tracks are the same as before."""
        before = [(track.id, track.mime, track.init) for track in self.tracks]
        self.tracks = init.tracks
        self.has_video = any(track.kind is MediaKind.VIDEO for track in init.tracks)
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
        tile = Tile(viewer, slot, self, sound)
        known = viewer.knows(self)
        viewer.take(tile)
        self._tiles = (*self._tiles, tile)
        viewer.tell(slot, self.slots_text(slot))
        begin = 0
        if known is not None:
            unsent = self._place_of(known.unsent)
            if unsent is not None:
                begin = unsent
                tile.inited, tile.skipping = known.inited, False
        if begin < len(self._cache):
            tile.wait_from(begin)
            viewer.give_turns()

    def leave(self, tile: Tile) -> None:
        self._tiles = tuple(other for other in self._tiles if other is not tile)

    @property
    def viewers(self) -> int:
        return len(self._tiles) + len(self._taps)

    @property
    def watched(self) -> bool:
        """Whether anybody waits for its pictures."""
        return bool(self._tiles or self._taps)

    def held(self, place: int) -> Fragment | None:
        """Of the pictures since the keyframe, if so many came."""
        return self._cache[place] if place < len(self._cache) else None

    @property
    def newest_place(self) -> int:
        """Of the picture that came last; -1: the pictures since the keyframe are not held."""
        return len(self._cache) - 1

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

    def _place_of(self, data: bytes | None) -> int | None:
        """Of that picture, the next one's for None; None when it is no longer known."""
        if data is None:
            return len(self._cache)
        return next((place for place, one in enumerate(self._cache) if one.data is data), None)

    def _forget(self) -> None:
        held, self._cache, self._cached_bytes = self._cache, [], 0
        for tile in self._tiles:
            if tile.behind is not None:
                tile.last_turn(held[tile.behind :])


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
