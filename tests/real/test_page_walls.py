"""Arranging walls: a tree to drag from, a layout that is kept, a wall in another window that is sent to, a cycle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, add_camera
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_playing, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

CAMERAS = ("cam-a", "cam-b", "cam-c")
PLACES = "[...document.querySelectorAll('[data-place]')].map(one => one.querySelector('article')?.dataset.stream ?? '')"


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    config = SimulatorsConfig(cameras=tuple(DeviceConfig(name=name, video=SMALL) for name in CAMERAS))
    async with Simulators(config) as simulators:
        yield simulators


async def until_places(page: Page, *wanted: str) -> None:
    await until_true(page, f"JSON.stringify({PLACES}) === JSON.stringify({list(wanted)})")


async def test_a_watcher_arranges_keeps_sends_and_cycles(tmp_path: Path, simulators: Simulators) -> None:
    """One hub, one page and the window of a wall for all of it: starting them is most of the time."""
    async with HubProcess(tmp_path / "data", HUB_ENVIRON) as hub, open_page(hub) as page:
        await page.wait_for_selector("input[name=username]")
        await sign_in(page)
        await _from_nothing_to_the_first_picture(hub, page, simulators)
        await _drag_and_put(page)
        await _keep_and_use_a_layout(page)
        assert page.context.browser is not None
        other = await page.context.browser.new_page()  # a browser of its own: another machine
        thrown: list[str] = []
        other.on("pageerror", lambda error: thrown.append(str(error)))
        await _send_to_another_machine(hub, page, other)
        await _cycle(page, other)
        assert thrown == []


async def _from_nothing_to_the_first_picture(hub: HubProcess, page: Page, simulators: Simulators) -> None:
    """A fresh hub says what to do; the camera that is then added is seen without another click."""
    await page.click("[data-empty] [data-action=add]")
    await page.fill("input[name=name]", CAMERAS[0])
    await page.click(".el-dialog details summary")
    await page.fill("input[name=id]", CAMERAS[0])
    await page.click(".el-dialog label:has(input[value=own])")
    await page.fill("input[name=url]", simulators.urls[0])
    await page.click("[data-action=submit]")
    await until_playing(page, CAMERAS[0])
    for name, url in zip(CAMERAS[1:], simulators.urls[1:], strict=True):
        await add_camera(hub, name, url)
    await page.wait_for_selector(f"article[data-stream={CAMERAS[2]}][data-state=live]")


async def _drag_and_put(page: Page) -> None:
    """By mouse from the tree, from place to place, and by keyboard alone."""
    await page.click("[data-split='4']")
    await until_places(page, *CAMERAS)
    await page.keyboard.press("/")
    await page.wait_for_selector("[data-device]")
    await until_true(page, "document.querySelector('[data-unit=root] [data-counted=live]')?.textContent === '●3'")
    await page.drag_and_drop("[data-device=cam-c]", "[data-place='0']")
    await until_places(page, "cam-c", "cam-b", "cam-a", "")
    await page.drag_and_drop("[data-place='0']", "[data-place='3']")
    await until_places(page, "", "cam-b", "cam-a", "cam-c")
    await until_playing(page, "cam-c")
    await page.focus("[data-place='0'] button")
    await page.keyboard.press("/")
    await page.keyboard.type("CAM-B")
    await until_true(page, "document.querySelectorAll('[data-device]').length === 1")
    await page.keyboard.press("Enter")
    await until_places(page, "cam-b", "", "cam-a", "cam-c")
    await page.keyboard.press("Escape")
    await until_true(page, "document.activeElement.closest('[data-place]') !== null")


async def _keep_and_use_a_layout(page: Page) -> None:
    await page.click("[data-action=layouts]")
    await page.fill("input[name=layout-name]", "早班")
    await page.click("[data-action=save]")
    await page.wait_for_selector("[data-layout]")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-layout]", state="detached")
    await page.click("[data-split=auto]")
    await until_places(page, *CAMERAS)
    await page.click("[data-action=layouts]")
    await page.click("[data-layout] [data-action=use]")
    await until_places(page, "cam-b", "", "cam-a", "cam-c")
    await page.reload()
    await until_places(page, "cam-b", "", "cam-a", "cam-c")


async def _send_to_another_machine(hub: HubProcess, page: Page, other: Page) -> None:
    await page.keyboard.press("w")
    await page.fill("input[name=wall-name]", "大厅左屏")
    await page.click("[data-action=create-wall]")
    await page.wait_for_selector("[data-mini=wall-1]")
    await other.goto(f"{hub.url}/#/wall/wall-1")
    await sign_in(other)
    await other.wait_for_selector("[data-wall-screen] [data-waiting]")
    await page.bring_to_front()
    await page.click("[data-action=send-current]")
    await until_places(other, "cam-b", "", "cam-a", "cam-c")
    # a program sends as well
    scene = {"arrangement": {"split": 1, "places": ["cam-c"]}, "cycle": None}
    await hub.call("PUT", "/api/walls/wall-1", {"name": "大厅左屏", "unit": "root", "scene": scene})
    await until_places(other, "cam-c")
    await page.wait_for_selector("[data-mini=wall-1] [data-mini-place='0']:only-child")
    await other.bring_to_front()
    await until_playing(other, "cam-c")
    await page.bring_to_front()
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-mini]", state="detached")


async def _cycle(page: Page, other: Page) -> None:
    await page.click("[data-action=cycle]")
    await page.fill("input[name=cycle-every]", "5")
    await page.select_option("select[name=cycle-split]", "1")
    await page.click("[data-action=start-cycle]")
    await until_places(page, "cam-a")
    await page.keyboard.press("w")
    await page.click("[data-action=send-cycle]")
    await page.wait_for_selector("[data-wall-cycle]")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-wall-cycle]", state="detached")
    await until_places(other, "cam-b")  # it cycles by itself, from its own beginning
    await page.wait_for_selector("[data-cycling][data-running=true]")
    await page.keyboard.press(" ")
    await page.wait_for_selector("[data-cycling][data-running=false]")
    await page.keyboard.press("ArrowRight")
    seen = await page.evaluate(f"() => {PLACES}")
    await page.keyboard.press("ArrowRight")
    await until_true(page, f"JSON.stringify({PLACES}) !== JSON.stringify({seen})")
    assert await page.evaluate("() => document.querySelectorAll('video').length") == 1, "only what is shown is decoded"
