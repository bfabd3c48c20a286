"""The hall's administrator: finds the black window before the opening, sets hours, prints the month."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, SOUND, add_camera, until_live
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
HALL = "hall-east"
WINDOWS = {"cam": "1号窗口", "mute": "2号窗口"}


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    cameras = (
        DeviceConfig(name="cam", video=SMALL, audio=SOUND, faults=True),
        DeviceConfig(name="mute", video=SMALL, audio=None),
    )
    async with Simulators(SimulatorsConfig(cameras=cameras)) as simulators:
        yield simulators


@pytest.fixture
async def hub(tmp_path: Path, simulators: Simulators) -> AsyncIterator[HubProcess]:
    async with HubProcess(tmp_path / "data", HUB_ENVIRON) as hub:
        for ident, url in zip(WINDOWS, simulators.urls, strict=True):
            await add_camera(hub, ident, url)
        yield hub


async def test_the_day_of_the_halls_administrator(hub: HubProcess, simulators: Simulators, tmp_path: Path) -> None:
    async with open_page(hub) as page:
        await page.wait_for_selector("input[name=username]")
        await sign_in(page)
        await page.wait_for_selector("[data-nav=hall]", state="attached")
        await _without_a_hall(hub, page)
        await _hours_are_set(hub, page)
        await _an_exception_closes_today(hub, page, tmp_path)
        await _the_black_window_is_found_before_the_opening(page, simulators, tmp_path)
        await _the_exception_is_withdrawn(hub, page)
        await _the_month_is_printed(hub, page, tmp_path)
        await _a_window_leads_to_playback(page)


async def _go(page: Page, address: str) -> None:
    await page.evaluate("address => { location.hash = address }", address)


async def _without_a_hall(hub: HubProcess, page: Page) -> None:
    """It says how to make one; with one, each window is there with its picture and its sound."""
    await _go(page, "#/hall")
    await page.wait_for_selector("[data-no-hall]")
    await hub.call("POST", "/api/units", {"id": HALL, "name": "东城大厅", "parent": "root", "kind": "hall"})
    for ident, name in WINDOWS.items():
        await hub.call("PATCH", f"/api/streams/{ident}", {"unit": HALL, "name": name})
    await until_live(hub, len(WINDOWS))
    await page.reload()
    await page.wait_for_selector("[data-window=cam][data-state=live][data-ready=true] [data-still=live]")
    await page.wait_for_selector("[data-window=mute][data-ready=false][data-problems~=no_sound]")
    await page.wait_for_selector("[data-ready-hall=false] [data-problem=mute]")
    assert await page.query_selector("[data-problem=cam]") is None, "that there is no calendar is said once"
    await page.wait_for_selector("[data-no-calendar]")
    await _no_serious_fault(page, "today")


async def _hours_are_set(hub: HubProcess, page: Page) -> None:
    """Times are understood as people write them; a window inherits the hall's."""
    await page.click("[data-no-calendar] a")
    await page.wait_for_selector("[data-week][data-hours=false] [data-none]")
    await page.click("[data-action=edit-hours]")
    first = page.locator("[data-pieces=mon] input").first
    await first.fill("2500")
    await first.press("Tab")
    assert await page.is_disabled("[data-action=save-hours]")
    await first.fill("830")
    await first.press("Tab")
    assert await first.input_value() == "08:30"
    assert await page.is_disabled("[data-action=save-hours]"), "Monday differs: make-up days need hours"
    await page.click("[data-action=like-monday]")
    await page.fill("[name=hours-reason]", "大厅公告3号")
    await page.click("[data-action=save-hours]")
    await page.wait_for_selector("[data-week][data-own=true] .good")
    given = await hub.call("GET", f"/api/duty?unit={HALL}")
    assert (given["hours"]["weekly"]["fri"], given["reason"], given["by"]) == (
        [["08:30", "12:00"], ["13:30", "17:30"]], "大厅公告3号", "admin",
    )  # fmt: skip
    await page.wait_for_selector("[data-year='2026']")
    await page.select_option("[data-field=subject]", "mute")
    await page.wait_for_selector("[data-week][data-own=false][data-hours=true]")
    await page.select_option("[data-field=subject]", "")
    await page.wait_for_selector("[data-week][data-own=true]")
    await _no_serious_fault(page, "calendar")


async def _an_exception_closes_today(hub: HubProcess, page: Page, tmp_path: Path) -> None:
    past = page.locator("[data-plan].past")
    if await past.count():
        await past.first.dispatch_event("click")
        assert await page.query_selector("[data-action=add-exception]") is None, "the past is not judged again"
    await page.click("[data-plan][aria-current=date]")
    assert await page.is_disabled("[data-action=add-exception]"), "a reason is needed"
    await page.fill("[data-exceptions] [name=reason]", "停电检修")
    await page.click("[data-action=add-exception]")
    await page.wait_for_selector("[data-plan][aria-current=date][data-judged=exception]")
    (made,) = (await hub.call("GET", f"/api/duty?unit={HALL}"))["exceptions"]
    assert (made["hours"], made["reason"]) == ([], "停电检修")
    await page.screenshot(path=tmp_path / "calendar.png")


async def _the_black_window_is_found_before_the_opening(page: Page, simulators: Simulators, tmp_path: Path) -> None:
    """Nothing is due and no content check runs; the picture itself tells."""
    await page.click("[data-hall-tab=hall]")
    await page.wait_for_selector("[data-phase=closed] [data-judged=exception]")
    await page.wait_for_selector("[data-window=cam][data-state=off_duty][data-ready=true]")
    await simulators.play("cam", [Fault(FaultKind.BLACK, 0.0, 600.0)])
    await page.wait_for_selector("[data-window=cam][data-state=off_duty][data-problems=black]")
    await page.click("[data-problem=cam]")
    assert await _focused(page) == "cam"
    await page.keyboard.press("ArrowRight")
    assert await _focused(page) == "mute"
    await page.keyboard.press("n")
    assert await _focused(page) == "cam"
    await page.screenshot(path=tmp_path / "today.png")


async def _focused(page: Page) -> Any:
    return await page.evaluate("() => document.activeElement?.closest('[data-window]')?.dataset.window")


async def _the_exception_is_withdrawn(hub: HubProcess, page: Page) -> None:
    await page.click("[data-hall-tab=hall-calendar]")
    await page.click("[data-action=withdraw]")
    await page.fill("[data-exception] [name=why]", "提前来电")
    await page.click("[data-action=withdraw-now]")
    await until_true(page, "document.querySelector('[data-exception]') === null")
    assert (await hub.call("GET", f"/api/duty?unit={HALL}"))["exceptions"] == []


async def _the_month_is_printed(hub: HubProcess, page: Page, tmp_path: Path) -> None:
    """Screen, paper and table have a row for each window; that their figures agree is tested without a page."""
    await page.click("[data-hall-tab=hall-report]")
    await page.wait_for_selector("[data-report] [data-chart] canvas")
    month = await page.get_attribute("[data-report]", "data-report")
    found = await hub.call("GET", f"/api/completeness/month?unit={HALL}&month={month}")
    assert {one["stream"] for one in found["windows"]} == set(WINDOWS)
    for ident in (*WINDOWS, "total"):
        assert await page.query_selector(f"[data-row={ident}]") is not None
    await page.click("[data-sort=completeness]")
    await until_true(page, "document.querySelector('th[aria-sort=ascending] [data-sort=completeness]') !== null")
    await _no_serious_fault(page, "report")
    await page.screenshot(path=tmp_path / "report.png")
    files = {}
    for ending in ("pdf", "xlsx"):
        async with page.expect_download() as waiting:
            await page.click(f"[data-action={ending}]")
        download = await waiting.value
        assert download.suggested_filename == f"录像完整率月报-东城大厅-{month}.{ending}"
        await download.save_as(tmp_path / f"month.{ending}")
        files[ending] = await asyncio.to_thread((tmp_path / f"month.{ending}").read_bytes)
    assert files["pdf"].startswith(b"%PDF")
    rows = list(openpyxl.load_workbook(io.BytesIO(files["xlsx"]))["各窗口"].iter_rows(values_only=True))
    assert [row[0] for row in rows] == ["编号", *WINDOWS, "合计"]


async def _a_window_leads_to_playback(page: Page) -> None:
    await page.click("[data-hall-tab=hall]")
    await page.click("[data-window=mute] [data-focus]")
    await until_true(page, "location.hash.startsWith('#/playback?stream=mute&at=')")


async def _no_serious_fault(page: Page, where: str) -> None:
    """By axe, of what is serious or worse. A page that was built elsewhere comes without axe."""
    if not AXE.exists():
        return
    await page.evaluate(f"() => {{ {AXE.read_text(encoding='utf-8')} }}")
    found = await page.evaluate("() => axe.run(document.querySelector('main'), { resultTypes: ['violations'] })")
    grave = [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == [], where
