"""``python -m hub.footage.demux``: reads files that devices brought, in a process of its own. It decodes nothing.

A file is a stranger's: libavformat looks at it under limits of memory and processor time, at the lowest priority,
without writing any file or opening another by name, and dies with its parent. The job is a line of JSON on standard
input: ``{"inputs": [[[path, offset, size], …], …], "cpu_s", "wanted": null | {"<track>": [first, last]}}``: each input
is a row of pieces of files, read as if they were one. Answers: :mod:`hub.footage.wire`. Without ``wanted`` every unit
is told without its bytes; with it, those units with their bytes (numbers count a track's units from 0).
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import signal
import sys
from array import array
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from hub.bitstream.audio import aac_lc_config
from hub.bitstream.av1 import sequence_header
from hub.errors import MediaError
from hub.footage import wire
from hub.model import Codec

MEMORY_BYTES = 2 << 30
_CODECS = {
    "h264": Codec.H264,
    "hevc": Codec.H265,
    "aac": Codec.AAC,
    "opus": Codec.OPUS,
    "pcm_alaw": Codec.PCMA,
    "pcm_mulaw": Codec.PCMU,
    "pcm_s16le": Codec.PCM,
    "pcm_s16be": Codec.PCM,
    "vp8": Codec.VP8,
    "vp9": Codec.VP9,
    "av1": Codec.AV1,
    "libdav1d": Codec.AV1,
}
FORMATS = "mov,matroska,mpegts,ogg,wav,aac,h264,hevc,mp3,flac"
"""The last two hold nothing that is kept, but say so."""
_MOST_CHANNELS = 2
"""Of what becomes FLAC."""
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_NOTES = ("location", "gps", "com.apple.quicktime.location", "comment", "description")
_BLOCK_RECORDS = 2000
_Sets = tuple[list[bytes], list[bytes], list[bytes]]
"""SPS, PPS, VPS."""


def confine(cpu_s: int) -> None:
    """Give up what is not needed to read a file that is open already."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.nice(19)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(limit, (value, value))


class Pieces(io.RawIOBase):
    """Pieces of files as one readable, seekable file."""

    def __init__(self, pieces: Sequence[tuple[str, int, int]]) -> None:
        self._files: dict[str, BinaryIO] = {}
        self._pieces: list[tuple[int, str, int, int]] = []
        self._at = self._size = 0
        for path, offset, size in pieces:
            self._pieces.append((self._size, path, offset, size))
            self._size += size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = max(0, self._size - self._at)
        for start, path, offset, length in self._pieces:
            if start <= self._at < start + length:
                file = self._files.get(path)
                if file is None:
                    file = self._files[path] = Path(path).open("rb", buffering=0)  # noqa: SIM115  ends with us
                file.seek(offset + self._at - start)
                data = file.read(min(size, start + length - self._at))
                self._at += len(data)
                return data
        return b""


class Teller:
    """Writes messages."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._records: list[bytes] = []

    def tell(self, kind: int, payload: bytes) -> None:
        self._out.write(wire.PREFIX.pack(len(payload), kind) + payload)

    def record(self, record: bytes) -> None:
        self._records.append(record)
        if len(self._records) >= _BLOCK_RECORDS:
            self.flush()

    def flush(self) -> None:
        if self._records:
            self.tell(wire.INDEX, b"".join(self._records))
            self._records = []
        self._out.flush()


class _Track:
    """How one stream's packets become units."""

    def __init__(self, number: int, stream: Any, codec: Codec) -> None:
        self.id, self.codec, self._stream = number, codec, stream
        context = stream.codec_context
        extradata = context.extradata or b""
        self.is_video = stream.type == "video"
        self.timescale = wire.VIDEO_HZ if self.is_video else int(context.sample_rate or 48_000)
        self.channels = 0 if self.is_video else int(context.channels or 1)
        if codec is Codec.OPUS:
            self.timescale = 48_000
        self._swap = context.name == "pcm_s16be"
        self.count = 0
        self._scale = Fraction(stream.time_base or Fraction(1, 1000)) * self.timescale
        self._length_size, self._sets = 0, _no_sets()
        if codec.in_nal_units:
            self._length_size, self._sets = _configuration(codec, extradata)
        elif codec is Codec.AV1:
            self._sets = _av1_sets(extradata)
        self.config = b""
        if codec is Codec.AAC:
            self.config = bytes(extradata) or aac_lc_config(self.timescale, min(self.channels, 7))

    def describe(self) -> dict[str, Any]:
        sps, pps, vps = ([nal.hex() for nal in nals] for nals in self._sets)
        return {
            "id": self.id, "codec": self.codec.value, "timescale": self.timescale, "channels": self.channels,
            "config": self.config.hex(), "sps": sps, "pps": pps, "vps": vps,
        }  # fmt: skip

    def unit(self, packet: Any) -> tuple[bytes, bytes]:
        """The record and the bytes of the next unit."""
        data = bytes(packet)
        flags = wire.KEY if packet.is_keyframe else 0
        if packet.is_corrupt:
            flags |= wire.BAD
        digest = blake2b(digest_size=8)
        if self.codec.in_nal_units:
            try:
                nals = wire.nals_of(data, self._length_size) if self._length_size else wire.annexb_nals(data)
            except MediaError:
                nals = []
            slices = [nal for nal in nals if wire.is_slice(self.codec, nal)]
            if not slices:
                flags |= wire.BAD
            elif any(wire.is_random_access(self.codec, nal) for nal in slices):
                flags |= wire.KEY
            if self._length_size != 4:
                data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
            for nal in slices:
                digest.update(nal)
        elif self.is_video:
            flags = (flags & ~wire.KEY) | (wire.KEY if self._stands_alone(data, bool(flags & wire.KEY)) else 0)
            digest.update(data)
        else:
            data = _swapped(data) if self._swap else _without_adts(data) if self.codec is Codec.AAC else data
            digest.update(data)
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None or not data:
            flags |= wire.BAD
        if packet.dts is not None:
            flags |= wire.HAS_DTS
        record = wire.RECORD.pack(
            self.id,
            flags,
            self._ticks(pts),
            self._ticks(packet.dts),
            min(max(self._ticks(packet.duration), 0), 0xFFFFFFFF),
            len(data),
            int.from_bytes(digest.digest(), "big"),
        )
        self.count += 1
        return record, data

    def _stands_alone(self, data: bytes, said: bool) -> bool:
        """Whether a frame of VP8, VP9 or AV1 needs no other: its header says so, or (AV1) its container."""
        try:
            found = wire.decoded_with(self.codec, data) is not None
        except MediaError:
            return False
        return said if self.codec is Codec.AV1 else found

    def _ticks(self, value: int | None) -> int:
        ticks = 0 if value is None else round(value * self._scale)
        return ticks if -(1 << 53) < ticks < 1 << 53 else 0


def _without_adts(data: bytes) -> bytes:
    """The bare frame: transport streams put an ADTS header before it (ISO/IEC 13818-7 §6.2)."""
    if len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data


def _swapped(data: bytes) -> bytes:
    words = array("h", data[: len(data) & ~1])
    words.byteswap()
    return words.tobytes()


def _no_sets() -> _Sets:
    return [], [], []


def _av1_sets(extradata: bytes) -> _Sets:
    """The sequence header of av1C (AV1 in ISO BMFF §2.3.3)."""
    with contextlib.suppress(MediaError):
        if len(extradata) > 4 and extradata[0] == 0x81 and (header := sequence_header(bytes(extradata[4:]))):
            return [header], [], []
    return _no_sets()


def _configuration(codec: Codec, extradata: bytes) -> tuple[int, _Sets]:
    """Bytes of a length (0: start codes), and SPS, PPS, VPS of avcC or hvcC (ISO/IEC 14496-15 §5.3.3, §8.3.3)."""
    if len(extradata) < 7 or extradata[0] != 1:
        nals = [nal for nal in wire.annexb_nals(bytes(extradata)) if nal]
        found = wire.sets_in(codec, nals)
        return 0, ([], [], []) if found is None else (list(found.sps), list(found.pps), list(found.vps))
    reader = io.BytesIO(extradata)
    sets = _no_sets()
    if codec is Codec.H264:
        length_size = (extradata[4] & 3) + 1
        reader.seek(5)
        for kind, mask in ((0, 0x1F), (1, 0xFF)):
            sets[kind].extend(_prefixed(reader, _u(reader, 1) & mask))
        return length_size, sets
    if len(extradata) < 23:
        return 4, sets
    reader.seek(22)
    for _ in range(_u(reader, 1)):
        kind = {33: 0, 34: 1, 32: 2}.get(_u(reader, 1) & 0x3F, -1)
        nals = _prefixed(reader, _u(reader, 2))
        if kind >= 0:
            sets[kind].extend(nals)
    return (extradata[21] & 3) + 1, sets


def _u(reader: io.BytesIO, size: int) -> int:
    return int.from_bytes(reader.read(size), "big")


def _prefixed(reader: io.BytesIO, count: int) -> list[bytes]:
    nals = [reader.read(_u(reader, 2)) for _ in range(min(count, 256))]
    return [nal for nal in nals if nal]


def _tracks(container: Any) -> tuple[dict[int, _Track], list[str]]:
    """The first track of pictures and of sound that a reel can hold, by stream index; and what else there is."""
    taken: dict[int, _Track] = {}
    kinds: set[str] = set()
    others = []
    for stream in container.streams:
        context = stream.codec_context
        name = context.name if context is not None else "none"
        codec = _CODECS.get(name)
        if codec is None or codec.kind.value != stream.type or stream.type in kinds or not _can_be_kept(codec, context):
            others.append(f"{stream.type} {name.removesuffix('float')}")
            continue
        kinds.add(stream.type)
        taken[stream.index] = _Track(len(taken) + 1, stream, codec)
    return taken, others


def _can_be_kept(codec: Codec, context: Any) -> bool:
    return codec not in (Codec.PCM, Codec.PCMA, Codec.PCMU) or 1 <= int(context.channels or 0) <= _MOST_CHANNELS


def _created_us(container: Any) -> int | None:
    text = container.metadata.get("creation_time", "")
    try:
        return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6) if text else None
    except (ValueError, OverflowError):
        return None


def demultiplex(pieces: Sequence[tuple[str, int, int]], wanted: dict[str, list[int]] | None, teller: Teller) -> str:
    """One input. Returns what could not be read."""
    import av

    options = {"format_whitelist": FORMATS}
    try:
        container: Any = av.open(Pieces(pieces), "r", options=options, buffer_size=1 << 18)
        tracks, others = _tracks(container)
        header = {
            "container": container.format.name,
            "tracks": [track.describe() for track in tracks.values()],
            "others": others,
            "created_us": _created_us(container),
            "tagged": any(note in key.lower() for key in container.metadata for note in _NOTES),
        }
    except (av.FFmpegError, ValueError, OSError, MemoryError, UnicodeError) as error:
        nothing: dict[str, Any] = {"container": "", "tracks": [], "others": [], "created_us": None, "tagged": False}
        teller.tell(wire.HEADER, json.dumps(nothing).encode())
        return f"not a file that can be read: {error}"
    teller.tell(wire.HEADER, json.dumps(header).encode())
    try:
        for packet in container.demux([container.streams[index] for index in tracks]):
            track = tracks.get(packet.stream.index)
            if track is None or not packet.size:
                continue
            number = track.count
            record, data = track.unit(packet)
            if wanted is None:
                teller.record(record)
            elif (bounds := wanted.get(str(track.id))) and bounds[0] <= number <= bounds[1]:
                teller.tell(wire.UNIT, record + data)
    except (av.FFmpegError, ValueError, OSError, MemoryError) as error:
        return f"it could be read up to here: {error}"
    return ""


def main() -> None:
    job = json.loads(sys.stdin.buffer.readline())
    confine(int(job["cpu_s"]))
    teller = Teller(sys.stdout.buffer)
    import av

    av.logging.set_level(None)
    for pieces in job["inputs"]:
        problem = demultiplex([tuple(piece) for piece in pieces], job["wanted"], teller)
        teller.flush()
        teller.tell(wire.END, json.dumps({"problem": problem}).encode())
    teller.flush()


if __name__ == "__main__":
    main()
