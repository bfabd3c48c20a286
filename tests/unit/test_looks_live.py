"""Who watches what live: every look is in the ledger, and a wall that cycles does not fill it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.errors import LedgerError
from hub.ledger.entries import EntryType, canonical, check_body
from hub.looks.live import LiveNotes

HOUR_S = 3600


class Kept:
    """The entries, and a ledger that may refuse."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Any]]] = []
        self.full = False

    def note(self, by: str, what: str, reason: str = "", *, stream: str, **facts: Any) -> None:
        if self.full:
            raise LedgerError("full", code="ledger_full")
        body = {"by": by, "what": what, "reason": reason} | facts
        check_body(stream, EntryType.ACCESS, body)
        canonical(body)
        self.entries.append((stream, body))

    def words(self) -> list[str]:
        return [body["what"] for _, body in self.entries]


def begun() -> tuple[ManualClock, Kept, LiveNotes]:
    clock, kept = ManualClock(), Kept()
    return clock, kept, LiveNotes(clock, kept.note)


def watch(clock: ManualClock, notes: LiveNotes, seconds: int, by: str = "wei", stream: str = "a") -> None:
    """As a wall does: when it begins, and each second after."""
    assert notes.seen(by, stream)
    for _ in range(seconds):
        clock.advance(1)
        assert notes.seen(by, stream)
        notes.tick()


def test_it_is_noted_when_it_begins_and_its_length_when_the_hour_is_over() -> None:
    clock, kept, notes = begun()
    watch(clock, notes, 100)
    clock.advance(600)
    watch(clock, notes, 20)
    assert kept.words() == ["live.view"]
    clock.advance(HOUR_S)
    notes.tick()
    stream, body = kept.entries[1]
    assert (stream, body["what"], body["watched_us"], body["times"]) == ("a", "live.end", 120_000_000, 2)
    assert body["to_us"] - body["from_us"] == 720_000_000
    notes.tick()
    notes.close()
    assert len(kept.entries) == 2


def test_who_watches_on_is_noted_each_hour_with_what_was_watched_before() -> None:
    clock, kept, notes = begun()
    watch(clock, notes, 2 * HOUR_S + 10)
    assert kept.words() == ["live.view"] * 3
    assert [body["before"]["watched_us"] for _, body in kept.entries[1:]] == [HOUR_S * 1_000_000] * 2
    notes.close()
    assert kept.entries[-1][1]["watched_us"] == 10_000_000


def test_people_and_streams_are_noted_apart_and_two_walls_of_one_person_together() -> None:
    clock, kept, notes = begun()
    for by, stream in (("wei", "a"), ("wei", "b"), ("li", "a"), ("wei", "a")):
        assert notes.seen(by, stream)
    for _ in range(10):
        clock.advance(1)
        assert notes.seen("wei", "a")
        assert notes.seen("wei", "a")
    assert Counter((body["by"], stream) for stream, body in kept.entries) == {
        ("wei", "a"): 1,
        ("wei", "b"): 1,
        ("li", "a"): 1,
    }
    notes.close()
    assert {(body["by"], stream): body["watched_us"] for stream, body in kept.entries[3:]}["wei", "a"] == 10_000_000


def test_a_ledger_that_refuses_shows_nothing_and_cuts_at_the_end_of_the_hour() -> None:
    clock, kept, notes = begun()
    kept.full = True
    assert not notes.seen("wei", "a")
    kept.full = False
    watch(clock, notes, HOUR_S - 1)
    kept.full = True
    assert notes.seen("wei", "a")
    clock.advance(1)
    assert not notes.seen("wei", "a")
    kept.full = False
    clock.advance(5)
    assert notes.seen("wei", "a")
    assert kept.words() == ["live.view", "live.view"]
    assert kept.entries[1][1]["before"]["watched_us"] == HOUR_S * 1_000_000


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 2000)), max_size=12))
def test_what_is_said_adds_up_to_what_was_watched_and_is_little(parts: list[tuple[int, int]]) -> None:
    clock, kept, notes = begun()
    begun_s = clock.mono_us // 1_000_000
    for watched, away in parts:
        watch(clock, notes, watched)
        for _ in range(away // 10):
            clock.advance(10)
            notes.tick()
    notes.close()
    said = [body.get("before", body).get("watched_us", 0) for _, body in kept.entries]
    assert sum(said) == sum(watched for watched, _ in parts) * 1_000_000
    hours = (clock.mono_us // 1_000_000 - begun_s) // HOUR_S + 1
    assert len(kept.entries) <= 2 * hours


def test_a_shift_of_cycling_walls_makes_few_entries() -> None:
    """3 watchers, 16 tiles, each 10 s the next 16 of 96 streams, 8 h."""
    clock, kept, notes = begun()
    begins = 0
    for turn in range(8 * 360):
        tiles = [f"s{(turn % 6) * 16 + slot}" for slot in range(16)]
        begins += 3 * len(tiles)
        for _ in range(10):
            for by in ("a", "b", "c"):
                for stream in tiles:
                    assert notes.seen(by, stream)
            clock.advance(1)
        notes.tick()
    notes.close()
    assert begins == 138_240
    assert Counter(kept.words()) == {"live.view": 3 * 96 * 8, "live.end": 3 * 96}
    assert len(kept.entries) == 3 * 96 * 9
