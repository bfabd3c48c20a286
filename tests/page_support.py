"""For the tests of the command centre's page: Chromium before a real hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page, async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS, PASSWORD
from hub.bench.processes import HubProcess
from tests.hub_line import until

HUB_ENVIRON = {"HUB_ADMIN_PASSWORD": PASSWORD}


@asynccontextmanager
async def open_page(hub: HubProcess) -> AsyncIterator[Page]:
    """A page that nobody has signed in to yet. What its scripts throw fails the test."""
    thrown: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 720})
            page.on("pageerror", lambda error: thrown.append(str(error)))
            await page.goto(hub.url)
            yield page
        finally:
            await browser.close()
    assert thrown == []


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.fill("input[name=username]", "admin")
    await page.fill("input[name=password]", password)
    await page.press("input[name=password]", "Enter")


async def until_true(page: Page, expression: str, *, seconds: float = 30.0) -> Any:
    """The first true value. The page's policy forbids the string that `wait_for_function` would evaluate in it."""
    return await until(lambda: page.evaluate(f"() => {expression}"), seconds)


async def until_playing(page: Page, stream_id: str) -> None:
    """Pictures move on the stream's tile."""
    position = f"document.querySelector('video[data-stream={stream_id}]')?.currentTime ?? 0"
    at = await page.evaluate(f"() => {position}")
    await until_true(page, f"Math.abs(({position}) - {at}) > 0.5")
