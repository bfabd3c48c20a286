"""Duty calendars and completeness over HTTP: who may change what, what is shown, what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.clock import ManualClock, rfc3339
from hub.database import Database, create_tables, open_engine
from hub.duty.duty import Around
from hub.duty.findings import Seen
from hub.duty.parts import DutyParts
from hub.duty.years import shipped_years
from hub.model import Interruption, InterruptionKind, InterruptionState, Span, StreamKind
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub
from tests.duty_support import WEEK, at
from tests.ledger_folder import Folder
from tests.unit.test_api_people import caller

DAY = {"from": rfc3339(at("2026-11-20 00:00")), "to": rfc3339(at("2026-11-21 00:00"))}


@asynccontextmanager
async def running(tmp_path: Path, now: str = "2026-11-20 08:00") -> AsyncIterator[tuple[Hub, DutyParts, list[Any]]]:
    """root > hall > desk, root > other; windows at-hall, at-desk, at-other and the recorder worn in hall."""
    folder = Folder(tmp_path / "ledger")
    async with running_hub(tmp_path) as hub:
        hub.clock.utc_us = at(now)
        ledger = await folder.open(ManualClock(at(now)))
        ledger._clock = hub.clock
        units, registry, told = hub.services.units, hub.services.registry, []
        for ident, parent in (("hall", ROOT), ("desk", "hall"), ("other", ROOT)):
            await units.add(ident, ident, parent, UnitKind.HALL, by=HUB)
        for unit in ("hall", "desk", "other"):
            await registry.add(f"at-{unit}", f"={unit}", StreamKind.WINDOW, "whip", unit=unit)
        await registry.add("worn", "worn", StreamKind.RECORDER, "whip", unit="hall")
        engine = open_engine(Database(tmp_path / "duty.db"))
        create_tables(engine)
        around = Around(lambda: registry.list(retired=True), units, lambda what, data: told.append((what, data)))
        parts = await DutyParts.open(
            folder.settings, hub.clock, ledger, engine, around,
            seen=lambda: [Seen(registry.get("at-hall"), False)], activity_time=lambda *_: [],
        )  # fmt: skip
        parts.completeness._footage = hub.services.reader  # type: ignore[assignment]
        hub.services.duty = parts
        try:
            yield hub, parts, told
        finally:
            await ledger.close()
            engine.dispose()


async def call(hub: Hub, method: str, path: str, body: Any = None, expected: int = 200, **query: str) -> Any:
    async with hub.program.request(method, path, json=body, params=query) as answer:
        text = await answer.text()
        assert answer.status == expected, text
        return json.loads(text) if text else None


async def test_hours_are_given_shown_inherited_and_taken_back(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, _, told):
        assert (await call(hub, "GET", "/api/duty", stream="at-desk"))["hours"] is None
        wrong = await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": {"weekly": {"mon": [["9", "10"]]}}}, 400)
        assert "09:00" in wrong["error"]["message"]
        given = await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK, "reason": "公告〔2026〕1号"})
        assert given["hours"]["weekly"]["mon"] == [["09:00", "12:00"], ["13:30", "17:30"]]
        shown = await call(hub, "GET", "/api/duty", stream="at-desk")
        assert (shown["of"], shown["by"], shown["reason"]) == (
            {"kind": "unit", "id": "hall"}, "program:admin", "公告〔2026〕1号",
        )  # fmt: skip
        assert (shown["years"], shown["missing_years"]) == ([2025, 2026], [])
        await call(hub, "PUT", "/api/duty/streams/at-desk/hours", {"hours": WEEK | {"holidays": "ignored"}})
        shown = await call(hub, "GET", "/api/duty", stream="at-desk")
        assert (shown["of"]["kind"], shown["hours"]["holidays"]) == ("stream", "ignored")
        await call(hub, "DELETE", "/api/duty/streams/at-desk/hours", expected=204)
        await call(hub, "DELETE", "/api/duty/streams/at-desk/hours", expected=404)
        assert (await call(hub, "GET", "/api/duty", stream="at-desk"))["of"]["id"] == "hall"
        assert [kind for kind, _ in told] == ["duty.hours"] * 3


async def test_an_exception_is_shown_until_it_is_withdrawn(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, _, _):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        day = {"unit": "hall", "date": "2026-11-20", "reason": "停电"}
        await call(hub, "POST", "/api/duty/exceptions", day | {"stream": "at-hall"}, 400)
        await call(hub, "POST", "/api/duty/exceptions", day | {"date": "2026-11-19"}, 400)
        made = await call(hub, "POST", "/api/duty/exceptions", day, 201)
        assert (made["date"], made["until"], made["hours"], made["by"]) == (
            "2026-11-20", "2026-11-20", [], "program:admin",
        )  # fmt: skip
        assert (await call(hub, "GET", "/api/duty", unit="hall"))["exceptions"] == [made]
        found = (await call(hub, "GET", "/api/duty/calendar", stream="at-hall", **DAY))["pieces"]
        assert [(one["due"], one["judged"], one["detail"]) for one in found][-1] == (False, "exception", "停电")
        await call(hub, "POST", f"/api/duty/exceptions/{made['id']}/withdraw", {"reason": "来电"}, 204)
        await call(hub, "POST", f"/api/duty/exceptions/{made['id']}/withdraw", {"reason": "来电"}, 404)
        found = (await call(hub, "GET", "/api/duty/calendar", stream="at-hall", **DAY))["pieces"]
        assert [one["judged"] for one in found if one["due"]] == ["hours", "hours"]


async def test_the_halls_administrator_changes_their_own_unit_and_below(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, _, _):
        wang = await caller(hub, "wang", "hall", Role.HALL_ADMIN)
        for path in ("units/hall", "units/desk", "streams/at-desk"):
            assert (await wang.call("PUT", f"/api/duty/{path}/hours", {"hours": WEEK}))[0] == 200
        for path in ("units/other", "units/root", "streams/at-other"):
            assert (await wang.call("PUT", f"/api/duty/{path}/hours", {"hours": WEEK}))[0] == 404
        day = {"date": "2026-11-20", "reason": "停电"}
        assert (await wang.call("POST", "/api/duty/exceptions", day | {"unit": "other"}))[0] == 404
        made = await call(hub, "POST", "/api/duty/exceptions", day | {"unit": "other"}, 201)
        assert (await wang.call("POST", f"/api/duty/exceptions/{made['id']}/withdraw", {"reason": "x"}))[0] == 404
        assert (await wang.call("GET", "/api/duty/calendar?stream=at-other&" + _query(DAY)))[0] == 404
        assert (await wang.call("POST", "/api/duty/years", shipped_years()[0].body()))[0] == 403
        officer = await caller(hub, "zhang", "hall", Role.OFFICER)
        assert (await officer.call("PUT", "/api/duty/units/hall/hours", {"hours": WEEK}))[0] == 403
        assert (await officer.call("GET", "/api/duty?unit=hall"))[1]["by"] == "wang"
        engineer = await caller(hub, "qian", ROOT, Role.ENGINEER)
        assert (await engineer.call("POST", "/api/duty/years", shipped_years()[0].body()))[0] == 200
        assert (await engineer.call("PUT", "/api/duty/units/hall/hours", {"hours": WEEK}))[0] == 403
        status, found = await wang.call("GET", "/api/completeness?" + _query(DAY))
        assert status == 200
        assert {one["stream"] for one in found["streams"]} == {"at-hall", "at-desk", "worn"}
        assert {one["unit"] for one in found["units"]} == {"hall", "desk"}
        assert (await wang.call("GET", "/api/completeness?unit=other&" + _query(DAY)))[0] == 404


def _query(values: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in values.items())


async def test_a_year_is_entered_as_a_table_and_its_lack_is_a_detail_of_readiness(tmp_path: Path) -> None:
    async with running(tmp_path, "2026-12-01 08:00") as (hub, parts, told):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        await parts.duty.look()
        assert "duty.missing_year" in [kind for kind, _ in told]
        ready = await call(hub, "GET", "/readyz")
        assert ready["ready"], "recording goes on"
        assert ready["checks"]["calendar"].startswith("ok, but 2027")
        text = "year,2027,\ntitle,通知,\nnumber,国办发明电〔2026〕0号,\nissued,2026-11-05,\nholiday,2027-01-01,元旦\n"
        for status in (201, 200):
            headers = {"Content-Type": "text/csv"}
            async with hub.program.post("/api/duty/years", data=text.encode(), headers=headers) as answer:
                assert (answer.status, (await answer.json())["number"]) == (status, "国办发明电〔2026〕0号")
        assert (await call(hub, "GET", "/readyz"))["checks"]["calendar"] == "ok"
        assert [one["year"] for one in await call(hub, "GET", "/api/duty/years")] == [2025, 2026, 2027]
        refused = await call(hub, "POST", "/api/duty/years", {"year": 2028}, 400)
        assert refused["error"]["code"] == "bad_year"


async def test_completeness_as_json_and_as_a_table(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, _, _):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        hub.clock.utc_us = at("2026-11-25 08:00")
        reader = hub.services.reader
        reader.recorded = [Span(at("2026-11-20 08:30"), at("2026-11-20 16:30"))]
        reader.rows = [
            Interruption(
                "b", "at-hall", InterruptionKind.BLACK, InterruptionState.CLOSED, at("2026-11-20 09:00"),
                at("2026-11-20 09:00"), at("2026-11-20 10:00"),
            )
        ]  # fmt: skip
        found = await call(hub, "GET", "/api/completeness", unit="hall", by="day", **DAY)
        hall = next(one for one in found["streams"] if one["stream"] == "at-hall")
        assert (hall["due_s"], hall["missing_s"], hall["usable_s"]) == (25200.0, 3600.0, 18000.0)
        assert (hall["completeness"], hall["usable_rate"]) == (0.857142, 0.714285)
        worn = next(one for one in found["streams"] if one["stream"] == "worn")
        assert (worn["due_s"], worn["completeness"]) == (0.0, None)
        assert found["total"]["due_s"] == 2 * 25200.0
        assert [one["period"] for one in found["periods"]] == ["2026-11-20"]
        assert {one["unit"]: one["due_s"] for one in found["units"]} == {
            "root": 50400.0,
            "hall": 50400.0,
            "desk": 25200.0,
        }
        months = await call(hub, "GET", "/api/completeness", stream="at-hall", by="month", **DAY)
        assert [one["period"] for one in months["streams"][0]["periods"]] == ["2026-11"]
        async with hub.program.get("/api/completeness.csv", params={"unit": "hall", **DAY}) as answer:
            assert answer.status == 200
            body = await answer.read()
        assert body.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
        assert rows[0][0] == "时段"
        assert rows[1] == [
            "2026-11-20", "hall", "at-hall", "'=hall", "25200.000", "21600.000", "0.000", "3600.000", "18000.000",
            "0.857142", "0.714285", "",
        ]  # fmt: skip
        assert rows[3][-1] == "无应录时间"


@pytest.mark.parametrize(
    "query",
    [{"from": DAY["to"], "to": DAY["from"]}, DAY | {"to": rfc3339(at("2028-11-21 00:00"))}, DAY | {"by": "hour"},
     DAY | {"stream": "at-hall", "unit": "hall"}],
)  # fmt: skip
async def test_what_cannot_be_answered_is_refused(tmp_path: Path, query: dict[str, str]) -> None:
    async with running(tmp_path) as (hub, _, _):
        await call(hub, "GET", "/api/completeness", expected=400, **query)


async def test_the_time_line_is_grey_off_duty(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, _, _):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        hub.clock.utc_us = at("2026-11-25 08:00")
        hub.services.reader.recorded = [Span(at("2026-11-20 08:30"), at("2026-11-20 12:10"))]
        line = await call(hub, "GET", "/api/streams/at-hall/timeline", **DAY)
        spans = [(one["state"], one["from"][11:16], one["to"][11:16]) for one in line["spans"]]
        assert spans == [
            ("off_duty", "00:00", "00:30"), ("recorded", "00:30", "04:10"), ("off_duty", "04:10", "05:30"),
            ("off_duty", "09:30", "16:00"),
        ]  # fmt: skip
        assert line["completeness"] == round(3 / 7, 6)


async def test_findings_of_a_day(tmp_path: Path) -> None:
    async with running(tmp_path, "2026-11-20 10:00") as (hub, parts, _):
        await parts.findings.look()
        await parts.findings.look()
        days = {"from": "2026-11-20", "to": "2026-11-20"}
        (found,) = await call(hub, "GET", "/api/duty/findings", **days)
        assert (found["stream"], found["day"], found["kind"]) == ("at-hall", "2026-11-20", "no_sound")
        elsewhere = await caller(hub, "sun", "other", Role.WATCHER)
        assert await elsewhere.call("GET", "/api/duty/findings?" + _query(days)) == (200, [])


async def test_a_source_managed_by_others_is_watched_and_not_configured(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        camera = {"type": "rtsp", "url": "rtsp://127.0.0.1/1"}
        stream = {"id": "centre", "name": "中心大厅", "kind": "window", "source": camera, "managed_by_others": True}
        assert (await call(hub, "POST", "/api/streams", stream, 201))["managed_by_others"]
        other = {"source": camera | {"url": "rtsp://127.0.0.1/2"}}
        refused = await call(hub, "PATCH", "/api/streams/centre", other, 409)
        assert refused["error"]["code"] == "managed_by_others"
        assert "managed by others" in refused["error"]["message"]
        assert (await call(hub, "PATCH", "/api/streams/centre", {"name": "大厅"}))["name"] == "大厅"
        both = other | {"managed_by_others": False}
        assert (await call(hub, "PATCH", "/api/streams/centre", both))["source"]["url"] == "rtsp://127.0.0.1/2"
        shown = await call(hub, "GET", "/api/streams/centre")
        assert not shown["managed_by_others"]
