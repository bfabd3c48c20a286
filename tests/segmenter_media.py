"""Real encodes as access units, for the tests of the segmenter. Encoded once a process."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from hub.clock import Instant
from hub.errors import StorageError
from hub.model import AccessUnit, Chunk, Codec, Fragment, InitSegment, ParameterSets, TrackInfo
from hub.segmenter.files import PosixFiles
from hub.segmenter.fragmenter import Fragmenter
from hub.segmenter.recorder import Recorder

START_US = 1_767_225_600_000_000
VIDEO, AUDIO = 1, 2


@dataclass(frozen=True)
class Take:
    """One encoded track: its announcement and its units in decode order."""

    info: TrackInfo
    units: tuple[AccessUnit, ...]


def nals(annexb: bytes) -> list[bytes]:
    """The NAL units between the start codes."""
    parts = annexb.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def lengthen(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def _sets(codec: Codec, units: list[bytes]) -> ParameterSets | None:
    def of(kind: int) -> tuple[bytes, ...]:
        if codec is Codec.H264:
            return tuple(unit for unit in units if unit[0] & 31 == kind)
        return tuple(unit for unit in units if unit[0] >> 1 & 63 == kind)

    found = ParameterSets(of(7), of(8)) if codec is Codec.H264 else ParameterSets(of(33), of(34), of(32))
    return found if found.sps else None


def unit(track: int, data: bytes, dts: int, pts: int, duration: int, scale: int, **fields: object) -> AccessUnit:
    at_us = START_US + pts * 1_000_000 // scale
    made = AccessUnit(
        track_id=track,
        data=data,
        dts_ticks=dts,
        pts_ticks=pts,
        duration_ticks=duration,
        keyframe=True,
        damaged=False,
        capture_us=at_us,
        device_us=None,
        arrival=Instant(at_us, 1_000_000 + dts * 1_000_000 // scale),
        first_seq=0,
        last_seq=0,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


@cache
def video(
    codec: Codec = Codec.H264,
    *,
    seconds: float = 6,
    gop: int = 25,
    b_frames: int = 0,
    size: tuple[int, int] = (320, 240),
    fps: int = 25,
    seed: int = 0,
) -> Take:
    """Moving noise on a gradient, so that no two pictures are alike."""
    name = {Codec.H264: "libx264", Codec.H265: "libx265"}[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(fps)
    encoder.time_base = Fraction(1, fps)
    encoder.gop_size = gop
    encoder.max_b_frames = b_frames
    encoder.thread_count = 1
    if codec is Codec.H264:
        encoder.options = {"preset": "ultrafast", "x264-params": f"scenecut=0:keyint={gop}:min-keyint={gop}:bframes={b_frames}:annexb=1:repeat-headers=1"}  # fmt: skip # noqa: E501
    else:
        encoder.options = {"preset": "ultrafast", "x265-params": f"log-level=error:keyint={gop}:min-keyint={gop}:bframes={b_frames}:repeat-headers=1:pools=1:scenecut=0:open-gop=0"}  # fmt: skip # noqa: E501
    tick = 90_000 // fps
    random = np.random.default_rng(seed)
    packets = []
    for number in range(int(seconds * fps)):
        picture = np.zeros((size[1] * 3 // 2, size[0]), np.uint8)
        picture[: size[1]] = np.linspace(0, 200, size[0], dtype=np.uint8)[None, :]
        picture[8:40, 8 + number % 200 : 40 + number % 200] = random.integers(0, 255, (32, 32))
        picture[size[1] :] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    units = []
    sets: ParameterSets | None = None
    for number, packet in enumerate(packets):
        parts = nals(bytes(packet))
        fresh = _sets(codec, parts) if packet.is_keyframe else None
        sets = sets if sets == fresh else fresh or sets
        assert packet.pts is not None
        assert packet.dts is not None
        units.append(
            unit(
                VIDEO, lengthen(parts), packet.dts * tick, packet.pts * tick, tick, 90_000,
                keyframe=packet.is_keyframe, parameter_sets=sets if packet.is_keyframe else None,
                first_seq=number * 8, last_seq=number * 8 + 7,
            )
        )  # fmt: skip
    return Take(TrackInfo(VIDEO, codec, 90_000), tuple(units))


@cache
def audio(codec: Codec, *, seconds: float = 6, rate: int = 48_000, channels: int = 2, track: int = AUDIO) -> Take:
    """A tone with some noise on it."""
    random = np.random.default_rng(1)
    wave = np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate) * 0.3
    wave += random.standard_normal(len(wave)) * 0.01
    return coded_sound(codec, wave, rate=rate, channels=channels, track=track)


def coded_sound(codec: Codec, wave: NDArray[np.float64], *, rate: int, channels: int = 2, track: int = AUDIO) -> Take:
    """This sound (-1 to 1), coded as a recorder would."""
    name = {Codec.AAC: "aac", Codec.OPUS: "libopus", Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate = rate
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.format = {"aac": "fltp", "libopus": "flt"}.get(name, "s16")
    encoder.time_base = Fraction(1, rate)
    encoder.open()
    block = encoder.frame_size or rate // 50
    units = []
    at = sequence = 0
    for start in range(0, len(wave) // block * block, block):
        part = wave[start : start + block]
        if encoder.format.name == "s16":
            samples = np.repeat((part * 32767).astype(np.int16), channels)[None, :]
        elif encoder.format.name == "flt":
            samples = np.repeat(part.astype(np.float32), channels)[None, :]
        else:
            samples = np.tile(part.astype(np.float32), (channels, 1))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format=encoder.format.name, layout=encoder.layout.name
        )
        frame.sample_rate = rate
        frame.pts = start
        for packet in encoder.encode(frame):
            units.append(unit(track, bytes(packet), at, at, block, rate, first_seq=sequence, last_seq=sequence))
            at += block
            sequence += 1
    config = bytes(encoder.extradata or b"") if codec is Codec.AAC else b""
    return Take(TrackInfo(track, codec, rate, channels, config), tuple(units))


def interleave(*takes: Take) -> list[AccessUnit]:
    """In the order of arrival, as a session delivers them."""
    return sorted((each for take in takes for each in take.units), key=lambda each: each.arrival.mono_us)


# ------------------------------------------------------------------- made up, for the pure tests

SETS_320 = ParameterSets((bytes.fromhex("6742c00dda0507e840000003004000000c83c50aa8"),), (bytes.fromhex("68ce0fc8"),))
SETS_640 = ParameterSets(
    (bytes.fromhex("674d401eeca05017fcb0800000030080000019078b16cb"),), (bytes.fromhex("68ce0fc8"),)
)
SETS_H265 = ParameterSets(
    (bytes.fromhex("42010101600000030090000003000003003ca00a080f165ba4a4c2e68080000003008000000c84"),),
    (bytes.fromhex("4401c073c189"),),
    (bytes.fromhex("40010c01ffff01600000030090000003000003003cba0240"),),
)
VIDEO_INFO = TrackInfo(VIDEO, Codec.H264, 90_000)
AAC_INFO = TrackInfo(AUDIO, Codec.AAC, 48_000, 2, bytes.fromhex("1190"))
OPUS_INFO = TrackInfo(AUDIO, Codec.OPUS, 48_000, 2)


def pictures(
    count: int, *, gop: int = 25, first: int = 0, sets: ParameterSets = SETS_320, size: int = 50
) -> list[AccessUnit]:
    """``count`` numbered pictures of 25 a second from picture ``first`` on; a keyframe every ``gop``."""
    made = []
    for number in range(first, first + count):
        key = number % gop == 0
        data = lengthen([number.to_bytes(4, "big") + bytes(size)])
        made.append(
            unit(
                VIDEO, data, number * 3600, number * 3600, 3600, 90_000, keyframe=key,
                parameter_sets=sets if key else None, first_seq=number * 2, last_seq=number * 2 + 1,
            )
        )  # fmt: skip
    return made


def sounds(count: int, *, first: int = 0, info: TrackInfo = OPUS_INFO, frame: int = 960) -> list[AccessUnit]:
    """``count`` numbered frames of sound."""
    return [
        unit(info.id, b"s" + n.to_bytes(4, "big"), n * frame, n * frame, frame, info.timescale, first_seq=n, last_seq=n)
        for n in range(first, first + count)
    ]


def by_arrival(*lists: list[AccessUnit]) -> list[AccessUnit]:
    return sorted((each for one in lists for each in one), key=lambda each: each.arrival.mono_us)


@dataclass(frozen=True)
class Sample:
    """A sample as a reader of the file finds it."""

    track_id: int
    dts: int
    pts: int
    duration: int
    sync: bool
    data: bytes


def boxes(data: bytes) -> list[tuple[str, bytes]]:
    """Type and payload of each box in a row; an incomplete last one is left out."""
    found = []
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + size > len(data):
            break
        found.append((data[at + 4 : at + 8].decode("latin-1"), data[at + 8 : at + size]))
        at += size
    return found


def samples(data: bytes) -> list[Sample]:
    """All samples of a fragmented file, read independently of the writer (ISO/IEC 14496-12 §8.8)."""
    found: list[Sample] = []
    at = 0
    moof_at, moof = 0, b""
    for kind, payload in boxes(data):
        if kind == "moof":
            moof_at, moof = at, payload
        elif kind == "mdat":
            traf = dict(boxes(dict(boxes(moof))["traf"]))
            tfhd, tfdt, trun = traf["tfhd"], traf["tfdt"], traf["trun"]
            assert int.from_bytes(tfhd[1:4], "big") == 0x020020
            track_id, default = int.from_bytes(tfhd[4:8], "big"), int.from_bytes(tfhd[8:12], "big")
            dts = int.from_bytes(tfdt[4:12], "big")
            assert tfdt[0] == 1
            flags, count = int.from_bytes(trun[1:4], "big"), int.from_bytes(trun[4:8], "big")
            where = moof_at + int.from_bytes(trun[8:12], "big")
            first = int.from_bytes(trun[12:16], "big")
            stride = 12 if flags & 0x800 else 8
            for number in range(count):
                entry = trun[16 + number * stride :][:stride]
                duration, size = int.from_bytes(entry[:4], "big"), int.from_bytes(entry[4:8], "big")
                shift = int.from_bytes(entry[8:], "big", signed=trun[0] == 1) if flags & 0x800 else 0
                sync = not (first if number == 0 else default) & 0x10000
                found.append(Sample(track_id, dts, dts + shift, duration, sync, data[where : where + size]))
                dts += duration
                where += size
            assert where == at + 8 + len(payload)
        at += 8 + len(payload)
    return found


# --------------------------------------------------------------------------- recording in tests


class Log:
    """What a recorder told its pipeline."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.failures: list[tuple[str, int]] = []

    def sealed(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)

    def failed(self, error: StorageError, from_us: int) -> None:
        self.failures.append((str(error), from_us))


def feed(recorder: Recorder, out: Iterable[InitSegment | Fragment]) -> None:
    for each in out:
        if isinstance(each, InitSegment):
            recorder.init(each)
        else:
            recorder.append(each)


def fragments(units: Iterable[AccessUnit], *tracks: TrackInfo) -> list[InitSegment | Fragment]:
    fragmenter = Fragmenter(tracks, fragment_ms=200)
    out: list[InitSegment | Fragment] = []
    for each in units:
        out += fragmenter.tick(each.arrival)
        out += fragmenter.push(each)
    return [*out, *fragmenter.flush()]


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits for what a thread does; fails the test when it never does it."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # a thread sets it
            await asyncio.sleep(0.005)


class FaultyFiles(PosixFiles):
    """The real disk, until ``fault`` says otherwise: it is asked before each call, by the call's name, and may
    raise; ``most`` bytes are taken by one write."""

    def __init__(self, fault: Callable[[str], None] = lambda name: None, most: int | None = None) -> None:
        self.fault = fault
        self.most = most
        self.calls: list[str] = []

    def _ask(self, name: str) -> None:
        self.calls.append(name)
        self.fault(name)

    def make_folder(self, path: Path) -> list[Path]:
        self._ask("make_folder")
        return super().make_folder(path)

    def create(self, path: Path) -> int:
        self._ask("create")
        return super().create(path)

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        self._ask("write")
        if self.most is None:
            return super().write(fd, buffers, offset)
        return super().write(fd, [b"".join(buffers)[: self.most]], offset)

    def truncate(self, fd: int, size: int) -> None:
        self._ask("truncate")
        super().truncate(fd, size)

    def flush(self, fd: int) -> None:
        self._ask("flush")
        super().flush(fd)

    def flush_folder(self, path: Path) -> None:
        self._ask("flush_folder")
        super().flush_folder(path)

    def close(self, fd: int) -> None:
        super().close(fd)
        self._ask("close")

    def remove(self, path: Path) -> None:
        self._ask("remove")
        super().remove(path)


def check_reels(data: Path, chunks: Sequence[Chunk]) -> bytes:
    """Every reel is its init segment and its chunks and nothing else; every digest holds. Returns all media in
    the order of the chunks."""
    ends: dict[str, int] = {}
    media = []
    for chunk in chunks:
        whole = (data / chunk.reel).read_bytes()
        assert hashlib.sha256(whole[: chunk.init_size]).hexdigest() == chunk.init_sha256
        assert chunk.offset == ends.get(chunk.reel, chunk.init_size)
        body = whole[chunk.offset : chunk.offset + chunk.size]
        assert hashlib.sha256(body).hexdigest() == chunk.sha256
        ends[chunk.reel] = chunk.offset + chunk.size
        media.append(body)
    on_disk = {path.relative_to(data).as_posix(): path.stat().st_size for path in data.rglob("*.mp4")}
    assert on_disk == ends
    return b"".join(media)
