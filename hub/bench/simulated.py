"""A device, a network and the hub's ingest in simulated time: a day of streams in a minute, no sockets.

The device is the demo's simulator, the network delays (and on UDP overtakes), the hub's side is the real
RTP track and the real detector. What the device sent is kept: it is the truth the detector is held to.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.clock import US_PER_S, Instant
from hub.demo.device import ClockRules, Device, MediaSession
from hub.demo.faults import Fault, FaultScript
from hub.demo.feed import FeedStart, Sent, TrackMedia
from hub.ingest.axis import RunAxis
from hub.ingest.reorder import ReorderWindow
from hub.ingest.track import RtpTrack
from hub.model import (
    AccessUnit,
    Interruption,
    PacketLoss,
    ParameterSets,
    RtspSource,
    SenderReport,
    SessionInfo,
    Stream,
    StreamKind,
    TimeLeap,
    TrackInfo,
)
from hub.monitor.detector import InterruptionDetector
from hub.monitor.rules import DetectorRules

EPOCH_UTC_US = 1_767_225_600 * US_PER_S
BASE_DELAY_US = 5_000
_TICK_US = 100_000
_WINDOW_TICK_US = 20_000
_RETRY_US = 500_000
_OVERTAKEN_SHARE = 0.002
"""Of packets on UDP that take a longer way."""
_HELD_UP_EVERY_S = 40.0
"""How often, on the average, a jittery network holds everything up for a while."""


@dataclass(frozen=True, slots=True)
class Network:
    """``jitter_us``: each picture is delayed by up to this. ``held_up_us``: now and then by up to this,
    with nothing lost. ``udp``: packets may overtake each other."""

    jitter_us: int = 0
    held_up_us: int = 0
    udp: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulated stream."""

    name: str
    tracks: tuple[TrackMedia, ...]
    faults: tuple[Fault, ...]
    network: Network
    seconds: float
    seed: int


@dataclass(slots=True)
class Heard:
    """What the detector said, and the truth. ``starts`` gives each session's origins by track kind."""

    changes: list[Interruption] = field(default_factory=list)
    sent: Sequence[Sent] = ()
    starts: dict[tuple[int, str], Origin] = field(default_factory=dict)
    began_us: int = 0
    units: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the RTP clock of a track stood, and when (monotonic µs): capture time of any time stamp."""

    first_ticks: int
    timescale: int
    mono_us: int
    lead_us: int
    """Pictures that are reordered leave the device this much after their capture."""

    def capture_us(self, rtp_ticks: int, leapt_us: int) -> int:
        """Monotonic time at which media stamped ``rtp_ticks`` was captured by a clock that had leapt so far."""
        passed = (rtp_ticks - self.first_ticks - leapt_us * self.timescale // US_PER_S) & 0xFFFFFFFF
        return self.mono_us + passed * US_PER_S // self.timescale


def listen(plan: Plan) -> Heard:
    """Play a plan to its end."""
    return _World(plan).run()


class _Sink:
    """What an ingest delivers to; the detector behind it."""

    def __init__(self, detector: InterruptionDetector, changes: list[Interruption]) -> None:
        self.detector = detector
        self.changes = changes
        self.units = 0
        self.now = Instant(0, 0)

    def opened(self, session: SessionInfo) -> None:
        self.changes += self.detector.opened(session)

    def unit(self, unit: AccessUnit) -> None:
        self.units += 1
        changes = self.detector.unit(unit)
        if changes:
            self.changes += changes

    def loss(self, loss: PacketLoss) -> None:
        self.changes += self.detector.loss(loss)

    def leap(self, leap: TimeLeap) -> None:
        self.changes += self.detector.leap(leap)

    def sender_report(self, report: SenderReport) -> None:
        self.changes += self.detector.sender_report(report)

    def goodbye(self, reason: str) -> None:
        self.changes += self.detector.goodbye(reason, self.now)

    def complaint(self, code: str, message: str) -> None:
        """Fragments whose first one was lost, and the like: part of the faults."""


class _World:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)  # noqa: S311 - simulated weather
        stream = Stream(plan.name, plan.name, StreamKind.WINDOW, RtspSource("rtsp://simulated/1"), EPOCH_UTC_US)
        self._heard = Heard()
        self._sink = _Sink(InterruptionDetector(stream, DetectorRules()), self._heard.changes)
        self._device = Device(plan.name, plan.tracks, clock=ClockRules(first_report_s=1.0), record=True)
        self._mono_us = self._rng.randrange(_TICK_US)
        self._session: MediaSession | None = None
        self._tracks: list[RtpTrack] = []
        self._infos = tuple(_info(index + 1, track) for index, track in enumerate(plan.tracks))
        self._flying: list[tuple[int, int, int, bytes, bool]] = []
        self._sent_count = 0
        self._newest_arrival_us = 0
        self._held_until_us = 0
        self._next_hold_us = self._after(_HELD_UP_EVERY_S)
        self._reconnect_us = 0

    def run(self) -> Heard:
        begun_us = self._heard.began_us = self._mono_us
        end_us = begun_us + round(self._plan.seconds * US_PER_S)
        self._device.play(FaultScript(self._plan.faults, seed=self._plan.seed), self._now(begun_us))
        tick_us = begun_us + self._rng.randrange(_TICK_US)
        window_us = begun_us + _WINDOW_TICK_US if self._plan.network.udp else end_us
        while self._mono_us < end_us:
            wake_us = self._session.wake_us if self._session is not None else self._reconnect_us
            arrival_us = self._flying[0][0] if self._flying else end_us
            at_us = self._mono_us = max(self._mono_us, min(wake_us, arrival_us, tick_us, window_us, end_us))
            now = self._now(at_us)
            while self._flying and self._flying[0][0] <= at_us:
                self._arrive(now)
            if window_us <= at_us:
                window_us += _WINDOW_TICK_US
                for track in self._tracks:
                    track.tick(now)
            if tick_us <= at_us:
                tick_us += _TICK_US
                self._heard.changes += self._sink.detector.tick(now)
            if wake_us <= at_us:
                self._drive(now)
        self._heard.sent = tuple(self._device.sent or ())
        self._heard.units = self._sink.units
        return self._heard

    # -------------------------------------------------------------------------- connection

    def _drive(self, now: Instant) -> None:
        session = self._session
        if session is None:
            if self._device.effects(now).away:
                self._reconnect_us = now.mono_us + _RETRY_US
            else:
                self._connect(now)
            return
        how = session.advance(now)
        if not how:
            return
        if how == "goodbye":
            session.say_goodbye("TEARDOWN")
        while self._flying:  # what left the device arrives: the truth is what was sent
            self._arrive(now)
        session.close()
        self._session = None
        self._sink.changes += self._sink.detector.closed(now, how)
        self._reconnect_us = now.mono_us + _RETRY_US

    def _connect(self, now: Instant) -> None:
        axis = RunAxis()
        network = self._plan.network
        window = ReorderWindow() if network.udp else None
        self._tracks = [RtpTrack(info, axis, self._sink, window=window) for info in self._infos]
        starts = {
            index: FeedStart(
                self._rng.getrandbits(32), self._rng.getrandbits(16), self._rng.getrandbits(32), channel=2 * index
            )
            for index in range(len(self._infos))
        }
        self._sink.opened(SessionInfo("rtsp", "simulated", "simulator", self._infos, now))
        session = self._session = MediaSession(self._device, starts, now, self._emit, self._emit_rtcp)
        for index, feed in session.feeds.items():
            self._heard.starts[self._device.session_count, feed.kind] = Origin(
                starts[index].first_ticks, self._infos[index].timescale, now.mono_us - feed.lead_us, feed.lead_us
            )

    # ----------------------------------------------------------------------------- network

    def _emit(self, track: int, parts: list[bytes]) -> None:
        delay_us = self._delay_us()
        for head, payload in zip(parts[::2], parts[1::2], strict=True):
            self._fly(track, head[4:] + payload, delay_us, rtcp=False)

    def _emit_rtcp(self, track: int, packet: bytes) -> None:
        self._fly(track, packet, self._delay_us(), rtcp=True)

    def _delay_us(self) -> int:
        return BASE_DELAY_US + round(self._rng.random() ** 3 * self._plan.network.jitter_us)

    def _fly(self, track: int, packet: bytes, delay_us: int, *, rtcp: bool) -> None:
        network = self._plan.network
        arrival_us = self._mono_us + delay_us
        if network.udp and self._rng.random() < _OVERTAKEN_SHARE:
            arrival_us += self._rng.randrange(network.jitter_us)
        if network.held_up_us and self._mono_us >= self._next_hold_us:
            self._held_until_us = self._mono_us + self._rng.randrange(network.held_up_us)
            self._next_hold_us = self._held_until_us + self._after(_HELD_UP_EVERY_S)
        if self._mono_us < self._held_until_us:
            arrival_us = max(arrival_us, self._held_until_us)
        if not network.udp:
            arrival_us = self._newest_arrival_us = max(arrival_us, self._newest_arrival_us)
        self._sent_count += 1
        heapq.heappush(self._flying, (arrival_us, self._sent_count, track, packet, rtcp))

    def _arrive(self, now: Instant) -> None:
        arrival_us, _, track, packet, rtcp = heapq.heappop(self._flying)
        arrival = self._sink.now = self._now(min(arrival_us, now.mono_us))
        if rtcp:
            self._tracks[track].receive_rtcp(packet, arrival)
        else:
            self._tracks[track].receive(packet, arrival)

    def _after(self, mean_s: float) -> int:
        return round(self._rng.expovariate(1 / mean_s) * US_PER_S)

    @staticmethod
    def _now(mono_us: int) -> Instant:
        return Instant(EPOCH_UTC_US + mono_us, mono_us)


def _info(track_id: int, media: TrackMedia) -> TrackInfo:
    loop = media.normal.loop
    sets = ParameterSets(sps=loop.sets[:1], pps=loop.sets[1:]) if loop.sets else None
    return TrackInfo(track_id, loop.codec, loop.timescale, loop.channels, loop.config, sets)
