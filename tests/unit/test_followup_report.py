"""The report's table of interruptions says how each was closed, by the entries alone."""

from __future__ import annotations

from pathlib import Path

from hub.evidence.facts import Closing, InterruptionFact
from hub.evidence.reporting import Story, facts_of_interruptions
from tests.followup_support import Desk, desk


def listen(at: Desk) -> Story:
    story = Story()
    at.ledger.on_commit(lambda entries: [story.entry(entry) for entry in entries] and None)
    return story


def only(story: Story) -> InterruptionFact:
    (fact,) = facts_of_interruptions(story)
    return fact


async def test_a_statement_with_two_signers(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        story = listen(at)
        await at.back(await at.fault())
        assert only(story).closing is Closing.OPEN
        _, made = await at.explaining.draft("i-1", "隧道内无信号。", at.person("zhang"))
        for name in ("zhang", "li"):
            await at.explaining.sign("i-1", made.id, made.sha256, at.person(name))
        assert only(story).closing is Closing.OPEN, "not before it is closed"
        await at.explaining.close("i-1", "watcher")
        fact = only(story)
        assert fact.closing is Closing.WRITTEN
        assert fact.closed_us == at.clock.now().utc_us
        assert fact.signers == ("Zhang（执法证号 A001）", "Li（执法证号 A002）")
        assert "恢复后未作语音说明" in fact.explanation
        assert made.sha256[:16] in fact.explanation


async def test_footage_and_a_withdrawn_signature(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        story = listen(at)
        fault = await at.back(await at.fault())
        _, made = await at.explaining.draft("i-1", "隧道内无信号。", at.person("zhang"))
        case = await at.explaining.sign("i-1", made.id, made.sha256, at.person("zhang"))
        await at.explaining.correct("i-1", case.told[-1].leaf, "签错", True, "zhang")
        await at.backfill(fault, fault.started_us, fault.ended_us or 0, whole=True)
        fact = only(story)
        assert (fact.closing, fact.signers) == (Closing.BACKFILLED, ())


async def test_planned_maintenance(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        story = listen(at)
        await at.back(await at.fault())
        await at.explaining.exempt("i-1", "maintenance", "计划检修", None, "approver")
        await at.explaining.close("i-1", "watcher")
        assert (only(story).closing, only(story).explanation) == (Closing.NOT_NEEDED, "豁免：计划检修")
