"""The newest picture of a stream: the live keyframe as a JPEG, black or not, and who may see it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hub.clock import rfc3339
from hub.model import Codec, Fragment, InitSegment, InitTrack, StreamKind
from hub.monitor.content import stills
from hub.monitor.content.stills import Stills, still_of
from hub.monitor.live import LiveFeeds
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import running_hub
from tests.segmenter_media import START_US, fragments, video
from tests.unit.test_api_people import caller


@cache
def made(codec: Codec) -> tuple[InitSegment, list[Fragment]]:
    take = video(codec, seconds=2)
    out = fragments(take.units, take.info)
    init = next(one for one in out if isinstance(one, InitSegment))
    return init, [one for one in out if isinstance(one, Fragment)]


def painted(level: int) -> bytes:
    """A picture of one brightness, as an fMP4 of another program."""
    out = BytesIO()
    with av.open(out, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        picture = np.full((360, 320), level, np.uint8)
        picture[240:] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return out.getvalue()


def of(data: bytes, at_us: int = START_US) -> tuple[InitTrack, Fragment]:
    init, (first, *_) = made(Codec.H264)
    split = data.index(b"moof") - 4
    return replace(init.tracks[0], init=data[:split]), replace(first, data=data[split:], first_us=at_us)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_keyframe_becomes_a_small_picture_whatever_a_browser_plays(codec: Codec) -> None:
    init, found = made(codec)
    still = still_of(init.tracks[0], next(one for one in found if one.keyframe))
    assert still is not None
    assert (still.jpeg[:2], still.at_us, still.black) == (b"\xff\xd8", START_US, False)
    assert len(still.jpeg) < 30_000


def test_black_is_seen_and_what_cannot_be_decoded_is_none() -> None:
    black = still_of(*of(painted(16)))
    grey = still_of(*of(painted(120)))
    assert black is not None
    assert grey is not None
    assert (black.black, grey.black) == (True, False)
    track, fragment = of(painted(16))
    assert still_of(track, replace(fragment, data=b"")) is None
    assert still_of(replace(track, init=b"no mp4"), fragment) is None


async def test_the_newest_keyframe_is_decoded_once_and_outlives_its_connection(monkeypatch: Any) -> None:
    feeds, decoded = LiveFeeds(), []
    monkeypatch.setattr(stills, "still_of", lambda *key: decoded.append(key) or still_of(*key))
    found = Stills(feeds)
    assert await found.newest("w") is None
    init, out = made(Codec.H264)
    feed = feeds.feed("w")
    feed.init(init)
    for one in out:
        feed.publish(one)
    first = await asyncio.gather(*(found.newest("w") for _ in range(5)))
    keys = [one for one in out if one.keyframe]
    assert first[0] is not None
    assert {one and one.at_us for one in first} == {keys[-1].first_us}
    assert len(decoded) == 1
    feed.ended()
    assert await found.newest("w") is first[0], "the last picture"
    feed.init(init)
    feed.publish(keys[0])
    again = await found.newest("w")
    assert again is not None
    assert again.at_us == keys[0].first_us
    feeds.ended("w")
    assert await found.newest("w") is None, "a retired stream's picture is kept no longer"


async def test_the_picture_over_http(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        services, noted = hub.services, []
        services.stills = Stills(services.live)
        services.write_access = lambda stream, body: noted.append((stream, body["by"], body["what"]))
        for unit in ("hall", "other"):
            await services.units.add(unit, unit, ROOT, UnitKind.HALL, by=HUB)
            await services.registry.add(f"at-{unit}", unit, StreamKind.WINDOW, "whip", unit=unit)
        wang = await caller(hub, "wang", "hall", Role.HALL_ADMIN)
        async with hub.program.get("/api/streams/at-hall/still") as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        track, fragment = of(painted(16))
        for ident in ("at-hall", "at-other"):
            feed = services.live.feed(ident)
            feed.init(InitSegment(b"", "", (track,)))
            feed.publish(fragment)
        noted.clear()
        async with hub.program.get("/api/streams/at-hall/still") as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")
            assert answer.headers["X-Picture-At"] == rfc3339(START_US)
            assert answer.headers["X-Picture-Black"] == "1"
            assert (await answer.read())[:2] == b"\xff\xd8"
            etag = answer.headers["ETag"]
        async with hub.program.get("/api/streams/at-hall/still", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        assert noted == [("at-hall", "program:admin", "live.still")], "one look an hour"
        hub.clock.pass_s(3600)
        async with hub.program.get("/api/streams/at-hall/still") as answer:
            assert answer.status == 200
        assert len(noted) == 2
        assert (await wang.call("GET", "/api/streams/at-other/still"))[0] == 404
        inspector = await caller(hub, "ma", "hall", Role.INSPECTOR)
        assert (await inspector.call("GET", "/api/streams/at-hall/still"))[0] == 403, "live pictures need a duty role"
