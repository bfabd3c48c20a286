"""A watcher asks to play a recording, an approver allows it in another browser, the watcher plays; the ledger tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339, rfc3339
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.page_support import HUB_ENVIRON, until_playing, until_true
from tests.real.test_page_followup import _chromium, _desk, _first_password

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

PEOPLE = (("wei", "魏值班", "watcher"), ("pi", "皮批准", "approver"), ("shen", "沈审计", "auditor"))
PLAY_JS = """async ([from, to]) => {
  const at = '/api/streams/cam/';
  const answer = await fetch(`${at}playback.m3u8?from=${from}&to=${to}`);
  if (!answer.ok) return (await answer.json()).error.code;
  const part = (await answer.text()).match(/#EXT-X-BYTERANGE:(\\d+)@(\\d+)\\n(.+)/);
  const [size, begin] = [Number(part[1]), Number(part[2])];
  const ask = (first, last) => fetch(at + part[3], { headers: { Range: `bytes=${first}-${last}` } });
  const bytes = await ask(begin, begin + size - 1);
  return [bytes.status, (await bytes.arrayBuffer()).byteLength === size];
}"""


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    async with Simulators(
        SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    ) as simulators:
        yield simulators


async def test_a_watcher_asks_an_approver_allows_it_and_it_is_played(tmp_path: Path, simulators: Simulators) -> None:
    """One hub and one browser for all of it."""
    hub = HubProcess(tmp_path / "data", HUB_ENVIRON)
    async with hub, _chromium() as browser, AsyncExitStack() as stack:
        await add_camera(hub, "cam", simulators.urls[0])
        for username, name, role in PEOPLE:
            person = {"username": username, "name": name, "unit": "root", "roles": [role]}
            await _first_password(hub, username, (await hub.call("POST", "/api/people", person))["password"])
        await until_live(hub, 1)
        watcher, approver = await asyncio.gather(
            _desk(stack, browser, hub, "wei", "/requests"), _desk(stack, browser, hub, "pi", "/requests")
        )
        span = await until(lambda: _recorded(hub), 30)
        assert await watcher.evaluate(PLAY_JS, span) == "approval_required"
        await _ask(watcher)
        assert await watcher.evaluate(PLAY_JS, span) == "approval_required"
        await _allow(approver)
        # the watcher's page hears of it by itself
        await watcher.wait_for_selector("[data-reason]", state="detached")
        await watcher.wait_for_selector("[data-part=mine] [data-look][data-state=open]")
        assert await watcher.evaluate(PLAY_JS, span) == [206, True]
        assert await approver.evaluate(PLAY_JS, span) == "reason_required"
        await _refused_then_withdrawn(watcher, approver)
        await _live(watcher)
        await _ledger(stack, browser, hub)
        assert await hub.stop() == 0
    assert verify_path(tmp_path / "data", None, keys_dir=tmp_path / "data.keys").exit_code == 0


async def _recorded(hub: HubProcess) -> list[str] | None:
    """A second and more that lies in sealed chunks, within the last hour."""
    now = rfc3339(parse_rfc3339((await hub.call("GET", "/api/streams/cam"))["created_at"]) + 600_000_000)
    began = rfc3339(parse_rfc3339(now) - 1200_000_000)
    line = await hub.call("GET", f"/api/streams/cam/timeline?from={began}&to={now}")
    spans = [one for one in line["spans"] if one["state"] == "recorded"]
    if not spans or parse_rfc3339(spans[0]["to"]) - parse_rfc3339(spans[0]["from"]) < 3_000_000:
        return None
    return [spans[0]["from"], spans[0]["to"]]


async def _ask(page: Page) -> None:
    await page.click("[data-action=new]")
    await page.click("[data-action=next]")
    await page.wait_for_selector("[data-form=ask] [role=alert]")
    await page.click("[data-form=ask] .el-select")
    await page.click(".el-select-dropdown__item")
    await page.keyboard.press("Escape")
    await page.click("[data-form=ask] .el-date-editor")
    await page.click(".el-picker-panel__shortcut >> nth=0")
    await page.click("[data-action=next]")
    await page.wait_for_selector("[data-reason][data-look=new]")
    await page.click("[data-reason] [data-action=ask]")
    assert (await page.inner_text("[data-reason] [role=alert]")).strip() != "", "a reason is wanted"
    await page.click("[data-reason] label:has(input[value=case])")
    await page.fill("[data-reason] input[name=reason]", "2026-117")
    await page.click("[data-reason] [data-action=ask]")
    await page.wait_for_selector("[data-reason][data-look=pending]")


async def _allow(page: Page) -> None:
    waiting = "[data-part=waiting] [data-look]"
    await page.wait_for_selector(waiting)
    assert "案件办理：2026-117" in await page.inner_text(waiting)
    await page.fill(f"{waiting} input[name=note]", "同意")
    await page.click(f"{waiting} [data-action=approve]")
    await page.wait_for_selector(waiting, state="detached")
    await page.wait_for_selector("[data-part=history] [data-look][data-state=open]")


async def _refused_then_withdrawn(watcher: Page, approver: Page) -> None:
    body = "{streams: ['cam'], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', reason: '好奇'}"
    await watcher.evaluate(
        f"() => fetch('/api/looks', {{method: 'POST', headers: {{'Content-Type': 'application/json'}}, "
        f"body: JSON.stringify({body})}})"
    )
    await approver.wait_for_selector("[data-part=waiting] [data-look]")
    await approver.click("[data-part=waiting] [data-action=refuse]")
    await approver.wait_for_selector("[data-part=waiting] [role=alert]")
    await approver.fill("[data-part=waiting] input[name=note]", "与工作无关")
    await approver.click("[data-part=waiting] [data-action=refuse]")
    await watcher.wait_for_selector("[data-part=history] [data-look][data-state=refused]")
    assert "与工作无关" in await watcher.inner_text("[data-part=history] [data-state=refused]")
    assert await watcher.locator("[data-part=mine] [data-look]").count() == 1
    await watcher.click("[data-part=mine] [data-action=end]")
    await watcher.wait_for_selector("[data-part=history] [data-look][data-state=ended]")


async def _live(page: Page) -> None:
    """Looked at, left, and looked at again."""
    for _ in range(2):
        await page.evaluate("() => { location.hash = '#/'; }")
        await until_playing(page, "cam")
        await page.evaluate("() => { location.hash = '#/requests'; }")
        await page.wait_for_selector("[data-requests]")


async def _ledger(stack: AsyncExitStack, browser: Any, hub: HubProcess) -> None:
    auditor = await _desk(stack, browser, hub, "shen", "/interruptions")
    await until_true(
        auditor, "fetch('/api/access?stream=cam').then(got => got.text()).then(t => t.includes('live.view'))"
    )
    entries = await auditor.evaluate("async () => (await fetch('/api/access?stream=cam')).json()")
    said = [(one["what"], one["by"], one["reason"]) for one in reversed(entries) if one["by"] in ("wei", "pi")]
    reason = "案件办理：2026-117"
    assert said == [
        ("looks.ask", "wei", reason),
        ("looks.approve", "pi", reason),
        ("playback.view", "wei", reason),
        ("looks.ask", "wei", "好奇"),
        ("looks.refuse", "pi", "好奇"),
        ("looks.end", "wei", reason),
        ("live.view", "wei", ""),
    ]
    view = next(one for one in entries if one["what"] == "playback.view")
    assert view["facts"]["approved_by"] == "pi"
    assert view["from"] < view["to"]
    assert await auditor.evaluate("async () => (await fetch('/api/access?stream=cam&limit=1&after=1')).json()") == []
