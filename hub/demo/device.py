"""A simulated device: what it films, how its clock goes, what goes wrong with it, what it has sent.

A device outlives its connections; a :class:`MediaSession` is one of them, whatever the protocol.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hub.clock import US_PER_S, Instant
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.faults import NO_EFFECTS, Effects, FaultScript
from hub.demo.feed import FeedStart, Sent, TrackFeed, TrackMedia
from hub.demo.media import load_loop
from hub.demo.payloads import ParameterSetPlace, PreparedLoop, prepare
from hub.demo.rtcp import goodbye, sender_report

_RECORD_LIMIT = 400_000
_SLOWEST_WAKE_US = 500_000


@dataclass(frozen=True, slots=True)
class ClockRules:
    """What the device's clock says, and when. ``offset_s`` is how far it is ahead of the truth.

    ``first_report_s`` after the first packet (some cameras take 10 s), then every ``report_every_s``;
    0 for the latter: never.
    """

    offset_s: float = 0.0
    first_report_s: float = 0.0
    report_every_s: float = 5.0


class Device:
    """One camera or recorder. ``tracks``: at most one of video, one of audio, in the order announced."""

    def __init__(
        self,
        name: str,
        tracks: Sequence[TrackMedia],
        *,
        clock: ClockRules | None = None,
        aligned: bool = False,
        record: bool = False,
    ) -> None:
        self.name, self.tracks, self.aligned = name, tuple(tracks), aligned
        self.clock_rules = clock or ClockRules()
        self.sent: deque[Sent] | None = deque(maxlen=_RECORD_LIMIT) if record else None
        self.sessions: set[MediaSession] = set()
        self.session_count = 0
        self.script = FaultScript()
        self.script_us = 0

    def play(self, script: FaultScript, now: Instant) -> None:
        """Let these faults happen, counted from ``now``. Raises ValueError when their media is not at hand."""
        known = {name for track in self.tracks for name in track.variants}
        if missing := script.contents - known:
            raise ValueError(f"{self.name} was prepared without {', '.join(sorted(missing))}")
        self.script, self.script_us = script, now.mono_us
        for session in self.sessions:
            session.play(script, now.mono_us)

    def effects(self, now: Instant) -> Effects:
        """What is wrong with the device as a whole."""
        if not self.script.faults:
            return NO_EFFECTS
        return self.script.effects("", now.mono_us - self.script_us)

    def clock_error_us(self, now: Instant) -> int:
        """Device time − true time."""
        error = round(self.clock_rules.offset_s * US_PER_S)
        return error + self.script.clock_error_us(now.mono_us - self.script_us) if self.script.faults else error


Emit = Callable[[int, list[bytes]], None]
EmitRtcp = Callable[[int, bytes], None]


class MediaSession:
    """One connection's media. Call :meth:`advance` at ``wake_us``; it emits what is due.

    ``emit(track, parts)`` gets parts as :mod:`hub.demo.feed` makes them.
    """

    def __init__(
        self, device: Device, starts: Mapping[int, FeedStart], now: Instant, emit: Emit, emit_rtcp: EmitRtcp
    ) -> None:
        self.device, self._emit, self._emit_rtcp = device, emit, emit_rtcp
        device.session_count += 1
        self.cname = f"{device.name}@simulator"
        self.feeds = {
            index: TrackFeed(
                device.tracks[index],
                replace(start, session=device.session_count, aligned=device.aligned),
                now,
                device.script,
                device.script_us,
                device.sent,
            )
            for index, start in starts.items()
        }
        lead_us = max(feed.lead_us for feed in self.feeds.values())
        for feed in self.feeds.values():
            feed.lead_us = lead_us
        self._report_us = now.mono_us + round(device.clock_rules.first_report_s * US_PER_S)
        if not device.clock_rules.report_every_s:
            self._report_us = 1 << 62
        self.wake_us = now.mono_us
        device.sessions.add(self)

    def play(self, script: FaultScript, script_us: int) -> None:
        for feed in self.feeds.values():
            feed.play(script, script_us)
        self.wake_us = min(feed.wake_us for feed in self.feeds.values())

    def advance(self, now: Instant) -> Literal["", "cut", "goodbye"]:
        """Emit what is due by ``now``. Returns how the device ends the session, if it does."""
        device = self.device
        wake = now.mono_us + _SLOWEST_WAKE_US
        if device.script.faults:
            effects = device.effects(now)
            if effects.away:
                return "cut" if effects.cut else "goodbye"
            edge_us = device.script_us + device.script.next_edge_us(now.mono_us - device.script_us)
            wake = min(wake, edge_us)
        for index, feed in self.feeds.items():
            if feed.wake_us <= now.mono_us:
                parts: list[bytes] = []
                feed.take(now, parts)
                if parts:
                    self._emit(index, parts)
            if feed.wake_us < wake:
                wake = feed.wake_us
        if self._report_us <= now.mono_us:
            self._report(now)
        self.wake_us = min(wake, self._report_us)
        return ""

    def say_goodbye(self, reason: str) -> None:
        """RTCP BYE on every track."""
        for index, feed in self.feeds.items():
            self._emit_rtcp(index, goodbye(feed.start.ssrc, self.cname, reason))

    def close(self) -> None:
        self.device.sessions.discard(self)

    def _report(self, now: Instant) -> None:
        device_us = now.utc_us + self.device.clock_error_us(now)
        for index, feed in self.feeds.items():
            if not feed.packets:
                continue
            ticks = feed.media_ticks(now)
            packet = sender_report(feed.start.ssrc, device_us, ticks, feed.packets, feed.octets, self.cname)
            self._emit_rtcp(index, packet)
        self._report_us = now.mono_us + round(self.device.clock_rules.report_every_s * US_PER_S)


def fresh_start(channel: int = 0, ssrc: int | None = None) -> FeedStart:
    """Random origins, as RFC 3550 §5.1 asks for."""
    return FeedStart(
        ssrc=secrets.randbits(32) if ssrc is None else ssrc,
        first_seq=secrets.randbits(16),
        first_ticks=secrets.randbits(32),
        channel=channel,
    )


def track_media(
    spec: VideoSpec | AudioSpec,
    *,
    faults: bool = False,
    number: int | None = None,
    mtu: int = 1400,
    sets: ParameterSetPlace = "both",
    folder: Path | None = None,
) -> TrackMedia:
    """A track, encoded or from the cache. ``faults``: with what freeze, black and silence need."""

    def prepared(wanted: VideoSpec | AudioSpec) -> PreparedLoop:
        return prepare(load_loop(wanted, folder), number=number, mtu=mtu, sets=sets)

    variants: dict[str, PreparedLoop] = {}
    if faults and isinstance(spec, VideoSpec):
        variants["frozen"] = prepared(replace(spec, content="frozen"))
        variants["black"] = prepared(replace(spec, content="black"))
    elif faults and isinstance(spec, AudioSpec):
        variants["silence"] = prepared(replace(spec, content="silence"))
    return TrackMedia(prepared(spec), variants)
