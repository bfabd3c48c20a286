"""The page: an archivist labels a stream and lifts it again; a watcher's tile says that it is not shown."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, SOUND, add_camera, until_live
from tests.page_support import HUB_ENVIRON
from tests.real.test_page_followup import _chromium, _desk, _first_password

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

PEOPLE = (("wei", "魏值班", "watcher"), ("dang", "党档案", "archivist"))


async def test_a_label_is_set_and_lifted_and_the_wall_follows(tmp_path: Path) -> None:
    cameras = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    hub = HubProcess(tmp_path / "data", HUB_ENVIRON)
    async with Simulators(cameras) as simulators, hub, _chromium() as browser, AsyncExitStack() as stack:
        await add_camera(hub, "cam", simulators.urls[0])
        for username, name, role in PEOPLE:
            person = {"username": username, "name": name, "unit": "root", "roles": [role]}
            await _first_password(hub, username, (await hub.call("POST", "/api/people", person))["password"])
        await until_live(hub, 1)
        wall = await _desk(stack, browser, hub, "wei", "/wall")
        await wall.wait_for_selector("[data-stream=cam][data-state=live]")
        desk = await _desk(stack, browser, hub, "dang", "/playback?stream=cam")
        await desk.wait_for_selector("[data-reason][open]")  # why one plays is not what this is about
        await desk.keyboard.press("Escape")
        await desk.wait_for_selector("[data-reason]", state="detached")
        await desk.click("[data-side=clip]")
        await desk.click("[data-action=labels]")
        await desk.click("[data-action=set-label]")
        await desk.wait_for_selector("[data-form=label] [role=alert]")
        await desk.check("[name=label-kind][value=privacy]")
        await desk.fill("[name=label-reason]", "涉及未成年人")
        await desk.click("[data-action=set-label]")
        await desk.wait_for_selector("[data-label-id]")
        await desk.screenshot(path=str(tmp_path / "dialog.png"))
        notice = wall.locator("[data-stream=cam][data-state=unsupported] .notice")
        await notice.get_by_text("涉密 · 不显示").wait_for()
        # neither the last picture nor the minute that is kept stays behind the words
        assert await wall.locator("[data-stream=cam] video:visible, [data-stream=cam] canvas:visible").count() == 0
        assert await wall.evaluate("() => document.querySelector('video[data-stream=cam]').getAttribute('src')") is None
        await wall.wait_for_selector("[data-stream=cam] [data-label=privacy]")
        await wall.screenshot(path=str(tmp_path / "wall.png"))
        await desk.click("[data-action=lift]")
        await desk.fill("[name=label-why]", "已核实，不涉及")
        await desk.click("[data-action=lift-now]")
        await desk.wait_for_selector("[data-label-id]", state="detached")
        await wall.wait_for_selector("[data-stream=cam][data-state=live]")
        assert await hub.stop() == 0
