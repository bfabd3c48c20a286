"""By when footage is stored: each text of the regulations, warnings, escalation, and a hub that was down meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.activities.deadlines import HOUR_US, MINUTE_US, deadline_us, steps, storage_state
from hub.activities.drafts import Draft
from hub.activities.model import Activity, Exemption, ExemptionType, Mode
from hub.activities.rules import ActivityRules, DeadlineRules, read_rules
from hub.clock import parse_rfc3339
from hub.errors import Conflict, InvalidRequest
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.model import InterruptionKind, Span
from hub.people.changes import HUB
from tests.activity_support import FULL, HOUR_S, START_US, Bench, FakeFootage, S, bench, cut, recorder


def at(text: str) -> int:
    return parse_rfc3339(f"2026-11-20T{text}:00+08:00")


def exemption(kind: ExemptionType, returned_us: int | None = None) -> Exemption:
    return Exemption(kind, "", "x", 0, returned_us)


A24 = DeadlineRules()
JINPU = DeadlineRules(exemptions=frozenset(ExemptionType) - {ExemptionType.WATER})  # 002§23
QUANFANG = DeadlineRules(storage="24h_no_exemption")  # 004§34
YEXIAN = DeadlineRules(storage="end_of_day")  # 003§11
END = at("10:00")
RETURN = END + 30 * HOUR_US


@pytest.mark.parametrize("kind", ExemptionType)
def test_24_hours_from_the_end_or_from_the_return(kind: ExemptionType) -> None:
    assert deadline_us(END, A24) == END + 24 * HOUR_US
    assert deadline_us(END, A24, exemption(kind)) is None
    assert deadline_us(END, A24, exemption(kind, RETURN)) == RETURN + 24 * HOUR_US


def test_who_was_back_at_once_has_no_less_than_24_hours_from_the_end() -> None:
    returned = exemption(ExemptionType.ELSEWHERE, END - 5 * HOUR_US)
    assert deadline_us(END, A24, returned) == END + 24 * HOUR_US


def test_002_knows_no_exemption_on_water() -> None:
    assert deadline_us(END, JINPU, exemption(ExemptionType.WATER, RETURN)) == END + 24 * HOUR_US
    assert deadline_us(END, JINPU, exemption(ExemptionType.FRONTIER, RETURN)) == RETURN + 24 * HOUR_US


@pytest.mark.parametrize("kind", ExemptionType)
def test_004_knows_none(kind: ExemptionType) -> None:
    assert deadline_us(END, QUANFANG, exemption(kind)) == END + 24 * HOUR_US


def test_003_asks_for_it_when_the_days_work_ends() -> None:
    assert deadline_us(END, YEXIAN) == at("19:00")
    assert deadline_us(END, YEXIAN, exemption(ExemptionType.WATER)) == at("19:00")
    assert deadline_us(at("22:30"), YEXIAN) == at("23:30")  # work went on until then
    assert deadline_us(at("00:30"), YEXIAN) == at("19:00")  # 16:30 UTC of the day before
    assert deadline_us(END, YEXIAN, work_ends_us=at("16:00")) == at("17:00")
    own = DeadlineRules(storage="end_of_day", day_end="17:30", grace_minutes=0)
    assert deadline_us(END, own) == at("17:30")


def test_steps_before_and_after() -> None:
    found = steps(END, DeadlineRules(), 3)
    assert [(step.at_us - END, step.warn_minutes, step.level) for step in found] == [
        (-240 * MINUTE_US, 240, None),
        (-60 * MINUTE_US, 60, None),
        (0, None, 0),
        (12 * HOUR_US, None, 1),
        (24 * HOUR_US, None, 2),
    ]
    assert len(steps(END, DeadlineRules(escalate_hours=(0,)), 3)) == 3


@pytest.mark.parametrize(
    "rules",
    [{"storage": "48h"}, {"exemptions": ["snow"]}, {"day_end": "25:00"}, {"warn_minutes": [-1]}, {"x": 1}, [], "x", 7],
)
def test_rules_that_cannot_be_read_are_refused(rules: object) -> None:
    with pytest.raises(InvalidRequest):
        read_rules(DeadlineRules, rules)
    with pytest.raises(InvalidRequest):
        read_rules(ActivityRules, rules)


# ------------------------------------------------------------------------------- the watch's clock


async def ended(b: Bench, draft: Draft = FULL, unit: str = "north-1", mode: Mode = Mode.FULL) -> str:
    """An activity of an hour, the clock at its end."""
    kept = await b.activities.begin(recorder(unit=unit), draft, by="x")
    await b.activities.amend(kept.activity.id, Draft(mode=mode), by="x", reason="r")
    b.clock.advance(HOUR_S)
    await b.activities.end(kept.activity.id, by="x")
    return kept.activity.id


async def storage(b: Bench, ident: str) -> str:
    await b.watch.look()
    return (await b.activities.get(ident)).storage


async def test_stored_live_needs_nothing_more(tmp_path: Path) -> None:
    footage = FakeFootage(recorded=[Span(START_US, START_US + 3600 * S)])
    async with bench(tmp_path, footage) as b:
        ident = await ended(b)
        assert await storage(b, ident) == "stored"
        b.clock.advance(100 * HOUR_S)
        await b.watch.look()
        assert not b.told("activity.overdue") + list(b.told("activity.deadline_near"))
        assert await b.activities.to_be_stored(lambda _: True, 10) == []


async def test_what_is_missing_is_due_then_near_then_overdue_level_by_level(tmp_path: Path) -> None:
    gap = cut("i-1", START_US + 600 * S, START_US + 1200 * S)
    footage = FakeFootage([Span(START_US, START_US + 600 * S), Span(START_US + 1200 * S, START_US + 3600 * S)], [gap])
    async with bench(tmp_path, footage) as b:
        ident = await ended(b)
        assert await storage(b, ident) == "due"
        (due,) = await b.activities.to_be_stored(lambda _: True, 10)
        assert due.due_us == START_US + 25 * 3600 * S
        assert b.watch.whole(due.activity, b.clock.utc_us).lacking == (gap,)
        heard = []
        for _ in range(80 * 6):  # 80 hours in steps of ten minutes
            b.clock.advance(600)
            await b.watch.look()
            for what, data in b.events:
                if what in ("activity.deadline_near", "activity.overdue"):
                    hours = round((b.clock.utc_us - due.due_us) / HOUR_US, 2)
                    heard.append((hours, data.get("warn_minutes"), data.get("to_unit")))
            b.events.clear()
        assert heard == [
            (-4.0, 240, None),
            (-1.0, 60, None),
            (0.0, None, "north-1"),
            (12.0, None, "north"),
            (24.0, None, "root"),
        ]
        assert await storage(b, ident) == "overdue"
        said = [one.body for one in await b.activities.history(ident) if one.body["action"] == "overdue"]
        assert [(body["level"], body["unit"]) for body in said] == [(0, "north-1"), (1, "north"), (2, "root")]
        b.events.clear()
        footage.followups["i-1"] = "backfilled"
        assert await storage(b, ident) == "stored"
        await b.watch.look()
        assert [(what, data["id"]) for what, data in b.events] == [("activity.stored", ident)]


async def test_a_hub_that_was_down_tells_what_became_due_meanwhile_and_nothing_twice(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        ident = await ended(b, mode=Mode.KEY_STEPS)
        assert await storage(b, ident) == "due"
        down_us = b.clock.utc_us
    async with bench(tmp_path, at_us=down_us + 37 * 3600 * S) as b:  # 13 hours too late
        assert await storage(b, ident) == "overdue"
        assert [data["to_unit"] for data in b.told("activity.overdue")] == ["north-1", "north"]
    async with bench(tmp_path, at_us=down_us + 38 * 3600 * S) as b:
        await b.watch.look()
        assert not b.told("activity.overdue")
        b.clock.advance(11 * HOUR_S)
        await b.watch.look()
        assert [data["to_unit"] for data in b.told("activity.overdue")] == ["root"]


async def test_an_exemption_waits_for_the_return(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        ident = await ended(b)
        with pytest.raises(Conflict):
            await b.activities.returned(ident, by="x")
        await b.activities.exempt(ident, ExemptionType.FRONTIER, by="x", text="山区执法")
        b.clock.advance(72 * HOUR_S)
        assert await storage(b, ident) == "exempt"
        assert not b.told("activity.overdue")
        await b.activities.returned(ident, by="x", at_us=b.clock.utc_us - 3600 * S)
        assert await storage(b, ident) == "due"
        b.clock.advance(23 * HOUR_S)
        assert await storage(b, ident) == "overdue"
        assert [data["level"] for data in b.told("activity.overdue")] == [0]


async def test_an_exemption_that_comes_late_moves_the_deadline_and_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        ident = await ended(b)
        b.clock.advance(25 * HOUR_S)
        assert await storage(b, ident) == "overdue"
        await b.activities.exempt(ident, ExemptionType.FRONTIER, by="x", text="山区执法")
        assert await storage(b, ident) == "exempt"
        await b.watch.look()
        assert [data["id"] for data in b.told("activity.deadline_moved")] == [ident]
        assert not b.told("activity.stored")


async def test_an_organisation_without_exemptions_refuses_one(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        ident = await ended(b)
        for rules in ({"storage": "24h_no_exemption"}, {"exemptions": ["continuous"]}, {"storage": "end_of_day"}):
            await b.units.patch("north", by=HUB, rules={"deadlines": rules})
            with pytest.raises(Conflict):
                await b.activities.exempt(ident, ExemptionType.WATER, by="x", text="t")
        b.clock.advance(25 * HOUR_S)
        assert await storage(b, ident) == "overdue"


@pytest.mark.parametrize(
    ("mode", "recorded", "state"),
    [
        (Mode.FULL, [], "due"),
        (Mode.FULL, [Span(START_US, START_US + 1800 * S)], "due"),  # unrecorded time that nobody declared
        (Mode.FULL, [Span(START_US + 4 * S, START_US + 3600 * S)], "stored"),
        (Mode.KEY_STEPS, [], "due"),
        (Mode.KEY_STEPS, [Span(START_US, START_US + 60 * S)], "stored"),
    ],
)
async def test_what_is_whole_depends_on_the_mode(tmp_path: Path, mode: Mode, recorded: list[Span], state: str) -> None:
    async with bench(tmp_path, FakeFootage(recorded)) as b:
        assert await storage(b, await ended(b, mode=mode)) == state


async def test_footage_that_was_brought_later_counts(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        ident = await ended(b)
        assert await storage(b, ident) == "due"
        b.footage.later.append(Span(START_US, START_US + 3600 * S))
        assert await storage(b, ident) == "stored"


async def test_what_was_black_has_no_other_footage_but_asks_for_an_explanation(tmp_path: Path) -> None:
    black = cut("i-9", START_US + 60 * S, START_US + 90 * S, InterruptionKind.BLACK)
    async with bench(tmp_path, FakeFootage([Span(START_US, START_US + 3600 * S)], [black])) as b:
        ident = await ended(b)
        assert await storage(b, ident) == "stored"
        assert not (await b.activities.get(ident)).settled


def test_states() -> None:
    one = Activity("i", "s", "", "", "", Mode.FULL, 0, "x")
    assert storage_state(one, complete=False, due_us=5, now_us=9) == "recording"


async def test_an_interruption_that_is_entered_late_opens_the_question_again(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeFootage([Span(START_US, START_US + 3600 * S)])) as b:
        ident = await ended(b)
        assert await storage(b, ident) == "stored"
        assert (await b.activities.get(ident)).settled
        late = cut("i-1", START_US + 60 * S, START_US + 90 * S)
        b.footage.cuts.append(late)
        b.ledger.append("rec-1", EntryType.INTERRUPTION_OPEN, interruption_body(late))
        await b.ledger.committed()
        assert await storage(b, ident) == "due"


async def test_a_backlog_is_gone_through_bit_by_bit_and_one_bad_activity_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.activities.watch.LOOKS", 2)
    async with bench(tmp_path) as b:
        b.clock.advance(HOUR_S)
        idents = [
            (
                await b.activities.begin(recorder(f"r-{at}"), FULL, by="x", at_us=START_US, ended_us=START_US + S)
            ).activity.id
            for at in range(5)
        ]
        whole = b.watch.whole

        def breaks(activity: Activity, now_us: int) -> object:
            if activity.id == idents[1]:
                raise RuntimeError("cannot be read")
            return whole(activity, now_us)

        monkeypatch.setattr(b.watch, "whole", breaks)
        seen = []
        for _ in range(3):
            await b.watch.look()
            seen.append(len(await b.activities.to_be_stored(lambda _: True, 10)))
        assert seen == [1, 3, 4]
