"""Planned maintenance: two people, never for the past; what breaks off inside rings and asks nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine

from hub.clock import US_PER_S, ManualClock
from hub.database import Database, create_tables, open_engine
from hub.errors import Conflict, InvalidRequest, LedgerError, NotFound, Refused
from hub.model import AccessUnit, Codec, Interruption, InterruptionState, SessionInfo, TrackInfo
from hub.monitor.content.watch import ContentWatch
from hub.monitor.detector import InterruptionDetector
from hub.monitor.maintenance import Maintenance, MaintenanceState, Window
from hub.monitor.rules import DetectorRules
from hub.pipeline import Pipeline
from tests.unit.monitor_script import Script, started, stream

S = US_PER_S
HOUR = 3600 * S


class Room:
    """Maintenance on a clock that is moved, with what it told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = ManualClock()
        self.told: list[tuple[str, str]] = []
        self.broken = False
        self.all: Maintenance

    def keep(self, window: Window, action: str, by: str) -> None:
        if self.broken:
            raise LedgerError("full")
        self.told.append((action, by))

    async def open(self) -> None:
        self.all = await Maintenance.open(self.engine, self.clock, self.keep)

    async def asked(self, **over: Any) -> Window:
        now_us = self.clock.utc_us
        fields = {"stream": "w1", "unit": "", "from_us": now_us + HOUR, "to_us": now_us + 2 * HOUR}
        return await self.all.request(**{**fields, "reason": "换摄像机", "by": "engineer", **over})

    def at(self, stream: str = "w1", *units: str) -> str:
        self.all.tick()
        return self.all.at(stream, units, self.clock.utc_us)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    engine = open_engine(Database(tmp_path / "hub.db"))
    create_tables(engine)
    room = Room(engine)
    await room.open()
    yield room
    engine.dispose()


async def test_it_holds_from_its_beginning_to_its_end_by_the_clock_and_over_a_restart(room: Room) -> None:
    window = await room.asked()
    await room.all.decide(window.id, approve=True, by="approver", note="可以")
    assert room.at() == ""
    room.clock.advance(3600)
    assert room.at() == window.id
    assert room.at("w2") == ""
    await room.open()
    assert room.at() == window.id
    room.clock.advance(3600)
    assert room.at() == ""
    assert room.told == [("requested", "engineer"), ("approved", "approver"), ("began", "hub"), ("ended", "hub")]
    assert room.all.get(window.id).note == "可以"


async def test_of_a_unit_it_holds_for_all_below(room: Room) -> None:
    window = await room.asked(stream="", unit="hall-a")
    await room.all.decide(window.id, approve=True, by="approver")
    room.clock.advance(3600)
    assert room.at("w1", "room-1", "hall-a", "root") == window.id
    assert room.at("w1", "hall-b", "root") == ""


async def test_nobody_approves_what_they_asked_for(room: Room) -> None:
    window = await room.asked()
    with pytest.raises(Refused):
        await room.all.decide(window.id, approve=True, by="engineer")
    await room.all.decide(window.id, approve=False, by="approver")
    with pytest.raises(Conflict):
        await room.all.decide(window.id, approve=True, by="approver")
    room.clock.advance(3600)
    assert room.at() == ""


async def test_without_approval_nothing_holds_and_a_late_one_holds_from_then_on(room: Room) -> None:
    window = await room.asked()
    room.clock.advance(5400)
    assert room.at() == ""
    approved = await room.all.decide(window.id, approve=True, by="approver")
    assert approved.from_us == room.clock.utc_us
    assert room.at() == window.id
    late = await room.asked(from_us=room.clock.utc_us + S, to_us=room.clock.utc_us + 2 * S)
    room.clock.advance(10)
    with pytest.raises(Conflict):
        await room.all.decide(late.id, approve=True, by="approver")


@pytest.mark.parametrize(
    ("from_s", "to_s", "over"),
    [
        (-3600, 3600, {}),
        (-7200, -3600, {}),
        (3600, 3600, {}),
        (3600, 3600 + 8 * 86400, {}),
        (400 * 86400, 400 * 86400 + 60, {}),
        (60, 120, {"reason": " "}),
        (60, 120, {"unit": "hall-a"}),
        (60, 120, {"stream": ""}),
    ],
)
async def test_what_cannot_be_is_refused(room: Room, from_s: int, to_s: int, over: dict[str, Any]) -> None:
    now_us = room.clock.utc_us
    with pytest.raises(InvalidRequest):
        await room.asked(from_us=now_us + from_s * S, to_us=now_us + to_s * S, **over)
    assert room.told == []


async def test_it_ends_when_the_work_is_done(room: Room) -> None:
    window = await room.asked()
    await room.all.decide(window.id, approve=True, by="approver")
    room.clock.advance(3900)
    assert room.at() == window.id
    ended = await room.all.cancel(window.id, by="engineer")
    assert (ended.state, ended.to_us) == (MaintenanceState.CANCELLED, room.clock.utc_us)
    assert room.at() == ""
    with pytest.raises(Conflict):
        await room.all.cancel(window.id, by="engineer")
    before = await room.asked()
    await room.all.cancel(before.id, by="engineer")
    room.clock.advance(3600)
    assert room.at() == ""


async def test_what_the_ledger_does_not_take_is_not(room: Room) -> None:
    room.broken = True
    with pytest.raises(LedgerError):
        await room.asked()
    assert list(room.all.all()) == []
    with pytest.raises(NotFound):
        room.all.get("maintenance-1")


# ------------------------------------------------------------------------------- what breaks off


def test_what_breaks_off_inside_carries_its_id_and_rings_and_asks_nothing() -> None:
    script = started()
    script.detector.maintain("maintenance-1")
    script.close()
    script.wait(600)
    script.open()
    script.play(10)
    script.detector.maintain("")
    script.play(60)
    assert script.states == ["suspected", "confirmed", "resumed", "closed"]
    assert {change.evidence["maintenance"] for change in script.changes} == {"maintenance-1"}
    assert not any(change.rings or change.needs_explanation for change in script.changes)


def test_what_lasts_beyond_it_rings_from_then_on() -> None:
    script = started()
    script.detector.maintain("maintenance-1")
    script.close()
    script.wait(600)
    assert not script.changes[-1].rings
    script.detector.maintain("")
    script.wait(1)
    assert script.changes[-1].rings
    assert script.changes[-1].evidence["maintenance"] == "maintenance-1"


def test_what_rang_before_it_goes_on_ringing_and_is_not_part_of_it() -> None:
    script = started()
    script.close()
    script.wait(10)
    script.detector.maintain("maintenance-1")
    script.wait(600)
    assert script.changes[-1].rings
    assert "maintenance" not in script.changes[-1].evidence


def test_a_break_behind_it_rings_though_it_joins_one_from_inside() -> None:
    script = started()
    script.detector.maintain("maintenance-1")
    script.wait(10)
    script.play(3)
    script.detector.maintain("")
    script.play(5)
    script.wait(10)
    last = script.changes[-1]
    assert (last.count, last.state, last.rings) == (2, InterruptionState.CONFIRMED, True)


def test_a_clock_that_is_set_meanwhile_carries_it_too() -> None:
    script = Script()
    script.open()
    script.play(3)
    script.detector.maintain("maintenance-1")
    script.leap(5 * S)
    assert script.changes[0].evidence["maintenance"] == "maintenance-1"


class Looking:
    """As the checks of a hub: no picture is looked at, sound needs no worker."""

    interval_us = 2 * S

    def watch(self, stream_id: str, rules: DetectorRules, _tell: object) -> ContentWatch:
        self.told: list[Interruption] = []
        return ContentWatch(stream_id, rules, cast(Any, self), self.told.extend)

    def withdraw(self, watch: ContentWatch) -> None:
        """Nothing waits here."""


def test_what_is_not_heard_meanwhile_carries_it_and_rings_when_it_ends() -> None:
    looking, room = Looking(), cast(Any, Mock())
    pipeline = Pipeline(stream(), room, InterruptionDetector(stream(), DetectorRules()), room, room, None)
    pipeline.look(cast(Any, looking), DetectorRules())
    pipeline.maintain("maintenance-1")
    assert pipeline.content is not None
    clock = ManualClock()
    pipeline.content.opened(SessionInfo("rtsp", "", "", (TrackInfo(2, Codec.PCMA, 8000, 1),), clock.now()))
    for second in range(100):
        if second == 60:
            assert [change.rings for change in looking.told] == [False]
            pipeline.maintain("")
        at = clock.advance(1)
        ticks = second * 8000
        pipeline.content.keyframe(
            AccessUnit(2, b"\xd5" * 160, ticks, ticks, 160, True, False, at.utc_us, None, at, second, second)
        )
    assert {change.evidence["maintenance"] for change in looking.told} == {"maintenance-1"}
    assert looking.told[-1].rings
