"""An activity is begun by hand, marked, found again and ended on the page; what is wrong with it is told; and the map
shows where the recorder walks, without a picture of any map."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from hub.clock import rfc3339
from hub.demo.encode import VideoSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import until
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

RECORDER = SimulatorsConfig(
    recorders=(
        DeviceConfig(
            name="rec-1",
            video=VideoSpec(width=320, height=180, bitrate=300_000, seconds=4, profile="baseline"),
            telemetry=True,
        ),
    )
)


async def test_an_activity_and_where_it_was(tmp_path: Path) -> None:
    async with (
        Simulators(RECORDER) as recorders,
        HubProcess(tmp_path / "data", HUB_ENVIRON) as hub,
        open_page(hub) as page,
    ):
        await hub.call("POST", "/api/units", {"id": "b1", "name": "执法一大队", "parent": "root", "kind": "brigade"})
        person = {"username": "zhang", "name": "张三", "unit": "b1", "roles": ["officer"], "certificate": "冀A0101"}
        await hub.call("POST", "/api/people", person)
        stream = {"id": "rec-1", "name": "执法记录仪01", "kind": "recorder", "unit": "b1", "device_number": "DL-0001"}
        made = await hub.call("POST", "/api/streams", {**stream, "source": {"type": "whip"}})
        await recorders.publish("rec-1", f"{hub.url}/whip/rec-1", made["token"])
        await sign_in(page)
        ident = await _begin(hub, page)
        await _mark(page)
        await _amend(hub, page, ident)
        await _find(hub, page, ident)
        orphan = await _enter_without_footage(hub)
        await _end(hub, page, ident)
        await _words_without_footage(hub, page, orphan)
        await _map(hub, page)


async def _begin(hub: HubProcess, page: Page) -> str:
    await page.goto(f"{hub.url}/#/activities")
    await page.wait_for_selector("[data-none]")
    await page.click("[data-action=begin]")
    await page.click("[data-action=submit]")  # the form says what it lacks
    await page.wait_for_selector("[data-form=begin] [role=alert]")
    await page.select_option("select[name=stream]", "rec-1")
    await until_true(page, "document.querySelectorAll('#activity-officers option').length === 1")
    await page.fill("input[name=officer-0]", "张三")
    await page.press("input[name=officer-0]", "Tab")  # the register knows the certificate
    assert await page.input_value("input[name=certificate-0]") == "冀A0101"
    for name, text in (("party", "赵六"), ("cause", "超限运输"), ("case_number", "冀交罚〔2026〕12号")):
        await page.fill(f"input[name={name}]", text)
    await page.check("input[name=party_present]")
    await page.fill("textarea[name=documents]", "冀交检〔2026〕7号\n冀交告〔2026〕9号")
    await page.click("[data-action=submit]")
    await page.wait_for_selector("[data-facts]")
    (one,) = await hub.call("GET", "/api/activities")
    assert (one["recorder"], one["documents"]) == ("冀A0101", ["冀交检〔2026〕7号", "冀交告〔2026〕9号"])
    assert "冀交告〔2026〕9号" in await page.inner_text("[data-documents]")
    return str(one["id"])


async def _mark(page: Page) -> None:
    await page.click("[data-mark-as=certificate_shown]")
    await page.wait_for_selector("[data-line] [data-mark=certificate_shown]")
    link = await page.get_attribute("[data-line] [data-mark=certificate_shown]", "href")
    assert link is not None
    assert link.startswith("#/playback?stream=rec-1&at=")


async def _amend(hub: HubProcess, page: Page, ident: str) -> None:
    await page.click("[data-action=amend]")
    await page.fill("[data-form=amend] input[name=place]", "国道107线 K12")
    await page.fill("[data-form=amend] input[name=reason]", "补充桩号")
    await page.click("[data-action=amend-submit]")
    await page.wait_for_selector("[data-history] [data-action-of=amend]")
    history = (await hub.call("GET", f"/api/activities/{ident}"))["history"]
    assert history[-1]["said"]["fields"] == {"place": "国道107线 K12"}  # nothing is said that did not change


async def _find(hub: HubProcess, page: Page, ident: str) -> None:
    await page.goto(f"{hub.url}/#/activities?case=冀交告&officer=张")
    await page.wait_for_selector(f"[data-listed='{ident}']")
    await page.fill("input[name=party]", "钱")
    await page.wait_for_selector("[data-none]")
    assert "party=" in page.url
    await page.click("[data-action=clear]")
    await page.select_option("select[name=storage]", "recording")
    await page.wait_for_selector(f"[data-listed='{ident}']")
    await page.select_option("select[name=finding]", "storage_overdue")
    await page.wait_for_selector("[data-none]")


async def _end(hub: HubProcess, page: Page, ident: str) -> None:
    """The party was there, and nobody marked the notice."""
    await page.goto(f"{hub.url}/#/activities/{ident}")
    await page.click("[data-action=end]")
    await page.click("[data-action=end-sure]")
    await page.wait_for_selector("[data-findings] [data-finding=no_notice]", timeout=30_000)
    assert await page.query_selector("[data-finding=no_certificate_shown]") is None
    await page.wait_for_selector("[data-state=due], [data-state=stored]")
    assert await page.query_selector("[data-action=end]") is None


async def _enter_without_footage(hub: HubProcess) -> str:
    now_us = time.time_ns() // 1000
    times = {"at": rfc3339(now_us - 7_200_000_000), "ended_at": rfc3339(now_us - 3_600_000_000)}
    made = await hub.call("POST", "/api/activities", {"stream": "rec-1", "cause": "擅自改装", **times})
    return str(made["id"])


async def _words_without_footage(hub: HubProcess, page: Page, ident: str) -> None:
    await page.goto(f"{hub.url}/#/activities/findings")
    await page.wait_for_selector(f"[data-group=wordsOnly] [data-orphan='{ident}']", timeout=30_000)


async def _map(hub: HubProcess, page: Page) -> None:
    await page.goto(f"{hub.url}/#/map")
    await page.wait_for_selector("[data-base=grid][data-dots='1'][data-drawn=true]")
    await page.click("[data-on-map=rec-1]")
    assert "秒前" in await page.inner_text("[data-card] [data-age]")
    await until(lambda: _has_track(hub), 30.0)
    await page.click("[data-action=last-hour]")
    await until_true(page, "Number(document.querySelector('[data-track]')?.dataset.points) > 1")
    link = await page.get_attribute("[data-action=play-at]", "href")
    assert link is not None
    assert link.startswith("#/playback?stream=rec-1&at=")


async def _has_track(hub: HubProcess) -> bool:
    now_us = time.time_ns() // 1000 - 5_000_000  # what the page calls now is some seconds old
    path = f"/api/streams/rec-1/track?from={rfc3339(now_us - 600_000_000)}&to={rfc3339(now_us)}"
    return len((await hub.call("GET", path))["points"]) > 1
