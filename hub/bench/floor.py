"""``hub bench floor``: what a stream's bytes cost by themselves, and what its trip through the hub costs on top.

The floor is what nobody can leave out: the bytes out of a socket as they came, their SHA-256, their writes and
flushes. Each is measured alone, and so is the trip up to the disk's door, in turns; figures are the least of all
rounds. Lost are pictures that did not come to the disk's door.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hub.bench.counting import bytecodes, calls
from hub.bench.report import Report, Result
from hub.bench.trip import RtspTrip, Sent, WhipTrip, numbered, sent_by
from hub.clock import US_PER_S, ManualClock
from hub.demo.device import track_media
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.feed import TrackMedia
from hub.model import Codec

_START_US = 10 * US_PER_S
_FRAGMENTS_PER_S = 5
_SOUNDS = {
    "none": None,
    "aac": AudioSpec(Codec.AAC, rate=48_000),
    "pcma": AudioSpec(Codec.PCMA, rate=8000),
    "opus": AudioSpec(Codec.OPUS, rate=48_000),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=int, default=16, help="of the stream, per round (default 16)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured (default 9)")


def run(options: argparse.Namespace) -> Report:
    return asyncio.run(measure(options.seconds, options.rounds))


async def measure(seconds: int, rounds: int) -> Report:
    sent = sent_by(picture_tracks(), seconds)
    works: dict[str, Callable[[], float]] = {
        "floor: bytes out of sockets": lambda: _through_kernel(sent),
        "floor: SHA-256": lambda: _digested(sent),
        "floor: write and flush": lambda: _written(sent, seconds),
    }
    kinds = [("RTSP", "none"), ("RTSP", "aac"), ("RTSP", "pcma"), ("WHIP", "none"), ("WHIP", "opus")]
    least: dict[str, float] = {}
    lost = 0
    for _ in range(rounds):
        for name, work in works.items():
            least[name] = min(least.get(name, 1e9), work())
        for way, sound in kinds:
            cpu_s, missing = await _trip(way, sound, seconds)
            name = _name(way, sound)
            least[name] = min(least.get(name, 1e9), cpu_s)
            lost += missing
    results = [Result(name, 100 * cpu_s / seconds, "% of a core") for name, cpu_s in least.items()]
    counts = [one for way, sound in kinds for one in await _counted(way, sound)]
    return Report("floor", [*results, *counts], lost, (f"720p25 at 2 Mbit/s, {rounds} rounds of {seconds} s",))


def _name(way: str, sound: str) -> str:
    return f"{way}, sound: {sound}: trip to the disk's door"


def picture_tracks() -> list[TrackMedia]:
    """Of a camera without sound, over RTSP."""
    return _tracks("none", 1400)


def _tracks(sound: str, mtu: int) -> list[TrackMedia]:
    spec = _SOUNDS[sound]
    tracks = [track_media(VideoSpec(), mtu=mtu)]
    return tracks if spec is None else [*tracks, track_media(spec)]


async def _begun(way: str, sound: str, seconds: float) -> tuple[RtspTrip | WhipTrip, Sequence[Sent]]:
    clock = ManualClock(mono_us=_START_US)
    if way == "RTSP":
        tracks = _tracks(sound, 1400)
        return RtspTrip(clock, tracks), sent_by(tracks, seconds)
    tracks = _tracks(sound, 1200)
    sent = numbered(sent_by(tracks, seconds))
    trip = WhipTrip(clock, tracks)
    await trip.begin(sent[0])
    return trip, sent[1:]


async def _ended(trip: RtspTrip | WhipTrip) -> None:
    if isinstance(trip, WhipTrip):
        await trip.end()


async def _trip(way: str, sound: str, seconds: int) -> tuple[float, int]:
    """CPU seconds, and how many pictures are missing; the last fragment of a track is still in the making."""
    trip, sent = await _begun(way, sound, seconds)
    before_s = time.process_time()
    for one in sent:
        trip.take(one)
    cpu_s = time.process_time() - before_s
    missing = max(0, VideoSpec().fps * (seconds - 1) - trip.disk.frames)
    await _ended(trip)
    return cpu_s, missing


async def _counted(way: str, sound: str) -> list[Result]:
    """What is executed per packet, after two seconds."""
    trip, sent = await _begun(way, sound, 4)
    middle = next(index for index, one in enumerate(sent) if one.at.mono_us >= _START_US + 2 * US_PER_S)
    for one in sent[:middle]:
        trip.take(one)
    packets = sum(one.packets for one in sent[middle:])
    halfway = (middle + len(sent)) // 2
    executed = bytecodes(lambda: [trip.take(one) for one in sent[middle:halfway]])
    called = calls(lambda: [trip.take(one) for one in sent[halfway:]])
    first = sum(one.packets for one in sent[middle:halfway])
    await _ended(trip)
    name = f"{way}, sound: {sound}"
    return [
        Result(f"{name}: bytecodes", sum(executed.values()) / first, "a packet"),
        Result(f"{name}: calls", sum(called.values()) / (packets - first), "a packet"),
    ]


def _through_kernel(sent: Sequence[Sent]) -> float:
    """The reading side alone."""
    buffer = memoryview(bytearray(256 << 10))
    spent_s = 0.0
    theirs, ours = socket.socketpair()
    with theirs, ours:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for one in sent:
            theirs.sendall(one.data)
            before_s = time.process_time()
            left = len(one.data)
            while left:
                left -= ours.recv_into(buffer)
            spent_s += time.process_time() - before_s
    return spent_s


def _digested(sent: Sequence[Sent]) -> float:
    before_s = time.process_time()
    digest = hashlib.sha256()
    for one in sent:
        digest.update(one.data)
    return time.process_time() - before_s


def _written(sent: Sequence[Sent], seconds: int) -> float:
    """In pieces as large as fragments, flushed once a second."""
    data = b"".join(one.data for one in sent)
    size = len(data) // (seconds * _FRAGMENTS_PER_S)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        fd = os.open(Path(folder) / "reel", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            before_s = time.process_time()
            for number in range(seconds * _FRAGMENTS_PER_S):
                os.pwrite(fd, data[number * size : (number + 1) * size], number * size)
                if number % _FRAGMENTS_PER_S == 0:
                    os.fdatasync(fd)
            return time.process_time() - before_s
        finally:
            os.close(fd)
