"""What a player is shown of a stream: a playlist's segments, fetched as it fetches them, and the pictures in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import quote, urljoin

from hub.bench.processes import HubProcess
from hub.clock import rfc3339
from hub.demo.feed import Sent
from hub.model import MediaKind
from hub.segmenter.scan import read_init
from tests.segmenter_media import samples


@dataclass
class Shown:
    """Between two breaks (``hole_s`` before it): digests of its pictures, in their order."""

    hole_s: float = 0.0
    length_s: float = 0.0
    pictures: list[str] = field(default_factory=list)


async def played(door: HubProcess, stream: str, from_us: int, to_us: int) -> list[Shown]:
    """By runs; what the playlist says of a time that ends before now."""
    base = f"{door.url}/api/streams/{stream}/playback.m3u8"
    text = str(
        await door.call(
            "GET", f"{base.removeprefix(door.url)}?from={quote(rfc3339(from_us))}&to={quote(rfc3339(to_us))}"
        )
    )
    found, init, seconds, place, gap = [Shown()], b"", 0.0, "", False
    for line in text.splitlines():
        if line == "#EXT-X-DISCONTINUITY":
            found.append(Shown(hole_s=found.pop().hole_s if not found[-1].length_s else 0.0))
        elif line == "#EXT-X-GAP":
            gap = True
        elif line.startswith("#EXT-X-MAP"):
            init = await _bytes(door, urljoin(base, line.split('"')[1]), "")
        elif line.startswith("#EXTINF:"):
            seconds = float(line[8:-1])
        elif line.startswith("#EXT-X-BYTERANGE:"):
            size, offset = map(int, line[17:].split("@"))
            place = f"bytes={offset}-{offset + size - 1}"
        elif not line.startswith("#"):
            if gap:
                found.append(Shown(hole_s=seconds + (found.pop().hole_s if not found[-1].length_s else 0.0)))
            else:
                found[-1].length_s += seconds
                found[-1].pictures += _pictures(init, await _bytes(door, urljoin(base, line), place))
            place, gap = "", False
    return found


async def _bytes(door: HubProcess, url: str, place: str) -> bytes:
    async with door.http.get(url, headers={"Range": place} if place else {}) as answer:
        assert answer.status in (200, 206), (answer.status, await answer.text())
        return await answer.read()


def _pictures(init: bytes, data: bytes) -> list[str]:
    video = next(one.id for one in read_init(init) if one.kind is MediaKind.VIDEO)
    return [hashlib.sha256(one.data).hexdigest() for one in samples(data) if one.track_id == video]


def steps(found: Sequence[Shown], sent: Sequence[Sent]) -> tuple[int, list[int]]:
    """How many pictures were shown, and from run to run without a hole by how many of the camera's pictures it went on:
    1 where each is shown once. Within a run none is missing or there twice. What a camera films repeats itself."""
    loop = {unit.sha256: unit.number for unit in sent if unit.kind == "video"}
    turn = max(loop.values()) - min(loop.values()) + 1
    assert len(loop) == turn, "the loop's pictures can be told apart"
    over: list[int] = []
    last: int | None = None
    for run in found:
        numbers = [loop[one] for one in run.pictures]
        assert all((after - before) % turn == 1 for before, after in pairwise(numbers)), numbers
        if last is not None and not run.hole_s:
            over.append((numbers[0] - last + turn // 2) % turn - turn // 2)
        last = numbers[-1]
    return sum(len(one.pictures) for one in found), over
