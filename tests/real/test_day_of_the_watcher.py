"""The day of the watcher: a one-time password, the shift, the wall, an interruption, a look that another allows, and
the next watcher. By clicks and keys alone, as a person who is a watcher and nothing else."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.day_support import (
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
from tests.hub_line import until_live
from tests.page_support import HUB_ENVIRON, until_playing, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

BROKEN = "window-01"
COUNT_SOUNDS_JS = """() => {
  window.tones = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };
}"""
PLACES = "[...document.querySelectorAll('[data-place]')].map(one => one.querySelector('article')?.dataset.stream ?? '')"


async def test_the_day_of_the_watcher(tmp_path: Path) -> None:
    """One hub and one browser for the whole day: starting them is most of the time."""
    simulated, hub = Simulators(SimulatorsConfig(cameras=window_cameras())), HubProcess(tmp_path / "data", HUB_ENVIRON)
    async with simulated as simulators, hub, chromium() as browser, AsyncExitStack() as stack:
        await make_hall(hub, simulators.urls)
        given = await make_person(hub, "wang", "王值班", "watcher")
        await make_colleague(hub, "zhao", "赵接班", "watcher")
        await make_colleague(hub, "sun", "孙负责", "approver")
        camera, page = Camera(tmp_path), await desk(stack, browser, hub)
        await _comes(page, camera, given)
        await until_live(hub, len(WINDOWS))
        await _arranges(page, camera)
        await _answers_an_interruption(hub, page, camera, simulators)
        await _notes(hub, page, camera)
        await _looks_back(stack, browser, hub, page, camera)
        await _hands_over(hub, page, camera)
        assert await hub.stop() == 0
    assert verify_path(tmp_path / "data", None, keys_dir=tmp_path / "data.keys").exit_code == 0


async def _comes(page: Page, camera: Camera, given: str) -> None:
    """The first day: nothing else is answered before the password is one's own. Then the sound, and the shift."""
    await sign_in(page, "wang", given)
    await page.wait_for_selector("[data-account][data-must-change=true]")
    await camera.shoot(page, "one-time-password")
    await choose_own_password(page, given)
    await page.evaluate(COUNT_SOUNDS_JS)
    await page.click("[data-action=arm]")
    await page.wait_for_selector("[data-action=disarm]")
    await go(page, "alarms")
    await page.click("[data-action=begin-shift]")
    await page.wait_for_selector("[data-action=hand-over-shift]")
    await camera.shoot(page, "shift-begun")
    await go(page, "wall")


async def _arranges(page: Page, camera: Camera) -> None:
    await until_playing(page, BROKEN)
    await page.click("[data-split='4']")
    await page.keyboard.press("/")
    await page.wait_for_selector("[data-device]")
    await page.drag_and_drop("[data-device=window-02]", "[data-place='0']")
    await until_true(page, f"{PLACES}[0] === 'window-02'")
    arranged = await page.evaluate(f"() => JSON.stringify({PLACES})")
    await camera.shoot(page, "wall-with-its-tree")
    await page.click("[data-action=layouts]")
    await page.fill("input[name=layout-name]", "早班")
    await page.click("[data-action=save]")
    await page.wait_for_selector("[data-layout]")
    await camera.shoot(page, "layout-kept")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-layout]", state="detached")
    await page.click("[data-split=auto]")
    await until_true(page, f"JSON.stringify({PLACES}) !== '{arranged}'")
    await page.click("[data-action=layouts]")
    await page.click("[data-layout] [data-action=use]")
    await until_true(page, f"JSON.stringify({PLACES}) === '{arranged}'")
    await page.click("[data-action=tree]")
    await page.wait_for_selector("[data-device]", state="detached")
    await page.click("[data-split=auto]")


async def _answers_an_interruption(hub: HubProcess, page: Page, camera: Camera, simulators: Simulators) -> None:
    """It pops up with its sound, its pictures and its place; A acknowledges; the tile is enlarged by its number."""
    await until_playing(page, BROKEN)
    await simulators.play(BROKEN, [Fault(FaultKind.CUT, 0.0, 6.0)])
    await page.wait_for_selector(f"[data-alarm] [data-live={BROKEN}]")
    assert "东城大厅" in await page.inner_text("[data-alarm] [data-place]")
    await until_true(page, "window.tones > 0")
    await page.wait_for_timeout(600)
    await camera.shoot(page, "interruption")
    await page.keyboard.press("a")
    await page.wait_for_selector("[data-alarm]", state="detached")
    (alarm,) = await hub.call("GET", "/api/alarms")
    assert (alarm["state"], alarm["acknowledged_by"]) == ("acknowledged", "wang")
    await page.keyboard.press("1")
    await page.wait_for_selector(f"article.enlarged[data-stream={BROKEN}]")
    await page.wait_for_selector(f"article[data-stream={BROKEN}][data-state=live]")
    await until_playing(page, BROKEN)
    await camera.shoot(page, "enlarged")
    await page.keyboard.press("Escape")


async def _notes(hub: HubProcess, page: Page, camera: Camera) -> None:
    await go(page, "alarms")
    await page.click("[data-queued]")
    await page.fill("[data-detail] textarea[name=note]", "已电话通知大厅，网线松动，已插好")
    await page.click("[data-detail] [data-action=note]")
    await page.wait_for_selector("[data-detail] [role=status]")
    await camera.shoot(page, "noted")
    (alarm,) = await hub.call("GET", "/api/alarms")
    assert "网线松动" in alarm["note"]


async def _looks_back(stack: AsyncExitStack, browser: Browser, hub: HubProcess, page: Page, camera: Camera) -> None:
    """The hub asks for a reason, and for another person; the page goes on by itself when that one has allowed it."""
    await go(page, "wall")
    row = f"li[data-stream={BROKEN}]"
    await page.hover(row)
    await page.click(f"{row} button.play")
    await page.wait_for_selector("[data-reason][data-look=new]")
    await page.click("[data-reason] label:has(input[value=case])")
    await page.fill("[data-reason] input[name=reason]", "2026-117")
    await page.click("[data-reason] [data-action=ask]")
    await page.wait_for_selector("[data-reason][data-look=pending]")
    await camera.shoot(page, "waits-for-the-approver")

    approver = await desk(stack, browser, hub, "/requests")
    await sign_in(approver, "sun", OWN)
    waiting = "[data-part=waiting] [data-look]"
    assert "2026-117" in await approver.inner_text(waiting)
    await camera.shoot(approver, "approver")
    await approver.fill(f"{waiting} input[name=note]", "同意")
    await approver.click(f"{waiting} [data-action=approve]")
    await approver.wait_for_selector(waiting, state="detached")
    await approver.context.close()

    await page.wait_for_selector("[data-reason]", state="detached")
    await page.wait_for_selector("[data-playback][data-status=ready] [data-watermark]")
    await until_true(page, "Number(document.querySelector('[data-playback] [data-clock]')?.dataset.clock ?? 0) > 0")
    # the hub's zone, on a machine that is set to another one
    shown = await page.inner_text("[data-playback] time.clock")
    told = await page.evaluate(
        "() => new Date(Number(document.querySelector('[data-playback] [data-clock]').dataset.clock))"
        ".toLocaleTimeString('en-GB', { timeZone: 'Asia/Shanghai' }).slice(0, 2)"
    )
    assert f" {told}:" in f" {shown.split()[-1]}"
    await camera.shoot(page, "played")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-playback]", state="detached")


async def _hands_over(hub: HubProcess, page: Page, camera: Camera) -> None:
    """Who comes signs for exactly what is open, and sits down at the same machine."""
    await go(page, "alarms")
    await page.click("[data-action=hand-over-shift]")
    await page.wait_for_selector("dialog [data-open]")
    assert "网线松动" in await page.inner_text("dialog [data-open]")
    await page.fill("textarea[name=shift-note]", "1号窗口中断一次，其余正常")
    await page.fill("input[name=comes]", "zhao")
    await page.fill("input[name=comes-password]", OWN)
    await camera.shoot(page, "handing-over")
    await page.click("[data-action=accept]")
    await page.wait_for_selector("dialog", state="detached")
    await page.click("[data-user]")
    await page.click("[data-action=sign-out]:visible")
    await sign_in(page, "zhao", OWN)
    await go(page, "alarms")
    await page.wait_for_selector("[data-detail][data-state=open]")  # it is hers now, and rings again
    assert "网线松动" in await page.inner_text("[data-detail]")
    await page.wait_for_selector("[data-shift] .me")
    await camera.shoot(page, "the-next-watcher")
    await page.keyboard.press("a")
    await page.wait_for_selector("[data-detail][data-state=acknowledged]")
    (shift,) = await hub.call("GET", "/api/shifts")
    assert (shift["username"], shift["from_whom"]) == ("zhao", "wang")
    (alarm,) = await hub.call("GET", "/api/alarms")
    assert (alarm["acknowledged_by"], alarm["handed_to"]) == ("zhao", "zhao")
