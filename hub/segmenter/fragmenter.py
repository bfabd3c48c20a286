"""Access units in, init segments and fragments out: one run of one stream. Pure.

Nothing that was received is dropped without a count:

* Until every video track has shown a keyframe with its parameter sets, all media are *held*, for at most
  5 s or 16 MB. Then the reel opens, the held media go first, in the order of arrival. Pictures from before the
  keyframe are kept too: bit for bit what was sent, not sync samples, decodable by nobody.
* If no keyframe came by then, the reel opens with the tracks that can be described: sound, and video whose sets
  were in the SDP (a source may refresh its picture in slices and never send a keyframe). A video track
  without any sets goes on being held, its oldest pictures giving way after 5 s (``discarded`` counts them).
* When its keyframe comes at last, or a keyframe brings other sets, everything held is emitted, and a new
  :class:`InitSegment` opens a new reel there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count

from hub.clock import Instant
from hub.errors import MediaError
from hub.metrics import BAD_INPUT
from hub.model import AccessUnit, Fragment, InitSegment, MediaKind, ParameterSets, TrackInfo
from hub.segmenter.init_segment import assemble
from hub.segmenter.sample_entries import SampleEntry, describe
from hub.segmenter.tracks import FragmentTrack, fragment_track

HOLD_US = 5_000_000
"""How long the first keyframe is waited for."""
HOLD_BYTES = 16 << 20

Output = InitSegment | Fragment


class Fragmenter:
    """Cuts the units of one run into fragments of about ``fragment_ms``, each of one track.

    A track that no reel can hold (a broken AudioSpecificConfig, G.711 of three channels) costs the others nothing:
    it is left out, and its units are counted. Raises MediaError when no track is left.
    """

    def __init__(self, tracks: Sequence[TrackInfo], *, fragment_ms: int) -> None:
        sequence = count(1)
        self._pictures_ms = fragment_ms
        self._tracks: dict[int, FragmentTrack] = {}
        self._entries: dict[int, SampleEntry] = {}
        self._infos: tuple[TrackInfo, ...] = ()
        self._refused: set[int] = set()
        for info in tracks:
            try:
                if info.kind is MediaKind.AUDIO:
                    self._entries[info.id] = describe(info, None)
                self._tracks[info.id] = fragment_track(info, sequence, fragment_ms)
                self._infos += (info,)
            except MediaError:
                if len(tracks) == len(self._refused) + 1:
                    raise
                self._refused.add(info.id)
                BAD_INPUT.labels("bad_track").inc()
        # Half a fragment of grace: a picture that is merely late is waited for
        self._idle_us = fragment_ms * 1500
        self._sets: dict[int, ParameterSets] = {}
        """The sets each video track was last described with, or is to be."""
        self._held: deque[AccessUnit] = deque()
        self._held_bytes = 0
        self._opened = False
        self._pictures = frozenset(info.id for info in self._infos if info.kind is MediaKind.VIDEO)
        self._waiting = set(self._pictures)
        """Video tracks that are not in the reel yet."""
        self.discarded = 0
        """Units given up because nothing describes them: no parameter sets in time, or a track left out."""

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """As the newest init segment says, in pixels; None: there is no picture in it."""
        return next((one.size for one in self._entries.values() if one.size is not None), None)

    def aim(self, pictures_ms: int) -> None:
        """How long fragments of pictures are to be from now on; those of sound stay as they are."""
        if pictures_ms == self._pictures_ms:
            return
        self._pictures_ms = pictures_ms
        for track in self._tracks.values():
            if track.info.kind is MediaKind.VIDEO:
                track.aim(pictures_ms)

    def push(self, unit: AccessUnit) -> Sequence[Output]:
        """Takes the next unit, in order of arrival.

        Parameter sets that cannot be read are counted and passed over: the picture is recorded under the sets
        before them. Raises KeyError for a track that was not announced.
        """
        if unit.track_id in self._refused:
            self.discarded += 1
            return ()
        track = self._tracks[unit.track_id]
        if unit.realigned and self._opened:
            return [*self._reopen(), *self._accept(unit, track)]
        return self._accept(unit, track)

    def _accept(self, unit: AccessUnit, track: FragmentTrack) -> Sequence[Output]:
        if unit.keyframe and unit.track_id in self._pictures and self._changes(unit, track.info):
            return self._begin(unit)
        if unit.track_id in self._waiting or not self._opened:
            return self._hold(unit)
        return track.push(unit)

    def tick(self, now: Instant) -> Sequence[Output]:
        """A track that fell silent gives up what it holds; so does the wait for a keyframe after 5 s."""
        if not self._opened:
            if self._held and now.mono_us - self._held[0].arrival.mono_us >= HOLD_US:
                return self._open_without_keyframe()
            return ()
        before = now.mono_us - self._idle_us
        return [fragment for track in self._tracks.values() for fragment in track.idle(before)]

    def flush(self) -> Sequence[Output]:
        """Everything that is held, at a discontinuity or the end. Media may go on after it."""
        opened = [] if self._opened or not self._held else list(self._open_without_keyframe())
        self._give_up(len(self._held))
        return [*opened, *self._flush_tracks()]

    # ------------------------------------------------------------------------------ opening

    def _changes(self, unit: AccessUnit, info: TrackInfo) -> bool:
        """Whether this keyframe needs an init segment that does not exist yet."""
        sets = unit.parameter_sets or info.parameter_sets
        waits = info.id in self._waiting
        if sets is None or (not waits and sets is self._sets[info.id]):
            return False
        try:
            entry = describe(info, sets)
        except MediaError:
            BAD_INPUT.labels("bad_parameter_sets").inc()
            return False
        self._sets[info.id] = sets
        changed = self._entries.get(info.id) != entry
        self._entries[info.id] = entry
        return changed or waits

    def _begin(self, unit: AccessUnit) -> Sequence[Output]:
        """A keyframe that a new init segment describes."""
        if unit.track_id in self._waiting:
            self._waiting.discard(unit.track_id)
            if not self._opened and self._waiting:
                return self._hold(unit)  # another camera of the session has shown no keyframe yet
            return [*self._reopen(), *self._release(), *self._tracks[unit.track_id].push(unit)]
        if not self._opened:
            return self._hold(unit)
        return [*self._reopen(), *self._tracks[unit.track_id].push(unit)]

    def _reopen(self) -> list[Output]:
        """Ends the reel on every track and opens the next."""
        done: list[Output] = [*self._flush_tracks()]
        self._opened = True
        listed = [(info, self._entries[info.id]) for info in self._infos if info.id not in self._waiting]
        done.append(assemble(listed))
        return done

    def _flush_tracks(self) -> list[Fragment]:
        return [fragment for track in self._tracks.values() for fragment in track.flush()]

    # ------------------------------------------------------------------------------ holding

    def _hold(self, unit: AccessUnit) -> Sequence[Output]:
        self._held.append(unit)
        self._held_bytes += len(unit.data)
        if not self._opened:
            if not self._waiting:
                return self._open()
            first = self._held[0].arrival.mono_us
            if unit.arrival.mono_us - first >= HOLD_US or self._held_bytes > HOLD_BYTES:
                return self._open_without_keyframe()
            return ()
        self._give_way(unit.arrival)
        return ()

    def _give_way(self, now: Instant) -> None:
        """Keeps what is held within its bounds."""
        oldest = now.mono_us - HOLD_US
        while self._held and (self._held[0].arrival.mono_us < oldest or self._held_bytes > HOLD_BYTES):
            self._give_up(1)

    def _give_up(self, units: int) -> None:
        for _ in range(units):
            self._held_bytes -= len(self._held.popleft().data)
        self.discarded += units
        if units:
            BAD_INPUT.labels("no_parameter_sets").inc(units)

    def _open(self) -> Sequence[Output]:
        return [*self._reopen(), *self._release()]

    def _open_without_keyframe(self) -> Sequence[Output]:
        """The wait is over: what can be described is recorded."""
        for info in self._infos:
            if info.id in self._waiting and info.parameter_sets is not None:
                try:
                    self._entries[info.id] = describe(info, info.parameter_sets)
                except MediaError:
                    continue  # sets in an SDP may be cut short; those in band decide then
                self._sets[info.id] = info.parameter_sets
                self._waiting.discard(info.id)
        if len(self._waiting) == len(self._infos):
            self._give_way(self._held[-1].arrival)
            return ()
        return self._open()

    def _release(self) -> list[Output]:
        """The held media of every track that is in the reel now, in order of arrival."""
        held = self._held
        self._held = deque(unit for unit in held if unit.track_id in self._waiting)
        self._held_bytes = sum(len(unit.data) for unit in self._held)
        return [
            fragment
            for unit in held
            if unit.track_id not in self._waiting
            for fragment in self._tracks[unit.track_id].push(unit)
        ]
