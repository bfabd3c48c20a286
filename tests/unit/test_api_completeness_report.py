"""The month's report over HTTP: the same figures as /api/completeness, the files, who may have them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import openpyxl
import pytest

from hub.clock import rfc3339
from hub.model import Interruption, InterruptionKind, InterruptionState, Span
from hub.people.rights import Role
from tests.duty_support import WEEK, at
from tests.unit.test_api_duty import call, running
from tests.unit.test_api_people import caller

MONTH = {"unit": "hall", "month": "2026-11"}
WHOLE = {"from": rfc3339(at("2026-11-01 00:00")), "to": rfc3339(at("2026-12-01 00:00"))}
FIGURES = ("due_s", "recorded_s", "backfilled_s", "missing_s", "usable_s", "completeness", "usable_rate")


async def test_the_reports_figures_are_those_of_completeness(tmp_path: Path) -> None:
    async with running(tmp_path, "2026-11-20 08:00") as (hub, _, _):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        hub.clock.utc_us = at("2026-11-25 15:00")
        reader = hub.services.reader
        reader.recorded = [Span(at("2026-11-20 08:30"), at("2026-11-20 16:30"))]
        reader.rows = [
            Interruption(
                f"b-{kind}", "at-hall", kind, InterruptionState.CLOSED, at(begin), at(begin), at(end)
            )
            for kind, begin, end in (
                (InterruptionKind.BLACK, "2026-11-20 09:00", "2026-11-20 10:00"),
                (InterruptionKind.STALL, "2026-11-20 14:00", "2026-11-20 14:10"),
            )
        ]  # fmt: skip
        found = await call(hub, "GET", "/api/completeness/month", **MONTH)
        known = await call(hub, "GET", "/api/completeness", unit="hall", by="day", **WHOLE)
        assert {name: found["total"][name] for name in FIGURES} == {name: known["total"][name] for name in FIGURES}
        streams = {one["stream"]: one for one in known["streams"]}
        assert [one["stream"] for one in found["windows"]] == ["at-desk", "at-hall"], "a recorder has no rate"
        for one in found["windows"]:
            assert {name: one[name] for name in FIGURES} == {name: streams[one["stream"]][name] for name in FIGURES}
        days = {one["period"]: one for one in known["periods"] if one["due_s"]}
        assert {one["day"] for one in found["days"] if one["due_s"]} == set(days)
        for one in found["days"]:
            if one["due_s"]:
                assert {name: one[name] for name in FIGURES} == {name: days[one["day"]][name] for name in FIGURES}
            assert one["missing_s"] == pytest.approx(one["explained_s"] + one["unexplained_s"])
        assert [(one["kind"], one["count"], one["lasted_s"]) for one in found["interruptions"]] == [
            ("stall", 1, 600.0), ("black", 1, 3600.0),
        ]  # fmt: skip
        assert (found["over"], found["calendar"], found["drawn_by"]) == (False, True, "program:admin")
        assert found["before"]["due_s"] == 0, "registered this month"

        async with hub.program.get("/api/completeness.xlsx", params=MONTH) as answer:
            assert answer.status == 200
            assert unquote(answer.headers["Content-Disposition"]).endswith("录像完整率月报-hall-2026-11.xlsx")
            book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
        total = next(row for row in book["各窗口"].iter_rows(values_only=True) if row[0] == "合计")
        # a cell's duration is read to the millisecond
        assert total[3].total_seconds() == pytest.approx(found["total"]["due_s"], abs=0.001)
        assert total[10] == found["total"]["completeness"]
        hall = next(row for row in book["各窗口"].iter_rows(values_only=True) if row[0] == "at-hall")
        assert (hall[1], hall[14]) == ("=hall", 2)
        day = [
            row for row in book["逐日"].iter_rows(values_only=True) if row[1] == "at-hall" and str(row[0])[8:10] == "20"
        ]
        assert day[0][3] == timedelta(hours=7)

        async with hub.program.get("/api/completeness.pdf", params=MONTH) as answer:
            assert (answer.status, answer.content_type) == (200, "application/pdf")
            assert (await answer.read()).startswith(b"%PDF")


async def test_who_may_have_it_and_what_cannot_be_drawn(tmp_path: Path) -> None:
    async with running(tmp_path) as (hub, _, _):
        wang = await caller(hub, "wang", "hall", Role.HALL_ADMIN)
        for path in ("completeness/month", "completeness.pdf", "completeness.xlsx"):
            assert (await wang.call("GET", f"/api/{path}?month=2026-11&unit=other"))[0] == 404
            await call(hub, "GET", f"/api/{path}", expected=400, month="2026-12")
            await call(hub, "GET", f"/api/{path}", expected=400, month="2026-13")
        status, found = await wang.call("GET", "/api/completeness/month?month=2026-11")
        assert (status, found["unit"], found["drawn_by"]) == (200, "hall", "wang")
        accounts = await caller(hub, "li", "hall", Role.ACCOUNT_ADMIN)
        assert (await accounts.call("GET", "/api/completeness/month?month=2026-11"))[0] == 403


async def test_a_halls_day_in_one_answer(tmp_path: Path) -> None:
    async with running(tmp_path, "2026-11-20 10:00") as (hub, parts, _):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        await parts.findings.look()
        await parts.findings.look()
        at_nine = at("2026-11-20 09:00")
        black = Interruption("b", "at-hall", InterruptionKind.BLACK, InterruptionState.CONFIRMED, at_nine, at_nine)
        over = replace(black, id="o", ended_us=at_nine + 1)
        hub.services.present = lambda: [black, over, replace(black, id="x", stream_id="at-other")]
        found = await call(hub, "GET", "/api/halls/hall")
        assert (found["day"], found["zone"], found["left_out"]) == ("2026-11-20", "Asia/Shanghai", 0)
        assert [one["stream"] for one in found["windows"]] == ["at-desk", "at-hall"], "no recorders, nobody else's"
        hall = found["windows"][1]
        assert hall["no_sound"]
        assert hall["faults"] == [
            {"id": "b", "kind": "black", "state": "confirmed", "since": rfc3339(at_nine), "picture": False}
        ]
        assert [one["judged"] for one in hall["pieces"]][-1] == "closed"
        line = await call(hub, "GET", "/api/streams/at-hall/timeline", **{"from": found["from"], "to": found["to"]})
        assert hall["timeline"] == line
        wang = await caller(hub, "wang", "hall", Role.HALL_ADMIN)
        assert (await wang.call("GET", "/api/halls/hall"))[0] == 200
        assert (await wang.call("GET", "/api/halls/other"))[0] == 404


async def test_a_preview_of_a_unit_is_that_of_its_windows(tmp_path: Path) -> None:
    async with running(tmp_path, "2026-11-20 10:00") as (hub, _, _):
        await call(hub, "PUT", "/api/duty/units/hall/hours", {"hours": WEEK})
        span = {"from": rfc3339(at("2026-11-20 12:00")), "to": rfc3339(at("2026-11-23 00:00"))}
        unit = await call(hub, "GET", "/api/duty/calendar", unit="desk", **span)
        assert unit == await call(hub, "GET", "/api/duty/calendar", stream="at-desk", **span)
        assert [one["judged"] for one in unit["pieces"]] == ["break", "hours", "closed"]
        await call(hub, "GET", "/api/duty/calendar", expected=400, **span)
        await call(hub, "GET", "/api/duty/calendar", expected=400, unit="desk", stream="at-desk", **span)
