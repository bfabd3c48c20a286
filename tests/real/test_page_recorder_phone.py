"""The phone's page as a page: no hub, no room, another app in front, another language, and who cannot see well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page

from hub.bench.processes import HubProcess
from tests.hub_line import until, until_live
from tests.phone_support import begin, pair, phone

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


async def test_the_page_of_a_phone(tmp_path: Path) -> None:
    async with HubProcess(tmp_path / "data") as hub:
        made = await hub.call(
            "POST", "/api/streams", {"id": "phone", "name": "phone", "kind": "recorder", "source": {"type": "whip"}}
        )
        async with phone(hub, quality="720") as (page, _air):
            cdp = await page.context.new_cdp_session(page)
            await _nothing_serious(page)
            await pair(page, hub, "phone", made["token"])
            await _can_be_installed(cdp)
            await _speaks_english(page)
            await _nothing_serious(page)
            await begin(page, [("张三", "A001"), ("李四", "A002")])
            await page.wait_for_selector("[data-phrase]")
            await _nothing_serious(page)
            await page.click("[data-action=close-sheet]")
            await until_live(hub, 1)
            await _sends_what_was_chosen(hub)
            await _fits(page)
            await _says_that_capture_stopped(page, cdp, hub)
            await _says_that_there_is_no_room(page, cdp, hub)
            await page.click("[data-action=end]")
            await page.click("[data-action=end-now]")
            await page.wait_for_selector("[data-action=start]")
            await _leads_there(page, hub)
            await page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
            await hub.stop()
            await _opens_without_the_hub(page)


async def _nothing_serious(page: Page) -> None:
    """By axe. A page that was built elsewhere comes without axe."""
    if not AXE.exists():
        return
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious, serious


async def _can_be_installed(cdp: CDPSession) -> None:
    manifest = await cdp.send("Page.getAppManifest")
    assert (manifest["url"].rsplit("/", 1)[1], manifest["errors"]) == ("recorder.webmanifest", [])
    wrong = (await cdp.send("Page.getInstallabilityErrors"))["installabilityErrors"]
    # a context of Playwright is off the record, from which nothing is installed; it must be the only reason
    assert [one["errorId"] for one in wrong if one["errorId"] != "in-incognito"] == []


async def _speaks_english(page: Page) -> None:
    """The rest of the story is in English, whose words are the longer ones."""
    await page.click("[data-action=settings]")
    await page.click(".sheet-body .row button")
    await _nothing_serious(page)
    await page.click("[data-action=close-sheet]")
    text = await page.inner_text("main")
    assert not [letter for letter in text.replace("号记录仪", "") if "\u4e00" <= letter <= "\u9fff"], text


async def _sends_what_was_chosen(hub: HubProcess) -> None:
    async def tracks() -> Any:
        status = (await hub.call("GET", "/api/streams/phone"))["status"]
        return status["tracks"] if len(status["tracks"]) == 2 else None

    found = {one["codec"]: one for one in await until(tracks)}
    assert set(found) == {"h264", "opus"}


async def _fits(page: Page) -> None:
    """Upright and lying: every control whole on the screen, the picture not under the notes."""
    for width, height in ((360, 740), (740, 360)):
        await page.set_viewport_size({"width": width, "height": height})
        for control in await page.locator(".controls button").all():
            box = await control.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width + 1
            assert box["y"] + box["height"] <= height + 1
        view = await page.locator(".view").bounding_box()
        notes = await page.locator(".notes").bounding_box()
        assert view is not None
        assert notes is not None
        assert notes["height"] <= view["height"] / 2 + 1
    await page.set_viewport_size({"width": 360, "height": 740})


async def _says_that_capture_stopped(page: Page, cdp: CDPSession, hub: HubProcess) -> None:
    """A call or a locked screen, as far as a desktop's browser has them: the events that a phone's gets."""
    await page.evaluate(
        """() => {
          const track = document.querySelector('video').srcObject.getVideoTracks()[0];
          track.dispatchEvent(new Event('mute'));
          document.dispatchEvent(new Event('freeze'));
        }"""
    )
    await page.click("[data-action=more-alerts]")
    await page.wait_for_selector("[data-alert=muted_video]")
    await page.wait_for_selector("[data-alert=frozen]")
    await page.wait_for_timeout(1100)
    await page.evaluate(
        """() => {
          document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('unmute'));
          document.dispatchEvent(new Event('resume'));
        }"""
    )
    await page.wait_for_selector("[data-alert=muted_video]", state="detached")

    async def told() -> Any:
        (one,) = await hub.call("GET", "/api/activities?stream=phone")
        texts = [mark["text"] for mark in one["marks"] if mark["kind"] == "free"]
        return texts if len(texts) >= 2 else None

    assert len(await until(told)) == 2


async def _says_that_there_is_no_room(page: Page, cdp: CDPSession, hub: HubProcess) -> None:
    await cdp.send("Storage.overrideQuotaForOrigin", {"origin": hub.url, "quotaSize": 1})
    await page.wait_for_selector("[data-alert=quota]", timeout=15_000)
    await page.wait_for_selector("[data-taping=false]")
    await page.wait_for_selector("[data-link=live]")
    await cdp.send("Storage.overrideQuotaForOrigin", {"origin": hub.url})
    await page.wait_for_selector("[data-taping=true]", timeout=20_000)
    await page.wait_for_selector("[data-alert=quota]", state="detached")


async def _leads_there(page: Page, hub: HubProcess) -> None:
    """From the command centre."""
    await page.goto(f"{hub.url}/#/recorder")
    await page.wait_for_url(f"{hub.url}/recorder")
    await page.wait_for_selector("[data-action=start]")


async def _opens_without_the_hub(page: Page) -> None:
    await page.reload()
    await page.wait_for_selector("[data-action=start]", timeout=15_000)
    await page.wait_for_selector("[data-alert=hubLostIdle]", timeout=20_000)
