"""The day of the hall's administrator: the windows before the opening, a black one among them; a Saturday that is
worked; a complaint that is answered from what was recorded; the month on paper. By clicks and keys alone, as a person
who administers this hall and nothing else."""

from __future__ import annotations

import asyncio
import io
import zipfile
from contextlib import AsyncExitStack, suppress
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import pytest
from playwright.async_api import Browser, Page

from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.day_support import (
    HALL,
    OWN,
    WINDOWS,
    Camera,
    choose_own_password,
    chromium,
    desk,
    go,
    make_colleague,
    make_hall,
    make_person,
    sign_in,
    window_cameras,
)
from tests.hub_line import until, until_live
from tests.page_support import HUB_ENVIRON, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

BLACK, ASKED = WINDOWS
NOTES = {
    "matter": "群众投诉：窗口办件等候过久", "place": "东城大厅2号窗口", "method": "全程音像记录",
    "officers": "何管理（大厅管理员）",
}  # fmt: skip
CLOCK = "Number(document.querySelector('.transport [data-clock]')?.dataset.clock ?? 0)"


async def test_the_day_of_the_halls_administrator(tmp_path: Path) -> None:
    """One hub and one browser for the whole day: starting them is most of the time."""
    environ = {**HUB_ENVIRON, "HUB_CHECKPOINT_S": "1"}
    simulated, hub = Simulators(SimulatorsConfig(cameras=window_cameras())), HubProcess(tmp_path / "data", environ)
    async with simulated as simulators, hub, chromium() as browser, AsyncExitStack() as stack:
        await make_hall(hub, simulators.urls)
        given = await make_person(hub, "he", "何管理", "hall_admin", HALL)
        await make_colleague(hub, "sun", "孙负责", "approver")
        camera, page = Camera(tmp_path), await desk(stack, browser, hub, "/hall")
        await sign_in(page, "he", given)
        await choose_own_password(page, given)
        await until_live(hub, len(WINDOWS))
        await _before_the_opening(page, camera, simulators)
        await _a_saturday_is_worked(hub, page, camera)
        await _a_complaint(stack, browser, hub, page, camera)
        await _the_month_on_paper(page, camera, tmp_path)
        assert await hub.stop() == 0
    assert verify_path(tmp_path / "data", None, keys_dir=tmp_path / "data.keys").exit_code == 0


async def _before_the_opening(page: Page, camera: Camera, simulators: Simulators) -> None:
    """Every window is there with its picture; the one that is black is named, and the keyboard leads to it."""
    await go(page, "hall")
    for ident in WINDOWS:
        await page.wait_for_selector(f"[data-window={ident}][data-ready=true] [data-still=live]")
    assert await page.locator("[data-problem]").count() == 0
    await camera.shoot(page, "every-window")
    await simulators.play(BLACK, [Fault(FaultKind.BLACK, 0.0, 8.0)])
    await page.wait_for_selector(f"[data-window={BLACK}][data-problems~=black]")
    await page.wait_for_selector("[data-ready-hall=false]")
    await page.click(f"[data-problem={BLACK}]")
    focused = "document.activeElement?.closest('[data-window]')?.dataset.window"
    await until_true(page, f"{focused} === '{BLACK}'")
    await camera.shoot(page, "the-black-window")
    await page.wait_for_selector(f"[data-window={BLACK}]:not([data-problems~=black])")
    await page.wait_for_selector("[data-problem]", state="detached")


async def _a_saturday_is_worked(hub: HubProcess, page: Page, camera: Camera) -> None:
    """调休: the hall's hours, and one Saturday with hours of its own and the notice that says so."""
    await page.click("[data-hall-tab=hall-calendar]")
    await page.click("[data-action=edit-hours]")
    first = page.locator("[data-pieces=mon] input").first
    await first.fill("830")
    await first.press("Tab")
    await page.click("[data-action=like-monday]")
    await page.fill("[name=hours-reason]", "大厅公告3号")
    await page.click("[data-action=save-hours]")
    await page.wait_for_selector("[data-week][data-own=true] .good")
    today = date.fromisoformat(str(await page.get_attribute("[data-plan][aria-current=date]", "data-plan")))
    saturday = today + timedelta(days=(5 - today.weekday()) % 7 or 7)
    if saturday.month != today.month:
        await page.click("[data-action=month-after]")
    await page.click(f"[data-plan='{saturday}'][data-judged=closed]")
    await page.check("[data-exceptions] input[name=closed] >> nth=1")
    await page.fill("[data-exceptions] [name=reason]", "调休上班（大厅公告5号）")
    await camera.shoot(page, "a-saturday-is-worked")
    await page.click("[data-action=add-exception]")
    await page.wait_for_selector(f"[data-plan='{saturday}'][data-judged=exception]")
    given = await hub.call("GET", f"/api/duty?unit={HALL}")
    (made,) = given["exceptions"]
    assert (made["date"], made["reason"], made["by"]) == (str(saturday), "调休上班（大厅公告5号）", "he")
    assert made["hours"][0] == ["08:30", "12:00"], "as on a day that is worked"
    await camera.shoot(page, "calendar")


async def _mark(page: Page, key: str, shown: str) -> None:
    """A mark of a clip; once more where the busy page did not take it, as a person does."""
    for _ in range(20):
        await page.keyboard.press(key)
        with suppress(TimeoutError):
            await until_true(page, f"document.querySelector('[{shown}]').textContent !== '—'", seconds=2)
            return
    raise AssertionError(f"no mark by {key}")


async def _a_complaint(stack: AsyncExitStack, browser: Browser, hub: HubProcess, page: Page, camera: Camera) -> None:
    """From the window to its recording, by the day in the calendar and the time on the line; a clip of it goes out with
    its five notes once another has allowed it."""
    await page.click("[data-hall-tab=hall]")
    await page.click(f"[data-window={ASKED}] [data-focus]")
    await page.wait_for_selector("[data-screen=playback]")
    await page.wait_for_selector("[data-reason][data-look=new]")
    await page.click("[data-reason] label:has(input[value=complaint])")
    await page.fill("[data-reason] input[name=reason]", "12345-2026-88")
    await page.click("[data-reason] [data-action=ask]")
    await page.wait_for_selector("[data-reason]", state="detached")
    await page.click("[data-day][data-look]:not([disabled])[aria-pressed=true]")
    await page.wait_for_selector(f"[data-play={ASKED}][data-status=ready]")
    await until_true(page, "document.querySelector('.transport').dataset.playing === 'true'")
    await until_true(page, f"{CLOCK} > 0")
    await _mark(page, "i", "data-in")
    at = await page.evaluate(f"() => {CLOCK}")
    await until_true(page, f"{CLOCK} > {at} + 1500")
    await _mark(page, "o", "data-out")
    await page.keyboard.press(" ")
    await until_true(page, "document.querySelector('.transport').dataset.playing === 'false'")
    await page.wait_for_selector("[data-form=export]")
    await page.fill("[name=export-reason]", "答复12345投诉")
    await page.fill("[name=recipient]", "12345热线办")
    for name, text in NOTES.items():
        await page.fill(f"[name=note-{name}]", text)
    await page.uncheck("[name=movie]")
    await camera.shoot(page, "clip-with-its-notes")
    await page.click("[data-action=ask-export]")
    await page.click("[data-asked] [data-action=exports]")
    await page.wait_for_selector("[data-export][data-state=requested]")
    approver = await desk(stack, browser, hub, "/exports")
    await sign_in(approver, "sun", OWN)
    await approver.click("[data-export][data-state=requested] [data-action=approve]")
    await page.wait_for_selector("[data-export][data-state=ready] [data-action=download]")
    await approver.context.close()
    await camera.shoot(page, "export-ready")
    async with page.expect_download() as download:
        await page.click("[data-action=download]")
    package = await asyncio.to_thread(Path(await (await download.value).path()).read_bytes)
    names = zipfile.ZipFile(io.BytesIO(package)).namelist()
    assert any(name.endswith(".pdf") for name in names), names


async def _the_month_on_paper(page: Page, camera: Camera, folder: Path) -> None:
    await go(page, "hall")
    await page.click("[data-hall-tab=hall-report]")
    await page.wait_for_selector("[data-report] [data-chart] canvas")
    await camera.shoot(page, "month")
    for ending in ("pdf", "xlsx"):
        async with page.expect_download() as waiting:
            await page.click(f"[data-action={ending}]")
        await (await waiting.value).save_as(folder / f"month.{ending}")
    rows = list((await asyncio.to_thread(openpyxl.load_workbook, folder / "month.xlsx"))["各窗口"].values)
    assert [row[0] for row in rows] == ["编号", *WINDOWS, "合计"]
    text = await until(lambda: _text_of(folder / "month.pdf"))
    for name in ("东城大厅", *WINDOWS.values()):
        assert name in text


async def _text_of(pdf: Path) -> str:
    """By poppler: what anybody's reader finds, without the room between its words."""
    process = await asyncio.create_subprocess_exec("pdftotext", str(pdf), "-", stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    return "".join(told.decode().split())
