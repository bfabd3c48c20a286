"""Alarms: one of each cause, kept, handled by people, told up the tree. Time is simulated."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from hub.clock import US_PER_S, rfc3339
from hub.errors import Conflict, InvalidRequest, LedgerError, NotFound, Refused
from hub.ledger.entries import HUB_STREAM
from hub.model import InterruptionKind, InterruptionState
from hub.monitor.events import Event, interruption_json
from hub.notices.alarm import AlarmState
from hub.notices.causes import Over, Rung, cause_of
from hub.people.changes import HUB
from hub.people.tree import ROOT
from tests.notices_support import NOON_US, desk, fault


async def test_one_alarm_for_a_flapping_interruption(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(replace(fault("i-1"), state=InterruptionState.SUSPECTED))
        assert hub.notices.queue() == []
        for count in range(1, 6):
            await hub.hears(fault("i-1", count=count, evidence={"picture": "ab" * 32}))
            await hub.hears(fault("i-1", state=InterruptionState.RESUMED, ended_us=hub.clock.utc_us, count=count))
            await hub.pass_s(10)
        (alarm,) = hub.notices.queue()
        assert (alarm.kind, alarm.level, alarm.count, alarm.picture) == ("no_signal", 2, 5, "ab" * 32)
        assert alarm.over_us is not None
        assert alarm.state is AlarmState.OPEN  # until somebody handled it
        await hub.notices.settle(alarm.id, AlarmState.HANDLED, "zhang", "看过，网线松动")
        await hub.hears(fault("i-1", count=6))
        assert hub.notices.queue() == []
        await hub.hears(fault("i-2"))
        assert len(hub.notices.queue()) == 1


async def test_what_does_not_ring_makes_no_alarm(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1", rings=False))
        await hub.hears(fault("i-2", state=InterruptionState.CLOSED, ended_us=NOON_US))
        await hub.says("interruption.explained", id="i-3", stream="win-1", state="explained")
        assert hub.notices.queue() == []
        await hub.hears(fault("i-1", rings=True))  # a loss that has become long
        assert len(hub.notices.queue()) == 1


async def test_the_end_of_a_follow_up_is_not_the_end_of_the_fault(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1"))
        await hub.says("interruption.closed_for_good", id="i-1", stream="win-1", state="closed")
        assert hub.notices.queue()[0].over_us is None


async def test_the_queue_is_by_level_and_then_by_age(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("late", at_us=NOON_US + 5))
        await hub.hears(fault("early", at_us=NOON_US))
        await hub.hears(fault("loss", kind=InterruptionKind.LOSS, at_us=NOON_US - 5))
        await hub.says("telemetry.alarm", stream="rec-1", kind="sos", id="s-1", level=1)
        assert [one.subject for one in hub.notices.queue()] == ["rec-1:sos:s-1", "early", "late", "loss"]


async def test_a_withdrawn_fault_clears_its_alarm_and_a_low_level_ends_by_itself(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1"))
        await hub.hears(fault("i-1", state=InterruptionState.WITHDRAWN))
        await hub.hears(fault("i-2", kind=InterruptionKind.DRIFT))
        await hub.hears(fault("i-2", kind=InterruptionKind.DRIFT, state=InterruptionState.RESUMED))
        assert hub.notices.queue() == []
        await hub.notices.tick()
        settled = await hub.notices.settled(1 << 60, 10)
        assert {one.state for one in settled} == {AlarmState.CLEARED}
    (tmp_path / "strict").mkdir()
    async with desk(tmp_path / "strict", alarm_clear_level=5) as hub:
        await hub.hears(fault("i-2", kind=InterruptionKind.DRIFT))
        await hub.hears(fault("i-2", kind=InterruptionKind.DRIFT, state=InterruptionState.RESUMED))
        assert len(hub.notices.queue()) == 1


async def test_what_somebody_looks_after_does_not_end_by_itself(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1", kind=InterruptionKind.DRIFT))
        await hub.notices.acknowledge(hub.notices.queue()[0].id, "zhang")
        await hub.hears(fault("i-1", kind=InterruptionKind.DRIFT, state=InterruptionState.RESUMED))
        assert [one.state for one in hub.notices.queue()] == [AlarmState.ACKNOWLEDGED]


async def test_actions_are_entries_and_the_second_acknowledgement_names_the_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1"))
        (alarm,) = hub.notices.queue()
        await hub.notices.acknowledge(alarm.id, "zhang", "去看")
        with pytest.raises(Conflict, match="zhang") as refused:
            await hub.notices.acknowledge(alarm.id, "li")
        assert refused.value.code == "acknowledged"
        await hub.notices.note(alarm.id, "li", "已打电话")
        with pytest.raises(InvalidRequest):
            await hub.notices.settle(alarm.id, AlarmState.HANDLED, "zhang", "  ")
        await hub.notices.settle(alarm.id, AlarmState.FALSE_ALARM, "zhang", "演练")
        with pytest.raises(Conflict):
            await hub.notices.acknowledge(alarm.id, "li")
        with pytest.raises(NotFound):
            await hub.notices.acknowledge("none", "li")
        assert [stream for stream, _ in hub.entries] == ["win-1"] * 3
        assert hub.actions() == [
            ("i-1", "acknowledge", "zhang"),
            ("i-1", "note", "li"),
            ("i-1", "false_alarm", "zhang"),
        ]
        assert hub.entries[0][1]["note"] == "去看"


async def test_what_the_ledger_refuses_has_not_happened(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1"))
        (alarm,) = hub.notices.queue()

        def refuse(*_: object) -> None:
            raise LedgerError("it takes nothing")

        hub.notices._outside = replace(hub.notices._outside, append=refuse)
        with pytest.raises(LedgerError):
            await hub.notices.acknowledge(alarm.id, "zhang")
        assert hub.notices.queue()[0].state is AlarmState.OPEN


async def test_alarms_survive_a_restart_and_what_ended_meanwhile_is_found(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1"))
        await hub.hears(fault("i-2", "win-2"))
        await hub.hears(fault("i-3", "win-3"))
        first = hub.notices.queue()[0]
        await hub.notices.acknowledge(first.id, "zhang", "在看")
        hub.rows["i-2"] = fault("i-2", "win-2", state=InterruptionState.CLOSED, ended_us=NOON_US + 7)
        hub.held = [fault("i-3", "win-3"), fault("i-4", "win-4")]
        await hub.again()
        found = {one.subject: one for one in hub.notices.queue()}
        assert set(found) == {"i-1", "i-2", "i-3", "i-4"}
        assert found[first.subject].acknowledged_by == "zhang"
        assert found["i-2"].over_us == NOON_US + 7
        await hub.hears(fault("i-1"))
        assert len(hub.notices.queue()) == 4


async def test_a_call_for_help_whose_alarm_was_not_kept_in_time_rings_at_the_next_start(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.says("telemetry.alarm", stream="rec-1", kind="sos", id="s-1", level=1)
        known = hub.notices.queue()[0]
        await hub.notices.settle(known.id, AlarmState.HANDLED, "zhang", "救助完毕")
        said = {"stream": "rec-1", "kind": "sos", "level": 1, "text": "救命"}
        hub.stands = [Event("telemetry.alarm", NOON_US - 9, said | {"id": ident}) for ident in ("s-1", "s-2")]
        hub.stands.append(Event("telemetry.alarm", NOON_US - 9, {"stream": "rec-1", "kind": "fault", "level": 2}))
        for _ in range(2):
            await hub.again()
            found = [(one.cause, one.since_us, one.text) for one in hub.notices.queue()]
            assert found == [
                ("telemetry:rec-1:sos:s-2", NOON_US - 9, "救命"),
                ("telemetry:rec-1:fault", NOON_US - 9, ""),
            ]
        await hub.says("telemetry.alarm_over", stream="rec-1", kind="fault")
        await hub.notices.settle(hub.notices.queue()[1].id, AlarmState.HANDLED, "zhang", "送修")
        assert len(hub.notices.queue()) == 1
        await hub.again()
        assert len(hub.notices.queue()) == 1, "the fault that ended rings no more"
        later = hub.clock.utc_us + 5
        hub.stands[-1] = Event("telemetry.alarm", later, {"stream": "rec-1", "kind": "fault", "level": 2})
        await hub.again()
        assert [one.kind for one in hub.notices.queue()] == ["sos", "fault"], "another fault, unheard"


async def test_a_deadline_that_was_met_unheard_is_found_by_looking(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        for ident in ("a-1", "a-2", "unknown"):
            await hub.says("activity.overdue", id=ident, stream="rec-1", unit="county", level=0)
        await hub.says("interruption.overdue", id="i-1", stream="rec-1", state="overdue", level=0, unit="county")
        hub.met = {"activity_overdue:a-1", "interruption_overdue:i-1"}
        await hub.again()
        assert {one.cause for one in hub.notices.queue() if one.over_us is not None} == hub.met
        assert len(hub.notices.queue()) == 4, "a person settles them"


async def test_a_missed_report_rings_until_it_is_made(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.says("interruption.overdue", id="i-1", stream="rec-1", state="open", what="report", level=0)
        await hub.says("interruption.reported", id="i-1", stream="rec-1", state="overdue")
        assert hub.notices.queue()[0].over_us is None, "the explanation is late too"
        await hub.says("interruption.reported", id="i-1", stream="rec-1", state="reported")
        assert hub.notices.queue()[0].over_us is not None


async def test_a_settled_alarm_is_known_after_a_restart(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.hears(fault("i-1"))
        await hub.notices.settle(hub.notices.queue()[0].id, AlarmState.HANDLED, "zhang", "好了")
        await hub.again()
        await hub.hears(fault("i-1", count=9))
        assert hub.notices.queue() == []


async def test_events_that_were_dropped_are_found_by_looking(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        hub.held = [fault("i-1")]
        await hub.says("events.dropped", count=7)
        assert [one.subject for one in hub.notices.queue()] == ["i-1"]


async def test_what_a_database_that_was_away_kept_from_ringing_rings_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as hub:

        def away(_cause: str) -> None:
            raise OperationalError("SELECT", {}, Exception("connection refused"))

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(hub.notices._alarms, "newest_of", away)
            listening = asyncio.create_task(hub.notices._listen())
            hub.held = [fault("i-1")]
            hub.bus.publish("interruption.confirmed", interruption_json(hub.held[0]), hub.clock.now())
            async with asyncio.timeout(10):
                while not hub.notices._missed:  # noqa: ASYNC110  nobody tells
                    await asyncio.sleep(0.01)
            with pytest.raises(OperationalError):
                await hub.notices.tick()
            assert hub.notices.queue() == []
        await hub.notices.tick()
        assert [one.subject for one in hub.notices.queue()] == ["i-1"]
        listening.cancel()
        await asyncio.wait([listening])


async def test_an_incident_rings_once_for_all_its_streams(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.channel("wall")
        for number in range(1, 6):
            await hub.hears(fault(f"i-{number}", f"win-{number}"))
        assert await hub.pass_s(1) == []
        await hub.says(
            "incident.opened", id="x-1", state="open", scope="unit", subject="hall", unit="hall", rings=True,
            started_at=rfc3339(NOON_US), interruptions=[f"i-{number}" for number in range(1, 7)],
            streams=[f"win-{number}" for number in range(1, 7)],
        )  # fmt: skip
        await hub.hears(fault("i-6", "win-6"))  # belongs to it, and was not confirmed yet
        (notice,) = await hub.pass_s(5)
        assert "多路同时中断" in notice.title
        assert "涉及 6 路" in notice.body
        waiting = [one for one in hub.notices.queue() if one.waits]
        assert [one.kind for one in waiting] == ["incident"]
        await hub.notices.acknowledge(waiting[0].id, "zhang")
        assert {one.state for one in hub.notices.queue()} == {AlarmState.ACKNOWLEDGED}
        await hub.notices.settle(waiting[0].id, AlarmState.HANDLED, "zhang", "交换机断电")
        assert hub.notices.queue() == []
        assert sum(action == "handle" for _, action, _ in hub.actions()) == 7


async def test_the_hubs_own_troubles_ring_and_may_come_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        for round_ in range(2):
            hub.problems = {"ledger": "the disk is full", "disk": "ok", "reels": "win-1 not stored"}
            await hub.pass_s(11)
            (alarm,) = hub.notices.queue()
            assert (alarm.kind, alarm.level, alarm.unit) == ("ledger", 1, "")
            hub.problems = {"ledger": "ok"}
            await hub.pass_s(11)
            assert hub.notices.queue()[0].over_us is not None
            await hub.notices.settle(alarm.id, AlarmState.HANDLED, "zhao", f"清理磁盘 {round_}")
            assert hub.entries[-1][0] == HUB_STREAM
        assert len(await hub.notices.settled(1 << 60, 10)) == 2
        await hub.says("storage.low", free_bytes=1, low_bytes=2)
        assert hub.notices.queue()[0].kind == "storage_low"
        await hub.says("storage.ok")
        assert hub.notices.queue()[0].over_us is not None


async def test_every_call_for_help_is_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        for ident in ("s-1", "s-2"):
            await hub.says("telemetry.sos", stream="rec-1", id=ident)
            await hub.says("telemetry.alarm", stream="rec-1", kind="sos", id=ident, level=1)
        assert [one.level for one in hub.notices.queue()] == [1, 1]
        await hub.says("telemetry.alarm", stream="rec-1", kind="battery_low", level=3)
        await hub.says("telemetry.alarm", stream="rec-1", kind="battery_low", level=2)
        assert [one.level for one in hub.notices.queue()] == [1, 1, 2]
        await hub.says("telemetry.alarm_over", stream="rec-1", kind="battery_low")
        assert hub.notices.queue()[2].over_us is not None


async def test_a_missed_deadline_rings_until_it_is_met(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.says("interruption.overdue", id="i-1", stream="rec-1", state="overdue", level=0, unit="county")
        assert hub.notices.queue()[0].level == 2
        await hub.says("interruption.overdue", id="i-1", stream="rec-1", state="overdue", level=1, unit=ROOT)
        (alarm,) = hub.notices.queue()
        assert (alarm.kind, alarm.level, alarm.unit) == ("interruption_overdue", 1, "county")
        await hub.says("interruption.backfilled", id="i-1", state="partly_backfilled")
        assert hub.notices.queue()[0].over_us is None
        await hub.says("interruption.explained", id="i-1", state="explained")
        assert hub.notices.queue()[0].over_us is not None


@pytest.mark.parametrize("end", ["activity.stored", "activity.deadline_moved"])
async def test_an_activity_that_was_late_rings_until_its_footage_is_here_or_due_later(tmp_path: Path, end: str) -> None:
    async with desk(tmp_path) as hub:
        await hub.says("activity.overdue", id="a-1", stream="rec-1", unit="county", level=0, to_unit="county")
        await hub.says("activity.changed", id="a-1", stream="rec-1", action="amend")
        (alarm,) = hub.notices.queue()
        assert (alarm.kind, alarm.over_us) == ("activity_overdue", None)
        await hub.says(end, id="a-1", stream="rec-1", unit="county")
        assert hub.notices.queue()[0].over_us is not None


async def test_a_calendar_that_is_missing_rings_at_the_root_until_it_is_there(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        said = {"kind": "missing_year", "year": 2027, "key": "2027", "unit": "root"}
        for _ in range(2):  # it is said each day
            await hub.says("duty.missing_year", **said, text="缺少 2027 年")
        await hub.says("duty.finding", kind="no_sound", key="win-1", stream="win-1", unit="hall", text="没有声音轨道")
        await hub.says("duty.hours", unit="hall", by="zhang")
        assert {(one.unit, one.level, one.text) for one in hub.notices.queue()} == {
            ("root", 3, "缺少 2027 年"), ("hall", 3, "没有声音轨道")
        }  # fmt: skip
        await hub.says("duty.cleared", **said)
        assert {one.unit for one in hub.notices.queue() if one.over_us is not None} == {"root"}


# ------------------------------------------------------------------------------------ who hears it


async def test_it_rings_for_who_is_on_duty_and_above_when_nobody_acknowledges(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.rules("hall", {"levels": [2], "escalate_after_min": 10})
        await hub.rules("county", {"levels": [2], "escalate_after_min": 20})
        await hub.hears(fault("i-1"))
        (alarm,) = hub.notices.queue()
        assert hub.notices.rings_for(alarm) is None  # nobody on duty anywhere: whoever may
        await hub.notices.shifts.begin(ROOT, "zhao")
        assert hub.notices.rings_for(alarm) == ["zhao"]
        await hub.notices.shifts.begin("county", "wang")
        await hub.notices.shifts.begin("hall", "zhang")
        assert hub.notices.rings_for(alarm) == ["zhang"]
        await hub.pass_s(599, 10)
        assert hub.notices.rings_for(hub.notices.queue()[0]) == ["zhang"]
        await hub.pass_s(1)
        assert hub.notices.rings_for(hub.notices.queue()[0]) == ["zhang", "wang"]
        await hub.pass_s(1199, 10)
        assert hub.notices.rings_for(hub.notices.queue()[0]) == ["zhang", "wang"]
        await hub.pass_s(1)
        assert hub.notices.rings_for(hub.notices.queue()[0]) == ["zhang", "wang", "zhao"]
        await hub.pass_s(7200, 60)
        steps = [body["note"] for _, body in hub.entries if body["action"] == "escalate"]
        assert steps == ["county", "root"]
        await hub.notices.acknowledge(alarm.id, "zhao")
        assert hub.notices.rings_for(hub.notices.queue()[0]) == []


async def test_an_acknowledged_alarm_goes_no_further(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.rules("hall", {"levels": [2], "escalate_after_min": 10})
        await hub.hears(fault("i-1"))
        await hub.notices.acknowledge(hub.notices.queue()[0].id, "zhang")
        await hub.pass_s(3600, 60)
        assert hub.notices.queue()[0].step == 0


async def test_handed_to_somebody_it_rings_for_them_and_waits_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        await hub.notices.shifts.begin("hall", "zhang")
        await hub.hears(fault("i-1"))
        (alarm,) = hub.notices.queue()
        await hub.notices.acknowledge(alarm.id, "zhang")
        after = await hub.notices.hand_over(alarm.id, "zhang", "li", "我去现场")
        assert (after.state, hub.notices.rings_for(after)) == (AlarmState.OPEN, ["li"])
        await hub.notices.acknowledge(alarm.id, "li")
        await hub.people.add("officer", "x", "x", by=HUB, unit="hall")
        with pytest.raises(Refused):
            await hub.notices.hand_over(alarm.id, "li", "officer", "")
        with pytest.raises(NotFound):
            await hub.notices.hand_over(alarm.id, "li", "nobody", "")


async def test_a_shift_is_handed_over_with_exactly_what_is_open(tmp_path: Path) -> None:
    async with desk(tmp_path) as hub:
        shifts = hub.notices.shifts
        await shifts.begin("hall", "zhang")
        with pytest.raises(Conflict):
            await shifts.begin("hall", "zhang")
        await hub.hears(fault("i-1"))
        await hub.hears(fault("i-2", "win-2"))
        ids = [one.id for one in hub.notices.queue()]
        await hub.notices.acknowledge(ids[0], "zhang")
        with pytest.raises(Conflict) as refused:
            await shifts.end("hall", "zhang")
        assert refused.value.code == "hand_over"
        for accepted in ([], ids[:1], [*ids, "more"]):
            with pytest.raises(Conflict) as refused:
                await shifts.hand_over("hall", "zhang", "li", accepted, "")
            assert refused.value.code == "open_list"
        with pytest.raises(InvalidRequest):
            await shifts.hand_over("hall", "zhang", "zhang", ids, "")
        with pytest.raises(Conflict):
            await shifts.hand_over("hall", "li", "zhang", ids, "")  # who is not on duty hands nothing over
        await shifts.hand_over("hall", "zhang", "li", ids, "一号窗口等电工")
        assert [(one.unit, one.username, one.from_whom) for one in shifts.roster.present()] == [("hall", "li", "zhang")]
        assert {(one.state, one.handed_to) for one in hub.notices.queue()} == {(AlarmState.OPEN, "li")}
        stream, body = hub.entries[-1]
        assert (stream, body["of"], body["action"], body["by"], body["to"]) == (
            HUB_STREAM, "shift:hall", "shift", "zhang", "li",
        )  # fmt: skip
        assert body["open"] == ids
        await hub.again()
        assert [one.username for one in hub.notices.roster.present()] == ["li"]
        await hub.people.patch("li", by=HUB, active=False)
        assert hub.notices.roster.present() == []  # who left the service is on duty no more


# ------------------------------------------------------------------------------- whatever comes in

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(rfc3339(NOON_US)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["id", "state", "kind", "stream", "rings", "evidence", "level", "count", "interruptions", "started_at", "ended_at",
     "unit", "over", "key", "text", "streams", "scope", "merged_into", "picture", "incident"]
)  # fmt: skip
_TYPES = st.sampled_from(
    ["interruption.confirmed", "interruption.overdue", "incident.opened", "incident.closed", "telemetry.alarm",
     "telemetry.sos", "duty.alarm", "duty.missing_year", "activity.overdue", "storage.low", "storage.ok", "x", "."]
)  # fmt: skip


@given(_TYPES, st.dictionaries(_NAMES, _VALUES, max_size=10))
@settings(max_examples=300, deadline=None)
def test_no_event_costs_more_than_itself(kind: str, data: dict[str, object]) -> None:
    found = cause_of(Event(kind, NOON_US, data))
    assert found is None or isinstance(found, Rung | Over)
    if isinstance(found, Rung):
        assert 1 <= found.level <= 4
        assert found.cause
        assert found.count >= 1


def test_time_of_the_tests_is_noon() -> None:
    assert (NOON_US // US_PER_S + 8 * 3600) % 86_400 == 43_200
