"""An H.265 camera whose H.264 sub-stream is seen on the wall: in Chromium, while somebody looks, and never recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.bench.processes import HubProcess
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from hub.model import Codec
from tests.hub_line import SMALL, SOUND, assert_unbroken, recorded, sent_digests, until, until_live
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_playing, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

MAIN = replace(SMALL, codec=Codec.H265, width=640, height=360)
CONFIG = SimulatorsConfig(
    cameras=(
        DeviceConfig(name="main", video=MAIN, audio=SOUND, record=True),
        DeviceConfig(name="sub", video=SMALL, audio=SOUND, record=True),
        DeviceConfig(name="bare", video=MAIN),
        DeviceConfig(name="h264", video=replace(SMALL, width=640, height=360)),
        DeviceConfig(name="h264-sub", video=SMALL),
    )
)


async def sessions(simulators: Simulators, device: str) -> int:
    return int((await simulators.state())["sessions"][device])


async def add(hub: HubProcess, stream_id: str, url: str, preview: str = "") -> None:
    body = {"id": stream_id, "name": stream_id, "kind": "window", "source": {"type": "rtsp", "url": url}}
    if preview:
        body["preview"] = {"url": preview}
    await hub.call("POST", "/api/streams", body)


async def test_the_sub_stream_is_seen_and_the_main_stream_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with Simulators(CONFIG) as simulators, HubProcess(data, HUB_ENVIRON) as hub:
        main, sub, bare, h264, h264_sub = simulators.urls
        await add(hub, "cam", main, sub)
        await add(hub, "bare", bare)
        await add(hub, "plain", h264, h264_sub)
        await until_live(hub, 3)
        assert await sessions(simulators, "sub") == 0, "nobody looks"

        async with open_page(hub) as page:
            await page.wait_for_selector("input[name=username]")
            await sign_in(page)
            await until_playing(page, "cam")
            await page.wait_for_selector("article[data-stream=cam][data-state=live] [data-preview]")
            assert await page.inner_text("article[data-stream=cam] [data-preview]") == "预览·非留存"
            assert await page.evaluate("() => document.querySelector('video[data-stream=cam]').videoWidth") == 320
            await page.wait_for_selector("article[data-stream=bare][data-state=unsupported] [data-advice]")

            # beside an enlarged tile the others are small: their sub-streams will do; enlarged they show what is kept
            width = "document.querySelector('video[data-stream=plain]').videoWidth"
            assert await page.evaluate(f"() => {width}") == 640
            await page.dblclick("article[data-stream=bare]")
            await page.wait_for_selector("article[data-stream=plain] [data-preview]")
            await until_true(page, f"{width} === 320")
            await page.keyboard.press("Escape")
            await page.dblclick("article[data-stream=plain]")
            await page.wait_for_selector("article[data-stream=plain] [data-preview]", state="detached")
            await until_true(page, f"{width} === 640")
            await until_playing(page, "plain")
            await page.keyboard.press("Escape")

            await simulators.play("sub", [Fault(FaultKind.CUT, 0.0, 2.0)])
            await page.wait_for_selector("article[data-stream=cam][data-state=live] [data-preview-failed]")
            await page.wait_for_selector("[data-preview-failed]", state="detached")
            await until_playing(page, "cam")
            assert await sessions(simulators, "sub") == 1, "one connection, however many looks"

        async def nobody() -> bool:
            return await sessions(simulators, "sub") == 0 and await sessions(simulators, "h264-sub") == 0

        await until(nobody)
        assert {one["id"]: one["status"]["state"] for one in await hub.call("GET", "/api/streams")} == {
            "cam": "live", "bare": "live", "plain": "live",
        }  # fmt: skip
        assert await hub.call("GET", "/api/interruptions") == []
        assert await hub.stop() == 0
        sent = await simulators.sent("main")
        seen = set(sent_digests(await simulators.sent("sub"), "video"))

    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    assert sorted(one.name for one in (data / "reels").iterdir()) == ["bare", "cam", "plain"]
    for kind in ("video", "audio"):
        found = recorded(data, "cam", kind)
        assert_unbroken(found, sent_digests(sent, kind), may_miss_at_end=50, may_miss_at_start=0)
        assert kind == "audio" or seen.isdisjoint(found)
