"""A written statement by two officers in two browsers, footage whose upload outlives a reload, and a watch that is
handed over."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from playwright.async_api import Browser, Page, Route, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS
from hub.bench.processes import HubProcess
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.verify import verify_path
from hub.model import InterruptionState
from tests.footage_support import cut, room
from tests.hub_line import until
from tests.page_support import HUB_ENVIRON, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

PASSWORD = "a password of one's own"
CUT = "cut-1"
PEOPLE = (
    ("li-lei", "李雷", "冀A-0001", "officer"),
    ("han-mei", "韩梅", "冀A-0002", "officer"),
    ("wang", "王值班", "", "watcher"),
    ("zhao", "赵接班", "", "watcher"),
    ("sun", "孙负责", "", "approver"),
)
CHUNK = 4 << 20


@asynccontextmanager
async def _hub(tmp_path: Path) -> AsyncIterator[HubProcess]:
    """With a recorder that broke off for ten seconds long ago, and four people."""
    async with room(tmp_path, closed=False) as before:
        asks = replace(cut(InterruptionState.CLOSED), needs_explanation=True)
        before.ledger.append("rec", EntryType.INTERRUPTION_CLOSE, interruption_body(asks))
        await before.ledger.committed()
    (tmp_path / "keys").rename(tmp_path / "data.keys")
    environ = {**HUB_ENVIRON, "HUB_LOG_ORIGIN": "test/footage", "HUB_MIN_FREE_MB": "0"}
    async with HubProcess(tmp_path / "data", environ) as hub:
        body = {"id": "rec", "name": "记录仪07", "kind": "recorder", "source": {"type": "whip"}}
        await hub.call("POST", "/api/streams", body)
        for username, name, certificate, role in PEOPLE:
            person = {"username": username, "name": name, "certificate": certificate, "unit": "root", "roles": [role]}
            made = await hub.call("POST", "/api/people", person)
            await _first_password(hub, username, made["password"])
        yield hub


async def _first_password(hub: HubProcess, username: str, given: str) -> None:
    """What one was given is changed to one's own, as at the first sign-in."""
    jar = aiohttp.CookieJar(unsafe=True)  # an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": hub.url}) as http:
        for path, body in (
            ("/api/session", {"username": username, "password": given}),
            ("/api/session/password", {"old": given, "new": PASSWORD}),
        ):
            async with http.post(hub.url + path, json=body) as answer:
                assert answer.status < 300, await answer.text()


@asynccontextmanager
async def _chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def _desk(stack: AsyncExitStack, browser: Browser, hub: HubProcess, username: str, path: str) -> Page:
    """A machine of one's own, at this address, signed in. What its scripts throw fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    stack.callback(lambda: _nothing(thrown))
    await page.goto(f"{hub.url}/#{path}")
    await page.fill("input[name=username]", username)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_selector("[data-nav]")
    return page


def _nothing(thrown: list[str]) -> None:
    assert thrown == []


async def test_two_officers_a_file_and_two_watchers(tmp_path: Path) -> None:
    """One hub and one browser for all of it: starting them is most of the time."""
    async with _hub(tmp_path) as hub, _chromium() as browser, AsyncExitStack() as stack:
        await _exempted(hub, stack, browser)
        first = await _desk(stack, browser, hub, "li-lei", "/interruptions")
        await first.click(f"tr[data-listed='{CUT}']")
        await first.wait_for_selector("[data-needs] li")
        await _statement(hub, stack, browser, first)
        await _file_over_a_reload(hub, first, tmp_path)
        await _watch_is_handed_over(hub, stack, browser)
        assert await hub.stop() == 0
    assert verify_path(tmp_path / "data", None, keys_dir=tmp_path / "data.keys").exit_code == 0


async def _exempted(hub: HubProcess, stack: AsyncExitStack, browser: Browser) -> None:
    """Who approves finds it by the hub's filters, and gives more time; that becomes an entry, and the form says so."""
    page = await _desk(stack, browser, hub, "sun", "/interruptions?unit=root&kind=black,frozen")
    await page.wait_for_selector("[data-none]")
    await page.goto(f"{hub.url}/#/interruptions?unit=root&kind=no_signal,black")
    await page.reload()
    await page.click(f"tr[data-listed='{CUT}']")
    await page.click("[data-tab=exempt]")
    await page.select_option("select[name=exemption]", "remote")
    await page.fill("textarea[name=exempt-text]", "边远林区执法，次日返回。")
    await page.click("[data-action=exempt]")
    await page.wait_for_selector("[data-form=exempt] [role=alert]")  # the return is wanted
    began = datetime.fromisoformat((await hub.call("GET", f"/api/interruptions/{CUT}"))["started_at"])
    back = (began + timedelta(days=1)).astimezone(ZoneInfo("Asia/Shanghai"))  # fields are in the hub's zone
    await page.fill("input[name=exempt-until]", f"{back:%Y-%m-%dT%H:%M}")
    await page.click("[data-action=exempt]")
    await page.wait_for_selector("[data-exempted]")
    await page.wait_for_selector("[data-told='explanation.exemption']")
    told = await page.inner_text("[data-told='explanation.exemption']")
    assert "边远地区执法" in told
    followup = (await hub.call("GET", f"/api/interruptions/{CUT}"))["followup"]
    assert (followup["exemption"], followup["state"]) == ("remote", "overdue")
    assert datetime.fromisoformat(followup["deadline"]) > began + timedelta(days=1, hours=23)


async def _statement(hub: HubProcess, stack: AsyncExitStack, browser: Browser, first: Page) -> None:
    await first.click("[data-tab=written]")
    await first.fill("textarea[name=statement]", "短")
    await first.click("[data-action=draft]")
    await first.wait_for_selector("[data-form=draft] [role=alert]")
    await first.fill("textarea[name=statement]", "设备电量耗尽，更换电池后恢复录像。")
    await first.click("[data-action=draft]")
    await first.wait_for_selector("[data-statement][data-signatures='0']")
    digest = await first.inner_text("[data-digest]")
    await first.fill("input[name=sign-password]", "not this one")
    await first.click("[data-action=sign]")
    await first.wait_for_selector("[data-form=sign] [role=alert]")
    await first.fill("input[name=sign-password]", PASSWORD)
    await first.click("[data-action=sign]")
    await first.wait_for_selector("[data-statement][data-signatures='1'][data-done=false]")
    assert await first.locator("[data-form=sign]").count() == 0, "nobody signs twice"

    second = await _desk(stack, browser, hub, "han-mei", f"/interruptions/{CUT}")
    await second.wait_for_selector("[data-statement][data-signatures='1']")
    assert await second.inner_text("[data-digest]") == digest
    assert "设备电量耗尽" in await second.inner_text("[data-statement] pre")
    await second.fill("input[name=sign-password]", PASSWORD)
    await second.click("[data-action=sign]")
    await second.wait_for_selector("[data-statement][data-signatures='2'][data-done=true]")
    # the first one's page shows it by itself, and nobody's session was taken over
    await first.wait_for_selector("[data-statement][data-signatures='2'][data-done=true]")
    await first.wait_for_selector("section[data-state=explained]")
    assert await first.inner_text("header .name") == "li-lei"
    assert await first.locator("[data-told='explanation.written.signed']").count() == 2
    (statement,) = (await hub.call("GET", f"/api/interruptions/{CUT}"))["statements"]
    assert [one["by"] for one in statement["signatures"]] == ["li-lei", "han-mei"]
    assert statement["sha256"] == digest


async def _file_over_a_reload(hub: HubProcess, page: Page, tmp_path: Path) -> None:
    """The link breaks after the first piece; the page is loaded anew; the same file goes on where it stopped."""
    file = tmp_path / "card.bin"
    file.write_bytes(os.urandom(2 * CHUNK + 1000))
    sent: list[int] = []

    async def first_piece_alone(route: Route) -> None:
        offset = int(route.request.headers.get("upload-offset", "-1"))
        if route.request.method == "PATCH" and offset > 0:
            await route.abort()
            return
        await route.continue_()

    await page.route("**/api/uploads/*", first_piece_alone)
    await page.click("[data-tab=backfill]")
    await page.set_input_files("input[name=footage]", str(file))
    await until_true(page, "Number(document.querySelector('[data-upload]')?.dataset.share ?? 0) >= 49")
    await page.reload()
    await page.unroute("**/api/uploads/*")
    page.on("request", lambda request: _offset(request.method, request.headers, sent))
    await page.click("[data-tab=backfill]")
    await page.wait_for_selector("[data-unfinished] progress")
    await page.set_input_files("input[name=footage]", str(file))
    await page.wait_for_selector("[data-upload=sent]")
    assert sent == [CHUNK, 2 * CHUNK], "nothing is sent twice"
    (brought,) = await until(lambda: _settled(hub))
    assert (brought["state"], brought["code"], brought["by"]) == ("apart", "unreadable", "li-lei"), brought


def _offset(method: str, headers: dict[str, str], sent: list[int]) -> None:
    if method == "PATCH":
        sent.append(int(headers["upload-offset"]))


async def _settled(hub: HubProcess) -> list[Any]:
    found = await hub.call("GET", "/api/footage")
    return [one for one in found if one["state"] not in ("receiving", "received")]


async def _watch_is_handed_over(hub: HubProcess, stack: AsyncExitStack, browser: Browser) -> None:
    """What is overdue rang when the hub started; who comes accepts exactly what is open."""
    page = await _desk(stack, browser, hub, "wang", "/alarms")
    await page.wait_for_selector("[data-queued]")
    await page.click("[data-action=begin-shift]")
    await page.wait_for_selector("[data-queued][data-rings=true]")
    await page.keyboard.press("a")
    await page.wait_for_selector("[data-detail][data-state=acknowledged]")
    await page.click("[data-action=handle]")
    await page.wait_for_selector("[data-detail] [role=alert]")  # words are wanted
    await page.click("[data-action=hand-over-shift]")
    await page.wait_for_selector("dialog [data-open]")
    shown = await page.locator("dialog [data-open]").count()
    await page.fill("input[name=comes]", "zhao")
    await page.fill("input[name=comes-password]", "not this one")
    await page.click("[data-action=accept]")
    await page.wait_for_selector("dialog form [role=alert]")
    await page.fill("input[name=comes-password]", PASSWORD)
    await page.click("[data-action=accept]")
    await page.wait_for_selector("dialog", state="detached")
    (shift,) = await hub.call("GET", "/api/shifts")
    assert (shift["username"], shift["from_whom"]) == ("zhao", "wang")
    handed = [one for one in await hub.call("GET", "/api/alarms") if one["handed_to"] == "zhao"]
    assert len(handed) == shown > 0
