"""What a watcher sees while a camera is cut off and comes back, and when the hub itself does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_playing, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

REMEMBER_STATES_JS = """() => {
  window.states = [];
  const tile = document.querySelector('article[data-stream=cam]');
  const look = () => window.states.push(tile.dataset.state);
  look();
  new MutationObserver(look).observe(tile, { attributeFilter: ['data-state'] });
}"""
COUNT_SOUNDS_JS = """() => {
  window.tones = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };
}"""
ONE_CALL = 4  # tones: two rising pairs
RED_ON_THE_LINE_JS = """() => {
  const canvas = document.querySelector('[data-row=cam]');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let red = 0;
  for (let at = 0; at < data.length; at += 4) red += data[at] > 200 && data[at + 1] < 120 && data[at + 2] < 120;
  return red;
}"""
CLOCK = "Number(document.querySelector('[data-clock]')?.dataset.clock ?? 0)"


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(config) as simulators:
        yield simulators


@pytest.fixture
async def hub(tmp_path: Path, simulators: Simulators) -> AsyncIterator[HubProcess]:
    async with HubProcess(tmp_path / "data", HUB_ENVIRON) as hub:
        await add_camera(hub, "cam", simulators.urls[0])
        yield hub


async def test_a_cut_is_seen_listed_drawn_and_played_across(hub: HubProcess, simulators: Simulators) -> None:
    async with open_page(hub) as page:
        await page.wait_for_selector("input[name=username]")
        await sign_in(page)
        await page.wait_for_selector("article[data-stream=cam][data-state=live]")
        await until_playing(page, "cam")
        await page.click("[data-action=arm]")
        await page.wait_for_selector("[data-action=disarm]")
        await page.evaluate(COUNT_SOUNDS_JS)
        await page.evaluate(REMEMBER_STATES_JS)
        assert await page.evaluate(RED_ON_THE_LINE_JS) == 0

        await simulators.play("cam", [Fault(FaultKind.CUT, 0.0, 5.0)])
        await page.wait_for_selector("article[data-stream=cam][data-state=interrupted]")
        row = "li[data-stream=cam]"
        await page.wait_for_selector(f"{row}[data-state=confirmed]")
        await page.wait_for_selector("[data-alarm] [data-live=cam] .away")
        assert "cam" in await page.inner_text("[data-alarm] [data-place]")
        await until_true(page, f"({RED_ON_THE_LINE_JS})() > 0")
        await page.wait_for_selector("article[data-stream=cam][data-state=live]")
        await until_playing(page, "cam")
        await page.wait_for_selector(f"{row}[data-state=closed]")
        assert await page.locator("li[data-id]").count() == 1
        await _pop_up(hub, page)

        states = [state for state, _ in groupby(await page.evaluate("() => window.states"))]
        assert states in (["live", "suspected", "interrupted", "live"], ["live", "interrupted", "live"])
        await until_true(page, f"({RED_ON_THE_LINE_JS})() > 0")
        await _play_across(hub, page, row)


async def _pop_up(hub: HubProcess, page: Page) -> None:
    """The live picture is the tile's own; the alarm and its interruption made one sound; A acknowledges."""
    await page.wait_for_selector("[data-alarm] [data-live=cam][data-from=tile]")
    drawn = "document.querySelector('[data-alarm] [data-live=cam] canvas').width"
    await until_true(page, f"{drawn} === 320")
    assert await page.evaluate("() => window.tones") == ONE_CALL
    (alarm,) = await hub.call("GET", "/api/alarms")
    assert (alarm["state"], alarm["count"]) == ("open", 1)
    await page.keyboard.press("a")
    await page.wait_for_selector("[data-alarm]", state="detached")
    (alarm,) = await hub.call("GET", "/api/alarms")
    assert (alarm["state"], alarm["acknowledged_by"]) == ("acknowledged", "admin")


async def _play_across(hub: HubProcess, page: Page, row: str) -> None:
    listed = await until(lambda: _ended(hub))
    started_ms, ended_ms = (parse_rfc3339(listed[name]) / 1000 for name in ("started_at", "ended_at"))
    await page.hover(row)
    await page.click(f"{row} button.play")
    await page.wait_for_selector("[data-playback][data-status=ready]")
    await until_true(page, f"{CLOCK} > 0 && {CLOCK} < {started_ms}")
    # the clock leaps by what is missing, and the pictures go on
    await until_true(page, f"{CLOCK} > {ended_ms + 500}")
    assert await page.locator("[data-playback] .skip").count() == 1
    await page.keyboard.press("Escape")
    assert await page.locator("[data-playback]").count() == 0


async def _ended(hub: HubProcess) -> dict[str, Any] | None:
    """The one interruption, once its end is in the ledger."""
    (listed,) = await hub.call("GET", "/api/interruptions")
    return listed if listed["ended_at"] is not None else None


async def test_everything_comes_back_by_itself_after_the_hub_was_killed(hub: HubProcess) -> None:
    await until_live(hub, 1)
    async with open_page(hub) as page:
        await page.wait_for_selector("input[name=username]")
        await sign_in(page)
        await until_playing(page, "cam")
        await page.evaluate("() => { window.same = true; }")
        await hub.kill()
        await page.wait_for_selector("[data-lost]")
        await hub.start()
        await page.wait_for_selector("[data-lost]", state="detached")
        await page.wait_for_selector("article[data-stream=cam][data-state=live]")
        await until_playing(page, "cam")
        await page.wait_for_selector("li[data-stream=cam][data-kind=hub]")
        assert await page.evaluate("() => window.same"), "the page was loaded anew"
