"""The whole workflow of interruptions with nothing but a phone: paired, begun, told, live and recorded; the link is cut
for twelve seconds; the phone comes back, says why, brings what the link lost, over a reload; the proof holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route

from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339
from hub.ledger.verdict import Completeness
from hub.ledger.verify import verify_path
from tests.hub_line import until, until_live
from tests.phone_support import Air, begin, hold, pair, phone, speech_file

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("chromium")]

CUT_MS = 12_000


async def test_a_phone_alone_records_breaks_off_explains_and_fills(tmp_path: Path) -> None:
    async with HubProcess(tmp_path / "data") as hub:
        made = await hub.call(
            "POST", "/api/streams", {"id": "phone", "name": "phone", "kind": "recorder", "source": {"type": "whip"}}
        )
        heard = f"--use-file-for-fake-audio-capture={speech_file(tmp_path)}"
        async with phone(hub, heard) as (page, air):
            seen: list[str] = []
            page.on("request", lambda request: seen.append(request.url))
            await pair(page, hub, "phone", made["token"])
            await _works(page, air, hub)
            cut = await _breaks_off(page, air, hub)
            await _explains(page, hub, cut)
            await _reloads_in_mid_upload(page, hub)
            brought = await _is_filled(hub, cut)
            assert not [url for url in seen if made["token"] in url]
            await _unpairs(page)
        assert await hub.stop() == 0
        assert made["token"] not in hub.log_path.read_text()
    verdict = verify_path(hub.data, None, keys_dir=hub.keys_dir)
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings
    _is_in_the_ledger(hub.data, brought)


async def _works(page: Page, air: Air, hub: HubProcess) -> None:
    await begin(page, [("张三", "A001"), ("李四", "A002")])
    await page.wait_for_selector("[data-no-voice]")
    assert "全程录音、录像" in await page.inner_text("[data-phrase]")
    await page.click("[data-action=read]")
    await until_live(hub, 1)
    assert set(air.video_codecs) == {"H264"}
    await page.click("[data-action=certificate]")
    await page.click("[data-action=key]")
    await hold(page, "[data-action=sos]", 700)
    assert await page.locator("[data-sos]").count() == 0, "a touch is no call for help"
    await hold(page, "[data-action=sos]", 2200)
    await page.wait_for_selector("[data-sos=heard]")

    async def current() -> Any:
        (one,) = await hub.call("GET", "/api/activities?stream=phone")
        return one if {mark["kind"] for mark in one["marks"]} >= {"notice", "certificate_shown", "key"} else None

    activity = await until(current)
    assert [one["certificate"] for one in activity["officers"]] == ["A001", "A002"]
    state = (await hub.call("GET", "/api/streams/phone"))["status"]["telemetry"]
    assert state["recording_locally"] is True
    assert state["battery_percent"] is not None
    assert state["sos"]["id"]
    assert await page.get_attribute("[data-taping]", "data-taping") == "true"


async def _breaks_off(page: Page, air: Air, hub: HubProcess) -> dict[str, Any]:
    """Both the media and HTTP: no word reaches anybody. Then the link is there again, and nobody touches the phone."""
    await page.wait_for_timeout(4000)
    offers = air.offers
    await _let_one_piece_through(page)
    await air.set_cut(True)
    await page.wait_for_selector("[data-alert=hubLost]", timeout=15_000)
    await page.wait_for_selector("[data-link]:not([data-link=live])", timeout=15_000)
    await page.wait_for_timeout(CUT_MS - 4000)
    await air.set_cut(False)
    await page.wait_for_selector("[data-link=live]", timeout=15_000)
    assert air.offers > offers, "a session of its own"

    async def over() -> Any:
        cuts = await hub.call("GET", "/api/interruptions?stream=phone")
        return cuts[0] if cuts and cuts[0]["ended_at"] is not None else None

    cut = await until(over)
    lasted_us = parse_rfc3339(cut["ended_at"]) - parse_rfc3339(cut["started_at"])
    assert lasted_us > 7_000_000
    return dict(cut)


async def _let_one_piece_through(page: Page) -> None:
    """Of the upload that comes: then its connection breaks each time, until the page is loaded anew."""
    pieces = 0

    async def piece(route: Route) -> None:
        nonlocal pieces
        if route.request.method == "PATCH":
            pieces += 1
        if route.request.method == "PATCH" and pieces > 1:
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/api/uploads/*", piece)


async def _explains(page: Page, hub: HubProcess, cut: dict[str, Any]) -> None:
    await page.click("[data-action=explain]", timeout=15_000)
    await page.wait_for_timeout(4500)
    await page.click("[data-action=explained]")

    async def explained() -> Any:
        told = await hub.call("GET", f"/api/interruptions/{cut['id']}/history")
        return [one for one in told if one["what"] == "explanation.spoken"]

    (spoken,) = await until(explained, 40)
    assert spoken["by"] == "device:phone"


async def _reloads_in_mid_upload(page: Page, hub: HubProcess) -> None:
    sent = "[...document.querySelectorAll('.clips progress')].some((one) => one.value > 500000)"
    await page.click("[data-action=footage]")
    await until(lambda: page.evaluate(f"() => {sent}"), 20)
    await page.click("[data-action=close-sheet]")
    await page.click("[data-action=end]")
    await page.click("[data-action=end-now]")
    await page.wait_for_selector("[data-action=start]")
    calls: list[Request] = []
    page.on("request", lambda request: calls.append(request) if "/api/uploads" in request.url else None)
    await page.unroute("**/api/uploads/*")
    await page.reload()
    await page.wait_for_selector("[data-action=start]")

    async def went_on() -> bool:
        return any(call.method == "PATCH" for call in calls)

    await until(went_on, 20)
    first = next(call for call in calls if call.method == "PATCH")
    assert calls[0].method == "HEAD", "the upload of before, not another one"
    assert int(first.headers["upload-offset"]) > 0


async def _is_filled(hub: HubProcess, cut: dict[str, Any]) -> list[dict[str, Any]]:
    async def filled() -> Any:
        one = await hub.call("GET", f"/api/interruptions/{cut['id']}")
        told = await hub.call("GET", f"/api/interruptions/{cut['id']}/history")
        brought = [each for each in told if each["what"] == "backfill"]
        return brought if any(each["facts"]["whole"] for each in brought) and one["followup"]["filled_us"] else None

    brought: list[dict[str, Any]] = await until(filled, 40)
    for one in brought:
        assert one["facts"]["method"] == "claimed"
        assert 100_000 < one["facts"]["edge_error_us"] < 500_000, "said by the phone: better than an unknown clock"
    return brought


async def _unpairs(page: Page) -> None:
    await page.click("[data-action=settings]")
    await page.click("[data-action=ask-unpair]")
    await page.click("[data-action=unpair]")
    await page.wait_for_selector("[data-action=scan]")
    kept = await page.evaluate("() => JSON.stringify(localStorage)")
    assert "token" not in kept


def _is_in_the_ledger(data: Path, brought: list[dict[str, Any]]) -> None:
    entries = [
        json.loads(line)
        for path in sorted(data.glob("reels/phone/*.entries"))
        for line in path.read_text().splitlines()
    ]
    told = [one["body"]["kind"] for one in entries if one["type"] == "telemetry"]
    assert told.count("sos") == 1
    assert told.count("key_mark") == 1
    done = [one["body"] for one in entries if one["type"] == "activity"]
    assert done[0]["action"] == "begin"
    assert done[-1]["action"] == "end"
    assert "notice" in [one.get("kind") for one in done]
    assert len(brought) == sum(one["type"] == "backfill" for one in entries)
