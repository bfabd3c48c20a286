"""Signing in through a real OpenID provider, in Chromium: first without, then with an account; and without it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from hub.bench.processes import HubProcess, free_port
from tests.page_support import HUB_ENVIRON, open_page, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

FOLDER = Path(__file__).parents[1] / "oidc"
OWN = "a password of this hub"


@asynccontextmanager
async def provider(hub_port: int) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        await asyncio.to_thread(subprocess.run, install, cwd=FOLDER, check=True, timeout=120)
    base = f"http://127.0.0.1:{hub_port}"
    process = await asyncio.create_subprocess_exec(
        "node", "provider.js", f"{base}/api/session/oidc/callback", f"{base}/",
        cwd=FOLDER, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip(), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_signing_in_at_the_organisations_own_service(tmp_path: Path) -> None:
    port = free_port()
    async with provider(port) as (issuer, process):
        environ = HUB_ENVIRON | {
            "HUB_OIDC_ISSUER": issuer,
            "HUB_OIDC_CLIENT_ID": "hub",
            "HUB_OIDC_CLIENT_SECRET": "a secret:of/the hub",
        }
        hub = HubProcess(tmp_path / "data", environ)
        hub.port, hub.url = port, f"http://127.0.0.1:{port}"  # the provider knows it already
        async with hub, open_page(hub) as page:
            page.set_default_timeout(10_000)
            await _there(page, "lisi")
            await page.wait_for_url("**/#/sign-in?oidc=oidc_unknown")  # no account makes itself
            assert "没有登记" in await page.inner_text("p.message")
            await page.context.clear_cookies()
            person = {"username": "lisi", "name": "李四", "unit": "root", "roles": ["officer"]}
            await hub.call("POST", "/api/people", person)
            await _there(page, "lisi")
            # signing asks for a password of this hub: it is chosen now, without the one-time password
            await page.wait_for_selector("[data-account][data-must-change=true]")
            assert await page.query_selector("input[name=old]") is None
            await page.fill("input[name=new]", OWN)
            await page.fill("input[name=again]", OWN)
            await page.click("[data-action=change-password]")
            await page.wait_for_selector("[data-user]")
            (cookie,) = [one for one in await page.context.cookies() if one.get("name") == "hub_session"]
            assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
            await page.click("[data-user]")
            await page.click("[data-action=sign-out]")
            await page.wait_for_url(f"{issuer}/session/end**")  # and out there too
            assert not [one for one in await page.context.cookies() if one.get("name") == "hub_session"]

            # without the provider the password is enough, and the page says so
            process.kill()
            await process.wait()
            await page.goto(f"{hub.url}/#/sign-in")
            await page.click("[data-action=oidc]")
            await page.wait_for_url("**/#/sign-in?oidc=oidc_provider")
            await page.fill("input[name=username]", "lisi")
            await page.fill("input[name=password]", OWN)
            await page.press("input[name=password]", "Enter")
            await until_true(page, "document.querySelector('[data-user]') !== null")
        logged = hub.log_path.read_text()
        assert "a secret:of/the hub" not in logged
        assert OWN not in logged


async def _there(page: Page, name: str) -> None:
    await page.click("[data-action=oidc]")
    await page.fill("input[name=login]", name, timeout=10_000)
    await page.fill("input[name=password]", "any")
    await page.click("button[type=submit]")
    await page.wait_for_selector("text=Continue")
    await page.click("button[type=submit]")
