"""Telemetry as a part: what is kept, what is told, and that nothing is kept twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import Conflict, HubError, InvalidRequest, LedgerError, NotFound, Refused, Unavailable
from hub.ledger.verify import verify_path
from hub.telemetry import telemetry as module
from hub.telemetry.cues import LIFE_US, MAX_CUES
from hub.telemetry.faults import Names
from tests.telemetry_support import STREAM, Part, telemetry

HERE = {"lat": 30.65, "lon": 104.06, "accuracy_m": 4.2}
SOS = {"type": "sos", "id": "sos-1", "text": "求助"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Part]:
    async with telemetry(tmp_path) as part:
        yield part


async def test_the_newest_of_each_gauge_is_known_and_what_is_left_out_stays(hub: Part) -> None:
    assert hub.part.state_json(STREAM) is None
    await hub.say(battery_percent=80, position=HERE)
    hub.clock.advance(3)
    await hub.say(signal_percent=50)
    state = hub.part.state_json(STREAM)
    assert state is not None
    assert (state["battery_percent"], state["signal_percent"], state["temperature_c"]) == (80, 50, None)
    assert state["at"] == "2026-01-01T00:00:03.000000Z"
    assert state["position"]["lat"] == 30.65
    assert state["position"]["at"] == "2026-01-01T00:00:00.000000Z"


async def test_changes_are_told_once_a_second_and_the_last_one_is_not_missed(hub: Part) -> None:
    for value in range(10):
        await hub.say(battery_percent=90 - value)
        hub.clock.advance(0.1)
    assert [one["telemetry"]["battery_percent"] for one in hub.around.of("telemetry.changed")] == [90]
    await hub.pass_s(1)
    assert [one["telemetry"]["battery_percent"] for one in hub.around.of("telemetry.changed")] == [90, 81]
    await hub.pass_s(10)
    assert len(hub.around.of("telemetry.changed")) == 2, "nothing new, nothing told"


async def test_alarms_name_stream_level_and_place(hub: Part) -> None:
    await hub.say(battery_percent=19, position=HERE)
    (alarm,) = hub.around.of("telemetry.alarm")
    assert (alarm["stream"], alarm["kind"], alarm["level"], alarm["severity"]) == (STREAM, "battery_low", 3, "warning")
    assert (alarm["value"], alarm["threshold"], alarm["position"]["lon"]) == (19, 20, 104.06)
    await hub.say(battery_percent=4)
    await hub.say(battery_percent=90)
    assert hub.around.alarms() == [("battery_low", 3), ("battery_low", 2), ("battery_low", None)]
    state = hub.part.state_json(STREAM)
    assert state is not None
    assert state["alarms"] == {}


async def test_a_units_rules_hold_and_bad_ones_leave_the_defaults(hub: Part) -> None:
    hub.around.rules = {"battery_warning_percent": 50}
    await hub.say(battery_percent=45)
    assert hub.around.alarms() == [("battery_low", 3)]
    hub.around.rules = {"nonsense": 1}
    await hub.say(battery_percent=26)
    assert hub.around.alarms() == [("battery_low", 3), ("battery_low", None)]


async def test_a_live_device_that_falls_silent(hub: Part) -> None:
    await hub.say(battery_percent=80)
    await hub.pass_s(59)
    assert hub.around.alarms() == []
    await hub.pass_s(2)
    assert hub.around.alarms() == [("silent", 3)]
    await hub.pass_s(100)
    await hub.say(battery_percent=79)
    assert hub.around.alarms() == [("silent", 3), ("silent", None)]
    hub.around.live = False
    await hub.pass_s(300)
    assert len(hub.around.alarms()) == 2, "who is not live owes no word"
    hub.around.live = True
    await hub.pass_s(59)
    assert len(hub.around.alarms()) == 2, "counted from the moment that it went live"


async def test_a_device_that_never_said_anything_is_not_silent(hub: Part) -> None:
    await hub.pass_s(600)
    assert hub.around.events == []


# ------------------------------------------------------------------------------------ SOS and marks


async def test_an_sos_is_an_entry_an_alarm_of_the_worst_level_and_acknowledged(hub: Part, tmp_path: Path) -> None:
    taken = await hub.say(position=HERE, events=[SOS | {"at": "2025-12-31T23:59:58Z"}])
    assert taken.acknowledged == ("sos-1",)
    assert await hub.facts() == [("sos", "sos-1")]
    (fact,) = hub.store.facts(("sos",))
    assert fact.stream_id == STREAM
    assert fact.body["by"] == "device:rec-1"
    assert fact.body["at_us"] == 1_767_225_598_000_000
    assert (fact.body["lat_e7"], fact.body["lon_e7"], fact.body["accuracy_dm"]) == (306_500_000, 1_040_600_000, 42)
    assert hub.around.alarms() == [("sos", 1)]
    (told,) = hub.around.of("telemetry.sos")
    assert (told["stream"], told["id"], told["text"], told["at"]) == (
        STREAM,
        "sos-1",
        "求助",
        "2025-12-31T23:59:58.000000Z",
    )
    state = hub.part.state_json(STREAM)
    assert state is not None
    assert state["sos"]["id"] == "sos-1"
    await hub.ledger.close()
    assert verify_path(tmp_path / "data", None, keys_dir=tmp_path / "keys").exit_code == 0


async def test_sent_again_it_is_the_same_also_in_the_hubs_next_life(tmp_path: Path) -> None:
    async with telemetry(tmp_path) as hub:
        for _ in range(3):
            assert (await hub.say(events=[SOS])).acknowledged == ("sos-1",)
        assert await hub.facts() == [("sos", "sos-1")]
        assert len(hub.around.of("telemetry.sos")) == 1
        await hub.say("rec-2", events=[SOS])
        assert len(await hub.facts()) == 2, "another device counts for itself"
    async with telemetry(tmp_path, hub.clock) as hub:
        assert (await hub.say(events=[SOS])).acknowledged == ("sos-1",)
        assert len(await hub.facts()) == 2
        assert hub.around.of("telemetry.sos") == []


async def test_what_a_killed_hub_may_not_have_rung_is_told_to_the_next_life(tmp_path: Path) -> None:
    clock = ManualClock()
    async with telemetry(tmp_path, clock) as hub:
        await hub.say(events=[{"type": "sos", "id": "s-1", "text": "救命"}, {"type": "key_mark", "id": "k-1"}])
        await hub.part.faults.begin(STREAM, by="zhang", reason="power", text="", point=None)
    before_us = clock.now().utc_us - 3600 * 1_000_000
    async with telemetry(tmp_path, clock) as hub:
        found = [data for _, data in await hub.part.standing(before_us)]
        assert [(one["stream"], one["kind"], one["level"]) for one in found] == [
            (STREAM, "fault", 2),
            (STREAM, "sos", 1),
        ]
        assert (found[1]["id"], found[1]["text"]) == ("s-1", "救命")
        assert [data["kind"] for _, data in await hub.part.standing(clock.now().utc_us + 1)] == ["fault"]


async def test_the_same_by_two_ways_at_once_is_one(hub: Part) -> None:
    await asyncio.gather(*(hub.say(events=[SOS]) for _ in range(8)))
    assert await hub.facts() == [("sos", "sos-1")]
    assert len(hub.around.of("telemetry.alarm")) == 1


async def test_ids_that_memory_has_forgotten_are_found_in_the_ledger(
    hub: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_IDS", 1)
    for ident in ("m-1", "m-2", "m-1", "m-2"):
        await hub.say(events=[{"type": "key_mark", "id": ident}])
    assert await hub.facts() == [("key_mark", "m-1"), ("key_mark", "m-2")]
    assert len(hub.around.of("telemetry.key_mark")) == 2


async def test_a_ledger_that_takes_nothing_acknowledges_nothing_and_the_next_try_counts(
    hub: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LedgerError("full", code="ledger_full")

    with monkeypatch.context() as patch:
        patch.setattr(hub.ledger, "append", full)
        with pytest.raises(LedgerError):
            await hub.say(battery_percent=50, events=[SOS])
    state = hub.part.state_json(STREAM)
    assert state is not None
    assert state["battery_percent"] == 50
    assert (await hub.say(events=[SOS])).acknowledged == ("sos-1",)
    assert await hub.facts() == [("sos", "sos-1")]


async def test_a_disk_that_stands_still_keeps_no_alarm_waiting(hub: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("hub.telemetry.faults.COMMIT_S", 0.01)
    monkeypatch.setattr(hub.ledger, "committed", never)
    with pytest.raises(Unavailable) as caught:
        await hub.say(events=[SOS])
    assert caught.value.code == "not_durable_yet"
    assert hub.around.alarms() == [("sos", 1)]
    monkeypatch.undo()
    assert (await hub.say(events=[SOS])).acknowledged == ("sos-1",)
    assert await hub.facts() == [("sos", "sos-1")]


async def test_a_report_goes_to_who_follows_interruptions_up(hub: Part) -> None:
    report = {"type": "report", "id": "r-1", "reason": "no_power", "text": "电池将尽"}
    for _ in range(2):
        await hub.say(events=[report])
    assert hub.around.reports == [(STREAM, "no_power", "电池将尽")]
    assert [one["reason"] for one in hub.around.of("telemetry.report")] == ["no_power"]
    assert await hub.facts() == [], "its entry is the follower's"


async def test_too_many_messages_are_refused_and_later_ones_taken(hub: Part) -> None:
    for _ in range(module.BURST + 1):  # the first makes the account
        await hub.say(battery_percent=50)
    refused = [one for one in [await _refusal(hub) for _ in range(3)] if one]
    assert refused == ["too_often"] * 3
    assert hub.around.alarms() == []
    await hub.say("rec-2", battery_percent=50)
    hub.clock.advance(1)
    await hub.say(battery_percent=50)


async def _refusal(hub: Part) -> str:
    try:
        await hub.say(battery_percent=1)
    except Unavailable as error:
        return error.code
    return ""


# --------------------------------------------------------------------------------- the data channel


@contextlib.asynccontextmanager
async def listening(hub: Part) -> AsyncIterator[tuple[Any, list[dict[str, Any]]]]:
    answers: list[dict[str, Any]] = []
    loops = [
        asyncio.create_task(hub.part._answer_for_ever()),
        asyncio.create_task(hub.part._acknowledge_for_ever()),
    ]

    def hear(data: str | bytes) -> None:
        hub.part.hear(STREAM, data, lambda text: bool(answers.append(json.loads(text))) or True)

    try:
        yield hear, answers
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_the_channel_acknowledges_once_it_is_durable(hub: Part) -> None:
    async with listening(hub) as (hear, answers):
        hear(json.dumps({"battery_percent": 44}))
        hear(json.dumps({"battery_percent": "x", "events": [SOS]}).encode())
        await until(lambda: answers)
        assert answers == [{"type": "ack", "ids": ["sos-1"], "dropped": ["battery_percent"]}]
        assert [fact.id for fact in hub.store.facts(("sos",))] == ["sos-1"], "durable by now"
        hear("nonsense")
        assert answers[-1]["type"] == "refused"
        assert answers[-1]["code"] == "bad_telemetry"


async def test_an_sos_that_the_ledger_refuses_is_said_on_the_channel(
    hub: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LedgerError("full", code="ledger_full")

    async with listening(hub) as (hear, answers):
        with monkeypatch.context() as patch:
            patch.setattr(hub.ledger, "append", full)
            hear(json.dumps({"events": [SOS]}))
            await until(lambda: answers)
        assert answers[0]["code"] == "ledger_full"
        hear(json.dumps({"events": [SOS]}))
        await until(lambda: len(answers) == 2)
        assert answers[1]["ids"] == ["sos-1"]


async def test_what_waits_is_bounded(hub: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.part._events = asyncio.Queue(3)
    for number in range(10):
        hub.part.hear(STREAM, json.dumps({"events": [SOS | {"id": f"s{number}"}]}), lambda _: True)
    assert hub.part._events.qsize() == 3


# ---------------------------------------------------------------------------------------------- cues


async def test_a_cue_goes_down_the_channel_or_with_the_next_answer_until_it_is_followed(hub: Part) -> None:
    ident = hub.part.cue(STREAM, "explain", interruption="i-1", text="请口头说明中断原因")
    (said,) = hub.around.said
    assert said["type"] == "cue"
    assert (said["id"], said["cue"], said["interruption"]) == (ident, "explain", "i-1")
    taken = await hub.say(battery_percent=50)
    assert [cue["id"] for cue in taken.cues] == [ident], "by HTTP until it is followed"
    await hub.say(events=[{"type": "cue_ack", "id": "x-1", "cue": ident}])
    (told,) = hub.around.of("telemetry.cue_ack")
    assert (told["cue"], told["kind"], told["facts"]["interruption"]) == (ident, "explain", "i-1")
    assert (await hub.say(battery_percent=50)).cues == ()


async def test_a_cue_for_a_device_that_is_away_waits_for_its_channel(hub: Part) -> None:
    hub.around.hears = False
    ident = hub.part.cue(STREAM, "explain")
    async with listening(hub) as (hear, answers):
        hear("{}")
        hear("{}")
        assert [one["id"] for one in answers] == [ident], "sent once"
    for _ in range(MAX_CUES + 3):
        hub.part.cue(STREAM, "explain")
    assert len((await hub.say()).cues) == MAX_CUES
    hub.clock.advance(LIFE_US / 1e6 + 1)
    assert (await hub.say()).cues == ()


# --------------------------------------------------------------------------------- tracks and lives


async def test_tracks_are_thinned_kept_and_forgotten(tmp_path: Path) -> None:
    clock = ManualClock()
    start_us = clock.utc_us
    async with telemetry(tmp_path, clock, track_days=2) as hub:
        for second in range(100):
            clock.advance(1)
            await hub.say(position={"lat": 30 + second * 1e-3, "lon": 104})
        await hub.part.keep()
        points = await hub.part.track(STREAM, start_us, clock.utc_us + 1, 1000)
        assert [point.at_us - start_us for point in points] == [1_000_000 + 5_000_000 * n for n in range(20)]
        assert len(await hub.part.track(STREAM, start_us, clock.utc_us, 7)) == 7
        assert await hub.part.track("rec-2", start_us, clock.utc_us, 7) == []
        clock.advance(2 * 86_400 - 50)
        await hub.part.keep()
        assert len(await hub.part.track(STREAM, start_us, clock.utc_us, 1000)) == 10, "half are older"
        clock.advance(60)
        await hub.part.keep()
        assert await hub.part.track(STREAM, start_us, clock.utc_us, 1000) == []


async def test_what_was_known_is_known_in_the_next_life_and_rings_no_second_time(tmp_path: Path) -> None:
    async with telemetry(tmp_path) as hub:
        await hub.say(battery_percent=15, position=HERE, events=[SOS])
        before = hub.part.state_json(STREAM)
    async with telemetry(tmp_path, hub.clock) as hub:
        assert hub.part.state_json(STREAM) == before
        await hub.say(battery_percent=14)
        assert hub.around.alarms() == []
        hub.part.forget(STREAM)
        assert hub.part.state_json(STREAM) is None


async def test_a_position_is_believed_for_a_day_back_and_not_ahead(hub: Part) -> None:
    for at, wanted in (
        ("2025-12-31T23:00:00Z", "2025-12-31T23:00:00.000000Z"),
        ("2025-12-30T23:00:00Z", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00.000000Z"),
    ):
        await hub.say(position=HERE | {"at": at})
        state = hub.part.state_json(STREAM)
        assert state is not None
        assert state["position"]["at"] == wanted


# ---------------------------------------------------------------------------------------- 故障停用

CUSTODIAN, ENGINEER = Names("wang", "王警官"), Names("li", "李工")


async def test_a_faulty_device_is_not_usable_until_a_service_has_repaired_it(tmp_path: Path) -> None:
    async with telemetry(tmp_path) as hub:
        faults = hub.part.faults
        await hub.say(position=HERE)
        faults.check_usable(STREAM)
        await faults.begin(STREAM, by="wang", reason="picture", text="黑屏", point=hub.part.point(STREAM))
        with pytest.raises(Refused) as caught:
            faults.check_usable(STREAM)
        assert caught.value.code == "device_disabled"
        assert "图像故障" in str(caught.value)
        with pytest.raises(Conflict):
            await faults.begin(STREAM, by="wang", reason="picture", text="", point=None)
        assert hub.around.alarms() == [("fault", 2)]
    async with telemetry(tmp_path, hub.clock) as hub:
        faults = hub.part.faults
        with pytest.raises(Refused):
            faults.check_usable(STREAM)
        (fault,) = faults.present()
        assert (fault.reported_by, fault.reason, fault.text) == ("wang", "picture", "黑屏")
        assert fault.point is not None
        hub.clock.advance(86_400)
        done = await faults.end(STREAM, by=ENGINEER, service="华安电子维修站", work="更换镜头", custodian=CUSTODIAN)
        faults.check_usable(STREAM)
        assert (done.repaired_by, done.service, done.work) == ("li", "华安电子维修站", "更换镜头")
        assert hub.around.alarms() == [("fault", None)]
        assert [one[0] for one in await hub.facts()] == ["fault_begin", "fault_end"]
        assert await faults.all() == [done]
    async with telemetry(tmp_path, hub.clock) as hub:
        hub.part.faults.check_usable(STREAM)
        assert (await hub.part.faults.all(STREAM))[0].service == "华安电子维修站"


@pytest.mark.parametrize(
    ("by", "service", "work", "error", "code"),
    [
        (CUSTODIAN, "华安电子维修站", "换电池", Refused, "self_repair"),
        (ENGINEER, " 王警官 ", "换电池", Refused, "self_repair"),
        (ENGINEER, "WANG", "换电池", Refused, "self_repair"),
        (ENGINEER, "李工", "换电池", Refused, "self_repair"),
        (ENGINEER, "li", "换电池", Refused, "self_repair"),
        (ENGINEER, "  ", "换电池", InvalidRequest, "bad_text"),
        (ENGINEER, "华安电子维修站", " ", InvalidRequest, "bad_text"),
    ],
)
async def test_nobody_repairs_for_himself(
    hub: Part, by: Names, service: str, work: str, error: type[HubError], code: str
) -> None:
    await hub.part.faults.begin(STREAM, by="wang", reason="other", text="异响", point=None)
    with pytest.raises(error) as caught:
        await hub.part.faults.end(STREAM, by=by, service=service, work=work, custodian=CUSTODIAN)
    assert caught.value.code == code
    with pytest.raises(Refused):
        hub.part.faults.check_usable(STREAM)


async def test_a_fault_is_reported_with_its_reason(hub: Part) -> None:
    for reason, text in (("other", " "), ("magic", "x")):
        with pytest.raises(InvalidRequest):
            await hub.part.faults.begin(STREAM, by="wang", reason=reason, text=text, point=None)
    with pytest.raises(NotFound):
        await hub.part.faults.end(STREAM, by=ENGINEER, service="x", work="y", custodian=None)
    hub.part.faults.check_usable(STREAM)


async def test_a_lost_database_loses_no_event_and_no_fault(tmp_path: Path) -> None:
    async with telemetry(tmp_path) as hub:
        await hub.say(events=[SOS])
        await hub.part.faults.begin(STREAM, by="wang", reason="picture", text="", point=None)
    for path in (tmp_path / "data").glob("hub.db*"):
        path.unlink()
    async with telemetry(tmp_path, hub.clock) as hub:
        with pytest.raises(Refused):
            hub.part.faults.check_usable(STREAM)
        await hub.say(events=[SOS])
        assert [kind for kind, _ in await hub.facts()] == ["sos", "fault_begin"]
