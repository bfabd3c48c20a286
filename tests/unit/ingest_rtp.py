"""What the tests of the RTP core share: a sink that keeps everything, and makers of packets."""

from __future__ import annotations

import struct

from hub.clock import Instant
from hub.ingest.axis import RunAxis
from hub.ingest.reorder import ReorderWindow
from hub.ingest.track import RtpTrack
from hub.model import AccessUnit, Codec, PacketLoss, ParameterSets, SenderReport, SessionInfo, TimeLeap, TrackInfo

UTC = 1_767_225_600_000_000
SSRC = 0x1234ABCD

# 320x240 from x264, Baseline: no reordering.
SPS_BASELINE = bytes.fromhex("6742c00dda0507e840000003004000000c83c50aa8")
PPS = bytes.fromhex("68ce0fc8")


class Sink:
    """Keeps what a track delivers, in order."""

    def __init__(self) -> None:
        self.sessions: list[SessionInfo] = []
        self.units: list[AccessUnit] = []
        self.losses: list[PacketLoss] = []
        self.leaps: list[TimeLeap] = []
        self.reports: list[SenderReport] = []
        self.goodbyes: list[str] = []
        self.complaints: list[tuple[str, str]] = []

    def opened(self, session: SessionInfo) -> None:
        self.sessions.append(session)

    def unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def loss(self, loss: PacketLoss) -> None:
        self.losses.append(loss)

    def leap(self, leap: TimeLeap) -> None:
        self.leaps.append(leap)

    def sender_report(self, report: SenderReport) -> None:
        self.reports.append(report)

    def goodbye(self, reason: str) -> None:
        self.goodbyes.append(reason)

    def complaint(self, code: str, message: str) -> None:
        self.complaints.append((code, message))

    @property
    def codes(self) -> set[str]:
        return {code for code, _ in self.complaints}


def at(ms: float) -> Instant:
    """``ms`` after the test began, on both scales (the monotonic one begins at 5 s)."""
    return Instant(UTC + round(ms * 1000), 5_000_000 + round(ms * 1000))


def packet(
    payload: bytes,
    seq: int,
    timestamp: int,
    *,
    marker: bool = False,
    payload_type: int = 96,
    ssrc: int = SSRC,
) -> bytes:
    second = payload_type | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, second, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def sender_report(device_us: int | None, timestamp: int, *, ssrc: int = SSRC) -> bytes:
    """An SR; ``device_us`` None: NTP field 0."""
    seconds, fraction = 0, 0
    if device_us is not None:
        seconds = device_us // 1_000_000 + 2_208_988_800
        fraction = ((device_us % 1_000_000) << 32) // 1_000_000 + 1
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, seconds, fraction, timestamp & 0xFFFFFFFF, 0, 0)


def video(codec: Codec = Codec.H264, sets: ParameterSets | None = None, track_id: int = 1) -> TrackInfo:
    return TrackInfo(track_id, codec, 90_000, parameter_sets=sets or ParameterSets((SPS_BASELINE,), (PPS,)))


def opus(track_id: int = 2) -> TrackInfo:
    return TrackInfo(track_id, Codec.OPUS, 48_000, channels=2)


def make(
    info: TrackInfo | None = None, *, window: ReorderWindow | None = None, axis: RunAxis | None = None
) -> tuple[RtpTrack, Sink]:
    sink = Sink()
    return RtpTrack(info or video(), axis or RunAxis(), sink, window=window), sink


def idr(size: int = 20, fill: int = 7) -> bytes:
    """An IDR slice NAL unit that begins its picture."""
    return b"\x65\x88" + bytes((fill,)) * size


def slice_nal(size: int = 20, fill: int = 7) -> bytes:
    """A non-IDR slice that begins its picture."""
    return b"\x41\x9a" + bytes((fill,)) * size


def fu_a(nal: bytes, pieces: int) -> list[bytes]:
    """FU-A payloads of ``nal`` (RFC 6184 §5.8)."""
    body = nal[1:]
    step = -(-len(body) // pieces)
    parts = [body[position : position + step] for position in range(0, len(body), step)]
    indicator = nal[0] & 0xE0 | 28
    return [
        bytes((indicator, nal[0] & 0x1F | (0x80 if index == 0 else 0) | (0x40 if index == len(parts) - 1 else 0)))
        + part
        for index, part in enumerate(parts)
    ]


def length_prefixed(*nals: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
