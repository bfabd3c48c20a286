"""What is flagged: officers, marks, interruptions, streams that nobody answers for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.activities.drafts import Draft
from hub.activities.findings import CLAUSES, WORDS, Finding, findings, uncovered
from hub.activities.model import Activity, Mark, MarkKind, Mode
from hub.activities.rules import ActivityRules
from hub.activities.search import Query
from hub.model import Span, StreamKind
from tests.activity_support import FULL, HELPER, LI, START_US, ZHANG, FakeFootage, S, bench, cut, recorder

RULES = ActivityRules()
GOOD = Activity(
    "i", "rec-1", "", "", "", Mode.FULL, START_US, "x", (ZHANG, LI, HELPER), "冀A0101", party_present=True,
    ended_us=START_US + 60 * S,
    marks=tuple(Mark(kind, START_US, "", "x", START_US) for kind in (MarkKind.CERTIFICATE_SHOWN, MarkKind.NOTICE)),
)  # fmt: skip
LATE = START_US + 3600 * S
F = Finding


@pytest.mark.parametrize(
    ("activity", "found"),
    [
        (GOOD, ()),
        (replace(GOOD, officers=(), recorder=""), (F.NO_OFFICERS,)),
        (replace(GOOD, officers=(HELPER,), recorder="冀X9"), (F.ONLY_ASSISTANTS,)),
        (replace(GOOD, recorder=""), (F.NO_RECORDER,)),
        (replace(GOOD, recorder="冀X9"), (F.RECORDER_IS_ASSISTANT,)),
        (replace(GOOD, marks=GOOD.marks[:1]), (F.NO_NOTICE,)),
        (replace(GOOD, marks=GOOD.marks[:1], party_present=False), ()),
        (replace(GOOD, marks=GOOD.marks[1:]), (F.NO_CERTIFICATE_SHOWN,)),
        (replace(GOOD, marks=(), officers=()), (F.NO_OFFICERS, F.NO_CERTIFICATE_SHOWN, F.NO_NOTICE)),
    ],
)
def test_each_finding(activity: Activity, found: tuple[Finding, ...]) -> None:
    assert findings(activity, RULES, LATE) == found


def test_an_unexplained_interruption_is_one_of_a_whole_recording_alone() -> None:
    assert findings(GOOD, RULES, LATE, unexplained=True) == (F.UNEXPLAINED,)
    assert findings(replace(GOOD, mode=Mode.KEY_STEPS), RULES, LATE, unexplained=True) == ()
    assert findings(GOOD, RULES, LATE, overdue=True) == (F.STORAGE_OVERDUE,)


def test_marks_are_missed_after_a_while_only() -> None:
    begun = replace(GOOD, marks=(), ended_us=None)
    assert findings(begun, RULES, START_US + 299 * S) == ()
    assert findings(begun, RULES, START_US + 300 * S) == (F.NO_CERTIFICATE_SHOWN, F.NO_NOTICE)


def test_every_finding_has_its_words_and_its_clause() -> None:
    assert set(WORDS) == set(CLAUSES) == set(Finding)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)).map(lambda p: (p[0], p[0] + p[1])), max_size=8))
def test_what_no_span_covers(spans: list[tuple[int, int]]) -> None:
    """Against counting each unit."""
    free = {at for at in range(20, 80) if not any(begin <= at < end for begin, end in spans)}
    assert {at for begin, end in uncovered(20, 80, spans) for at in range(begin, end)} == free
    assert all(end - begin > 5 for begin, end in uncovered(20, 80, spans, 5))


async def test_findings_are_searched_and_go_when_they_are_mended(tmp_path: Path) -> None:
    gap = cut("i-1", START_US + 10 * S, START_US + 30 * S)
    footage = FakeFootage([Span(START_US, START_US + 10 * S), Span(START_US + 30 * S, START_US + 900 * S)], [gap])
    async with bench(tmp_path, footage) as b:
        one = (await b.activities.begin(recorder(), replace(FULL, mode=Mode.FULL), by="x")).activity.id
        await b.activities.begin(recorder("rec-2"), replace(FULL, officers=(HELPER,), recorder=None), by="x")

        async def found(finding: Finding) -> list[str]:
            await b.watch.look()
            return [kept.activity.stream_id for kept in await b.activities.search(Query(finding=finding))]

        assert await found(F.NO_NOTICE) == []
        b.clock.advance(900)
        assert await found(F.NO_NOTICE) == ["rec-2", "rec-1"]
        assert await found(F.UNEXPLAINED) == ["rec-1"]
        assert await found(F.ONLY_ASSISTANTS) == ["rec-2"]
        await b.activities.mark(one, MarkKind.NOTICE, by="x")
        footage.followups["i-1"] = "explained"
        assert await found(F.NO_NOTICE) == ["rec-2"]
        assert await found(F.UNEXPLAINED) == []
        await b.activities.end(one, by="x")
        footage.followups.clear()  # an explanation that was taken back
        assert await found(F.UNEXPLAINED) == ["rec-1"]


async def test_a_recorder_that_streams_outside_of_any_activity_is_flagged_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.streams += [recorder(), recorder("win-1", kind=StreamKind.WINDOW), recorder("rec-2")]
        b.live |= {"rec-1": ("live", START_US), "win-1": ("live", START_US), "rec-2": ("idle", START_US)}
        await b.watch.look()
        assert not b.watch.unattended
        b.clock.advance(120)
        await b.watch.look()
        await b.watch.look()
        assert list(b.watch.unattended) == ["rec-1"]
        assert [data["stream"] for data in b.told("activity.missing")] == ["rec-1"]
        await b.activities.begin(recorder(), Draft(), by="x")
        await b.watch.look()
        assert not b.watch.unattended
        await b.watch.look()
        assert [kept.findings for kept in await b.activities.search(Query())] == [(F.NO_OFFICERS,)]
