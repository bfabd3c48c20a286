"""For the days of the people: who they are, their cameras, and a desk of one's own for each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Page, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS
from hub.bench.processes import HubProcess
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig
from tests.hub_line import SOUND

OWN = "a password of one's own"
HALL = "hall-east"
WINDOWS = {"window-01": "1号窗口", "window-02": "2号窗口"}


def window_cameras() -> tuple[DeviceConfig, ...]:
    """Large enough for a picture that a person looks at, small enough for a machine that does much else."""
    return tuple(
        DeviceConfig(name=ident, video=_video(number, name), audio=SOUND, faults=True)
        for number, (ident, name) in enumerate(WINDOWS.items(), 1)
    )


def _video(number: int, name: str) -> VideoSpec:
    title = f"{name} 大厅"
    return VideoSpec(width=640, height=360, bitrate=600_000, gop=25, seconds=4, device=number, title=title)


async def make_hall(hub: HubProcess, urls: tuple[str, ...]) -> None:
    await hub.call("POST", "/api/units", {"id": HALL, "name": "东城大厅", "parent": "root", "kind": "hall"})
    for (ident, name), url in zip(WINDOWS.items(), urls, strict=True):
        source = {"type": "rtsp", "url": url, "transport": "tcp"}
        body = {"id": ident, "name": name, "kind": "window", "unit": HALL, "source": source}
        await hub.call("POST", "/api/streams", body)


async def make_person(hub: HubProcess, username: str, name: str, role: str, unit: str = "root") -> str:
    """With exactly this role; the one-time password."""
    body = {"username": username, "name": name, "unit": unit, "roles": [role]}
    return str((await hub.call("POST", "/api/people", body))["password"])


async def make_colleague(hub: HubProcess, username: str, name: str, role: str) -> None:
    """One who has worked here before: with a password of their own."""
    given = await make_person(hub, username, name, role)
    jar = aiohttp.CookieJar(unsafe=True)  # an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": hub.url}) as http:
        for path, body in (
            ("/api/session", {"username": username, "password": given}),
            ("/api/session/password", {"old": given, "new": OWN}),
        ):
            async with http.post(hub.url + path, json=body) as answer:
                assert answer.status < 300, await answer.text()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def desk(stack: AsyncExitStack, browser: Browser, hub: HubProcess, path: str = "/") -> Page:
    """A machine of one's own, nobody signed in, its clock set to another zone than the hub's. What its scripts throw
    fails the test."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 720}, locale="zh-CN", timezone_id="America/New_York"
    )
    page = await context.new_page()
    page.set_default_timeout(40_000)
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    stack.callback(lambda: _nothing(thrown))
    await page.goto(f"{hub.url}/#{path}")
    return page


def _nothing(thrown: list[str]) -> None:
    assert thrown == []


async def sign_in(page: Page, username: str, password: str) -> None:
    await page.fill("input[name=username]", username)
    await page.fill("input[name=password]", password)
    await page.press("input[name=password]", "Enter")


async def choose_own_password(page: Page, given: str) -> None:
    """What is asked of whoever signs in with a password that another has seen."""
    await page.wait_for_selector("[data-account][data-must-change=true]")
    await page.fill("input[name=old]", given)
    await page.fill("input[name=new]", OWN)
    await page.fill("input[name=again]", OWN)
    await page.click("[data-action=change-password]")
    await page.wait_for_selector("[data-nav]")


async def go(page: Page, place: str) -> None:
    """By the navigation, as a person does."""
    entry = page.locator(f"[data-nav={place}]:visible")
    if await entry.count() == 0:
        await page.click("[data-nav=more]:visible")
    await entry.first.click()


class Camera:
    """Takes a picture of each step, in the order of the day."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    async def shoot(self, page: Page, name: str) -> None:
        self._count += 1
        await page.screenshot(path=self._folder / f"{self._count:02d}-{name}.png")
