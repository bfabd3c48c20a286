"""An activity from its begin to its end: what is entered, what is refused, what can be made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.activities.drafts import Draft
from hub.activities.model import Action, MarkKind, Mode, Officer, Said, activity_from, replay
from hub.activities.search import Query
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.ledger.entries import EntryType
from hub.model import StreamKind
from hub.people.changes import HUB
from tests.activity_support import FULL, HELPER, LI, START_US, ZHANG, S, bench, recorder


async def test_every_word_about_it_is_an_entry_and_none_is_changed(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        kept = await b.activities.begin(recorder(unit="north"), FULL, by="officer-1")
        ident = kept.activity.id
        b.clock.advance(10)
        await b.activities.mark(ident, MarkKind.CERTIFICATE_SHOWN, by="device:rec-1")
        await b.activities.mark(ident, MarkKind.NOTICE, by="device:rec-1", at_us=START_US + 5 * S)
        await b.activities.amend(ident, Draft(party="赵六一"), by="officer-1", reason="名字写错")
        b.clock.advance(600)
        await b.activities.end(ident, by="officer-1")
        after = (await b.activities.get(ident)).activity
        assert (after.party, after.ended_us, after.unit_name) == ("赵六一", b.clock.utc_us, "北区大队")
        assert [mark.at_us for mark in after.marks] == [START_US + 10 * S, START_US + 5 * S]
        said = await b.activities.history(ident)
        assert [one.body["action"] for one in said] == ["begin", "mark", "mark", "amend", "end"]
        assert said[0].body["party"] == "赵六"
        assert said[3].body["reason"] == "名字写错"
        await b.ledger.committed()
    verdict = b.folder.verify()
    assert verdict.exit_code == 0, verdict


async def test_tables_that_were_lost_are_made_again_from_the_entries(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        kept = await b.activities.begin(recorder(), FULL, by="x")
        await b.activities.mark(kept.activity.id, MarkKind.KEY, by="x", text="拒绝签字")
        before = await b.activities.get(kept.activity.id)
        with b.engine.begin() as connection:
            for table in ("activities", "activity_entries", "activity_names", "activity_cursor"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql("DROP TABLE activity_words")
    async with bench(tmp_path, at_us=START_US + 60 * S) as b:
        again = await b.activities.get(kept.activity.id)
        assert again == before
        assert b.activities.expected("rec-1", b.clock.utc_us)
        found = await b.activities.search(Query(party="赵六", officer="张三"))
        assert [one.activity.id for one in found] == [kept.activity.id]


async def test_what_was_entered_and_not_yet_in_the_tables_when_the_hub_died_is_taken_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        kept = await b.activities.begin(recorder(), FULL, by="x")
        body = {"id": kept.activity.id, "action": "end", "by": "x", "at_us": START_US}
        b.ledger._listeners.clear()
        b.ledger.append("rec-1", EntryType.ACTIVITY, body)
        await b.ledger.committed()
        assert (await b.activities.get(kept.activity.id)).activity.open
    async with bench(tmp_path) as b:
        assert not (await b.activities.get(kept.activity.id)).activity.open
        assert b.activities.current("rec-1") is None


async def test_a_recorder_is_expected_within_an_open_activity(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert b.activities.expected("rec-1", START_US) is None
        kept = await b.activities.begin(recorder(), FULL, by="x")
        answer = b.activities.expected("rec-1", START_US)
        assert answer is not None
        assert (answer.due, answer.from_us) == (True, START_US)
        assert not b.activities.expected("rec-1", START_US - 1)
        assert not b.activities.expected("rec-2", START_US)
        b.clock.advance(100)
        await b.activities.end(kept.activity.id, by="x", at_us=START_US + 60 * S)
        assert not b.activities.expected("rec-1", START_US + 30 * S)
        assert b.activities.expected_ranges("rec-1", START_US - S, START_US + 90 * S) == [(START_US, START_US + 60 * S)]


async def test_one_stream_is_in_one_activity_at_a_time(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.activities.begin(recorder(), FULL, by="x")
        with pytest.raises(Conflict) as caught:
            await b.activities.begin(recorder(), FULL, by="x")
        assert caught.value.code == "activity_open"
        await b.activities.begin(recorder("rec-2"), FULL, by="x")
        b.clock.advance(3600)
        # entered afterwards: before the open one there is room
        early = await b.activities.begin(recorder(), FULL, by="x", at_us=START_US - 600 * S, ended_us=START_US - 60 * S)
        assert not early.activity.open
        with pytest.raises(Conflict):
            await b.activities.begin(recorder(), FULL, by="x", at_us=START_US - 120 * S, ended_us=START_US - S)
        assert b.activities.current("rec-1") is not None


async def test_times_outside_are_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(InvalidRequest):
            await b.activities.begin(recorder(), FULL, by="x", at_us=START_US + 60 * S)
        kept = await b.activities.begin(recorder(), FULL, by="x")
        for at_us in (START_US - 60 * S, START_US + 60 * S):
            with pytest.raises(InvalidRequest):
                await b.activities.mark(kept.activity.id, MarkKind.KEY, by="x", at_us=at_us)
            with pytest.raises(InvalidRequest):
                await b.activities.end(kept.activity.id, by="x", at_us=at_us)
        await b.activities.end(kept.activity.id, by="x")
        with pytest.raises(Conflict):
            await b.activities.end(kept.activity.id, by="x")
        with pytest.raises(NotFound):
            await b.activities.end("no-such", by="x")


@pytest.mark.parametrize(
    "draft",
    [
        Draft(officers=(ZHANG, ZHANG)),
        Draft(officers=(ZHANG, Officer("张三三", "冀a 0101"))),
        Draft(officers=(ZHANG,), recorder="冀A0102"),
        Draft(recorder="谁"),
        Draft(officers=(Officer("", ""),)),
        Draft(officers=tuple(Officer(f"n{i}") for i in range(51))),
        Draft(party="甲" * 201),
        Draft(cause="a\x00b"),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_no_entry(tmp_path: Path, draft: Draft) -> None:
    async with bench(tmp_path) as b:
        with pytest.raises(InvalidRequest):
            await b.activities.begin(recorder(), draft, by="x")
        assert b.ledger.next_run("rec-1") == 1  # a genesis would be 0


async def test_who_the_hub_knows_is_known_by_the_certificate(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.people.add("zhang", "张三", "hash", by=HUB, unit="north", certificate="冀A0101", assistant=True)
        kept = await b.activities.begin(recorder(), Draft(officers=(Officer("张三", "冀a0101"), LI)), by="x")
        first = kept.activity.officers[0]
        assert (first.username, first.assistant, first.certificate) == ("zhang", True, "冀A0101")
        assert kept.activity.recorder == "冀A0102"  # the only one who is no assistant
        with pytest.raises(InvalidRequest):
            await b.activities.begin(recorder("rec-2"), Draft(officers=(Officer("别人", "冀A0101"),)), by="x")


async def test_the_mode_follows_the_rules_of_the_unit_and_the_room(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        begin = b.activities.begin
        assert (await begin(recorder("a"), Draft(), by="x")).activity.mode is Mode.KEY_STEPS
        assert (await begin(recorder("b", kind=StreamKind.ROOM), Draft(), by="x")).activity.mode is Mode.FULL
        await b.units.patch("north", by=HUB, rules={"activities": {"mode": "full", "rooms": {"d": "key_steps"}}})
        assert (await begin(recorder("c", "north-1"), Draft(), by="x")).activity.mode is Mode.FULL
        assert (await begin(recorder("d", "north-1"), Draft(), by="x")).activity.mode is Mode.KEY_STEPS
        assert (await begin(recorder("e", "north-1"), Draft(mode=Mode.KEY_STEPS), by="x")).activity.mode is (
            Mode.KEY_STEPS
        )
        await b.units.patch("north", by=HUB, rules={"activities": {"mood": "full"}})
        assert (await begin(recorder("f", "north-1"), Draft(), by="x")).activity.mode is Mode.KEY_STEPS


def test_entries_that_fit_nothing_are_passed_over() -> None:
    begin = {"id": "i", "action": "begin", "by": "x", "at_us": 5, "unit": "", "unit_name": "", "device": ""}
    good = [begin | {"mode": "full"}, {"id": "i", "action": "end", "by": "x", "at_us": 9}]
    bad = [{"action": "later"}, {"action": "mark", "kind": "x"}, {"action": "returned", "at_us": 3}, {}]
    bodies = [*bad, good[0], *bad, good[0], good[1], *bad]
    activity = replay([Said("s", seq, 7, body) for seq, body in enumerate(bodies)])
    assert activity is not None
    assert (activity.began_us, activity.ended_us) == (5, 9)
    assert replay([Said("s", 0, 7, good[1])]) is None


def test_json_there_and_back() -> None:
    said = [
        {"id": "i", "action": "begin", "by": "x", "at_us": 5, "unit": "u", "unit_name": "n", "device": "d",
         "mode": "full", "officers": [{"name": "a", "certificate": "c", "assistant": False, "username": ""}]},
        {"id": "i", "action": "mark", "by": "x", "kind": "notice", "at_us": 6, "text": ""},
        {"id": "i", "action": "exempt", "by": "x", "type": "water", "text": "t"},
    ]  # fmt: skip
    activity = replay([Said("s", seq, 7, body) for seq, body in enumerate(said)])
    assert activity is not None
    assert activity_from(activity.json()) == activity
    assert activity_from(replace(activity, exemption=None).json()).exemption is None
    assert {action.value for action in Action} >= {one["action"] for one in said}
    assert HELPER.assistant
