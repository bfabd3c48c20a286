"""Playback as its people use it: two streams in step over a break, picture by picture, a clip exported by two persons,
and a byte that was flipped on the disk found by the browser itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS, PASSWORD
from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, SOUND, add_camera, until
from tests.page_support import HUB_ENVIRON, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

OWN = "a password of one's own"
CLOCK = "Number(document.querySelector('.transport [data-clock]')?.dataset.clock ?? 0)"
FRAME_MS = 1000 / SMALL.fps
PICTURES_JS = "() => [...document.querySelectorAll('[data-play] video')].map((one) => Number(one.dataset.picture ?? 0))"
NOTES = {"matter": "占道经营检查", "place": "人民路", "method": "全程音像记录", "officers": "李雷（执法证号冀A-1）"}


@asynccontextmanager
async def _recorded(tmp_path: Path) -> AsyncIterator[tuple[HubProcess, dict[str, Any]]]:
    """Two cameras, one of which was cut off for some seconds; that interruption."""
    cameras = tuple(DeviceConfig(name=name, video=SMALL, audio=SOUND) for name in ("north", "south"))
    environ = {**HUB_ENVIRON, "HUB_CHECKPOINT_S": "1"}
    simulated = Simulators(SimulatorsConfig(cameras=cameras))
    async with simulated as simulators, HubProcess(tmp_path / "data", environ) as hub:
        for name, url in zip(("north", "south"), simulators.urls, strict=True):
            await add_camera(hub, name, url)
        await until(lambda: _sealed(hub, "north", 3), 30)
        await simulators.play("north", [Fault(FaultKind.CUT, 0.0, 4.0)])
        cut = await until(lambda: _ended(hub), 30)
        await until(lambda: _sealed(hub, "north", 7), 30)
        for alarm in await hub.call("GET", "/api/alarms"):
            await hub.call("POST", f"/api/alarms/{alarm['id']}/acknowledge", {"note": ""})
        yield hub, cut


async def _chunks(hub: HubProcess, stream: str) -> list[dict[str, Any]]:
    streams = await hub.call("GET", "/api/streams")
    begin = next(one["created_at"] for one in streams if one["id"] == stream)
    path = f"/api/streams/{stream}/chunks?from={begin}&to={begin[:8]}{int(begin[8:10]):02d}T23:59:59Z"
    found: list[dict[str, Any]] = (await hub.call("GET", path))["chunks"]
    return found


async def _sealed(hub: HubProcess, stream: str, count: int) -> bool:
    return len(await _chunks(hub, stream)) >= count


async def _ended(hub: HubProcess) -> dict[str, Any] | None:
    listed = await hub.call("GET", "/api/interruptions?stream=north")
    return next((one for one in listed if one["ended_at"] is not None and one["kind"] != "not_started"), None)


async def _sign_in(browser: Browser, hub: HubProcess, username: str, password: str, path: str) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 720})).new_page()
    await page.goto(f"{hub.url}/#{path}")
    await page.fill("input[name=username]", username)
    await page.fill("input[name=password]", password)
    await page.press("input[name=password]", "Enter")
    return page


async def test_two_streams_in_step_a_clip_and_a_flipped_byte(tmp_path: Path) -> None:
    async with _recorded(tmp_path) as (hub, cut), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        first = (await _chunks(hub, "north"))[0]
        page = await _sign_in(browser, hub, "admin", PASSWORD, f"/playback?stream=north,south&at={first['from']}")
        thrown: list[str] = []
        page.on("pageerror", lambda error: thrown.append(str(error)))
        try:
            await _in_step(page, cut)
            await _picture_by_picture(page)
            await _proven(page)
            await _exported(hub, browser, page)
            await _flipped(hub, page, tmp_path / "data")
        finally:
            await browser.close()
        assert thrown == []


async def _in_step(page: Page, cut: dict[str, Any]) -> None:
    await page.wait_for_selector("[data-screen=playback]")
    await until_true(page, "document.querySelectorAll('[data-play][data-status=ready]').length === 2")
    await until_true(page, "document.querySelector('.transport').dataset.playing === 'true'")
    await until_true(page, f"({PICTURES_JS})().every((one) => one > 0)")
    at = await page.evaluate(f"() => {CLOCK}")
    await until_true(page, f"{CLOCK} > {at} + 1500")
    for _ in range(5):  # each is within a picture's length and the screen's of the clock
        north, south = await page.evaluate(PICTURES_JS)
        assert abs(north - south) < 200
        await asyncio.sleep(0.2)
    begin, end = (parse_rfc3339(cut[name]) / 1000 for name in ("started_at", "ended_at"))
    # in the break one of them has nothing, and says why; the other one goes on
    await page.wait_for_selector("[data-play=north][data-hole=interrupted]")
    assert begin - 300 < await page.evaluate(f"() => {CLOCK}") < end + 300
    assert await page.locator("[data-play=south][data-hole]").count() == 0
    await page.wait_for_selector("[data-play=north]:not([data-hole])")
    north, south = await until(lambda: _both(page, end), 10)
    assert abs(north - south) < 200


async def _both(page: Page, after: float) -> tuple[float, float] | None:
    await asyncio.sleep(0.7)
    north, south = await page.evaluate(PICTURES_JS)
    return (north, south) if north > after and abs(north - south) < 200 else None


async def _picture_by_picture(page: Page) -> None:
    await page.keyboard.press(" ")
    await page.keyboard.press("ArrowLeft")
    await until_true(page, "document.querySelector('.transport').dataset.playing === 'false'")
    await asyncio.sleep(1)
    seen = [(await page.evaluate(PICTURES_JS))[0]]  # the first one leads; the other's pictures have their own times
    for key in (".", ".", ".", ",", ",", ",", ",", ","):
        await page.keyboard.press(key)
        seen.append(await until(partial(_other, page, seen[-1]), 5))
    steps = [round((after - before) / FRAME_MS) for before, after in pairwise(seen)]
    assert steps == [1, 1, 1, -1, -1, -1, -1, -1]
    await page.keyboard.press("]")
    await until_true(page, "document.querySelector('.transport').dataset.speed === '2'")
    await page.keyboard.press("[")


async def _other(page: Page, before: float) -> float | None:
    picture: float = (await page.evaluate(PICTURES_JS))[0]
    return picture if picture != before else None


async def _proven(page: Page) -> None:
    """From the text of the entry under the play head to the log's signature."""
    await page.click("[data-side=check]")
    await page.wait_for_selector("[data-check][data-verdict=ok][data-proof=proven]")
    signs = await page.eval_on_selector_all("[data-step]", "(all) => all.map((one) => one.dataset.sign).join('')")
    assert signs == "✓" * 5
    assert await page.locator("[data-sum][data-bad='0']").count() == 1


async def _exported(hub: HubProcess, browser: Browser, page: Page) -> None:
    at = await page.evaluate(f"() => {CLOCK}")
    await page.keyboard.press("i")
    await page.keyboard.press(",")
    await until_true(page, f"{CLOCK} < {at}")
    await page.keyboard.press("o")
    assert await page.locator("[data-form=export]").count() == 0, "out before in is no clip"
    await page.keyboard.press("i")
    for _ in range(3):
        await page.keyboard.press(".")
    await until_true(page, f"{CLOCK} > {at} + 60")
    await page.keyboard.press("o")
    await page.wait_for_selector("[data-form=export]")
    await page.fill("[name=export-reason]", "复议机关调取")
    await page.fill("[name=recipient]", "市司法局行政复议科")
    await page.click("[data-action=ask-export]")
    assert await page.locator("[aria-invalid=true]").count() == 4, "each of the notes must be said"
    for name, text in NOTES.items():
        await page.fill(f"[name=note-{name}]", text)
    await page.uncheck("[name=movie]")
    await page.click("[data-action=ask-export]")
    await page.click("[data-asked] [data-action=exports]")
    await page.wait_for_selector("[data-export][data-state=requested]")
    assert await page.locator("[data-action=approve]").count() == 0, "nobody approves their own"

    person = {"username": "zhao", "name": "赵负责", "certificate": "", "unit": "root", "roles": ["approver"]}
    await _first_password(hub, "zhao", (await hub.call("POST", "/api/people", person))["password"])
    second = await _sign_in(browser, hub, "zhao", OWN, "/exports")
    await second.click("[data-export][data-state=requested] [data-action=approve]")
    await page.wait_for_selector("[data-export][data-state=ready] [data-action=download]")
    await second.context.close()
    async with page.expect_download() as download:
        await page.click("[data-action=download]")
    package = Path(await (await download.value).path())
    assert (await asyncio.to_thread(package.read_bytes))[:2] == b"PK"


async def _first_password(hub: HubProcess, username: str, given: str) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": hub.url}) as http:
        for path, body in (
            ("/api/session", {"username": username, "password": given}),
            ("/api/session/password", {"old": given, "new": OWN}),
        ):
            async with http.post(hub.url + path, json=body) as answer:
                assert answer.status < 300, await answer.text()


async def _flipped(hub: HubProcess, page: Page, data: Path) -> None:
    """One bit of one chunk, where the disk lies and nobody else looks."""
    chunk = (await _chunks(hub, "south"))[1]
    with (data / "reels" / "south" / chunk["reel"]).open("r+b") as reel:
        reel.seek(chunk["offset"] + chunk["size"] - 5)
        byte = reel.read(1)
        reel.seek(-1, 1)
        reel.write(bytes([byte[0] ^ 1]))
    await page.goto(f"{hub.url}/#/playback?stream=south&at={chunk['from']}")
    await page.click("[data-side=check]")
    await page.wait_for_selector("[data-differs='bytes']")
    await until_true(page, "Number(document.querySelector('[data-sum]').dataset.ok) > 0")
    assert await page.locator("[data-differs]").count() == 1, "its neighbours are as they were"
