"""``hub bench latency``: from the moment a picture leaves a camera to the moment it is painted on the wall.

The cameras note when each picture was handed to the socket. Chromium shows the real page; five times a second and tile
the number at the foot of the picture just presented is read from a canvas, together with the time at which the browser
expects it on the screen (``requestVideoFrameCallback``). Both clocks are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from hub.bench.processes import HubProcess
from hub.bench.report import Report, Result
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.feed import Sent
from hub.demo.frame_code import FRAME_CODE_JS
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.model import Codec

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
PASSWORD = "a password of the benchmark"  # noqa: S105  of a hub that lives for a minute
SETTLE_S = 8.0
OLDEST_US = 10_000_000
"""A number is matched with the newest sending of it before the painting, at most this long ago: loops are longer."""

WATCH_JS = (
    "([seconds, everyMs]) => {"
    + FRAME_CODE_JS
    + """
return new Promise((resolve) => {
  const seen = [];
  const began = performance.now();
  const videos = [...document.querySelectorAll('video[data-stream]')];
  const quality = () => videos.map((video) => {
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
    return totalVideoFrames - droppedVideoFrames;
  });
  const before = quality();
  for (const video of videos) {
    const canvas = document.createElement('canvas');
    canvas.width = 352; canvas.height = 198;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    let looked = 0;
    const look = (now, frame) => {
      if (now - looked >= everyMs) {
        looked = now;
        const strip = video.videoHeight / 18;
        context.drawImage(video, 0, video.videoHeight - strip, video.videoWidth, strip, 0, 187, 352, 11);
        const number = readFrameNumber(canvas);
        seen.push([video.dataset.stream, number, performance.timeOrigin + frame.expectedDisplayTime]);
      }
      if (performance.now() - began < seconds * 1000) video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }
  setTimeout(() => {
    const after = quality();
    resolve({ seen, painted: after.reduce((sum, count, index) => sum + count - before[index], 0) });
  }, seconds * 1000);
});
}"""
)
LOOK_EVERY_MS = 190
"""Reading a picture back costs some milliseconds of the page's thread: not for every one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tiles", type=int, default=4, help="how many cameras on the wall (default 4)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to watch (default 30)")
    parser.add_argument(
        "--height", type=int, choices=(360, 720), default=720, help="lines of the pictures (default 720)"
    )


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when Chromium or Playwright is missing or no tile shows a picture."""
    names = [f"camera-{number}" for number in range(1, options.tiles + 1)]
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        async with (
            Simulators(_cameras(names, options.height)) as simulators,
            HubProcess(Path(folder) / "data", {"HUB_ADMIN_PASSWORD": PASSWORD, "HUB_LOG_LEVEL": "warning"}) as hub,
        ):
            for name, url in zip(names, simulators.urls, strict=True):
                source = {"type": "rtsp", "url": url}
                await hub.call("POST", "/api/streams", {"id": name, "name": name, "kind": "window", "source": source})
            seen, painted = await watch_wall(hub.url, options.seconds)
            sent = {name: await simulators.sent(name) for name in names}
    return _report(options, names, seen, painted, sent)


def _cameras(names: Sequence[str], height: int) -> SimulatorsConfig:
    picture = VideoSpec() if height == 720 else VideoSpec(width=640, height=360, bitrate=800_000)
    return SimulatorsConfig(
        cameras=tuple(
            DeviceConfig(
                name=name,
                video=replace(picture, device=device, title=name),
                audio=AudioSpec(Codec.AAC, device=device),
                record=True,
            )
            for device, name in enumerate(names, 1)
        )
    )


async def watch_wall(url: str, seconds: float) -> tuple[list[tuple[str, int | None, float]], int]:
    """What was seen on the wall: (stream, frame number or None if unreadable, Unix time in ms), in order; and how
    many pictures were painted in all."""
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise HubError("hub bench latency needs Playwright: pip install 'recorder-hub[test]'") from error
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            context = await browser.new_context(viewport={"width": 1920, "height": 1080})
            answer = await context.request.post(f"{url}/api/session", data={"username": "admin", "password": PASSWORD})
            if not answer.ok:
                raise HubError(f"signing in at {url} failed: {answer.status}")
            page = await context.new_page()
            await page.goto(url)
            await asyncio.sleep(SETTLE_S)
            result: dict[str, Any] = await page.evaluate(WATCH_JS, [seconds, LOOK_EVERY_MS])
        finally:
            await browser.close()
    return [(stream, number, moment) for stream, number, moment in result["seen"]], result["painted"]


def _report(
    options: argparse.Namespace,
    names: Sequence[str],
    seen: Sequence[tuple[str, int | None, float]],
    painted: int,
    sent: Mapping[str, Sequence[Sent]],
) -> Report:
    late_ms = {name: sorted(_latencies_ms(name, seen, sent[name])) for name in names}
    everything = sorted(value for values in late_ms.values() for value in values)
    if not everything:
        raise HubError("no tile showed a readable picture")
    dark = [name for name, values in late_ms.items() if not values]
    expected = options.seconds * 25 * options.tiles
    results = [
        Result("picture to paint, p50", _quantile(everything, 0.50), "ms"),
        Result("picture to paint, p95", _quantile(everything, 0.95), "ms"),
        Result("picture to paint, worst", everything[-1], "ms"),
        *(Result(f"{name}, p95", _quantile(values, 0.95), "ms") for name, values in late_ms.items() if values),
        Result("pictures painted", 100 * painted / expected, "% of those sent"),
    ]
    note = f"{options.tiles} tiles of {options.height}p25 in Chromium (software decoding), {options.seconds:g} s"
    return Report("latency", results, len(dark), (note,))


def _latencies_ms(name: str, seen: Iterable[tuple[str, int | None, float]], sent: Iterable[Sent]) -> Iterable[float]:
    sent_us: dict[int, list[int]] = defaultdict(list)
    for unit in sent:
        if unit.kind == "video":
            sent_us[unit.number].append(unit.utc_us)
    for stream, number, moment_ms in seen:
        if stream == name and number is not None:
            moment_us = int(moment_ms * 1000)
            times = sent_us[number]
            index = bisect.bisect_right(times, moment_us) - 1
            if index >= 0 and moment_us - times[index] < OLDEST_US:
                yield (moment_us - times[index]) / 1000


def _quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values, the nearest rank."""
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]
