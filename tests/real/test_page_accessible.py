"""Every screen that the navigation leads to, and what opens on them, in Chinese and in English: axe finds nothing
serious, Tab reaches every control and shows where it is, no word is missing, nothing is wider than the page."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS, PASSWORD
from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.page_support import HUB_ENVIRON
from tests.phone_support import FLAGS as PHONE_FLAGS
from tests.phone_support import SCREEN, pair
from tests.walk_support import AXE, faults_of, hold_still, keyboard_faults_of

pytestmark = [
    pytest.mark.real,
    pytest.mark.xdist_group("office"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(not AXE.exists(), reason="the page was built elsewhere: axe is not here"),
]

HALL = "hall-east"
OPEN_DIALOG = ":is([role=dialog], dialog[open]):visible"
SIZE = os.environ.get("HUB_TEST_WALK_SIZE", "1280x720")
PICTURES = os.environ.get("HUB_TEST_WALK_PICTURES", "")
"""A folder for a screenshot of each screen, to be looked at."""

GO_JS = """(address) => new Promise((done) => {
  // each address has an element of its own in the frame
  const shown = () => document.querySelector('main')?.firstElementChild;
  const before = shown();
  location.hash = address;
  const since = performance.now();
  const timer = setInterval(() => {
    if ((shown() === before || !shown()) && performance.now() - since < 5000) return;
    clearInterval(timer);
    done();
  }, 20);
})"""

Faults = dict[str, list[str]]
"""Each fault, and where it was found."""


@dataclass
class Walk:
    page: Page
    language: str
    faults: Faults

    async def look(self, name: str, *, keyboard: bool = False) -> None:
        """Judges what is on the screen now. Colours, and what the keyboard reaches, are the same in both languages:
        they are judged in one, for they take most of the time."""
        await _settled(self.page)
        if PICTURES:
            await self.page.screenshot(path=f"{PICTURES}/{SIZE}-{self.language}-{name.replace('/', '_')}.png")
        found = await faults_of(self.page, colours=self.language == "zh")
        if keyboard and self.language == "zh":
            found += await keyboard_faults_of(self.page)
        for one in found:
            self.faults.setdefault(one, []).append(f"{name} ({self.language})")

    async def go(self, address: str) -> None:
        await self.page.evaluate(GO_JS, address)


async def _settled(page: Page) -> None:
    """Nothing was added or changed for a while; what ticks is not waited for."""
    await page.evaluate(
        """() => new Promise((done) => {
          const quiet = () => { watcher.disconnect(); done(); };
          let timer = setTimeout(quiet, 120);
          const most = setTimeout(quiet, 1200);
          const watcher = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(quiet, 120); });
          const dialogs = [...document.querySelectorAll('[role=dialog], dialog[open]')];
          const open = dialogs.find((one) => one.checkVisibility());
          watcher.observe(open ?? document.querySelector('main') ?? document.body, { childList: true, subtree: true });
        })"""
    )


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    cameras = (
        DeviceConfig(name="cam", video=SMALL, audio=SOUND),
        DeviceConfig(name="cut", video=replace(SMALL, device=2), faults=True),
    )
    async with Simulators(SimulatorsConfig(cameras=cameras)) as simulators:
        yield simulators


@pytest.fixture
async def hub(tmp_path: Path, simulators: Simulators) -> AsyncIterator[HubProcess]:
    """Something of everything: two windows of a hall, one of them cut, an activity, people."""
    async with HubProcess(tmp_path / "data", HUB_ENVIRON) as hub:
        for name, url in zip(("cam", "cut"), simulators.urls, strict=True):
            await add_camera(hub, name, url)
        await hub.call("POST", "/api/units", {"id": HALL, "name": "东城大厅", "parent": "root", "kind": "hall"})
        for name, title in (("cam", "1号窗口"), ("cut", "2号窗口")):
            await hub.call("PATCH", f"/api/streams/{name}", {"unit": HALL, "name": title})
        person = {"username": "li-lei", "name": "李雷", "certificate": "冀A0001", "unit": "root", "roles": ["officer"]}
        await hub.call("POST", "/api/people", person)
        activity = {"stream": "cam", "officers": [{"name": "李雷", "certificate": "冀A0001"}], "place": "服务大厅"}
        await hub.call("POST", "/api/activities", activity)
        await until_live(hub, 2)
        await simulators.play("cut", [Fault(FaultKind.CUT, 0.0, 600.0)])
        await until(lambda: hub.call("GET", "/api/alarms"))
        yield hub


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        flags = list(dict.fromkeys((*CHROMIUM_FLAGS, *PHONE_FLAGS)))
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


async def test_every_screen_is_accessible(hub: HubProcess) -> None:
    async with _browser() as browser:
        faults: Faults = {}
        for language in ("zh", "en"):
            async with _machine(browser, hub, language, faults) as walk:
                await _the_wall(walk)
                await _the_office(walk, hub)
            await _the_phone(browser, hub, language, faults)
    assert faults == {}, "\n".join(f"{one}: {', '.join(places)}" for one, places in faults.items())


@asynccontextmanager
async def _machine(browser: Browser, hub: HubProcess, language: str, faults: Faults) -> AsyncIterator[Walk]:
    """A browser in this language; the sign-in page is looked at on the way in."""
    width, _, height = SIZE.partition("x")
    context = await browser.new_context(viewport={"width": int(width), "height": int(height)})
    thrown: list[str] = []
    await context.add_init_script(f"localStorage.setItem('recorder-hub.language', {json.dumps(language)})")
    page = await context.new_page()
    page.on("pageerror", lambda error: thrown.append(str(error)))
    await page.goto(hub.url)
    await page.wait_for_selector("input[name=username]")
    await hold_still(page)
    walk = Walk(page, language, faults)
    await walk.look("sign-in", keyboard=True)
    await page.fill("input[name=username]", "admin")
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_selector("[data-grid]")
    try:
        yield walk
    finally:
        await context.close()
    assert thrown == []


async def _the_wall(walk: Walk) -> None:
    page = walk.page
    await page.wait_for_selector("article[data-stream=cam][data-state=live]")
    await page.wait_for_selector("article[data-stream=cut][data-state=interrupted]")
    await page.wait_for_selector("[data-alarm] [data-action=acknowledge]")
    await walk.look("wall", keyboard=True)
    await page.click("[data-alarm] [aria-expanded]")
    await page.keyboard.press("/")
    await page.wait_for_selector("[data-device]")
    await walk.look("wall tree", keyboard=True)
    await page.keyboard.press("Escape")
    for action in ("layouts", "cycle", "send", "add"):
        await page.click(f"[data-action={action}]")
        await page.wait_for_selector(OPEN_DIALOG)
        await page.wait_for_timeout(300)  # it takes the keyboard in its own time
        await walk.look(f"wall dialog {action}", keyboard=True)
        await page.keyboard.press("Escape")
        await until(lambda: _closed(page))
    await page.hover("article[data-stream=cam]")
    await page.click("article[data-stream=cam] [data-action=enlarge]")
    await walk.look("wall enlarged")
    await page.click("article[data-stream=cam] [data-action=playback]")
    await walk.look("wall playback", keyboard=True)
    await page.keyboard.press("Escape")
    for name, opener in (("places", "[data-nav=more]"), ("user", "[data-user]")):
        await page.click(opener)
        await walk.look(f"wall menu {name}")
        await page.keyboard.press("Escape")


async def _closed(page: Page) -> bool:
    return await page.locator(OPEN_DIALOG).count() == 0


async def _the_office(walk: Walk, hub: HubProcess) -> None:
    """Where the navigation leads: a screen that is added to it is walked too."""
    page = walk.page
    await walk.go("#/alarms")
    places = await page.eval_on_selector_all("nav [data-nav]", "all => all.map((one) => one.dataset.nav)")
    addresses = await page.eval_on_selector_all("nav [data-nav]", "all => all.map((one) => one.getAttribute('href'))")
    assert {"wall", "alarms", "hall", "interruptions", "playback", "devices"} <= set(places)
    for name, address in zip(places, addresses, strict=True):
        if name == "wall":
            continue
        await walk.go(address)
        await walk.look(name, keyboard=True)
        others = "main [data-tab]:not([aria-current], [aria-pressed=true])"
        for tab in await page.eval_on_selector_all(others, "all => all.map((one) => one.dataset.tab)"):
            await page.click(f"main [data-tab='{tab}']")
            await walk.look(f"{name} {tab}", keyboard=True)
    cut = (await hub.call("GET", "/api/interruptions"))[0]["id"]
    for name, address in (
        ("interruption", f"#/interruptions/{cut}"),
        ("device", "#/devices/of/cam"),
        ("import", "#/devices/import"),
        ("calendar", "#/hall/calendar"),
        ("report", "#/hall/report"),
        ("playback of two", "#/playback?stream=cam,cut"),
        ("account", "#/account"),
    ):
        await walk.go(address)
        await walk.look(name, keyboard=True)


async def _the_phone(browser: Browser, hub: HubProcess, language: str, faults: Faults) -> None:
    """As a person holds it; nothing is recorded: that has a test of its own."""
    ident = f"phone-{language}"
    recorder = {"id": ident, "name": "记录仪07", "kind": "recorder", "source": {"type": "whip"}}
    made = await hub.call("POST", "/api/streams", recorder)
    context = await browser.new_context(
        viewport={"width": SCREEN["width"], "height": SCREEN["height"]}, permissions=["camera", "microphone"]
    )
    await context.add_init_script(f"localStorage.setItem('recorder-hub.language', {json.dumps(language)})")
    page = await context.new_page()
    await page.goto(f"{hub.url}/recorder")
    await page.wait_for_selector("[data-action=scan]")
    await hold_still(page)
    walk = Walk(page, language, faults)
    await walk.look("phone unpaired", keyboard=True)
    await pair(page, hub, ident, made["token"])
    await walk.look("phone home", keyboard=True)
    for action in ("start", "footage", "log", "settings"):
        await page.click(f"[data-action={action}]")
        await walk.look(f"phone {action}", keyboard=True)
        await page.click("[data-action=close-sheet]")
    await context.close()
