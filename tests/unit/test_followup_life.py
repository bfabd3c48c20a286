"""The life of an interruption after the fault: what closes it, what does not, and who must hear of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.errors import Conflict, HubError, InvalidRequest, NotFound
from hub.followup.files import kind_of_scan
from hub.followup.followup import Case
from hub.followup.judge import Form
from hub.followup.rules import Rules, check_rules, rules_of
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.model import InterruptionState
from hub.people.changes import HUB
from tests.followup_support import REC, STREAMS, WINDOW, Desk, backfill_body, desk, seconds

STREAM = STREAMS[REC]

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


async def refused(code: str, call: object) -> None:
    with pytest.raises(HubError) as caught:
        await call  # type: ignore[misc]
    assert caught.value.code == code, caught.value


async def test_the_return_of_the_stream_closes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.fault()
        assert await at.state() == "open"
        await refused("not_explained", at.explaining.close("i-1", "watcher"))
        await at.back(fault)
        assert await at.state() == "awaiting"
        with pytest.raises(Conflict, match=r"补传.*语音说明.*书面说明; 0 have signed"):
            await at.explaining.close("i-1", "watcher")
        assert at.cues == [REC]
        assert at.names() == ["interruption.cue"]


async def test_what_needs_no_explanation_needs_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault(needs_explanation=False))
        assert await at.state() == "none"
        await at.hours(100)
        assert at.events == []
        assert at.followup.pending() == []


async def test_footage_of_the_whole_closes_it_and_a_part_does_not(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.back(await at.fault())
        start, end = fault.started_us, fault.started_us + seconds(60)
        await at.backfill(fault, start - seconds(5), start + seconds(30))
        assert await at.state() == "partly_backfilled"
        assert (await at.followup.case("i-1")).outcome.filled_us == seconds(30)
        await refused("not_explained", at.explaining.close("i-1", "watcher"))
        await at.backfill(fault, start + seconds(29), end, whole=True)
        case = await at.followup.case("i-1")
        assert (case.outcome.state, case.outcome.how, case.outcome.closed_by) == ("closed", "backfilled", "hub")
        assert case.outcome.filled_us == seconds(60)
        assert at.names()[1:] == [
            "interruption.backfilled", "interruption.backfilled", "interruption.closed_for_good",
        ]  # fmt: skip
        assert at.followup.pending() == []


async def test_what_was_whole_is_not_when_it_breaks_off_once_more(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.back(await at.fault())
        # within the same commit: nobody has judged the footage yet
        at.ledger.append(
            REC, EntryType.BACKFILL, backfill_body(fault.id, fault.started_us, fault.ended_us or 0, whole=True)
        )
        again = replace(fault, state=InterruptionState.CONFIRMED, count=2, ended_us=None)
        at.ledger.append(REC, EntryType.INTERRUPTION_OPEN, interruption_body(again))
        await at.passes()
        await at.back(again)
        assert await at.state() == "partly_backfilled"


async def test_what_is_closed_and_breaks_off_once_more_is_open_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.back(await at.fault())
        await at.backfill(fault, fault.started_us, fault.ended_us or 0, whole=True)
        assert await at.state() == "closed"
        again = replace(fault, state=InterruptionState.CONFIRMED, count=2, ended_us=None)
        at.ledger.append(REC, EntryType.INTERRUPTION_OPEN, interruption_body(again))
        await at.back(again)
        assert await at.state() == "partly_backfilled"
        now_us = at.clock.now().utc_us
    async with desk(tmp_path, at_us=now_us) as at:
        assert [one.id for one in at.followup.pending()] == ["i-1"], "a restart does not lose it"


async def signed(at: Desk, *names: str, writer: str = "zhang", ident: str = "i-1") -> Case:
    case, made = await at.explaining.draft(ident, "隧道内无信号，录像中断。", at.person(writer))
    for name in names:
        case = await at.explaining.sign(ident, made.id, made.sha256, at.person(name))
    return case


async def test_two_officers_sign_and_it_stays_a_finding_that_nobody_spoke(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        case = await signed(at, "zhang")
        with pytest.raises(Conflict, match="1 have signed"):
            await at.explaining.close("i-1", "watcher")
        statement = case.outcome.statements[0]
        await at.explaining.sign("i-1", statement.id, statement.sha256, at.person("li"))
        assert await at.state() == "explained"
        case = await at.explaining.close("i-1", "watcher")
        assert case.outcome.state == "closed"
        assert case.outcome.findings == ("no_spoken_explanation",)
        assert case.told[-1].body["findings"] == ["no_spoken_explanation"]
        await refused("settled", at.explaining.close("i-1", "watcher"))
        assert at.names()[1:] == ["interruption.explained", "interruption.closed_for_good"]
        assert at.noted == [
            ("written.drafted", "zhang"), ("written.signed", "zhang"), ("written.signed", "li"), ("close", "watcher"),
        ], "a page hears of each signature"  # fmt: skip


async def test_what_is_needed_is_told_in_parts_too(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.units.patch("team", rules={"followup": {"signatures": 3}}, by=HUB)
        fault = await at.fault()
        outcome = (await at.followup.case("i-1")).outcome
        assert [one.code for one in outcome.needs] == ["resume", "footage", "written"]
        assert outcome.missing[0].startswith(
            "the stream has not come back: footage of the whole (补传), or a statement"
        )
        await at.back(fault)
        outcome = (await at.followup.case("i-1")).outcome
        assert [one.code for one in outcome.needs] == ["footage", "spoken", "written"]
        assert outcome.signatures == 3
        assert all(one.text in outcome.missing[0] for one in outcome.needs)
        await at.explaining.exempt("i-1", "maintenance", "计划检修", None, "approver")
        assert (await at.followup.case("i-1")).outcome.needs == ()
        await at.back(await at.fault(WINDOW, "i-2"))
        outcome = (await at.followup.case("i-2")).outcome
        assert ([one.code for one in outcome.needs], outcome.signatures) == (["footage", "written"], 1)


async def test_a_fault_that_never_ends_is_explained_in_writing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.fault()
        await refused("not_resumed", at.explaining.spoken("i-1", 0, seconds(10), "device:rec-1"))
        await signed(at, "zhang", "li")
        assert (await at.explaining.close("i-1", "watcher")).outcome.findings == ("not_resumed",)


async def test_whose_signature_does_not_count(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        case, made = await at.explaining.draft("i-1", "隧道内无信号。", at.person("zhang"))

        async def sign(name: str, sha256: str = made.sha256) -> Case:
            return await at.explaining.sign("i-1", made.id, sha256, at.person(name))

        await refused("assistant", sign("zhao"))
        await refused("no_certificate", sign("liu"))
        await refused("other_statement", sign("li", "0" * 64))
        await sign("li")
        await refused("signed_before", sign("li"))
        await refused("own_statement", sign("zhang"))
        # another person with the number of one who has signed: people never share one, and yet
        await at.people.patch("li", by=HUB, certificate="A009")
        await at.people.patch("wang", by=HUB, certificate="A002")
        await refused("signed_before", sign("wang"))
        await refused("not_explained", at.explaining.close("i-1", "watcher"))
        await at.people.patch("wang", by=HUB, certificate="A003")
        assert (await sign("wang")).outcome.state == "explained"
        assert case.outcome.state == "awaiting"


async def test_forged_entries_do_not_make_two_signers_of_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        case = await signed(at, "zhang")
        made = case.outcome.statements[0]
        facts = {"action": "signed", "statement": made.id, "sha256": made.sha256, "name": "X", "capacity": "officer"}
        await at.followup.write(case, Form.WRITTEN, "someone", certificate="A001", **facts)
        await at.followup.write(case, Form.WRITTEN, "zhang", certificate="A777", **facts)
        await at.followup.write(case, Form.WRITTEN, "li", certificate="A002", **(facts | {"sha256": "0" * 64}))
        await at.followup.write(case, Form.WRITTEN, "liu", certificate="", **facts)
        assert await at.state() == "awaiting"


async def test_a_window_is_explained_by_the_halls_administrator_alone(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault(WINDOW))
        assert at.cues == [], "nobody at a window is asked to speak"
        case, made = await at.explaining.draft("i-1", "窗口停电检修。", at.person("zhang"))
        await refused("not_hall_admin", at.explaining.sign("i-1", made.id, made.sha256, at.person("zhang")))
        await refused("not_spoken", at.explaining.spoken("i-1", 0, seconds(10), "watcher"))
        case = await at.explaining.sign("i-1", made.id, made.sha256, at.person("chen"))
        assert (case.outcome.state, case.outcome.findings) == ("explained", ())


async def test_a_paper_is_printed_signed_scanned_and_checked_by_another(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        case, made = await at.explaining.draft("i-1", "<script>隧道</script>内无信号", at.person("zhang"))
        page = await at.explaining.page(case, made.id)
        assert made.sha256 in page
        assert "<svg" in page
        assert "<script>" not in page
        await refused("bad_scan", at.explaining.scan("i-1", made.id, b"no PDF", "application/pdf", "li"))
        case, scan = await at.explaining.scan("i-1", made.id, PDF, "application/pdf", "li")

        async def check(by: str, *numbers: str, accepted: bool = True, text: str = "") -> Case:
            return await at.explaining.check(
                "i-1", made.id, scan.id, accepted=accepted, certificates=numbers, text=text, by=by
            )

        await refused("own_scan", check("li", "A001", "A002"))
        await refused("own_scan", check("zhang", "A001", "A002"))
        await refused("too_few_signers", check("chen", "A001", "a001 "))
        await refused("assistant", check("chen", "A001", "F001"))
        await refused("unknown_signer", check("chen", "A001", "A999"))
        assert await at.state() == "awaiting"
        case = await check("chen", "A001", "A002")
        assert (case.outcome.state, case.outcome.how) == ("explained", "paper")
        await refused("checked", check("wang", "A001", "A002"))
        _, data = await at.explaining.scanned(case, made.id, scan.id)
        assert data == PDF


async def test_a_rejected_scan_explains_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        _, made = await at.explaining.draft("i-1", "隧道内无信号", at.person("zhang"))
        _, scan = await at.explaining.scan("i-1", made.id, PDF, "application/pdf", "li")
        case = await at.explaining.check(
            "i-1", made.id, scan.id, accepted=False, certificates=(), text="看不清", by="chen"
        )
        assert case.outcome.state == "awaiting"
        assert case.outcome.statements[0].scans[0].verdict == "rejected"


async def test_a_report_belongs_to_the_fault_before_or_after(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        with pytest.raises(InvalidRequest):
            await at.explaining.report(STREAM, "boredom", "", "device:rec-1")
        assert await at.explaining.report(STREAM, "no_power", "电量不足", "device:rec-1") is None
        at.clock.advance(600)
        fault = await at.fault()
        assert await at.state() == "reported"
        report = (await at.followup.case("i-1")).told[-1]
        assert (report.body["reason"], report.body["by"]) == ("no_power", "device:rec-1")
        await at.back(fault)
        assert await at.state() == "awaiting", "a report explains nothing"
        second = await at.fault(ident="i-2")
        assert await at.state("i-2") == "open", "it belongs to the first"
        await at.back(second)
        case = await at.explaining.report(STREAM, "weather", "", "zhang")
        assert case is not None
        assert case.fault.id == "i-2"
        assert case.outcome.reported_us is not None
        assert at.names().count("interruption.reported") == 2


async def test_an_old_report_belongs_to_no_later_fault(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.explaining.report(STREAM, "no_power", "", "device:rec-1")
        at.clock.advance(31 * 60)
        await at.fault()
        assert await at.state() == "open"


async def test_overdue_escalates_step_by_step_and_survives_restarts(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.back(await at.fault())
        await at.hours(19.9)
        assert at.names() == ["interruption.cue"]
        await at.hours(0.2)
        assert at.names()[1:] == ["interruption.reminder"]
        await at.hours(4)
        assert await at.state() == "overdue"
        assert at.names()[2:] == ["interruption.overdue"]
        assert (at.events[-1][1]["level"], at.events[-1][1]["unit"]) == (0, "team")
        await at.hours(1)
        assert len(at.events) == 3
        now_us = at.clock.now().utc_us
    async with desk(tmp_path, at_us=now_us) as at:
        await at.passes()
        assert at.events == [], "what was told before the restart is not told again"
        await at.hours(24)
        assert [(data["level"], data["unit"]) for _, data in at.events] == [(1, "county")]
        await at.hours(24)
        assert [(data["level"], data["unit"]) for _, data in at.events] == [(1, "county"), (2, "root")]
        await at.hours(48)
        assert len(at.events) == 2
        case = await signed(at, "zhang", "li")
        assert case.outcome.findings == ("no_spoken_explanation", "late")
        assert (await at.explaining.close(fault.id, "watcher")).outcome.state == "closed"
        await at.hours(48)
        assert at.names()[2:] == ["interruption.explained", "interruption.closed_for_good"]


async def test_what_is_closed_stays_so_after_a_restart(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        await signed(at, "zhang", "li")
        await at.explaining.close("i-1", "watcher")
        await at.fault(ident="i-2")
        await at.fault(ident="i-3", needs_explanation=False)
        now_us = at.clock.now().utc_us
    async with desk(tmp_path, at_us=now_us) as at:
        assert [one.id for one in at.followup.pending()] == ["i-2"]


async def test_a_lost_database_loses_nothing_that_was_said(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        await signed(at, "zhang", "li")
        await at.fault(ident="i-2")
        before = [one.leaf for one in (await at.followup.case("i-1")).told]
        now_us = at.clock.now().utc_us
    for path in at.folder.data.glob("hub.db*"):
        path.unlink()
    async with desk(tmp_path, at_us=now_us) as at:
        case = await at.followup.case("i-1")
        assert (case.outcome.state, [one.leaf for one in case.told]) == ("explained", before)
        assert {one.id for one in at.followup.pending()} == {"i-1", "i-2"}


async def test_a_hub_that_was_down_tells_each_level_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        later_us = at.clock.now().utc_us + seconds(3600 * 24 * 10)
    async with desk(tmp_path, at_us=later_us) as at:
        await at.passes()
        assert [data["level"] for _, data in at.events] == [0, 1, 2]


async def test_a_long_fault_that_nobody_reports_escalates(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.fault()
        await at.hours(0.4)
        assert at.events == []
        await at.hours(0.2)
        assert [(name, data["what"]) for name, data in at.events] == [("interruption.overdue", "report")]
        await at.explaining.report(STREAM, "device_fault", "", "device:rec-1")
        await at.hours(30)
        assert [data.get("what") for name, data in at.events if name == "interruption.overdue"] == [
            "report", "explanation",
        ]  # fmt: skip


async def test_a_unit_sets_its_own_deadline(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.units.patch("county", by=HUB, rules={"followup": {"deadline_h": 1, "warn_before_h": 0}})
        await at.back(await at.fault())
        await at.hours(1.1)
        assert await at.state() == "overdue"


async def test_an_exemption_moves_the_deadline_or_ends_the_matter(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.back(await at.fault())
        back_us = fault.started_us + seconds(3600 * 48)
        await refused("bad_request", at.explaining.exempt("i-1", "remote", "边远", None, "approver"))
        await refused("bad_request", at.explaining.exempt("i-1", "lazy", "x", back_us, "approver"))
        await at.explaining.exempt("i-1", "remote", "边远地区执法", back_us, "approver")
        await at.hours(70)
        assert await at.state() == "awaiting"
        await at.hours(3)
        assert await at.state() == "overdue"
        second = await at.fault(ident="i-2")
        await at.explaining.exempt("i-2", "maintenance", "计划检修", None, "approver")
        assert await at.state("i-2") == "exempt"
        await refused("not_explained", at.explaining.close("i-2", "watcher"))
        await at.back(second)
        assert (await at.explaining.close("i-2", "watcher")).outcome.how == "exempt"


async def test_an_exemption_that_comes_late_moves_what_is_told_too(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        fault = await at.back(await at.fault())
        await at.hours(50)
        at.events.clear()
        await at.explaining.exempt("i-1", "remote", "边远地区执法", fault.started_us + seconds(3600 * 72), "approver")
        assert (at.names(), await at.state()) == (["interruption.deadline_moved"], "awaiting")
        await at.passes()
        await at.hours(41)
        assert at.names() == ["interruption.deadline_moved"], "the old deadline asks for nothing more"
        await at.hours(1.1)
        await at.hours(4)
        await at.hours(24)
        told = [(name.partition(".")[2], data["level"], data["unit"]) for name, data in at.events[1:]]
        assert told == [("reminder", 0, "team"), ("overdue", 0, "team"), ("overdue", 1, "county")]


async def test_a_correction_is_an_entry_and_the_old_one_stays(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        case = await signed(at, "zhang", "li")
        assert case.outcome.state == "explained"
        leaf = next(one.leaf for one in case.told if one.body.get("action") == "signed" and one.body["by"] == "li")
        await refused("not_own", at.explaining.correct("i-1", leaf, "签错", True, "zhang"))
        with pytest.raises(NotFound):
            await at.explaining.correct("i-1", case.told[0].leaf, "不是说明", True, "zhang")
        case = await at.explaining.correct("i-1", leaf, "签错", True, "li")
        assert case.outcome.state == "awaiting"
        assert [one.body.get("by") for one in case.told if one.body.get("action") == "signed"] == ["zhang", "li"]
        case = await at.explaining.sign(
            "i-1", case.outcome.statements[0].id, case.outcome.statements[0].sha256, at.person("wang")
        )
        await at.explaining.close("i-1", "watcher")
        await at.explaining.correct("i-1", leaf, "补充", False, "zhang")
        await refused("settled", at.explaining.correct("i-1", leaf, "撤回", True, "li"))
        assert await at.state() == "closed"


def test_rules_of_a_unit_are_checked() -> None:
    assert check_rules({"deadline_h": 12}) == Rules(deadline_h=12)
    for wrong in ({"signatures": 1}, {"deadline_h": 0}, {"deadlin_h": 3}, {"deadline_h": "24"}):
        with pytest.raises(InvalidRequest):
            check_rules(wrong)
        assert rules_of(wrong) == Rules()
    assert rules_of(None) == rules_of([1]) == Rules()


def test_scans_are_what_they_say() -> None:
    assert kind_of_scan(PDF, "application/pdf") == "pdf"
    assert kind_of_scan(b"\xff\xd8\xff\xe0 \xff\xd9", "image/jpeg") == "jpg"
    for data, media in ((PDF, "image/png"), (PDF[:-7], "application/pdf"), (b"", "image/jpeg"), (PDF, "text/html")):
        with pytest.raises(InvalidRequest):
            kind_of_scan(data, media)
    with pytest.raises(InvalidRequest):
        kind_of_scan(PDF[:-6] + bytes(21 << 20) + PDF[-6:], "application/pdf")
