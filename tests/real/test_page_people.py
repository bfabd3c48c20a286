"""An account administrator's morning: units, a rule, a person with a one-time password; that person's first sign-in,
their other sign-ins, a role taken away; and a sign-in that slows down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from hub.bench.latency import PASSWORD
from hub.bench.processes import HubProcess
from tests.page_support import HUB_ENVIRON, open_page, sign_in, until_true

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("office")]

OWN = "自己的密码一二三四五六"
CARD = "[data-unit-card]"


async def test_units_and_people(tmp_path: Path) -> None:
    async with HubProcess(tmp_path / "data", HUB_ENVIRON) as hub, open_page(hub) as page:
        await _sign_in_slows_down(page)
        await sign_in(page)
        await page.wait_for_selector("[data-user]")
        await page.goto(f"{hub.url}/#/organisation")
        await _units(hub, page)
        await _rules(hub, page)
        password = await _person(hub, page)
        browser = page.context.browser
        assert browser is not None
        await _first_sign_in(hub, browser, password)
        await _own_account(hub, page)
        assert password not in hub.log_path.read_text()
        assert OWN not in hub.log_path.read_text()


async def _sign_in_slows_down(page: Page) -> None:
    for _ in range(9):  # five are free; the wait doubles, so a slow machine meets it soon too
        await page.fill("input[name=username]", "nobody")
        await page.fill("input[name=password]", "wrong")
        async with page.expect_response("**/api/session") as answer:
            await page.press("input[name=password]", "Enter")
        if (await answer.value).status == 429:
            break
    await page.wait_for_selector("[data-wait]")
    assert await page.is_disabled("button[type=submit]")
    await page.wait_for_selector("[data-wait]", state="detached")
    assert not await page.is_disabled("button[type=submit]")


async def _units(hub: HubProcess, page: Page) -> None:
    await _add_unit(page, "root", "北城大队", "brigade")
    await _add_unit(page, "root", "车管所大厅", "hall")
    await page.click("[data-tab=unit]")
    await page.fill(f"{CARD} input[name=name]", "车管所第一大厅")
    await page.click("[data-action=save-unit]")
    await page.wait_for_selector(f"{CARD} .good")
    units = {one["name"]: one for one in await hub.call("GET", "/api/units")}
    hall, brigade = units["车管所第一大厅"]["id"], units["北城大队"]["id"]
    # dragged: asked first, then moved; and not below itself
    await page.drag_and_drop(f"[data-org-tree] [data-unit={hall}]", f"[data-org-tree] [data-unit={brigade}]")
    await page.wait_for_selector("[data-dialog=move]")
    assert await page.input_value("select[name=move-to]") == brigade
    await page.click("[data-dialog=move] [data-action=submit]")
    await page.wait_for_selector("[data-dialog=move]", state="detached")
    assert {one["id"]: one["parent"] for one in await hub.call("GET", "/api/units")}[hall] == brigade
    await page.click(f"[data-org-tree] [data-unit={brigade}]")
    await page.click("[data-action=move]")
    offered = await page.eval_on_selector_all("select[name=move-to] option", "all => all.map((one) => one.value)")
    assert hall not in offered
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-dialog=move]", state="detached")
    # what still holds a unit is not removed, and says what to do; an empty one is
    await page.click("[data-action=remove]")
    await page.click("[data-action=sure]")
    await page.wait_for_selector(f"{CARD} .problem")
    await page.click(f"[data-org-tree] [data-unit={hall}]")
    await page.click("[data-action=retire]")
    await page.click("[data-action=sure]")
    await page.wait_for_selector(f"{CARD}[data-retired=true]")
    await page.click("[data-action=reopen]")
    await page.wait_for_selector(f"{CARD}[data-retired=false]")


async def _add_unit(page: Page, parent: str, name: str, kind: str) -> None:
    await page.click(f"[data-org-tree] [data-unit={parent}]")
    await page.click("[data-tab=unit]")
    await page.click("[data-action=add-unit]")
    await page.fill("input[name=unit-name]", name)
    await page.select_option("select[name=unit-kind]", kind)
    await page.click("[data-dialog=add-unit] [data-action=submit]")
    await page.wait_for_selector("[data-dialog=add-unit]", state="detached")


async def _rules(hub: HubProcess, page: Page) -> None:
    """Inherited from above, with its name; this unit's own; and the hub's own words for what it does not take."""
    await page.click("[data-org-tree] [data-unit=root]")
    await page.click("[data-tab=rules]")
    await page.click("[data-rule-of=followup] summary")
    await page.click("[data-rule-of=followup] [data-action=own-rule]")
    await page.fill("input[name=deadline_h]", "0")
    await page.click("[data-rule-of=followup] [data-action=save-rule]")
    await page.wait_for_selector("input[name=deadline_h][aria-invalid=true]")
    await page.fill("input[name=deadline_h]", "12")
    await page.click("[data-rule-of=followup] [data-action=save-rule]")
    await page.wait_for_selector("[data-rule-of=followup][data-own=true]")
    await page.click("[data-org-tree] [data-unit=hall-01]")
    await page.wait_for_selector("[data-rule-of=followup][data-own=false]")
    assert "本单位" in await page.inner_text("[data-rule-of=followup] summary")
    assert await page.input_value("input[name=deadline_h]") == "12"
    assert await page.is_disabled("input[name=deadline_h]")
    await page.click("[data-rule-of=interruptions] summary")
    await page.fill("input[name='stall.ring_from']", "7.5")
    await page.fill("input[name='black.ring_from']", "从不")
    await page.click("[data-rule-of=interruptions] [data-action=save-rule]")
    await page.wait_for_selector("[data-rule-of=interruptions][data-own=true]")
    hall = {one["id"]: one["rules"] for one in await hub.call("GET", "/api/units")}["hall-01"]
    assert hall == {"interruptions": {"stall": {"ring_from_ms": 7500}, "black": {"ring_from_s": None}}}
    await page.click("[data-rule-of=json] summary")
    await page.fill("textarea[name=rules]", '{"telemetry": {"battery_warning_percent": 400}}')
    await page.click("[data-action=save-json]")
    await page.wait_for_selector("[data-rule-of=json] .problem")
    assert "battery_warning_percent" in await page.inner_text("[data-rule-of=json] .problem")


async def _person(hub: HubProcess, page: Page) -> str:
    await page.click("[data-tab=people]")
    await page.wait_for_selector("[data-none]")
    await page.click("[data-action=add-person]")
    await page.fill("input[name=person-name]", "张三")
    await page.fill("input[name=person-username]", "zhang.san")
    await page.check("input[name=role][value=officer]")
    await page.wait_for_selector("[data-note=no_certificate]")
    await page.fill("input[name=person-certificate]", "冀13-001")
    await page.wait_for_selector("[data-note=no_certificate]", state="detached")
    await page.check("input[name=role][value=engineer]")
    await page.wait_for_selector("[data-note=pictures_lost]")
    await page.uncheck("input[name=role][value=engineer]")
    await page.click("[data-dialog=person] [data-action=submit]")
    password = await page.input_value("[data-one-time] input")
    assert len(password) >= 12
    await page.keyboard.press("Escape")  # shown once: it does not go away by accident
    assert await page.is_visible("[data-one-time] input")
    await page.click("[data-action=noted]")
    row = "[data-person='zhang.san']"
    await page.wait_for_selector(f"{row} >> text=未改密码")
    await page.fill("[data-people] input[name=search]", "13-002")
    await page.wait_for_selector("[data-none]")
    await page.fill("[data-people] input[name=search]", "张 13-001")
    await page.wait_for_selector(row)
    person = await hub.call("GET", "/api/people/zhang.san")
    assert (person["unit"], person["roles"], person["certificate"]) == ("hall-01", ["officer"], "冀13-001")
    return password


async def _first_sign_in(hub: HubProcess, browser: Browser, password: str) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{hub.url}/#/interruptions")
    await _enter(page, password)
    await page.wait_for_selector("[data-account][data-must-change=true]")
    await page.goto("about:blank")
    await page.goto(f"{hub.url}/#/interruptions")  # there is no way around it
    await page.wait_for_selector("[data-account][data-must-change=true]")
    await page.fill("input[name=old]", password)
    await page.fill("input[name=new]", OWN)
    await page.fill("input[name=again]", OWN + "x")
    await page.click("[data-action=change-password]")
    assert await page.get_attribute("[data-rule=same]", "data-met") == "false"
    await page.fill("input[name=again]", OWN)
    await page.click("[data-action=change-password]")
    await page.wait_for_url(re.compile("#/interruptions"))

    # a second sign-in elsewhere is seen and ended
    other = await (await browser.new_context()).new_page()
    await other.goto(hub.url)
    await _enter(other, OWN)
    await other.wait_for_selector("[data-user]")
    await page.click("[data-user]")
    await page.click("[data-action=account]")
    await page.wait_for_selector("[data-sign-ins][data-others='1']")
    assert "127.0.0.1" in await page.inner_text("[data-sign-ins]")
    await page.click("[data-action=end-others]")
    await page.wait_for_selector("[data-sign-ins][data-others='0']")
    await other.wait_for_selector("input[name=password]")

    # without a role: told what to do
    await hub.call("PATCH", "/api/people/zhang.san", {"roles": []})
    await page.reload()
    await _enter(page, OWN)
    await page.wait_for_selector("[data-account][data-nowhere=true]")
    assert "zhang.san" in await page.inner_text(".nowhere")
    await context.close()


async def _enter(page: Page, password: str) -> None:
    await page.fill("input[name=username]", "zhang.san")
    await page.fill("input[name=password]", password)
    await page.press("input[name=password]", "Enter")


async def _own_account(hub: HubProcess, page: Page) -> None:
    """Nobody gives themselves a role; another's password is reset and shown once, and their account ends."""
    await page.click("[data-org-tree] [data-unit=root]")
    await page.fill("[data-people] input[name=search]", "")
    await page.click("[data-person=admin] button")
    assert await page.is_disabled("input[name=role][value=watcher]")
    await page.keyboard.press("Escape")
    await page.click("[data-person='zhang.san'] button")
    await page.click("[data-action=reset]")
    await page.click("[data-dialog=person] [data-action=sure]")
    await page.wait_for_selector("[data-one-time] input")
    await page.click("[data-action=noted]")
    await page.click("[data-person='zhang.san'] button")
    await page.click("[data-action=deactivate]")
    await page.click("[data-dialog=person] [data-action=sure]")
    await page.wait_for_selector("[data-person='zhang.san']", state="detached")
    assert (await hub.call("GET", "/api/people/zhang.san"))["active"] is False
    # the admin's password is a setting here, and that is said
    await page.click("[data-user]")
    await page.click("[data-action=account]")
    await page.fill("input[name=old]", PASSWORD)
    await page.fill("input[name=new]", OWN)
    await page.fill("input[name=again]", OWN)
    await page.click("[data-action=change-password]")
    await page.wait_for_selector("form .problem >> text=HUB_ADMIN_PASSWORD")
    await until_true(page, "document.querySelector('[data-action=back]') !== null")
