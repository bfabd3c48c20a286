"""The wall for a shift: an hour of a stream in seconds, and nothing of the page grows with it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, Page, async_playwright

from hub.api.web_page import PAGE
from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS
from hub.clock import US_PER_S
from hub.model import Fragment, InitSegment, StreamKind
from hub.monitor.live import LiveFeed
from hub.segmenter.fragmenter import Fragmenter
from tests.api_support import PASSWORD, Hub, running_hub
from tests.segmenter_media import video

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

LOOP_S = 4
HOUR_S = 3600
WARM_S = 900
"""Until then engines still compile what runs often, and a minute is kept for a replay."""
POINTS = 5
"""How often the page is measured from then on, evenly."""
AHEAD = 60
"""Seconds of media that the page may be behind what it was sent, so that nothing is dropped."""

BUFFER_JS = """() => {
  const video = document.querySelector('video[data-stream=cam]');
  const ranges = video.buffered;
  let seconds = 0;
  for (let at = 0; at < ranges.length; at += 1) seconds += ranges.end(at) - ranges.start(at);
  const end = ranges.length > 0 ? ranges.end(ranges.length - 1) : 0;
  return { seconds, ranges: ranges.length, at: video.currentTime, end };
}"""


def hour() -> Iterator[InitSegment | Fragment]:
    """The init, and one fragment a second for ever: a loop of pictures, each on its own time."""
    take = video(seconds=LOOP_S, size=(160, 90))
    fragmenter = Fragmenter([take.info], fragment_ms=1000)
    made = [out for unit in take.units for out in fragmenter.push(unit)] + list(fragmenter.flush())
    fragments = [out for out in made if isinstance(out, Fragment)]
    assert len(fragments) == LOOP_S
    assert all(one.keyframe for one in fragments)
    yield next(out for out in made if isinstance(out, InitSegment))
    for loop in count():
        for fragment in fragments:
            yield later(fragment, loop * LOOP_S)


def later(fragment: Fragment, seconds: int) -> Fragment:
    """The same pictures, so much later on the same time line."""
    ticks = fragment.tfdt_ticks + seconds * fragment.timescale
    at = fragment.data.index(b"tfdt") + 4
    assert fragment.data[at] == 1, "a decode time of 64 bits"
    data = fragment.data[: at + 4] + struct.pack(">Q", ticks) + fragment.data[at + 12 :]
    moved_us = seconds * US_PER_S
    return replace(
        fragment, data=data, tfdt_ticks=ticks, first_us=fragment.first_us + moved_us, end_us=fragment.end_us + moved_us
    )


@dataclass(frozen=True)
class Size:
    """Of the page, after its garbage was collected."""

    heap_bytes: int
    buffers_bytes: int
    nodes: int
    listeners: int
    buffered_s: float
    ranges: int


async def size(page: Page, devtools: CDPSession) -> Size:
    await devtools.send("HeapProfiler.collectGarbage")
    heap = await devtools.send("Runtime.getHeapUsage")
    dom = await devtools.send("Memory.getDOMCounters")
    buffer = await page.evaluate(BUFFER_JS)
    return Size(
        heap_bytes=round(heap["usedSize"]),
        buffers_bytes=round(heap["backingStorageSize"]),
        nodes=dom["nodes"],
        listeners=dom["jsEventListeners"],
        buffered_s=buffer["seconds"],
        ranges=buffer["ranges"],
    )


async def test_an_hour_in_fast_forward_leaves_the_page_as_large_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "page").symlink_to(PAGE)
    async with running_hub(tmp_path) as hub, async_playwright() as playwright:
        await hub.services.registry.add("cam", "1号窗口", StreamKind.WINDOW, "whip")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        context = await browser.new_context(viewport={"width": 1280, "height": 720})
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        try:
            await sign_in(page, hub)
            sizes = await feed_and_measure(page, devtools, hub.services.live.feed("cam"))
        finally:
            await browser.close()
    first, last = sizes[0], sizes[-1]
    grown = [(one.heap_bytes + one.buffers_bytes - first.heap_bytes - first.buffers_bytes) >> 10 for one in sizes]
    assert all(one.buffered_s < 20 for one in sizes), sizes
    assert all(one.ranges <= 2 for one in sizes), sizes
    assert first.buffers_bytes > 0, "nothing was kept for a replay"
    # a leak of one fragment's bytes a second would be tens of megabytes; a listener a second thousands
    assert max(grown) < 1000, f"KiB over the first measurement: {grown}; {sizes}"
    assert last.nodes - first.nodes < 200, sizes
    assert last.listeners - first.listeners < 50, sizes


async def sign_in(page: Page, hub: Hub) -> None:
    signed = await page.context.request.post(
        f"{hub.base}/api/session",
        data={"username": "admin", "password": PASSWORD},
        headers={"Origin": str(hub.base.origin())},
    )
    assert signed.ok, await signed.text()
    await page.goto(str(hub.base))
    await page.wait_for_selector("video[data-stream=cam]")


async def feed_and_measure(page: Page, devtools: CDPSession, feed: LiveFeed) -> list[Size]:
    media = hour()
    init = next(media)
    assert isinstance(init, InitSegment)
    feed.init(init)
    while not feed.viewers:  # noqa: ASYNC110  the page connects in its own time
        await asyncio.sleep(0.02)
    sizes = []
    points = {WARM_S + (HOUR_S - WARM_S) * at // (POINTS - 1) for at in range(POINTS)}
    for second, fragment in enumerate(media, 1):
        assert isinstance(fragment, Fragment)
        feed.publish(fragment)
        if second % AHEAD == 0 or second in points:
            await caught_up(page, second)
        if second in points:
            sizes.append(await size(page, devtools))
        if second >= HOUR_S:
            return sizes
    raise AssertionError("the hour has no end")


async def caught_up(page: Page, second: int) -> None:
    """The page has taken in what it was sent, and shows the newest of it."""
    for _ in range(500):
        buffer = await page.evaluate(BUFFER_JS)
        if buffer["end"] >= second - 0.1 and buffer["at"] >= second - 2:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the page does not come to second {second}: {buffer}")
