"""The engineer's morning at the register: a camera by its brand with a look at it, a table of 200, a recorder whose
token is scanned from the screen, a fault and its repair."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.demo.encode import AudioSpec, VideoSpec
from hub.demo.rtsp_server import RtspRules
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.devices.columns import COLUMNS
from hub.model import Codec
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_playing, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

SECRET = "p@ss:w/rd"
CAMERAS = SimulatorsConfig(
    cameras=(
        DeviceConfig(
            name="cam",
            video=VideoSpec(width=320, height=180, bitrate=300_000, seconds=4),
            audio=AudioSpec(Codec.AAC, rate=32_000, seconds=4),
        ),
    ),
    rules=RtspRules(challenge="digest-md5", user="admin", password=SECRET),
)
ENGINEER, OWN = "gong", "an engineer's own words"


async def test_registering_devices(tmp_path: Path) -> None:
    async with (
        Simulators(CAMERAS) as cameras,
        HubProcess(tmp_path / "data", HUB_ENVIRON) as hub,
        open_page(hub) as page,
    ):
        port = int(cameras.urls[0].rpartition(":")[2].partition("/")[0])
        await hub.call(
            "POST", "/api/people", {"username": "zhang", "name": "张三", "unit": "root", "roles": ["officer"]}
        )
        await sign_in(page)
        await _first_tile(hub, page, port)
        await _table_of_200(hub, page, tmp_path)
        await _recorder_with_code(hub, page, tmp_path)
        await _fault_and_repair(hub, page)
        await _retire(hub, page)
        await _engineer_sees_no_picture(hub, page, port)
        assert SECRET not in hub.log_path.read_text()


async def _first_tile(hub: HubProcess, page: Page, port: int) -> None:
    """From nothing to a live tile: the empty wall offers the form, the brand makes the address."""
    await page.click("[data-empty] [data-action=add]")
    await page.click("label:has(input[value=hikvision])")
    await page.fill("input[name=host]", "127.0.0.1")
    await page.fill("input[name=port]", str(port))
    await page.fill("input[name=camera-password]", "wrong")
    await page.click("[data-action=probe]")
    await page.wait_for_selector("[data-probe=unauthorized]")
    await page.fill("input[name=camera-password]", SECRET)
    await page.wait_for_selector("[data-probe='']")
    await page.click("[data-action=probe]")
    await page.wait_for_selector("[data-probe=ok] img")
    width = "document.querySelector('[data-probe=ok] img').naturalWidth"
    assert await until_true(page, width) == 320
    assert "320×180" in await page.inner_text("[data-probe=ok]")
    await page.fill("input[name=name]", "1号窗口")
    await page.click("[data-action=submit]")
    await until_playing(page, "window-01")
    (stream,) = await hub.call("GET", "/api/streams")
    assert stream["source"]["url"] == f"rtsp://admin:***@127.0.0.1:{port}/Streaming/Channels/101"


async def _table_of_200(hub: HubProcess, page: Page, folder: Path) -> None:
    await page.goto(f"{hub.url}/#/devices/import")
    async with page.expect_download() as coming:
        await page.click("[data-action=template]")
    path = folder / "devices.xlsx"
    await (await coming.value).save_as(path)
    rows = [
        {"id": f"hall-{n:03}", "name": f"{n}号", "kind": "服务窗口", "brand": "大华", "host": f"127.1.0.{n}",
         "port": "9", "user": "admin", "password": SECRET, "sub": "是", "custodian": "张三"}
        for n in range(1, 201)
    ]  # fmt: skip
    rows[6]["unit"] = "无此单位"
    rows[7]["name"] = "=A1"
    await asyncio.to_thread(_fill, path, rows)
    await page.set_input_files("input[name=table]", path)
    await page.wait_for_selector("[data-line='8'] [data-problem='unit:unknown_unit']")
    await page.wait_for_selector("[data-line='9'] [data-problem='name:formula']")
    assert await page.inner_text("[data-count=new] b") == "198"
    await page.click("[data-action=import-good]")
    await page.wait_for_selector("[data-import][data-done=true]")
    assert len(await hub.call("GET", "/api/streams")) == 199

    # put right, the same table brings the two that were left out, and nothing twice
    rows[6].pop("unit")
    rows[7]["name"] = "8号"
    await asyncio.to_thread(_fill, path, rows)
    await page.set_input_files("input[name=table]", path)
    await until_true(page, "document.querySelector('[data-count=same] b')?.textContent === '198'")
    await page.click("[data-action=import-all]")
    await page.wait_for_selector("[data-import][data-done=true]")
    streams = await hub.call("GET", "/api/streams")
    assert len(streams) == 201
    one = next(stream for stream in streams if stream["id"] == "hall-200")
    assert one["source"]["url"] == "rtsp://admin:***@127.1.0.200:9/cam/realmonitor?channel=1&subtype=0"
    assert one["preview"]["url"].endswith("subtype=1")
    assert one["custodian"] == "zhang"
    assert SECRET not in await page.content()
    # nobody answers there, and the test goes on
    gone = [one["id"] for one in streams if one["id"].startswith("hall-") and one["id"] != "hall-001"]
    await asyncio.gather(*(hub.call("DELETE", f"/api/streams/{ident}") for ident in gone))


def _fill(path: Path, rows: list[dict[str, str]]) -> None:
    book = load_workbook(io.BytesIO(path.read_bytes()))
    for at, row in enumerate(rows, start=2):
        for column, one in enumerate(COLUMNS, start=1):
            book["设备"].cell(at, column).value = row.get(one.key)
    book.save(path)


async def _recorder_with_code(hub: HubProcess, page: Page, folder: Path) -> None:
    await page.goto(f"{hub.url}/#/devices")
    await page.click("[data-action=add]")
    await page.click("label:has(input[value=whip])")
    await page.fill("input[name=name]", "执法记录仪07")
    await page.click("[data-action=submit]")
    await page.wait_for_selector(".el-form-item__error")  # R21: it is somebody's
    await page.click("[data-pick=custodian]")
    await page.click(".el-select-dropdown__item:visible:has-text('张三')")
    await page.click("[data-action=submit]")
    first = await _scanned(page, folder)
    assert (first["v"], first["hub"], first["stream"], first["name"]) == (1, hub.url, "recorder-01", "执法记录仪07")
    assert first["token"] == await page.input_value("[data-field=token] input")
    await page.click(".el-dialog__footer button:visible")

    await page.goto(f"{hub.url}/#/devices/of/recorder-01")
    await page.click("[data-action=renew]")
    await page.click("[data-action=renew-sure]")
    second = await _scanned(page, folder)
    assert second["token"] != first["token"]
    for token, status in ((first["token"], 401), (second["token"], 400)):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with hub.http.post(f"{hub.url}/whip/recorder-01", data="no session", headers=headers) as answer:
            assert answer.status == status
    await page.click("[data-action=hide-token]")
    assert second["token"] not in await page.content()
    for secret in (first["token"], second["token"]):
        assert secret not in page.url
        assert secret not in hub.log_path.read_text()


async def _scanned(page: Page, folder: Path) -> Any:
    """What a phone would read from the screen, by zbar, which knows nothing of who drew it."""
    zbar = shutil.which("zbarimg")
    assert zbar is not None, "apt-get install zbar-tools"
    await page.wait_for_selector("canvas[data-qr]:visible")
    shot = folder / "screen.png"
    await page.screenshot(path=shot)
    command = [zbar, "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(shot)]
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    return json.loads(result.stdout)


async def _fault_and_repair(hub: HubProcess, page: Page) -> None:
    await page.goto(f"{hub.url}/#/devices/of/recorder-01")
    await page.click("[data-action=fault]")
    await page.select_option("[data-fault] select[name=reason]", "power")
    await page.fill("input[name=fault-text]", "充不上电")
    await page.click("[data-action=report-fault]")
    await page.wait_for_selector("[data-fault][data-lasts=true]")
    await page.fill("input[name=service]", "张三")
    await page.fill("input[name=work]", "换电池")
    await page.click("[data-action=repair]")
    await page.wait_for_selector("[data-fault] [role=alert]")  # 不得自行维修
    await page.fill("input[name=service]", "某某维修站")
    await page.click("[data-action=repair]")
    await page.wait_for_selector("[data-fault][data-lasts=false] [data-past]")
    (fault,) = await hub.call("GET", "/api/faults?stream=recorder-01&state=all")
    assert (fault["reason"], fault["service"], fault["ended_at"] is not None) == ("power", "某某维修站", True)

    await page.fill("input[name=device-number]", "DL-0007")
    await page.check("input[name=tag-night_vision]")
    await page.click("[data-action=save-owner]")
    await page.wait_for_selector("[data-owner] [role=status]")
    stream = await hub.call("GET", "/api/streams/recorder-01")
    assert (stream["device_number"], stream["capabilities"]) == ("DL-0007", ["night_vision"])


async def _retire(hub: HubProcess, page: Page) -> None:
    await page.goto(f"{hub.url}/#/devices")
    await page.fill("input[name=search]", "DL-0007")
    await until_true(page, "document.querySelectorAll('tr[data-device]').length === 1")
    await page.goto(f"{hub.url}/#/devices/of/hall-001")
    await page.click("[data-action=retire]")
    await page.fill("input[name=retire-id]", "hall-00")
    assert await page.is_disabled("[data-action=retire-sure]")
    await page.fill("input[name=retire-id]", "hall-001")
    await page.click("[data-action=retire-sure]")
    await until_true(page, "document.querySelector('[data-retire]') === null")
    assert (await hub.call("GET", "/api/streams/hall-001"))["retired"]


async def _engineer_sees_no_picture(hub: HubProcess, page: Page, port: int) -> None:
    """The same look by an engineer: the facts, and a picture in which nobody can be known."""
    draft = {"username": ENGINEER, "name": "工程师", "unit": "root", "roles": ["engineer"]}
    given = (await hub.call("POST", "/api/people", draft))["password"]
    browser = page.context.browser
    assert browser is not None
    page = await browser.new_page(viewport={"width": 1280, "height": 720})  # a machine of their own
    client, origin = page.context.request, {"Origin": hub.url}
    await client.post(f"{hub.url}/api/session", data={"username": ENGINEER, "password": given}, headers=origin)
    change = {"old": given, "new": OWN}
    assert (await client.post(f"{hub.url}/api/session/password", data=change, headers=origin)).ok
    await page.goto(f"{hub.url}/#/devices/of/window-01")
    await page.click("[data-source] [data-action=probe] >> nth=0")  # with the stored password, which nobody sees
    await page.wait_for_selector("[data-probe=ok] img.reduced")
    assert await until_true(page, "document.querySelector('[data-probe=ok] img').naturalWidth") == 32
    assert "320×180" in await page.inner_text("[data-probe=ok]")
