"""For the tests of the whole line: what the reels of a data folder hold, and what the simulators sent."""

from __future__ import annotations

import asyncio
import hashlib
import warnings
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from hub.bench.processes import HubProcess
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.feed import Sent
from hub.demo.simulators import Simulators
from hub.model import Codec

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SMALL = VideoSpec(width=320, height=180, bitrate=300_000, gop=25, seconds=4)
SOUND = AudioSpec(rate=32_000, seconds=4)  # AAC: 4 s at 32 kHz are whole frames
OPUS = AudioSpec(Codec.OPUS, rate=48_000, seconds=4)


def reels_of(data: Path, stream_id: str) -> list[Path]:
    """Every reel of a stream, oldest first."""
    return sorted((data / "reels" / stream_id).rglob("*.mp4"))


def recorded(data: Path, stream_id: str, kind: str) -> list[str]:
    """SHA-256 of each coded picture or audio frame in the stream's reels, as libavformat reads them, in order."""
    return [digest for reel in reels_of(data, stream_id) for digest in recorded_in(reel, kind)]


def recorded_in(reel: Path, kind: str) -> list[str]:
    """The same of one reel."""
    with av.open(str(reel)) as container:
        track = next(track for track in container.streams if track.type == kind)
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in container.demux(track) if packet.size]


def recorded_g711(data: Path, stream_id: str, law: str, frame: int = 160) -> list[str]:
    """The same for G.711: FLAC decoded, turned back into code words, in packets of ``frame``."""
    words = b""
    back = audioop.lin2alaw if law == "a" else audioop.lin2ulaw
    for reel in reels_of(data, stream_id):
        with av.open(str(reel)) as container:
            for decoded in container.decode(audio=0):
                words += back(np.ascontiguousarray(decoded.to_ndarray()).astype("<i2").tobytes(), 2)
    return [hashlib.sha256(words[at : at + frame]).hexdigest() for at in range(0, len(words) - frame + 1, frame)]


def sent_digests(sent: Sequence[Sent], kind: str) -> list[str]:
    return [unit.sha256 for unit in sent if unit.kind == kind]


def assert_unbroken(
    found: Sequence[str], truth: Sequence[str], *, may_miss_at_end: int, may_miss_at_start: int
) -> None:
    """``found`` is one unbroken piece of ``truth``: nothing missing inside, nothing twice, nothing strange.

    A loop repeats its pictures, so the piece is looked for at every place that the bounds allow.
    """
    assert found, "nothing was recorded"
    for start in range(may_miss_at_start + 1):
        if list(truth[start : start + len(found)]) == list(found):
            missed = len(truth) - start - len(found)
            assert 0 <= missed <= may_miss_at_end, f"{missed} units at the end were not recorded"
            return
    first = next((i for i, (a, b) in enumerate(zip(found, truth, strict=False)) if a != b), None)
    raise AssertionError(f"recorded {len(found)} units are no piece of {len(truth)} sent; first difference at {first}")


async def until(what: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> Any:
    """The first true answer of ``what``, asked ten times a second. Raises TimeoutError with the last answer."""
    answer = None
    for _ in range(round(seconds * 10)):
        answer = await what()
        if answer:
            return answer
        await asyncio.sleep(0.1)
    raise TimeoutError(f"waited {seconds} s; the last answer was {answer!r}")


async def add_camera(hub: HubProcess, stream_id: str, url: str, transport: str = "tcp") -> None:
    source = {"type": "rtsp", "url": url, "transport": transport}
    await hub.call("POST", "/api/streams", {"id": stream_id, "name": stream_id, "kind": "window", "source": source})


async def add_recorder(hub: HubProcess, simulators: Simulators, stream_id: str) -> None:
    body = {"id": stream_id, "name": stream_id, "kind": "recorder", "source": {"type": "whip"}}
    made = await hub.call("POST", "/api/streams", body)
    await simulators.publish(stream_id, f"{hub.url}/whip/{stream_id}", made["token"])


async def states(hub: HubProcess) -> dict[str, str]:
    return {stream["id"]: stream["status"]["state"] for stream in await hub.call("GET", "/api/streams")}


async def until_live(hub: HubProcess, count: int) -> None:
    async def live() -> bool:
        return list((await states(hub)).values()).count("live") == count

    await until(live)
