"""``hub bench latency``: from the moment a picture leaves a camera to the moment it is painted on the wall.

The cameras note when each picture was handed to the socket. Chromium shows the real page; five times a second and tile
the number at the foot of the picture just presented is read from a canvas, together with the time at which the browser
expects it on the screen (``requestVideoFrameCallback``). Both clocks are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from hub.bench.processes import HubProcess
from hub.bench.report import Report, Result
from hub.bench.stages import STAGES_JS, TAKE_JS, Came, Seen, fragments, stages
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.feed import Sent
from hub.demo.frame_code import FRAME_CODE_JS
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.errors import HubError
from hub.model import Codec

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

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
    return [totalVideoFrames - droppedVideoFrames, droppedVideoFrames];
  });
  const before = quality();
  let stalls = 0, longest = 0;
  for (const video of videos) video.addEventListener('waiting', () => { if (!video.seeking) stalls += 1; });
  for (const video of videos) {
    const canvas = document.createElement('canvas');
    canvas.width = 352; canvas.height = 198;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    let looked = 0, shown = performance.now();
    const look = (now, frame) => {
      longest = Math.max(longest, now - shown);
      shown = now;
      if (now - looked >= everyMs) {
        looked = now;
        const strip = video.videoHeight / 18;
        context.drawImage(video, 0, video.videoHeight - strip, video.videoWidth, strip, 0, 187, 352, 11);
        const number = readFrameNumber(canvas);
        const painted = performance.timeOrigin + frame.expectedDisplayTime;
        seen.push([video.dataset.stream, number, painted, frame.mediaTime, frame.processingDuration ?? 0]);
      }
      if (performance.now() - began < seconds * 1000) video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }
  setTimeout(() => {
    const after = quality();
    const since = (at) => after.reduce((sum, one, index) => sum + one[at] - before[index][at], 0);
    const painted = since(0), dropped = since(1);
    const keysOnly = document.querySelectorAll('article[data-keys-only]').length;
    resolve({ seen, painted, dropped, stalls, longest, keysOnly });
  }, seconds * 1000);
});
}"""
)
FIRST_JS = """
(() => {
  const painted = (window.paintedAt = {});
  new MutationObserver(() => {
    for (const video of document.querySelectorAll('video[data-stream]')) {
      if (video.dataset.stream in painted) continue;
      painted[video.dataset.stream] = null;
      video.requestVideoFrameCallback((now) => (painted[video.dataset.stream] = now));
    }
  }).observe(document, { childList: true, subtree: true });
})();
"""
"""In a page from its first moment: when each tile painted its first picture, ms after the address was opened."""
OPENINGS = 5
FIRST_TIMEOUT_S = 20.0
LOOK_EVERY_MS = 190
"""Reading a picture back costs some milliseconds of the page's thread: not for every one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tiles", type=int, default=4, help="how many cameras on the wall (default 4)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to watch (default 30)")
    parser.add_argument("--size", choices=("360p", "720p"), default="720p", help="of the pictures (default 720p)")
    parser.add_argument("--stages", action="store_true", help="say where the time goes, too")
    parser.add_argument(
        "--first", action="store_true", help=f"open the wall {OPENINGS} times, too: how long until its first pictures"
    )


def run(options: argparse.Namespace) -> Report:
    return uvloop.run(measure(options))


async def measure(options: argparse.Namespace) -> Report:
    """Raises HubError when Chromium or Playwright is missing or no tile shows a picture."""
    names = [f"camera-{number}" for number in range(1, options.tiles + 1)]
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        async with (
            Simulators(_cameras(names, options.size)) as simulators,
            HubProcess(Path(folder) / "data", {"HUB_ADMIN_PASSWORD": PASSWORD, "HUB_LOG_LEVEL": "warning"}) as hub,
        ):
            for name, url in zip(names, simulators.urls, strict=True):
                await hub.add_camera(name, url)
            load = os.getloadavg()[0]
            openings, watched, busy = await watch_wall(
                hub.url, options.seconds, OPENINGS if options.first else 0, with_stages=options.stages
            )
            sent = {name: await simulators.sent(name) for name in names}
    report = _report(options, names, watched, sent)
    shared = f"load before {load:.1f}, processors busy {busy:.0%} while watched ({os.cpu_count()} of them)"
    return replace(report, results=[*report.results, *_openings(openings)], notes=(*report.notes, shared))


def _cameras(names: Sequence[str], size: str) -> SimulatorsConfig:
    picture = VideoSpec() if size == "720p" else VideoSpec(width=640, height=360, bitrate=800_000)
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


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture that was looked at. ``number``: its own, None when unreadable; ``moment_ms``: Unix time; ``media_s``:
    where it stands on the time line of its tile."""

    stream: str
    number: int | None
    moment_ms: float
    media_s: float
    decoding_s: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen on the wall, in order, and the fragments that came for it (with ``--stages``).
    ``stalls``: how often a tile ran dry; ``longest_ms``: between two pictures of a tile, at worst."""

    seen: Sequence[Painted]
    came: Mapping[str, Sequence[Came]]
    painted: int
    dropped: int
    stalls: int
    longest_ms: float
    keys_only: int


async def watch_wall(
    url: str, seconds: float, openings: int, *, with_stages: bool = False
) -> tuple[list[list[float]], Watched, float]:
    """For each opening when the tiles painted their first pictures (ms, sorted); what was watched; and the share of
    the machine that was busy meanwhile, with whatever."""
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
            await page.close()
            firsts = [await _open_once(context, url) for _ in range(openings)]
            page = await context.new_page()
            if with_stages:
                await page.add_init_script(STAGES_JS)
            await page.goto(url)
            await asyncio.sleep(SETTLE_S)
            before = _processors()
            found: dict[str, Any] = await page.evaluate(WATCH_JS, [seconds, LOOK_EVERY_MS])
            busy, passed = (after - earlier for after, earlier in zip(_processors(), before, strict=True))
            came: list[dict[str, Any]] = await page.evaluate(TAKE_JS)
        finally:
            await browser.close()
    watched = Watched(
        seen=[Painted(*one) for one in found["seen"]],
        came=fragments(came),
        painted=found["painted"],
        dropped=found["dropped"],
        stalls=found["stalls"],
        longest_ms=found["longest"],
        keys_only=found["keysOnly"],
    )
    return firsts, watched, busy / max(passed, 1)


async def _open_once(context: BrowserContext, url: str) -> list[float]:
    """The wall in a new tab until all its tiles show something: ms after the address was opened, sorted."""
    page = await context.new_page()
    try:
        await page.add_init_script(FIRST_JS)
        await page.goto(url)
        deadline = asyncio.get_running_loop().time() + FIRST_TIMEOUT_S
        while asyncio.get_running_loop().time() < deadline:
            painted: list[float | None] = await page.evaluate("() => Object.values(window.paintedAt)")
            if painted and None not in painted:
                return sorted(one for one in painted if one is not None)
            await asyncio.sleep(0.05)
        raise HubError(f"not every tile showed a picture within {FIRST_TIMEOUT_S:g} s of opening")
    finally:
        await page.close()


def _openings(openings: Sequence[Sequence[float]]) -> list[Result]:
    if not openings:
        return []
    firsts, lasts = sorted(one[0] for one in openings), sorted(one[-1] for one in openings)
    return [
        Result("opening to first picture, p50", _quantile(firsts, 0.5), "ms"),
        Result("opening to first picture, worst", firsts[-1], "ms"),
        Result("opening to all pictures, p50", _quantile(lasts, 0.5), "ms"),
    ]


def _processors() -> tuple[int, int]:
    """Ticks in which the machine's processors worked, and all that passed, since it was started (proc(5))."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _report(
    options: argparse.Namespace,
    names: Sequence[str],
    watched: Watched,
    sent: Mapping[str, Sequence[Sent]],
) -> Report:
    pictures = {name: [unit for unit in sent[name] if unit.kind == "video"] for name in names}
    found = _matched(watched.seen, pictures)
    late_ms = {name: sorted(_late_ms(one, pictures[name]) for one in found if one.stream == name) for name in names}
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
        Result("pictures painted", 100 * watched.painted / expected, "% of those sent"),
        Result("pictures dropped", watched.dropped, "by the decoder, too late"),
        Result("stalls", watched.stalls, "in all tiles"),
        Result("longest without a new picture", watched.longest_ms, "ms"),
        Result("tiles on keyframes alone", watched.keys_only, "at the end"),
        *stages(found, pictures, watched.came),
    ]
    note = f"{options.tiles} tiles of {options.size}25 in Chromium (software decoding), {options.seconds:g} s"
    return Report("latency", results, len(dark), (note,))


def _matched(seen: Iterable[Painted], pictures: Mapping[str, Sequence[Sent]]) -> list[Seen]:
    """Each painted picture with its newest sending before that."""
    indexes: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for name, sent in pictures.items():
        for index, unit in enumerate(sent):
            indexes[name, unit.number].append(index)
    matched = []
    for one in seen:
        times = [(index, pictures[one.stream][index].utc_us) for index in indexes[one.stream, one.number]]
        moment_us = one.moment_ms * 1000
        before = [index for index, utc_us in times if moment_us - OLDEST_US < utc_us <= moment_us]
        if before:
            matched.append(Seen(one.stream, before[-1], one.media_s, one.decoding_s * 1000, one.moment_ms))
    return matched


def _late_ms(seen: Seen, sent: Sequence[Sent]) -> float:
    return seen.painted_ms - sent[seen.sent_index].utc_us / 1000


def _quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values, the nearest rank."""
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]
