"""One track of one session: which RTP packets leave at which moment. Knows no socket and no clock.

Packets come out as pairs ``head, payload`` in a flat list. A head is the 4 bytes of RTSP interleaving
(RFC 2326 §10.12) followed by the 12 bytes of RTP (RFC 3550 §5.1), so a TCP camera writes
``b"".join(parts)`` and everybody else leaves the first 4 bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hub.clock import US_PER_S, Instant
from hub.demo.faults import NEVER_US, NO_EFFECTS, Effects, FaultScript
from hub.demo.payloads import PreparedLoop, PreparedUnit

_HEAD = struct.Struct(">BBHBBHII")
INTERLEAVE_SIZE = 4
_RTP_SIZE = 12
_VERSION = 0x80
_MASK32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class TrackMedia:
    """A device's track: its loop, and the ones it shows under faults (frozen, black, silence)."""

    normal: PreparedLoop
    variants: Mapping[str, PreparedLoop]


class Sent(NamedTuple):
    """One coded unit that left a simulator (or was meant to): the truth that tests compare with.

    ``first_seq`` is extended over wraps, ``missing`` counts its packets that the script dropped,
    ``utc_us`` is when it was handed to the socket, ``due_us`` hub-monotonic when it was due, ``sha256``
    that of the unit in the form of :class:`hub.model.AccessUnit`. ``session`` counts a device's sessions.
    """

    session: int
    kind: str
    number: int
    first_seq: int
    packets: int
    missing: int
    rtp_ticks: int
    due_us: int
    utc_us: int
    keyframe: bool
    size: int
    sha256: str


class Recorder(Protocol):
    def append(self, sent: Sent, /) -> object: ...


@dataclass(frozen=True, slots=True)
class FeedStart:
    """Where a session's track begins: RTP's arbitrary origins, and whether the loop follows the clock."""

    ssrc: int
    first_seq: int
    first_ticks: int
    channel: int = 0
    session: int = 0
    aligned: bool = False


class TrackFeed:
    """See the module. ``script_us`` is the monotonic moment at which the script began."""

    def __init__(
        self,
        media: TrackMedia,
        start: FeedStart,
        now: Instant,
        script: FaultScript,
        script_us: int,
        record: Recorder | None = None,
    ) -> None:
        self.media, self.start, self._record = media, start, record
        self.kind = str(media.normal.kind)
        self._loop = media.normal
        self._content = ""
        self._index = self._slot = self._origin = 0
        self._timescale, self._step = media.normal.loop.timescale, media.normal.loop.step_ticks
        lead_ticks = max(unit.pts_ticks - index * self._step for index, unit in enumerate(media.normal.units))
        # How far pictures are sent ahead of their turn, because others are predicted from them: a device
        # must have captured them by then, so all its tracks lag this much behind their capture.
        self.lead_us = lead_ticks * US_PER_S // self._timescale
        self._epoch_us = now.mono_us
        self._first_index = 0
        if start.aligned:
            self._align(now)
        self.seq, self.packets, self.octets = start.first_seq, 0, 0
        self._held: tuple[bytes, bytes] | None = None
        self.play(script, script_us)

    def play(self, script: FaultScript, script_us: int) -> None:
        """Follow this script from now on."""
        self._script, self._script_us = script, script_us
        self._dice = script.dice(self.start.ssrc & 0xFFFF)
        self._effects: Effects = NO_EFFECTS
        self._edge_us = -NEVER_US
        self.wake_us = self.due_us

    @property
    def due_us(self) -> int:
        """The monotonic moment at which the next unit is due."""
        return self._epoch_us + self._slot * self._step * US_PER_S // self._timescale

    @property
    def next_ticks(self) -> int:
        """The RTP time stamp (32 bit) of the next unit, as RTP-Info tells it."""
        unit = self._loop.units[self._index]
        return (self._ticks(unit) + self._leap_ticks()) & _MASK32

    def media_ticks(self, now: Instant) -> int:
        """The RTP time stamp (32 bit) of what is captured now, as a sender report tells it."""
        passed = (now.mono_us - self._epoch_us + self.lead_us) * self._timescale // US_PER_S
        return (self.start.first_ticks + passed + self._leap_ticks()) & _MASK32

    def take(self, now: Instant, out: list[bytes]) -> None:
        """Append head and payload of every packet due by ``now``; ``wake_us`` is when to ask again."""
        while (due := self.due_us) <= now.mono_us:
            if due - self._script_us >= self._edge_us:
                self._effects = self._script.effects(self.kind, due - self._script_us)
                self._edge_us = self._script.next_edge_us(due - self._script_us)
            effects = self._effects
            if effects is not NO_EFFECTS:
                if effects.held == "skip" or effects.away:
                    self._skip_to(self._script_us + self._edge_us)
                    continue
                if effects.held == "late" and self._still_held(now):
                    return
            self._send_next(now, due, out)
        self.wake_us = due

    def jump_to_keyframe(self) -> None:
        """The next picture sent shall be a keyframe (a PLI, RFC 4585 §6.3.1). Breaks an alignment."""
        self._index, self._origin = self._keyframe_from(self._index), self._slot
        self._origin -= self._index

    # ------------------------------------------------------------------------------ what is sent

    def _send_next(self, now: Instant, due: int, out: list[bytes]) -> None:
        units = self._loop.units
        unit = units[self._index]
        if unit.keyframe and self._content != self._effects.content:
            self._switch(self._effects.content)
            units = self._loop.units
            unit = units[self._index]
        leap_us = self._effects.leap_us
        ticks = (self._ticks(unit) + leap_us * self._timescale // US_PER_S) & _MASK32
        first_seq, missing = self.seq, 0
        if self._effects.loss or self._effects.reorder or self._held is not None:
            missing = self._spoil(unit, ticks, out)
        else:
            self._pack(unit, ticks, out)
        self._slot += 1
        self._index += 1
        if self._index == len(units):
            self._index = 0
            self._origin += len(units)
        if self._record is not None:
            self._record.append(
                Sent(
                    self.start.session,
                    self.kind,
                    unit.number,
                    first_seq,
                    len(unit.packets),
                    missing,
                    ticks,
                    due,
                    now.utc_us,
                    unit.keyframe,
                    unit.size,
                    unit.sha256,
                )
            )

    def _pack(self, unit: PreparedUnit, ticks: int, out: list[bytes]) -> None:
        seq, channel, ssrc = self.seq, self.start.channel, self.start.ssrc
        pack, append = _HEAD.pack, out.append
        for marker_type, payload in unit.packets:
            append(pack(0x24, channel, len(payload) + _RTP_SIZE, _VERSION, marker_type, seq & 0xFFFF, ticks, ssrc))
            append(payload)
            seq += 1
        self.packets += seq - self.seq
        self.octets += unit.size
        self.seq = seq

    def _spoil(self, unit: PreparedUnit, ticks: int, out: list[bytes]) -> int:
        """Like ``_pack``, with losses and swapped neighbours. Returns how many packets were dropped."""
        parts: list[bytes] = []
        dropped = 0
        self._pack(unit, ticks, parts)
        for head, payload in zip(parts[::2], parts[1::2], strict=True):
            if self._effects.loss and self._dice.random() < self._effects.loss:
                dropped += 1
                continue
            if self._held is None and self._effects.reorder and self._dice.random() < self._effects.reorder:
                self._held = head, payload
                continue
            out += (head, payload)
            if self._held is not None:
                out += self._held
                self._held = None
        return dropped

    def _ticks(self, unit: PreparedUnit) -> int:
        return self.start.first_ticks + self._origin * self._step + unit.pts_ticks

    def _leap_ticks(self) -> int:
        return self._effects.leap_us * self._timescale // US_PER_S

    # ------------------------------------------------------------------------- where in the loop

    def _still_held(self, now: Instant) -> bool:
        """Whether a burst has still to wait; if so, ``wake_us`` is set."""
        at_us = now.mono_us - self._script_us
        held = self._script.effects(self.kind, at_us).held == "late"
        if held:
            self.wake_us = self._script_us + self._script.next_edge_us(at_us)
        return held

    def _skip_to(self, moment_us: int) -> None:
        """The device sent nothing until ``moment_us`` and goes on with a keyframe."""
        slot = -(-(moment_us - self._epoch_us) * self._timescale // (self._step * US_PER_S))
        slot = max(slot, self._slot + 1)
        index = (self._index + slot - self._slot) % len(self._loop.units)
        key = self._keyframe_from(index)
        if self.start.aligned:
            slot += (key - index) % len(self._loop.units)
        self._slot, self._index, self._origin = slot, key, slot - key

    def _switch(self, content: str) -> None:
        """Go over to another loop at its first keyframe, or back to the normal one."""
        if content:
            self._loop, self._index = self.media.variants[content], 0
        else:
            self._loop = self.media.normal
            turn = self._slot % len(self._loop.units) if not self.start.aligned else self._aligned_index()
            self._index = self._keyframe_from(turn)
        self._origin = self._slot - self._index
        self._content = content

    def _keyframe_from(self, index: int) -> int:
        """The first keyframe of the loop at or after ``index``, around its end."""
        units = self._loop.units
        return next(i % len(units) for i in range(index, index + len(units)) if units[i % len(units)].keyframe)

    def _align(self, now: Instant) -> None:
        """Begin at the next keyframe of a loop that has been running since 1970."""
        slot_us = self._step * US_PER_S / self._timescale
        passed = -(-now.utc_us * self._timescale // (self._step * US_PER_S))
        index = passed % len(self._loop.units)
        key = self._keyframe_from(index)
        passed += (key - index) % len(self._loop.units)
        self._epoch_us = now.mono_us + round(passed * slot_us - now.utc_us)
        self._index, self._origin = key, -key
        self._first_index = key

    def _aligned_index(self) -> int:
        return (self._first_index + self._slot) % len(self.media.normal.units)
