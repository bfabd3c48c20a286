"""What leaves a simulated device, by an injected clock."""

from __future__ import annotations

import itertools
import struct

import pytest

from hub.clock import Instant, ManualClock
from hub.demo.device import ClockRules, Device, MediaSession
from hub.demo.encode import CodedLoop, CodedUnit
from hub.demo.faults import Fault, FaultKind, FaultScript
from hub.demo.feed import FeedStart, TrackMedia
from hub.demo.payloads import PreparedLoop, prepare
from hub.model import Codec

GOP, FRAMES, STEP = 5, 20, 3600
UTC = 1_767_225_600 * 1_000_000


def video(name: bytes = b"n", *, frames: int = FRAMES, order: tuple[int, ...] = ()) -> PreparedLoop:
    """Each picture is one NAL unit that names its loop and its turn, in two packets."""
    units = []
    for turn in range(frames):
        shown = turn - turn % GOP + order[turn % GOP] if order else turn
        nal = bytes([0x65 if turn % GOP == 0 else 0x41]) + name + bytes([turn]) * 30
        units.append(CodedUnit(len(nal).to_bytes(4, "big") + nal, shown * STEP, turn % GOP == 0, shown))
    return prepare(CodedLoop(Codec.H264, 90_000, STEP, 0, tuple(units), (b"\x67abc", b"\x68")), mtu=20)


def audio(name: bytes = b"s") -> PreparedLoop:
    units = tuple(CodedUnit(name + bytes([n]), n * 160, True, n) for n in range(50))
    return prepare(CodedLoop(Codec.PCMA, 8000, 160, 1, units))


class Wire:
    """A session on a manual clock, and what it emitted."""

    def __init__(self, device: Device, *, aligned: bool = False, utc_us: int = UTC) -> None:
        self.clock = ManualClock(utc_us)
        self.device = device
        self.packets: list[tuple[int, int, int, int, bytes, int]] = []  # track, seq, ticks, marker, payload, at
        self.reports: list[tuple[int, bytes]] = []
        starts = {
            n: FeedStart(ssrc=n + 1, first_seq=65_530, first_ticks=2**32 - 7200) for n in range(len(device.tracks))
        }
        self.session = MediaSession(device, starts, self.clock.now(), self.emit, self.emit_rtcp)

    def emit(self, track: int, parts: list[bytes]) -> None:
        for head, payload in zip(parts[::2], parts[1::2], strict=True):
            dollar, _, size, first, second, seq, ticks, ssrc = struct.unpack(">BBHBBHII", head)
            assert (dollar, size, first, ssrc) == (0x24, len(payload) + 12, 0x80, track + 1)
            self.packets.append((track, seq, ticks, second >> 7, payload, self.clock.mono_us))

    def emit_rtcp(self, track: int, packet: bytes) -> None:
        self.reports.append((track, packet))

    def run(self, seconds: float) -> str:
        end = self.clock.mono_us + round(seconds * 1e6)
        while True:
            why = self.session.advance(self.clock.now())
            if why or self.session.wake_us > end:
                self.clock.advance((end - self.clock.mono_us) / 1e6)
                return why
            self.clock.advance(max(self.session.wake_us - self.clock.mono_us, 1) / 1e6)

    def of(self, track: int) -> list[tuple[int, int, int, int, bytes, int]]:
        return [packet for packet in self.packets if packet[0] == track]

    def pictures(self, track: int = 0) -> list[tuple[int, int]]:
        """(ticks from the first possible one, ms of sending) per picture."""
        return [((p[2] - (2**32 - 7200)) % 2**32 // STEP, p[5] // 1000) for p in self.of(track) if p[3]]


def camera(**media: PreparedLoop) -> Device:
    normal = media.pop("normal", None) or video()
    return Device("c", [TrackMedia(normal, media)], record=True, clock=ClockRules(report_every_s=0))


def test_a_clean_loop_goes_on_for_ever() -> None:
    wire = Wire(camera())
    wire.run(4.0)
    assert [ticks for ticks, _ in wire.pictures()] == list(range(101))
    assert [at for _, at in wire.pictures()] == [40 * n for n in range(101)]
    seqs = [packet[1] for packet in wire.packets]
    assert seqs == [(65_530 + n) % 65_536 for n in range(len(seqs))]
    assert [unit.number for unit in wire.device.sent or ()] == [n % FRAMES for n in range(101)]


def test_reordered_pictures_keep_their_time_stamps() -> None:
    wire = Wire(camera(normal=video(order=(0, 3, 1, 2, 4))))
    wire.run(1.0)
    assert [ticks for ticks, _ in wire.pictures()][:10] == [0, 3, 1, 2, 4, 5, 8, 6, 7, 9]
    # Captured before it is sent: picture 3 leaves at turn 1, so the device runs 2 pictures behind.
    assert wire.session.feeds[0].media_ticks(Instant(0, 0)) == (2**32 - 7200 + 2 * STEP) % 2**32


def test_sound_is_captured_as_early_as_reordered_pictures() -> None:
    """Else reports would move lips and voice apart by the encoder's delay."""
    device = Device("c", [TrackMedia(video(order=(0, 3, 1, 2, 4)), {}), TrackMedia(audio(), {})])
    wire = Wire(device)
    ahead = [(feed.media_ticks(wire.clock.now()) - (2**32 - 7200)) % 2**32 for feed in wire.session.feeds.values()]
    assert ahead == [2 * STEP, 640]  # 80 ms at 90 kHz and at 8 kHz


def test_a_stall_leaps_and_goes_on_with_a_keyframe() -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(FaultKind.STALL, 0.5, 1.0)]), wire.clock.now())
    wire.run(3.0)
    ticks = [t for t, _ in wire.pictures()]
    assert ticks == [*range(13), *range(38, 76)]  # 0.5 s is between 12 and 13, 1.5 s between 37 and 38
    assert [at for _, at in wire.pictures()][13] == 1520
    units = list(wire.device.sent or ())
    assert units[13].keyframe
    assert units[13].first_seq == units[12].first_seq + units[12].packets


def test_late_means_one_burst_and_nothing_missing() -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(FaultKind.LATE, 0.5, 1.0)]), wire.clock.now())
    wire.run(2.0)
    assert [ticks for ticks, _ in wire.pictures()] == list(range(51))
    assert [at for _, at in wire.pictures()][12:40] == [480, *[1500] * 25, 1520, 1560]


def test_lost_packets_have_numbers() -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(FaultKind.LOSS, 1.0, 1.0, share=0.3)]), wire.clock.now())
    wire.run(4.0)
    missing = sum(unit.missing for unit in wire.device.sent or ())
    seqs = [(packet[1] - 65_530) % 65_536 for packet in wire.packets]
    assert seqs == sorted(seqs)
    assert len(set(range(max(seqs) + 1)) - set(seqs)) == missing > 5
    during = [u for u in wire.device.sent or () if u.missing]
    assert all(1_000_000 <= unit.due_us < 2_000_000 for unit in during)


def test_a_total_loss_of_half_a_second() -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(FaultKind.LOSS, 1.0, 0.5)]), wire.clock.now())
    wire.run(2.0)
    assert [ticks for ticks, _ in wire.pictures()] == [*range(25), *range(38, 51)]


def test_reordered_packets_all_arrive() -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(FaultKind.REORDER, 0.0, 2.0, share=0.4)]), wire.clock.now())
    wire.run(4.0)
    seqs = [(packet[1] - 65_530) % 65_536 for packet in wire.packets]
    assert seqs != sorted(seqs)
    assert sorted(seqs) == list(range(len(seqs)))
    assert max(abs(seq - place) for place, seq in enumerate(seqs)) == 1


def test_a_jump_moves_time_stamps_and_reports_alike() -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(FaultKind.JUMP, 1.0, by_s=60)]), wire.clock.now())
    wire.run(2.0)
    assert [ticks for ticks, _ in wire.pictures()][24:27] == [24, 25 + 1500, 26 + 1500]
    feed = wire.session.feeds[0]
    assert (feed.media_ticks(wire.clock.now()) - (2**32 - 7200)) % 2**32 == (50 + 1500) * STEP


@pytest.mark.parametrize("kind", [FaultKind.FREEZE, FaultKind.BLACK])
def test_other_pictures_from_keyframe_to_keyframe(kind: FaultKind) -> None:
    other = video(b"o", frames=GOP)
    wire = Wire(camera(frozen=other, black=other))
    wire.device.play(FaultScript([Fault(kind, 0.5, 1.0)]), wire.clock.now())
    wire.run(3.0)
    assert [ticks for ticks, _ in wire.pictures()] == list(range(76))
    shown = [b"o" in packet[4][2:4] for packet in wire.packets if packet[4][0] & 0x1F == 28 and packet[4][1] & 0x80]
    assert shown == [*[False] * 15, *[True] * 25, *[False] * 36]


def test_silence_needs_its_media_at_hand() -> None:
    device = Device("c", [TrackMedia(audio(), {"silence": audio(b"-")})])
    wire = Wire(device)
    device.play(FaultScript([Fault(FaultKind.SILENCE, 0.1, 0.1)]), wire.clock.now())
    wire.run(0.3)
    assert [packet[4][:1] for packet in wire.packets] == [*[b"s"] * 5, *[b"-"] * 5, *[b"s"] * 6]
    with pytest.raises(ValueError, match="without black"):
        device.play(FaultScript([Fault(FaultKind.BLACK, 0, 1)]), wire.clock.now())


@pytest.mark.parametrize(("kind", "why"), [(FaultKind.CUT, "cut"), (FaultKind.GOODBYE, "goodbye")])
def test_the_end_is_told_on_time(kind: FaultKind, why: str) -> None:
    wire = Wire(camera())
    wire.device.play(FaultScript([Fault(kind, 0.5, 5)]), wire.clock.now())
    assert wire.run(2.0) == why
    assert [ticks for ticks, _ in wire.pictures()] == list(range(13))


def test_an_aligned_loop_shows_the_time_of_day() -> None:
    """The loop is 0.8 s long; whoever connects, and whenever, sees the picture of that moment."""
    for late_us in (0, 1, 333_333, 799_999):
        device = Device("c", [TrackMedia(video(), {})], record=True, aligned=True, clock=ClockRules(report_every_s=0))
        wire = Wire(device, utc_us=UTC + late_us)
        device.play(FaultScript([Fault(FaultKind.STALL, 1.0, 0.5)]), wire.clock.now())
        wire.run(3.0)
        units = list(device.sent or ())
        assert units[0].keyframe
        assert len(units) > 50
        for unit in units:
            assert unit.number == unit.utc_us // 40_000 % FRAMES
            assert unit.utc_us % 40_000 < 3
        resumed = next(b for a, b in itertools.pairwise(units) if b.due_us - a.due_us > 100_000)
        assert resumed.keyframe


def test_reports_tell_the_device_clock() -> None:
    rules = ClockRules(offset_s=3.0, first_report_s=0.5, report_every_s=1.0)
    device = Device("c", [TrackMedia(video(), {}), TrackMedia(audio(), {})], clock=rules)
    wire = Wire(device)
    device.play(FaultScript([Fault(FaultKind.STEP, 2.0, by_s=-10)]), wire.clock.now())
    wire.run(3.0)
    told = []
    for track, packet in wire.reports:
        first, kind, size, ssrc, seconds, fraction, ticks, packets, octets = struct.unpack(">BBHIIIIII", packet[:28])
        assert (first, kind, size, ssrc) == (0x80, 200, 6, track + 1)
        assert packets > 0
        assert octets > packets
        utc_us = (seconds - 2_208_988_800) * 1_000_000 + (fraction * 1_000_000 >> 32)
        rate = 90_000 if track == 0 else 8000
        media_us = (ticks - (2**32 - 7200)) % 2**32 * 1_000_000 // rate
        told.append((track, round((utc_us - UTC - media_us) / 1000)))
    assert told == [(0, 3000), (1, 3000), (0, 3000), (1, 3000), (0, -7000), (1, -7000)]


def test_two_sessions_do_not_share_their_origins() -> None:
    device = camera()
    first, second = Wire(device), Wire(device)
    first.run(1.0)
    second.run(0.2)
    assert {unit.session for unit in device.sent or ()} == {1, 2}
    first.session.close()
    assert device.sessions == {second.session}
