"""Calendars from their entries to what a window is expected to do, over a real ledger and in simulated time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hub.app.meanwhile import lasting
from hub.clock import ManualClock
from hub.duty.findings import Finding, Seen
from hub.duty.history import Subject
from hub.duty.hours import DayHours, Hours
from hub.duty.incoming import leave
from hub.duty.years import Year
from hub.errors import InvalidRequest, NotFound
from hub.model import InterruptionKind, InterruptionState, StreamKind
from hub.monitor.rules import StreamState
from hub.people.changes import HUB
from tests.duty_support import HALL, WEEK, S, at, bench, stream
from tests.unit.monitor_script import Script

HALL_UNIT = Subject.unit("hall")
DAY_S = 86_400
NEXT_YEAR = Year.model_validate(
    {
        "year": 2027,
        "notice": {"title": "通知", "number": "国办发明电〔2026〕0号", "issued": "2026-11-05"},
        "holidays": {"2027-01-01": "元旦"},
    }
)


async def test_a_hub_without_hours_writes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.duty.look()
        assert b.entered() == []
        assert b.duty.clock.expected("w", b.clock.utc_us) is None
        assert b.duty.readiness == "ok"


async def test_the_first_hours_bring_the_years_and_the_places(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li", reason="开门")
        assert b.entered() == ["year", "year", "places", "hours"]
        found = b.duty.inherited(Subject.stream("w"), "desk")
        assert found is not None
        assert (found[0], found[1].by, found[1].reason) == (HALL_UNIT, "li", "开门")
        assert not b.duty.clock.expected("w", b.clock.utc_us).due  # type: ignore[union-attr]
        assert b.duty.clock.expected("w", at("2026-11-20 09:00")).due  # type: ignore[union-attr]
        assert b.duty.clock.expected("r", at("2026-11-20 09:00")) is None
    assert b.folder.verify().exit_code == 0


async def test_everything_is_made_again_from_the_entries(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        b.clock.advance(3600)
        friday = date(2026, 11, 20)
        made = await b.duty.except_days(HALL_UNIT, friday, friday, DayHours(), by="li", reason="停电")
        b.clock.advance(3600)
        await b.duty.withdraw(made.id, by="li", reason="来电")
        before = b.duty.clock.pieces("w", at("2026-11-19 00:00"), at("2026-11-24 00:00"))
        assert sum(piece.detail == "停电" for piece in before) == 1
    async with bench(tmp_path, "2026-11-25 08:00") as b:
        assert b.duty.clock.pieces("w", at("2026-11-19 00:00"), at("2026-11-24 00:00")) == before
        assert b.entered() == ["year", "year", "places", "hours", "exception", "exception_withdrawn"]


async def test_a_move_and_an_end_are_written_down(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        b.clock.advance(5400)
        b.streams[0] = replace(b.streams[0], unit="other")
        b.duty.keep_places()
        assert b.duty.clock.expected("w", b.clock.utc_us) is None, "at once"
        await b.duty.look()
        await b.ledger.committed()
        assert b.entered()[4:] == ["places"]
        at_ten = [piece.due for piece in b.duty.clock.pieces("w", at("2026-11-20 09:00"), at("2026-11-20 10:00"))]
        assert at_ten == [True, None]
        await b.units.patch("other", by=HUB, parent="hall")
        assert b.duty.clock.expected("w", b.clock.utc_us).due, "a unit that moves takes its streams along"  # type: ignore[union-attr]
        b.streams[0] = replace(b.streams[0], retired=True)
        await b.duty.look()
        assert b.duty.clock.expected("w", b.clock.utc_us).reason == "retired"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [("2026-11-18", "2026-11-19", "x"), ("2026-11-21", "2026-11-20", "x"), ("2026-11-20", "2027-12-20", "x"),
     ("2026-11-20", "2026-11-20", " ")],
)  # fmt: skip
async def test_an_exception_is_of_days_to_come_and_has_a_reason(
    tmp_path: Path, first: str, last: str, reason: str
) -> None:
    async with bench(tmp_path) as b:
        days = date.fromisoformat(first), date.fromisoformat(last)
        with pytest.raises(InvalidRequest):
            await b.duty.except_days(HALL_UNIT, *days, DayHours(), by="li", reason=reason)
        with pytest.raises(NotFound):
            await b.duty.withdraw("x-1", by="li", reason="x")
        with pytest.raises(NotFound):
            await b.duty.give_hours(HALL_UNIT, None, by="li")
        assert b.entered() == []


async def test_a_missing_year_alarms_the_engineer_from_december_on_until_it_is_entered(tmp_path: Path) -> None:
    async with bench(tmp_path, "2026-11-30 23:00") as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        await b.duty.look()
        assert b.told("duty.missing_year") == []
        for _ in range(3):
            b.clock.advance(3600)
            await b.duty.look()
        (told,) = b.told("duty.missing_year")
        assert (told["year"], told["key"]) == (2027, "2027")
        assert b.duty.readiness.startswith("ok, but 2027")
        b.clock.advance(DAY_S)
        await b.duty.look()
        assert len(b.told("duty.missing_year")) == 2, "once a day"
        leave(b.folder.data, NEXT_YEAR, "root (command line)")
        await b.duty.look()
        assert b.told("duty.cleared") == [{"kind": "missing_year", "year": 2027, "key": "2027", "unit": "root"}]
        assert b.duty.readiness == "ok"
        _, _, body = b.ledger.reader.calendars()[-1]
        assert (body["by"], body["notice"]["number"]) == ("root (command line)", "国办发明电〔2026〕0号")
        assert not await b.duty.enter_year(NEXT_YEAR, by="again")


async def test_days_judged_without_their_year_stay_marked(tmp_path: Path) -> None:
    async with bench(tmp_path, "2027-01-01 00:00") as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        b.clock.advance(3 * DAY_S)
        await b.duty.enter_year(NEXT_YEAR, by="li")
        found = await b.parts.completeness.of(b.streams[:1], at("2027-01-01 00:00"), at("2027-01-06 00:00"))
        assert [one.year_missing for one in found["w"]] == [True, True, True, False, False]
        assert found["w"][0].amounts.due_us == 25_200 * S, "the holiday was taken for a Friday, and is not judged again"


# --------------------------------------------------------------------------- what a window does then


async def test_a_day_of_a_window_in_simulated_time(tmp_path: Path) -> None:
    """Grey before opening and over noon, not started where it does not come after noon, grey again in the evening."""
    async with bench(tmp_path) as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        script = Script(clock=ManualClock(at("2026-11-20 08:58"), 77_000_000))

        def passes(seconds: int, *, playing: bool = False) -> None:
            for _ in range(seconds):
                answer = b.duty.clock.expected("w", script.now.utc_us)
                script.take(script.detector.due(answer, script.now))
                (script.play if playing else script.wait)(1)

        passes(60)
        assert script.detector.state is StreamState.OFF_DUTY
        script.open()
        passes(120, playing=True)
        assert (script.detector.state, script.changes) == (StreamState.LIVE, [])
        script.clock.utc_us = at("2026-11-20 12:00")
        passes(2, playing=True)
        script.close()
        passes(600)
        assert (script.detector.state, script.changes) == (StreamState.OFF_DUTY, [])
        script.clock.utc_us = at("2026-11-20 13:29")
        passes(60 + 29)
        assert script.changes == []
        passes(3)
        found = script.the(InterruptionState.CONFIRMED)
        assert (found.kind, found.started_us) == (InterruptionKind.NOT_STARTED, at("2026-11-20 13:30"))
        script.clock.utc_us = at("2026-11-20 17:30")
        passes(2)
        closed = script.the(InterruptionState.CLOSED)
        assert closed.ended_us == at("2026-11-20 17:30")
        passes(60)
        assert script.detector.state is StreamState.OFF_DUTY


async def test_a_window_without_sound_is_found_once_a_day_while_it_is_due(tmp_path: Path) -> None:
    room = stream("room", kind=StreamKind.ROOM)
    async with bench(tmp_path, "2026-11-20 08:00", [stream("w"), stream("heard"), room]) as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        b.seen[:] = [Seen(b.streams[0], False), Seen(b.streams[1], True), Seen(room, False)]
        look = b.parts.findings.look
        for _ in range(3):
            await look()
        assert b.told("duty.finding") == [], "not yet open"
        b.clock.utc_us = at("2026-11-20 09:10")
        await look()
        assert b.told("duty.finding") == [], "one look is not enough"
        for _ in range(4):
            await look()
        (told,) = b.told("duty.finding")
        assert (told["stream"], told["kind"], told["day"]) == ("w", "no_sound", "2026-11-20")
        b.clock.utc_us = at("2026-11-23 09:10")
        for _ in range(3):
            await look()
        b.seen[0] = Seen(b.streams[0], True)
        await look()
        assert [one["key"] for one in b.told("duty.cleared")] == ["w"]
        kept = await b.parts.findings.between({"w", "heard"}, "2026-11-01", "2026-11-30")
        assert [(one.stream_id, one.day) for one in kept] == [("w", "2026-11-20"), ("w", "2026-11-23")]
        assert await b.parts.findings.between({"heard"}, "2026-11-01", "2026-11-30") == []
    async with bench(tmp_path, "2026-11-23 10:00") as b:
        b.seen[:] = [Seen(stream("w"), False)]
        for _ in range(3):
            await b.parts.findings.look()
        assert b.told("duty.finding") == [], "told already today, before the restart"


async def test_a_window_without_sound_is_told_once_the_database_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, "2026-11-20 09:10", [stream("w")]) as b:
        await b.duty.give_hours(HALL_UNIT, HALL, by="li")
        b.seen[:] = [Seen(b.streams[0], False)]
        findings = b.parts.findings
        keep, tries = findings._keep, 0

        def away(one: Finding) -> bool:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise OperationalError("INSERT", {}, Exception("connection refused"))
            return keep(one)

        monkeypatch.setattr(findings, "_keep", away)
        task = asyncio.create_task(lasting(findings.run, b.clock))
        async with asyncio.timeout(10):
            while not b.told("duty.finding"):  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert tries >= 3


async def test_hours_keep_the_zone_that_they_were_given_in(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.duty.give_hours(HALL_UNIT, Hours.model_validate(WEEK), by="li")
        assert b.ledger.reader.calendars()[-1][2]["zone"] == "Asia/Shanghai"


async def test_finished_days_are_measured_before_anybody_asks(tmp_path: Path) -> None:
    async with bench(tmp_path, "2026-11-20 10:00") as b:
        await b.parts.measure_ahead(b.streams[0])
        measured = b.parts.completeness.measured_days
        assert measured == 32
        await b.parts.completeness.of(b.streams[:1], at("2026-10-20 00:00"), at("2026-11-20 00:00"))
        assert b.parts.completeness.measured_days == measured
