"""The engineer's morning: a camera that keeps dropping out is on top, the graphs move, nothing was lost in silence, a
channel is tried; the auditor reads who did it, and the engineer does not. No picture anywhere; a restart of the hub is
known with its hole."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.page_support import HUB_ENVIRON
from tests.real.test_page_followup import _chromium, _desk, _first_password

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PEOPLE = (("gong", "工运维", "engineer"), ("shen", "沈审计", "auditor"))
TABS = {"balance", "streams", "storage", "log", "graphs", "channels", "hub"}
CAMERAS = SimulatorsConfig(
    cameras=(
        DeviceConfig(name="calm", video=SMALL, audio=SOUND),
        DeviceConfig(name="flaps", video=SMALL, audio=SOUND),
    )
)


async def test_the_engineer_s_morning(tmp_path: Path) -> None:
    """One hub, one browser, two machines."""
    hub = HubProcess(tmp_path / "data", HUB_ENVIRON)
    async with Simulators(CAMERAS) as cameras, hub, _chromium() as browser, AsyncExitStack() as stack:
        for name, url in zip(("calm", "flaps"), cameras.urls, strict=True):
            await add_camera(hub, name, url)
        for username, name, role in PEOPLE:
            person = {"username": username, "name": name, "unit": "root", "roles": [role]}
            await _first_password(hub, username, (await hub.call("POST", "/api/people", person))["password"])
        await until_live(hub, 2)
        await _drop_out(hub, cameras)
        engineer = await _desk(stack, browser, hub, "gong", "/engineer")
        await engineer.wait_for_selector("[data-engineer]")
        assert set(await _tabs(engineer)) == TABS
        await _nothing_lost(hub, engineer)
        await _flapping_on_top(engineer)
        await _graphs(engineer)
        await _log(engineer)
        await _channel(engineer)
        await _settings(engineer)
        auditor = await _desk(stack, browser, hub, "shen", "/engineer?tab=audit")
        await _audit(auditor)
        await _days_left(engineer)
        await _no_picture_anywhere(engineer)
        await _restarted(hub, engineer)
        assert await hub.stop() == 0


async def _drop_out(hub: HubProcess, cameras: Simulators) -> None:
    """Its connection is torn off twice, and each time it is back."""

    async def connections() -> int:
        rows = (await hub.call("GET", "/api/operations/streams"))["streams"]
        return int({one["id"]: one for one in rows}["flaps"]["connections_hour"])

    for wanted in (2, 3):
        await cameras.play("flaps", [Fault(FaultKind.CUT, 0.0, 0.3)])
        await until(lambda wanted=wanted: _reached(connections, wanted), 20)


async def _reached(connections: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await connections() >= wanted


async def _tabs(page: Page) -> list[str]:
    return await page.eval_on_selector_all("[data-tab]", "found => found.map(one => one.dataset.tab)")


async def _nothing_lost(hub: HubProcess, page: Page) -> None:
    await page.wait_for_selector("[data-balance][data-silent='']")
    for account in ("frames", "entries", "holes"):
        await page.wait_for_selector(f"[data-account={account}][data-state=good]")
    told = await hub.call("GET", "/api/operations/balance")
    assert told["frames_recorded"] > 100
    assert told["frames_unrecorded"] == told["entries_missing"] == 0
    await _serious(page)


async def _flapping_on_top(page: Page) -> None:
    await page.click("[data-tab=streams]")
    await page.wait_for_selector("tbody tr[data-row]:first-child[data-row=flaps][data-troubles~=flapping]")
    assert await page.inner_text("[data-troubled]") == "1 路需要注意"
    # by the keyboard alone: another order, then the detail
    await page.focus("th [data-sort=name]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("tbody tr[data-row]:first-child[data-row=calm]")
    await page.fill("input[name=search]", "flaps h264")
    await page.wait_for_selector("tr[data-row=calm]", state="detached")
    await page.focus("tr[data-row=flaps] button")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-detail=flaps] [data-series=bitrate_bps] canvas")
    assert "反复掉线" in await page.inner_text("[data-detail=flaps]")
    await _serious(page)


async def _days_left(page: Page) -> None:
    await page.click("[data-tab=storage]")
    await page.wait_for_selector("[data-tile=days] b")
    await page.wait_for_selector("[data-tile=rate] b")
    await _serious(page)


async def _no_picture_anywhere(page: Page) -> None:
    """Wherever the navigation leads, and at the addresses of pictures that somebody may have told."""
    links = await page.eval_on_selector_all("nav [data-nav]", "all => all.map((one) => one.getAttribute('href'))")
    places = await page.eval_on_selector_all("nav [data-nav]", "all => all.map((one) => one.dataset.nav)")
    assert not {"wall", "playback"} & set(places)
    for address in (*links, "#/", "#/playback?stream=calm", "#/alarms"):
        await page.evaluate("address => { location.hash = address }", address)
        await page.wait_for_timeout(300)
        shown = "all => all.filter((one) => one.readyState > 0 || one.naturalWidth > 0).map((one) => one.outerHTML)"
        assert await page.eval_on_selector_all("video, [data-still] img, [data-picture] img", shown) == [], address


async def _restarted(hub: HubProcess, page: Page) -> None:
    """The page says that the hub is away and when it is back; the hole is an interruption of each camera, and known."""
    await page.evaluate("() => { location.hash = '#/engineer' }")
    before = await hub.call("GET", "/api/operations/balance")
    assert await hub.stop() == 0
    await page.wait_for_selector("[data-lost]")
    await hub.start()
    await until_live(hub, 2)
    await page.wait_for_selector("[data-lost]", state="detached")
    await page.wait_for_selector("[data-balance][data-silent='']")

    async def known() -> bool:
        return int((await hub.call("GET", "/api/operations/balance"))["interruptions"]) >= before["interruptions"] + 2

    await until(known, 20)
    await page.reload()
    await page.wait_for_selector("[data-balance][data-silent='']")
    await page.wait_for_selector("[data-account=holes][data-state=good]")


async def _graphs(page: Page) -> None:
    await page.click("[data-tab=graphs]")
    await page.wait_for_selector("[data-series=ingest_bps] canvas")
    shown = await page.locator("[data-series]").count()
    assert shown >= 20
    await until(lambda: _positive(page, "ingest_bps"), 15)
    await page.click("[data-action=table]")
    assert await page.locator("[data-series-table] tbody tr").count() == shown
    await _serious(page)


async def _positive(page: Page, name: str) -> bool:
    return float(await page.get_attribute(f"[data-series={name}]", "data-now") or 0) > 0


async def _log(page: Page) -> None:
    await page.click("[data-tab=log]")
    await page.wait_for_selector("[data-anchoring][data-state=alone]")
    await page.wait_for_selector("[data-signed]")
    await page.click("[data-action=code]")
    await until(lambda: page.eval_on_selector("[data-code]", "one => one.naturalWidth > 0"), 10)
    await _serious(page)


async def _channel(page: Page) -> None:
    """One that nobody answers: its failure is said, and that nothing came through."""
    await page.click("[data-tab=channels]")
    await page.wait_for_selector("[data-none]")
    await page.fill("input[name=channel-name]", "duty")
    await page.select_option("select[name=channel-kind]", "webhook")
    await page.fill("input[name=channel-url]", "http://127.0.0.1:9/hook?token=a-secret-of-ours")
    await page.click("[data-action=add]")
    await page.wait_for_selector("[data-channel=duty]")
    assert "a-secret-of-ours" not in await page.content()
    await page.click("[data-channel=duty] [data-action=try]")
    await page.wait_for_selector("[data-channel=duty] [data-tried].bad")
    await _serious(page)


async def _settings(page: Page) -> None:
    await page.click("[data-tab=hub]")
    await page.wait_for_selector("[data-setting=admin_password]")
    assert "***" in await page.inner_text("[data-setting=admin_password]")
    assert await page.inner_text("[data-version]")
    await _serious(page)


async def _audit(page: Page) -> None:
    """What was done to the hub, and by whom; as a table that leaves the page too."""
    await page.wait_for_selector("[data-what='channel.added']")
    assert "gong" in await page.inner_text("[data-what='channel.added']")
    assert await page.locator("[data-what='stream.added']").count() == 2
    async with page.expect_download() as coming:
        await page.click("[data-action=csv]")
    path = await (await coming.value).path()
    rows = list(csv.DictReader(io.StringIO(await asyncio.to_thread(path.read_text, "utf-8-sig"))))
    assert {one["what"] for one in rows} >= {"channel.added", "stream.added", "person.added"}
    await page.select_option("select[name=what]", "channel")
    await page.click("[data-action=search]")
    await page.wait_for_selector("[data-what='stream.added']", state="detached")
    assert await page.locator("[data-access]").count() == 1
    await _serious(page)


async def _serious(page: Page) -> None:
    """By axe, of what is serious or worse. A page that was built elsewhere comes without axe."""
    if not AXE.exists():
        return
    await page.evaluate(f"() => {{ {await asyncio.to_thread(AXE.read_text, 'utf-8')} }}")
    found = await page.evaluate("() => axe.run(document.querySelector('main'), { resultTypes: ['violations'] })")
    grave = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
