"""At the desk: signing in and out, the language, and a recorder that is added."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]


async def test_sign_in_language_recorder_and_the_end_of_a_session(tmp_path: Path) -> None:
    """One hub and one page for all of it: starting them is most of the time."""
    async with HubProcess(tmp_path / "data", HUB_ENVIRON) as hub, open_page(hub) as page:
        await page.wait_for_selector("input[name=username]")
        await sign_in(page, "not the password")
        await until_true(page, "document.querySelector('[role=alert].bad')?.textContent.length > 0")
        await sign_in(page)
        await page.wait_for_selector("[data-empty]")
        await _switch_language(page)
        await _add_a_recorder(hub, page)
        await _session_ends(hub, page)
        await _sign_out(page)


async def _switch_language(page: Page) -> None:
    chinese = await page.inner_text("header h1")
    await page.click("header button[lang=en]")
    await until_true(page, "document.documentElement.lang === 'en'")
    assert await page.inner_text("header h1") != chinese
    await page.reload()
    await page.wait_for_selector("header")
    assert await page.evaluate("() => document.documentElement.lang") == "en", "the choice is remembered"
    await page.click("header button[lang=zh-CN]")
    await until_true(page, "document.documentElement.lang === 'zh-CN'")
    assert await page.inner_text("header h1") == chinese


async def _add_a_recorder(hub: HubProcess, page: Page) -> None:
    await page.click("[data-empty] [data-action=add]")
    await page.click("label:has(input[value=whip])")
    await page.click("[data-action=submit]")
    await page.wait_for_selector(".el-form-item__error")  # a name is wanted
    await page.fill("input[name=name]", "执法记录仪07")
    await page.click("[data-action=submit]")
    await page.wait_for_selector("[data-added]")
    token = await page.input_value("[data-field=token] input")
    address = await page.input_value("[data-field=whip] input")
    (stream,) = await hub.call("GET", "/api/streams")
    assert (stream["name"], stream["source"]) == ("执法记录仪07", {"type": "whip"})
    assert address == f"{hub.url}/whip/{stream['id']}"
    # it is the one that opens the door, and it is shown this once
    for word, status in ((token, 400), ("another", 401)):
        headers = {"Authorization": f"Bearer {word}", "Content-Type": "application/sdp"}
        async with hub.http.post(address, data="no session", headers=headers) as answer:
            assert answer.status == status
    await page.click(".el-dialog__footer button")
    await page.wait_for_selector(f"article[data-stream={stream['id']}][data-state=idle]")
    await until_true(page, "document.querySelector('[data-field=token]') === null")
    assert token not in await page.content()


async def _session_ends(hub: HubProcess, page: Page) -> None:
    """Elsewhere, while the page is open: it says so, and goes on where it was after a new sign-in."""
    answer = await page.context.request.delete(f"{hub.url}/api/session", headers={"Origin": hub.url})
    assert answer.status == 204
    await page.wait_for_selector("input[name=username]")
    assert (await page.inner_text("[role=alert]")).strip() != ""
    await sign_in(page)
    await page.wait_for_selector("article[data-stream]")


async def _sign_out(page: Page) -> None:
    await page.click("header .name")
    await page.click("[data-action=sign-out]")
    await page.wait_for_selector("input[name=username]")
    assert (await page.inner_text("[role=alert]")).strip() == "", "who leaves is not told that it ended"
    await page.goto(page.url.partition("#")[0])
    await page.wait_for_selector("input[name=username]")
