"""The calls of the register of devices: names, tables, tokens, and who may make them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.api.devices import XLSX
from hub.model import RtspSource, StreamKind
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub
from tests.unit.test_devices_table import GOOD, workbook

HEADERS = {"Content-Type": XLSX}


@asynccontextmanager
async def hub_with_engineer(tmp_path: Path) -> AsyncIterator[tuple[Hub, dict[str, str], list[dict[str, Any]]]]:
    """A hub with a unit ``hall`` and an engineer there: the headers of their calls, and what was kept of access."""
    async with running_hub(tmp_path) as hub:
        services, kept = hub.services, []
        services.write_access = lambda stream, body: kept.append({"stream": stream, **body})
        await services.units.add("hall", "政务大厅", ROOT, UnitKind.HALL, by=HUB)
        _, password = await services.accounts.new_person(
            "eng", "工程师", by=HUB, unit="hall", roles=frozenset({Role.ENGINEER})
        )
        await services.accounts.new_person("zhang", "张三", by=HUB, unit="hall")
        await services.accounts.new_person("far", "外人", by=HUB, unit=ROOT)
        first = await services.accounts.sign_in("eng", password)
        assert first is not None
        await services.accounts.change_password(first[0], password, "a password of one's own")
        yield hub, {"Cookie": f"hub_session={first[1]}", "Origin": str(hub.base.origin())}, kept


async def post(hub: Hub, path: str, data: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    async with hub.stranger.post(path, data=data, headers=headers | HEADERS) as answer:
        return answer.status, await answer.json()


async def test_a_table_is_checked_then_taken_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    async with hub_with_engineer(tmp_path) as (hub, engineer, kept):
        rows = [GOOD | {"编号": f"window-{n}", "地址": f"10.0.0.{n}", "保管人": "张三"} for n in range(1, 6)]
        bad = workbook(*rows, GOOD | {"编号": "window-9", "地址": "10.0.0.99", "保管人": "外人"})
        status, checked = await post(hub, "/api/devices/import", bad, engineer)
        assert (status, checked["done"], checked["new"], checked["wrong"]) == (200, False, 5, 1)
        assert checked["lines"][5]["problems"] == [{"column": "custodian", "code": "unknown_person", "found": "外人"}]
        assert (await post(hub, "/api/devices/import?do=all", bad, engineer))[0] == 409
        assert hub.services.registry.list() == ()
        assert kept == []

        _, taken = await post(hub, "/api/devices/import?do=good", bad, engineer)
        assert (taken["done"], taken["new"], taken["wrong"]) == (True, 5, 1)
        assert [one.unit for one in hub.services.registry.list()] == ["hall"] * 5
        assert (kept[0]["what"], kept[0]["new"], kept[0]["left_out"]) == ("device.import", 5, 1)
        (first, *_) = hub.services.registry.list()
        assert first.source == RtspSource("rtsp://admin:p%40ss@10.0.0.1:554/Streaming/Channels/101")
        assert first.preview is not None
        assert first.preview.url.endswith("/102")

        before = hub.services.registry.list()
        _, again = await post(hub, "/api/devices/import?do=all", workbook(*rows), engineer)
        assert (again["same"], again["new"], again["change"]) == (5, 0, 0)
        assert hub.services.registry.list() == before
        _, named = await post(hub, "/api/devices/import?do=all", workbook(rows[0] | {"名称": "改名"}), engineer)
        assert (named["change"], named["lines"][0]["changes"]) == (1, ["name"])
        assert hub.services.registry.get("window-1").name == "改名"
        assert "p@ss" not in str([checked, taken, again, named, kept])


async def test_a_table_cannot_reach_out_of_the_callers_unit(tmp_path: Path) -> None:
    async with hub_with_engineer(tmp_path) as (hub, engineer, _):
        await hub.services.registry.add("window-01", "不可改", StreamKind.WINDOW, "whip", unit="")
        _, found = await post(
            hub, "/api/devices/import?do=good", workbook(GOOD, GOOD | {"编号": "w-2", "单位": "root"}), engineer
        )
        assert [[one["code"] for one in line["problems"]] for line in found["lines"]] == [
            ["id_taken"],
            ["unknown_unit"],
        ]
        assert hub.services.registry.get("window-01").name == "不可改"


async def test_who_may_be_named(tmp_path: Path) -> None:
    async with hub_with_engineer(tmp_path) as (hub, engineer, _):
        await hub.services.registry.add("rec", "1", StreamKind.RECORDER, "whip", unit="hall", custodian="far")
        async with hub.stranger.get("/api/devices/custodians", headers=engineer) as answer:
            assert {one["username"] for one in await answer.json()} == {"eng", "zhang", "far"}
        _, password = await hub.services.accounts.new_person(
            "look", "x", by=HUB, unit="hall", roles=frozenset({Role.WATCHER})
        )
        made = await hub.services.accounts.sign_in("look", password)
        assert made is not None
        await hub.services.accounts.change_password(made[0], password, "a password of one's own")
        async with hub.stranger.get("/api/devices/custodians", headers={"Cookie": f"hub_session={made[1]}"}) as answer:
            assert [one["username"] for one in await answer.json()] == ["far"], "of those who keep one, no more"
        async with hub.stranger.get("/api/devices/template.xlsx", headers=engineer) as answer:
            assert (answer.status, answer.content_type) == (200, XLSX)
            assert await asyncio.to_thread(_names_in, await answer.read()) == {"eng", "look", "zhang"}


def _names_in(data: bytes) -> set[str]:
    import io

    from openpyxl import load_workbook

    sheet = load_workbook(io.BytesIO(data))["单位与人员"]
    return {row[3] for row in sheet.iter_rows(min_row=2, values_only=True) if row[3]}


async def test_a_new_token_ends_the_old_one_and_is_kept_in_the_ledger(tmp_path: Path) -> None:
    async with hub_with_engineer(tmp_path) as (hub, engineer, kept):
        registry = hub.services.registry
        made = await registry.add("rec", "1", StreamKind.RECORDER, "whip", unit="hall")
        async with hub.stranger.post("/api/streams/rec/token", headers=engineer) as answer:
            assert answer.status == 201
            new = (await answer.json())["token"]
        assert made.token is not None
        assert registry.token_opens("rec", new)
        assert not registry.token_opens("rec", made.token)
        assert [(one["stream"], one["what"], one["by"]) for one in kept] == [("rec", "stream.token", "eng")]
        assert new not in str(kept)
        await registry.add("far", "1", StreamKind.RECORDER, "whip", unit=ROOT)
        async with hub.stranger.post("/api/streams/far/token", headers=engineer) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(("source", "code"), [("camera", 400), ("retired", 409)])
async def test_what_has_no_token_is_given_none(tmp_path: Path, source: str, code: int) -> None:
    from hub.registry import RtspDraft

    async with hub_with_engineer(tmp_path) as (hub, engineer, kept):
        draft = RtspDraft("rtsp://a/b") if source == "camera" else "whip"
        await hub.services.registry.add("one", "1", StreamKind.WINDOW, draft, unit="hall")  # type: ignore[arg-type]
        if source == "retired":
            await hub.services.registry.retire("one")
        async with hub.stranger.post("/api/streams/one/token", headers=engineer) as answer:
            assert answer.status == code
        assert kept == []
