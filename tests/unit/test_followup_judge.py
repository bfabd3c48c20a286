"""Whatever entries say, judging them ends in a state, and nothing but the right entries explains or closes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.errors import InvalidRequest
from hub.followup.bodies import readable
from hub.followup.files import MEDIA, kind_of_scan
from hub.followup.judge import State, judge
from hub.followup.overdue import due_steps, next_look_us
from hub.followup.rules import Rules
from hub.ledger.entries import EntryType
from hub.ledger.told import Told
from hub.model import Interruption, InterruptionKind, InterruptionState, StreamKind

HOUR_US = 3_600_000_000
NAMES = st.sampled_from(["zhang", "li", "", "hub"])
FIELDS: dict[str, Any] = {
    "form": st.sampled_from(
        ["report", "spoken", "written", "paper", "correction", "exemption", "reminder", "overdue", "close", "song"]
    ),
    "action": st.sampled_from(["drafted", "signed", "scanned", "accepted", "rejected", "sung"]),
    "by": NAMES, "statement": st.sampled_from(["s", "t"]), "scan": st.sampled_from(["a", "b"]),
    "sha256": st.sampled_from(["0" * 64, "1" * 64]), "file": st.just("x"), "size": st.just(1), "media": st.just("x"),
    "name": NAMES, "certificate": st.sampled_from(["A1", "A2", ""]),
    "capacity": st.sampled_from(["officer", "hall_admin"]), "cites": st.sampled_from(["0", "1", "2", "3"]),
    "withdraws": st.booleans(), "text": st.text(max_size=3), "reason": st.just("x"),
    "kind": st.sampled_from(["maintenance", "remote", "x"]),
    "until_us": st.integers(0, 100 * HOUR_US), "from_us": st.integers(0, HOUR_US), "to_us": st.integers(0, HOUR_US),
    "speech_ms": st.just(2000), "chunks": st.just([]), "what": st.sampled_from(["explanation", "report"]),
    "step": st.integers(0, 3), "unit": st.just("root"), "due_us": st.just(0), "how": st.just("spoken"),
    "findings": st.just([]), "whole": st.booleans(),
    "signers": st.lists(
        st.fixed_dictionaries({"name": NAMES, "certificate": st.sampled_from(["A1", "A2", ""])}), max_size=3
    ),
}  # fmt: skip
JUNK = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=2), st.lists(st.none(), max_size=2), st.booleans())
WHOLE = st.fixed_dictionaries(FIELDS)
BODY = st.one_of(WHOLE, st.fixed_dictionaries({}, optional=FIELDS))
SPOILT = st.tuples(BODY, st.dictionaries(st.sampled_from(list(FIELDS)), JUNK, max_size=3)).map(
    lambda two: two[0] | two[1]
)
BACKFILL = st.fixed_dictionaries({name: FIELDS[name] for name in ("from_us", "to_us", "whole")})


def told(entries: list[tuple[EntryType, dict[str, Any]]]) -> list[Told]:
    return [Told("rec-1", at, str(at), kind, at * HOUR_US, "i", body) for at, (kind, body) in enumerate(entries)]


def fault(ended: bool, needs: bool = True) -> Interruption:
    state = InterruptionState.CLOSED if ended else InterruptionState.CONFIRMED
    ended_us = 60_000_000 if ended else None
    return Interruption("i", "rec-1", InterruptionKind.STALL, state, 0, 0, ended_us, needs_explanation=needs)


ENTRIES = st.lists(
    st.one_of(
        st.tuples(st.just(EntryType.EXPLANATION), st.one_of(BODY, SPOILT)),
        st.tuples(st.just(EntryType.BACKFILL), BACKFILL),
        st.tuples(st.just(EntryType.INTERRUPTION_OPEN), st.just({})),
    ),
    max_size=12,
)


@given(ENTRIES, st.booleans(), st.sampled_from(list(StreamKind)), st.integers(0, 200))
def test_any_entries_are_judged(entries: list[Any], ended: bool, kind: StreamKind, hours: int) -> None:
    entries_told = told(entries)
    outcome = judge(fault(ended), entries_told, Rules(), kind, hours * HOUR_US)
    assert outcome.state in State
    assert outcome.may_close == (not outcome.missing and not outcome.settled)
    due_steps(outcome, Rules(), ("team", "root"), fault(ended), hours * HOUR_US)
    at_us = next_look_us(outcome, Rules(), hours * HOUR_US)
    assert outcome.settled or (at_us is not None and at_us > hours * HOUR_US)
    for one in outcome.statements:
        if one.how == "written" and kind is not StreamKind.WINDOW:
            assert len({each.certificate for each in one.signatures} - {""}) >= 2
            assert len({each.by for each in one.signatures}) >= 2
    forms = {one.body.get("form") for one in entries_told if readable(one)}
    assert outcome.how != "spoken" or (ended and "spoken" in forms and kind is not StreamKind.WINDOW)
    assert outcome.state is not State.CLOSED or "close" in forms


@given(st.binary(max_size=200), st.sampled_from([*MEDIA, "text/html", ""]))
def test_any_upload_is_a_scan_or_refused(data: bytes, media: str) -> None:
    with suppress(InvalidRequest):
        assert kind_of_scan(data, media) in ("pdf", "jpg", "png")
