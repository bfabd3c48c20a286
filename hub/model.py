"""The nouns that travel through the hub, in the order of the trip. Frozen; imports nothing but the clock.

The two that are made for every picture, :class:`AccessUnit` and :class:`Fragment`, are frozen by their types (Final)
and not when running: that would make each four times as dear.

A picture is a packet first, then an :class:`AccessUnit`, a part of a :class:`Fragment`, a part of a
:class:`Chunk`, and at last a line in the ledger. What it does *not* become is an :class:`Interruption`.

Units: names end in their unit. ``_us`` is microseconds (hub UTC since 1970 unless the name says
device), ``_ticks`` is a count of the track's ``timescale``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from hub.clock import Instant

DATABASE_FILE = "hub.db"
"""In the data folder, where no other database is set."""

# --------------------------------------------------------------------------------------- streams


class StreamKind(StrEnum):
    """What a source is to the law: worn, at a window, in a room, in a vehicle."""

    RECORDER = "recorder"
    WINDOW = "window"
    ROOM = "room"
    VEHICLE = "vehicle"

    @property
    def always_expected(self) -> bool:
        """Windows and rooms are due at all times (until a duty calendar says otherwise); what is
        worn or driven is due between its own start and its goodbye."""
        return self in (StreamKind.WINDOW, StreamKind.ROOM)


class Transport(StrEnum):
    """How RTP travels under RTSP (RFC 2326 §10.12): interleaved, or datagrams."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class RtspSource:
    """A camera that the hub pulls from."""

    url: str
    transport: Transport = Transport.TCP


@dataclass(frozen=True, slots=True)
class WhipSource:
    """A recorder that pushes to ``/whip/{id}``; ``token_sha256`` is the hex digest of its bearer token."""

    token_sha256: str = ""


class Capability(StrEnum):
    """What a device is made for beside recording: 防爆, 夜视, 定位 (A§29)."""

    EXPLOSION_PROOF = "explosion_proof"
    NIGHT_VISION = "night_vision"
    POSITIONING = "positioning"


@dataclass(frozen=True, slots=True)
class Stream:
    """A registered source. ``retired`` streams keep their footage and entries and record nothing.

    ``unit`` is a node of the organisation tree; empty: the root. ``custodian`` is the username of who keeps the
    device (保管人), ``device_number`` what is written on it (设备编号); empty: not said.
    """

    id: str
    name: str
    kind: StreamKind
    source: RtspSource | WhipSource
    created_us: int
    retired: bool = False
    unit: str = ""
    device_number: str = ""
    custodian: str = ""
    capabilities: frozenset[Capability] = frozenset()
    managed_by_others: bool = False
    """Somebody else's, as a service centre's (004§9): watched and recorded here, never configured."""
    preview: RtspSource | None = None
    """The camera's H.264 sub-stream (子码流), which a wall may show in place of the source: never recorded."""


# ---------------------------------------------------------------------------------------- tracks


class MediaKind(StrEnum):
    VIDEO = "video"
    AUDIO = "audio"


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"
    VP8 = "vp8"
    VP9 = "vp9"
    AV1 = "av1"
    AAC = "aac"
    OPUS = "opus"
    PCMA = "pcma"
    PCMU = "pcmu"
    PCM = "pcm"
    """Signed samples of 16 bits, the low byte first. As VP8, VP9 and AV1, in footage that is brought, never live."""

    @property
    def kind(self) -> MediaKind:
        return MediaKind.VIDEO if self in _PICTURES else MediaKind.AUDIO

    @property
    def in_nal_units(self) -> bool:
        """Whether a picture is NAL units; otherwise it is one frame of the codec."""
        return self in (Codec.H264, Codec.H265)


_PICTURES = frozenset((Codec.H264, Codec.H265, Codec.VP8, Codec.VP9, Codec.AV1))


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The sets a picture is decoded with, each a NAL unit without start code or length.

    H.264 has no ``vps``. AV1 has its sequence header OBU in ``sps`` and nothing else; VP8 and VP9 have no sets, and
    ``sps`` is what :class:`hub.bitstream.vpx.VpxConfig` makes of a keyframe's header. Order is the order of arrival,
    one entry per set id.
    """

    sps: tuple[bytes, ...] = ()
    pps: tuple[bytes, ...] = ()
    vps: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track as the session announced it.

    ``id`` counts from 1 in the order of the SDP and is the ``track_ID`` in every file of the run.
    ``timescale`` is the RTP clock rate, in ticks per second. ``config`` is the AudioSpecificConfig
    of AAC (ISO/IEC 14496-3 §1.6), else empty. ``parameter_sets`` are those of the SDP, if any.
    """

    id: int
    codec: Codec
    timescale: int
    channels: int = 0
    config: bytes = b""
    parameter_sets: ParameterSets | None = None

    @property
    def kind(self) -> MediaKind:
        return self.codec.kind


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a source said of itself when it began. ``device`` is its Server or User-Agent string."""

    protocol: str
    peer: str
    device: str
    tracks: tuple[TrackInfo, ...]
    opened: Instant


# ------------------------------------------------------------------------------- the media itself


@dataclass(slots=True)
class AccessUnit:
    """One coded picture, or one audio frame, complete as it was sent.

    ``data``: video as NAL units each behind a 4-byte big-endian length (ISO/IEC 14496-15 §5.3.4.2),
    every NAL unit of the picture kept in its order, parameter sets too (VP8, VP9, AV1: the frame as it is); audio as
    the bare codec frame (G.711 and PCM: the code words of one packet).

    ``dts_ticks``/``pts_ticks`` count on the run's own axis: 0 is the run's start, tracks are aligned
    on it, and wraps and leaps of the RTP time stamp are already gone. ``duration_ticks`` is exact for
    audio; for video it is the last known distance between pictures.

    ``capture_us`` is hub UTC of the capture: device time carried over by sender reports plus the
    smallest arrival offset seen, else by arrival. ``device_us`` is the device's own clock, None until a
    sender report has come. ``arrival`` is that of the unit's last packet.

    ``first_seq``/``last_seq`` are RTP sequence numbers extended over their wraps; ``lost`` packets are
    missing directly before this unit. ``damaged``: packets of it are missing, or a picture it is
    predicted from was damaged or lost (until the next keyframe).

    ``parameter_sets`` is set on keyframes, and is the same object as long as nothing changed.
    ``realigned`` marks the first unit after the tracks' alignment was corrected: a new reel begins.
    """

    track_id: Final[int]
    data: Final[bytes]
    dts_ticks: Final[int]
    pts_ticks: Final[int]
    duration_ticks: Final[int]
    keyframe: Final[bool]
    damaged: Final[bool]
    capture_us: Final[int]
    device_us: Final[int | None]
    arrival: Final[Instant]
    first_seq: Final[int]
    last_seq: Final[int]
    lost: Final[int] = 0
    parameter_sets: Final[ParameterSets | None] = None
    realigned: Final[bool] = False


@dataclass(frozen=True, slots=True)
class PacketLoss:
    """``count`` packets of a track, from ``first_seq`` (extended) on, were given up at ``noticed``."""

    track_id: int
    first_seq: int
    count: int
    noticed: Instant


@dataclass(frozen=True, slots=True)
class TimeLeap:
    """The RTP time stamp leapt by ``leap_us`` (signed) more than time had passed, with unbroken
    sequence numbers. The run's axis goes on as if it had not."""

    track_id: int
    leap_us: int
    noticed: Instant


@dataclass(frozen=True, slots=True)
class SenderReport:
    """RTCP SR (RFC 3550 §6.4.1): the device says that its clock read ``device_us`` (µs since 1970) when
    the track stood at ``media_ticks`` on the run's axis. ``offset_us`` = hub arrival − device time,
    network delay included."""

    track_id: int
    device_us: int
    media_ticks: int
    offset_us: int
    arrival: Instant


class MediaSink(Protocol):
    """Where an ingest delivers, in the order of arrival, on the event loop. Calls never block."""

    def opened(self, session: SessionInfo) -> None:
        """A run begins; its tracks are known."""
        ...

    def unit(self, unit: AccessUnit) -> None: ...

    def loss(self, loss: PacketLoss) -> None: ...

    def leap(self, leap: TimeLeap) -> None: ...

    def sender_report(self, report: SenderReport) -> None: ...

    def goodbye(self, reason: str) -> None:
        """The device ended the session on purpose (RTCP BYE, WHIP DELETE). The run ends after this."""
        ...

    def complaint(self, code: str, message: str) -> None:
        """Input that was refused and skipped: shown in the stream's state, logged at a bounded rate,
        counted by ``code``. Media goes on."""
        ...


# ----------------------------------------------------------------------------- what is written

RUN_BITS = 20
"""In a cluster a run's number is ``taking << RUN_BITS | n``: how often its chain was taken, and which run since."""
OFFICE_RUNS = 1 << RUN_BITS - 1
"""Runs of footage that the office brings in are numbered from here: it writes to chains that others own."""


@dataclass(frozen=True, slots=True)
class InitTrack:
    """A track of an init segment. ``mime`` is its full type for MSE, as
    ``video/mp4; codecs="avc1.42e01f"``; ``init`` is an init segment of this track alone, same id."""

    id: int
    kind: MediaKind
    mime: str
    timescale: int
    init: bytes


@dataclass(frozen=True, slots=True)
class InitSegment:
    """``ftyp moov`` of a reel: every track that the session announced."""

    data: bytes
    sha256: str
    tracks: tuple[InitTrack, ...]


@dataclass(slots=True)
class Fragment:
    """``moof mdat`` of one track, about 200 ms: made once, written to the reel and sent to watchers.

    ``tfdt_ticks`` is what the box says: run axis plus one second. ``end_us`` is the capture time at
    which its last frame ends. ``keyframe``: it begins with one.
    """

    track_id: Final[int]
    kind: Final[MediaKind]
    data: Final[bytes]
    keyframe: Final[bool]
    tfdt_ticks: Final[int]
    duration_ticks: Final[int]
    timescale: Final[int]
    frames: Final[int]
    keyframes: Final[int]
    damaged: Final[int]
    first_us: Final[int]
    end_us: Final[int]
    device_us: Final[int | None]
    first_seq: Final[int]
    last_seq: Final[int]
    lost: Final[int]
    source_sha256: Final[str] = ""
    """Hex digest over the received code words, where the sample is not what was received (G.711)."""
    source: Final[bytes] = b""
    """Those code words, so that the chunk's digest can run over all of its fragments. Never stored."""


@dataclass(frozen=True, slots=True)
class TrackRange:
    """What one chunk holds of one track. Ticks as in ``tfdt``; sequence numbers extended."""

    track_id: int
    kind: MediaKind
    timescale: int
    first_ticks: int
    end_ticks: int
    frames: int
    keyframes: int
    damaged: int
    first_seq: int
    last_seq: int
    lost: int
    source_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of fragments in a reel, keyframe to keyframe: the unit of hashing and of playback.

    ``reel`` is relative to the data folder, with forward slashes. The bytes ``offset … offset+size`` of
    it hash to ``sha256``; ``init_sha256`` is the digest of the reel's init segment, its first
    ``init_size`` bytes. ``first_us``/``end_us`` are hub UTC of the capture.
    """

    stream_id: str
    run: int
    reel: str
    offset: int
    size: int
    sha256: str
    init_size: int
    init_sha256: str
    first_us: int
    end_us: int
    device_us: int | None
    tracks: tuple[TrackRange, ...]
    reason: str
    """Why it ends here: keyframe, limit, discontinuity, codec, stop."""


# ----------------------------------------------------------------------- the hub's own calendar


@dataclass(frozen=True, slots=True)
class HubClock:
    """How this machine's calendar is kept: ``source`` is synchronised, free or unknown; ``offset_us`` how far off the
    time service holds it to be, ``error_us`` its bound on the error."""

    source: str = "unknown"
    offset_us: int = 0
    error_us: int = 0

    @property
    def synchronised(self) -> bool:
        return self.source == "synchronised"


# ------------------------------------------------------------------------------- what is due


@dataclass(frozen=True, slots=True)
class Expected:
    """Whether a stream is to record, by a duty calendar or an open activity: ``due`` holds from ``from_us`` until
    ``to_us`` (hub UTC, µs, exclusive; None: not known, or without end). ``reason`` says what it was judged by."""

    due: bool
    from_us: int | None = None
    to_us: int | None = None
    reason: str = ""


# --------------------------------------------------------------------------------- interruptions


class InterruptionClass(StrEnum):
    TRANSPORT = "transport"
    MEDIA = "media"
    CONTENT = "content"
    CLOCK = "clock"
    PLATFORM = "platform"


class InterruptionKind(StrEnum):
    NO_SIGNAL = "no_signal"
    STALL = "stall"
    STOPPED = "stopped"
    NOT_STARTED = "not_started"
    LOSS = "loss"
    JUMP = "jump"
    LOW_RATE = "low_rate"
    FROZEN = "frozen"
    BLACK = "black"
    COVERED = "covered"
    BLURRED = "blurred"
    SILENT = "silent"
    DRIFT = "drift"
    STEP = "step"
    STORAGE = "storage"
    HUB = "hub"

    @property
    def interruption_class(self) -> InterruptionClass:
        return _CLASS_OF_KIND[self]

    @property
    def loses_media(self) -> bool:
        """Whether recorded time is missing or spoilt. A leap or drift of a clock loses nothing."""
        return self not in (
            InterruptionKind.JUMP,
            InterruptionKind.DRIFT,
            InterruptionKind.STEP,
            InterruptionKind.LOW_RATE,
        )


_CLASS_OF_KIND: Mapping[InterruptionKind, InterruptionClass] = {
    InterruptionKind.NO_SIGNAL: InterruptionClass.TRANSPORT,
    InterruptionKind.STALL: InterruptionClass.TRANSPORT,
    InterruptionKind.STOPPED: InterruptionClass.TRANSPORT,
    InterruptionKind.NOT_STARTED: InterruptionClass.TRANSPORT,
    InterruptionKind.LOSS: InterruptionClass.MEDIA,
    InterruptionKind.JUMP: InterruptionClass.MEDIA,
    InterruptionKind.LOW_RATE: InterruptionClass.MEDIA,
    InterruptionKind.FROZEN: InterruptionClass.CONTENT,
    InterruptionKind.BLACK: InterruptionClass.CONTENT,
    InterruptionKind.COVERED: InterruptionClass.CONTENT,
    InterruptionKind.BLURRED: InterruptionClass.CONTENT,
    InterruptionKind.SILENT: InterruptionClass.CONTENT,
    InterruptionKind.DRIFT: InterruptionClass.CLOCK,
    InterruptionKind.STEP: InterruptionClass.CLOCK,
    InterruptionKind.STORAGE: InterruptionClass.PLATFORM,
    InterruptionKind.HUB: InterruptionClass.PLATFORM,
}


class InterruptionState(StrEnum):
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    RESUMED = "resumed"
    """Media flows again; the closing edge waits for a sender report (15 s at most)."""
    CLOSED = "closed"
    """The closing edge is written. The interruption as a fault is over; whether it is filled or
    explained is told by later entries."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """A break in a recording, as far as it is known at this moment. All times are hub UTC, µs.

    ``started_us`` is the end of the last good frame, ``ended_us`` the capture time of the first
    complete one after it (None while it lasts), both true within ``edge_error_us``. ``detected_us`` is
    the moment of suspicion. ``count`` is how many breaks were merged into it (a flapping link is one
    interruption), ``evidence`` what it was judged on.
    """

    id: str
    stream_id: str
    kind: InterruptionKind
    state: InterruptionState
    started_us: int
    detected_us: int
    ended_us: int | None = None
    edge_error_us: int = 0
    tracks: tuple[int, ...] = ()
    count: int = 1
    needs_explanation: bool = False
    rings: bool = True
    evidence: Mapping[str, int | str] = field(default_factory=dict)
    recorded: bool = True
    """It has reached its threshold of being recorded: it is written down and told."""


@dataclass(frozen=True, slots=True)
class Span:
    """An unbroken stretch of recorded time of one stream: neighbouring chunks joined. Hub UTC, µs."""

    from_us: int
    to_us: int
