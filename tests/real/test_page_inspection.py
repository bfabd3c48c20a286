"""The inspector at work: a number opens its records, a sample is drawn and played, a finding becomes an order that the
hall answers, and a byte that was changed on the disk is found where it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import ExitCode
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.page_support import HUB_ENVIRON
from tests.real.test_page_followup import _chromium, _desk, _first_password

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

PEOPLE = (("shen", "沈审核", "root", "inspector"), ("ting", "丁大厅", "hall", "hall_admin"))
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    async with Simulators(
        SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    ) as simulators:
        yield simulators


async def test_an_inspector_finds_draws_orders_and_checks(tmp_path: Path, simulators: Simulators) -> None:
    """One hub and one browser for all of it."""
    data = tmp_path / "data"
    hub = HubProcess(data, HUB_ENVIRON)
    async with hub, _chromium() as browser, AsyncExitStack() as stack:
        await hub.call("POST", "/api/units", {"id": "hall", "name": "政务大厅", "parent": "root", "kind": "hall"})
        await add_camera(hub, "cam", simulators.urls[0])
        await hub.call("PATCH", "/api/streams/cam", {"unit": "hall", "name": "1号窗口"})
        for username, name, unit, role in PEOPLE:
            person = {"username": username, "name": name, "unit": unit, "roles": [role]}
            await _first_password(hub, username, (await hub.call("POST", "/api/people", person))["password"])
        await until_live(hub, 1)
        begun = await hub.call("POST", "/api/activities", {"stream": "cam", "party_present": False})
        await hub.call("POST", f"/api/activities/{begun['id']}/end", {})
        inspector, hall = await asyncio.gather(
            _desk(stack, browser, hub, "shen", "/inspection"), _desk(stack, browser, hub, "ting", "/inspection/orders")
        )
        await _figures(hub, inspector)
        await until(lambda: _sealed(data), 30)
        await _sample(inspector)
        await _order(inspector, hall)
        await _checks(inspector, data)
        await _accessible(inspector)
        assert await hub.stop() == 0
    verdict = verify_path(data, None, keys_dir=tmp_path / "data.keys")
    assert verdict.exit_code is ExitCode.ALTERED_OR_INCOMPLETE


async def _figures(hub: HubProcess, page: Page) -> None:
    """The number of the hall is in the root's sum, and opens the record that it counts."""
    await until(lambda: _found(hub), 30)
    await page.click("[data-quick=week]")
    number = "[data-overview] [data-unit={unit}] [data-number=no_officers]"
    await page.wait_for_selector(number.format(unit="root"))
    assert await page.inner_text(number.format(unit="hall")) == "1"
    await page.click(number.format(unit="hall"))
    await page.wait_for_selector("[data-records=no_officers][data-of=hall] [data-record]")
    assert "1号窗口" in await page.inner_text("[data-records] tbody")
    await page.click("[data-action=close-records]")
    await page.wait_for_selector("[data-records]", state="detached")


async def _found(hub: HubProcess) -> Any:
    found = await hub.call("GET", "/api/findings")
    return [one for one in found if one["finding"] == "no_officers"]


async def _sealed(data: Path) -> bool:
    return _chunks_are_there(data)


def _chunks_are_there(data: Path) -> bool:
    """A chunk and more of footage is in the ledger."""
    return any(len(path.read_bytes().splitlines()) >= 2 for path in data.glob("reels/cam/*/*.mp4.entries"))


async def _sample(page: Page) -> None:
    await page.click("[data-tab=inspection-samples]")
    await page.click("[data-action=draw]")
    await page.select_option("[data-form=draw] select[name=kind]", "streams")
    await page.fill("[data-form=draw] input[name=seed]", "kurz")
    await page.click("[data-action=draw-now]")
    await page.wait_for_selector("[data-form=draw] [role=alert]")
    await page.fill("[data-form=draw] input[name=seed]", "")
    await page.click("[data-action=draw-now]")
    await page.wait_for_selector("[data-sample-page]")
    assert len(await page.inner_text("[data-seed]")) == 32
    ident = await page.get_attribute("[data-sample-page]", "data-sample-page")
    await page.click("[data-item='1'] [data-action=play]")
    await page.wait_for_selector("[data-reason][data-look=new]")
    assert await page.input_value("[data-reason] input[name=reason]") == f"抽检 {ident} 第 1 项"
    await page.click("[data-reason] [data-action=ask]")
    await page.wait_for_selector("[data-reason]", state="detached")
    await page.wait_for_url("**/#/playback?stream=cam&at=*")
    await page.go_back()
    await page.wait_for_selector("[data-item='1'][data-outcome='']")
    await page.click("[data-item='1'] [data-action=result]")
    await page.wait_for_selector("[data-item='1'] [role=alert]")
    await page.check("[data-item='1'] input[value=problem]")
    await page.select_option("[data-item='1'] select[name=code]", "V10")
    await page.fill("[data-item='1'] input[name=note]", "未着制式服装")
    await page.click("[data-item='1'] [data-action=result]")
    await page.wait_for_selector("[data-item='1'][data-outcome=problem]")
    await page.wait_for_selector("[data-sample-page][data-done=true]")
    assert await page.evaluate(f"async () => (await fetch('/api/inspection/samples/{ident}/paper.pdf')).status") == 200


async def _order(inspector: Page, hall: Page) -> None:
    await inspector.click("[data-item='1'] [data-action=order]")
    await inspector.fill("[data-form=order] textarea", "窗口人员统一着装")
    await inspector.click("[data-action=give-order]")
    await inspector.wait_for_selector("[data-item='1'] [data-state=open]")
    await hall.wait_for_selector("[data-order][data-state=open]")  # heard of by itself
    assert await hall.locator("[data-step=close]").count() == 0
    await hall.fill("[data-order] input[name=step-note]", "已统一着装，附照片")
    await hall.click("[data-step=done]")
    await hall.wait_for_selector("[data-order][data-state=done]")
    await inspector.click("[data-tab=inspection-orders]")
    await inspector.wait_for_selector("[data-order][data-state=done]")
    await inspector.click("[data-step=close]")
    await inspector.wait_for_selector("[data-order]", state="detached")
    await inspector.click("[data-shown=closed]")
    assert "已统一着装" in await inspector.inner_text("[data-order][data-state=closed]")


def _flipped(data: Path) -> Path:
    """One bit of the first reel, on the disk under the running hub."""
    reel = min(data.glob("reels/cam/*/*.mp4"))
    with reel.open("r+b") as file:
        file.seek(4000)
        byte = file.read(1)
        file.seek(4000)
        file.write(bytes([byte[0] ^ 1]))
    return reel


async def _checks(page: Page, data: Path) -> None:
    await page.click("[data-tab=inspection-checks]")
    await page.click("[data-action=check]")
    await page.wait_for_selector("[data-check][data-exit='0']", timeout=60_000)
    assert await page.locator("[data-check][data-exit='0'] [data-axis]").count() == 4
    reel = _flipped(data)
    await page.click("[data-action=check]:enabled")
    await page.wait_for_selector("[data-check][data-exit='1']", timeout=60_000)
    assert "数据已被改动" in await page.inner_text("[data-exit='1'] [data-axis=integrity]")
    assert reel.relative_to(data).as_posix() in await page.inner_text("[data-exit='1'] [data-findings]")


async def _accessible(page: Page) -> None:
    """By axe, of what is serious or worse. A page that was built elsewhere comes without axe."""
    if not AXE.exists():
        return
    for tab in ("inspection", "inspection-samples", "inspection-checks", "inspection-orders"):
        await page.click(f"[data-tab={tab}]")
        await page.wait_for_selector(f"[data-tab={tab}][aria-current=page]")
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("() => axe.run(document.querySelector('main'), { resultTypes: ['violations'] })")
        bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        assert bad == [], (tab, [(one["id"], [node["html"] for node in one["nodes"]]) for one in bad])
