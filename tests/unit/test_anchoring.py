"""Anchoring over a real ledger, with authorities played in the process and a clock moved by hand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from hub.anchoring.anchoring import Anchoring
from hub.anchoring.files import keep
from hub.anchoring.schedule import FIRST_RETRY_S, LONGEST_RETRY_S, SOON_GAP_S, Rhythm, Schedule
from hub.anchoring.status import NO_WITNESS
from hub.clock import ManualClock
from hub.errors import LedgerError
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.stored import anchor_of, check_stored, recent_anchors
from hub.ledger.anchors.window import window_of
from hub.ledger.bodies import close_body
from hub.ledger.entries import HUB_STREAM, Entry, EntryType
from hub.ledger.ledger import Ledger
from hub.metrics import UNANCHORED_SINCE
from tests.anchor_support import FakeWitness, anchoring, checkpointed, unreachable
from tests.ledger_folder import START_US, Folder


class Line:
    """A ledger, its clock and its anchoring by one witness."""

    def __init__(self, folder: Folder, clock: ManualClock, ledger: Ledger) -> None:
        self.folder, self.clock, self.ledger = folder, clock, ledger
        self.witness = FakeWitness(clock)
        self.entries: list[Entry] = []
        ledger.on_commit(self.entries.extend)
        self.anchoring: Anchoring = anchoring(folder.settings, clock, ledger, self.witness)

    async def news(self) -> None:
        self.ledger.heartbeat()
        await checkpointed(self.ledger)

    def anchors(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.type is EntryType.ANCHOR]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    folder, clock = Folder(tmp_path), ManualClock(START_US)
    ledger = await folder.open(clock)
    try:
        yield Line(folder, clock, ledger)
    finally:
        await ledger.close()


# ------------------------------------------------------------------------------------ the schedule


def schedule(every_s: float = 60.0) -> Schedule:
    return Schedule(Rhythm(every_s), Random(7))


def test_nothing_is_asked_without_a_checkpoint_or_for_one_that_is_anchored() -> None:
    one = schedule()
    assert not one.due("", 0)
    assert one.due("a", 0)
    one.succeeded("a", 0)
    assert not one.due("a", 10**12)
    assert one.due("b", 10**12)


def test_regular_asks_keep_their_distance() -> None:
    one = schedule(60.0)
    one.succeeded("a", 0)
    assert not one.due("b", 53_000_000)
    assert one.due("b", 66_000_001)


def test_after_a_failure_the_pauses_double_up_to_a_bound_and_differ_by_chance() -> None:
    one, now = schedule(), 0
    pauses = []
    for _ in range(14):
        one.failed(now)
        begun = now
        while not one.due("a", now):
            now += 100_000
        pauses.append((now - begun) / 1e6)
    for number, pause_s in enumerate(pauses):
        full_s = min(FIRST_RETRY_S * 2**number, LONGEST_RETRY_S)
        assert full_s / 2 <= pause_s <= full_s + 0.1
    assert len({pause_s / min(FIRST_RETRY_S * 2**n, LONGEST_RETRY_S) for n, pause_s in enumerate(pauses)}) > 10


def test_soon_waits_for_the_checkpoint_that_covers_it_and_does_not_flood() -> None:
    one = schedule(300.0)
    one.succeeded("a", 0)
    one.soon("a")
    assert not one.due("a", 60_000_000)
    assert not one.due("b", round(SOON_GAP_S * 1e6) - 1)
    assert one.due("b", round(SOON_GAP_S * 1e6))
    one.succeeded("b", 60_000_000)
    assert not one.due("c", 120_000_000)


def test_soon_does_not_shorten_the_pause_after_a_failure() -> None:
    one = schedule(300.0)
    for _ in range(10):
        one.failed(0)
    one.soon("a")
    assert not one.due("b", 100_000_000)


# ------------------------------------------------------------------------------------ over a ledger


async def test_an_anchor_is_kept_declared_and_checks_out(line: Line) -> None:
    await line.anchoring.turn()
    (entry,) = line.anchors()
    assert entry.stream_id == HUB_STREAM
    stored = anchor_of(entry)
    assert stored.size == line.witness.seen[0]
    assert stored.signed_us == START_US
    found = check_stored(line.folder.log, stored, Trust(witnesses=(line.witness.key,)))
    assert (found.authority, found.from_us) == (line.witness.name, START_US)
    data = (line.folder.log / stored.file).read_bytes()
    assert hashlib.sha256(data).hexdigest() == stored.sha256


async def test_cosignatures_of_a_day_share_a_file(line: Line) -> None:
    for _ in range(3):
        await line.anchoring.turn()
        line.clock.advance(70)
        await line.news()
    stored = [anchor_of(entry) for entry in line.anchors()]
    assert len({one.file for one in stored}) == 1
    assert stored[1].offset == stored[0].count
    trust = Trust(witnesses=(line.witness.key,))
    assert [check_stored(line.folder.log, one, trust).from_us for one in stored] == [one.time_us for one in stored]


async def test_the_window_of_a_time_range_comes_from_what_is_kept(line: Line) -> None:
    for _ in range(2):
        await line.anchoring.turn()
        line.clock.advance(70)
        await line.news()
    found = window_of(recent_anchors(line.folder.data), START_US, START_US + 60 * 10**6, line.clock.utc_us)
    assert (found.longest_us, found.open_since_us) == (70 * 10**6, None)
    late = window_of(recent_anchors(line.folder.data), START_US, START_US + 100 * 10**6, line.clock.utc_us)
    assert late.open_since_us == START_US + 70 * 10**6


async def test_a_witness_that_comes_by_itself_is_kept_like_one_that_was_asked(line: Line) -> None:
    visited = anchoring(line.folder.settings, line.clock, line.ledger, visitors=(line.witness.name,))
    await visited.start()
    await visited.turn()
    old = line.ledger.checkpoint()
    line.clock.advance(1000)
    await line.news()
    await visited.brought(await line.witness.anchor(old))
    (one,) = visited.status().authorities
    assert (one.size, one.state, one.unanchored_since_us) == (line.witness.seen[0], "ok", START_US)
    assert [anchor_of(entry).signed_us for entry in line.anchors()] == [START_US]
    stranger = FakeWitness(line.clock, name="witness.example/stranger")
    with pytest.raises(LedgerError, match="configured authority"):
        await visited.brought(await stranger.anchor(old))
    assert len(line.anchors()) == 1
    await visited.close()


async def test_it_asks_only_when_the_checkpoint_changed(line: Line) -> None:
    await line.anchoring.turn()
    line.clock.advance(1000)
    await line.anchoring.turn()
    assert len(line.witness.seen) == 1, "the anchor entry is not signed yet: nothing is new"
    await line.news()
    await line.anchoring.turn()
    assert len(line.witness.seen) == 2


async def test_the_end_of_a_run_is_anchored_without_waiting_for_the_interval(line: Line) -> None:
    await line.anchoring.turn()
    line.clock.advance(SOON_GAP_S + 1)
    await line.news()
    await line.anchoring.turn()
    assert len(line.witness.seen) == 1
    line.ledger.append("cam-a", EntryType.CLOSE, close_body("source ended", run=1))
    await line.ledger.committed()
    await line.anchoring.turn()
    assert len(line.witness.seen) == 1, "no checkpoint covers it yet"
    await line.ledger._sign()
    await line.anchoring.turn()
    assert len(line.witness.seen) == 2


async def test_an_officers_mark_is_anchored_soon(line: Line) -> None:
    await line.anchoring.turn()
    line.clock.advance(SOON_GAP_S + 1)
    line.anchoring.soon("a mark")
    await line.news()
    await line.anchoring.turn()
    assert len(line.witness.seen) == 2


async def test_the_status_says_how_far_and_since_when(line: Line) -> None:
    line.witness.problem = unreachable()
    await line.anchoring.start()
    await line.anchoring.turn()
    status = line.anchoring.status()
    (one,) = status.authorities
    assert (one.state, one.size, one.unanchored_since_us) == ("waiting", 0, START_US)
    assert "no route to host" in one.error
    line.clock.advance(1000)
    await line.anchoring.turn()
    assert line.anchoring.status().state == "late"
    line.witness.problem = None
    line.clock.advance(1000)
    await line.anchoring.turn()
    status = line.anchoring.status()
    assert status.state == "ok"
    assert status.unanchored_since_us is None
    assert status.json()["authorities"][0]["anchored_at"] == "2026-01-01T00:33:20.000000Z"  # type: ignore[index]
    assert status.authorities[0].error == ""
    await line.anchoring.close()


async def test_since_when_is_until_when_the_last_head_covers(line: Line) -> None:
    await line.anchoring.turn()
    line.clock.advance(30)
    await line.news()
    await line.anchoring.turn()
    assert line.anchoring.status().unanchored_since_us == START_US
    assert UNANCHORED_SINCE.labels(line.witness.name)._value.get() == START_US / 1e6


async def test_one_authority_that_anchors_is_enough(line: Line) -> None:
    dead = FakeWitness(line.clock, name="witness.example/dead", problem=unreachable("dead"))
    both = anchoring(line.folder.settings, line.clock, line.ledger, line.witness, dead)
    await both.start()
    await both.turn()
    line.clock.advance(1000)
    await both.turn()
    assert {one.name: one.state for one in both.status().authorities}[dead.name] == "late"
    assert both.status().state == "ok"
    await both.close()


async def test_without_authorities_it_says_so_and_nothing_else_happens(line: Line) -> None:
    alone = anchoring(line.folder.settings, line.clock, line.ledger)
    await alone.start()
    alone.soon("a mark")
    await alone.turn()
    status = alone.status()
    assert status.state == NO_WITNESS
    assert status.unanchored_since_us is None
    assert status.json()["authorities"] == []
    await alone.close()


async def test_a_restart_knows_what_was_anchored(line: Line) -> None:
    await line.anchoring.turn()
    await checkpointed(line.ledger)
    again = anchoring(line.folder.settings, line.clock, line.ledger, line.witness)
    await again.start()
    (one,) = again.status().authorities
    assert one.size == line.witness.seen[0]
    assert one.unanchored_since_us == START_US
    assert [anchor.size for anchor in recent_anchors(line.folder.data)] == [one.size]
    await again.close()


async def test_a_change_is_logged_once(
    line: Line, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    line.witness.problem = unreachable()
    await line.anchoring.start()
    for _ in range(5):
        line.clock.advance(700)
        await line.anchoring.turn()
    line.witness.problem = None
    for _ in range(5):
        line.clock.advance(700)
        await line.anchoring.turn()
    said = capsys.readouterr().out + caplog.text  # whichever way logging was set up by a test before
    assert said.count("stands unanchored") == 1
    assert said.count("the log is anchored") == 1
    await line.anchoring.close()


async def test_a_hanging_authority_holds_up_nobody_else(line: Line) -> None:
    """The real loop: one task an authority."""
    slow = FakeWitness(line.clock, name="witness.example/slow", hangs=asyncio.Event())
    both = anchoring(line.folder.settings, line.clock, line.ledger, slow, line.witness)
    await both.start()
    async with asyncio.timeout(20):
        while not (slow.seen and line.anchors()):  # noqa: ASYNC110  whatever happens first
            await asyncio.sleep(0.05)
    assert anchor_of(line.anchors()[0]).authority == line.witness.name
    await both.close()


async def test_a_fault_of_a_client_is_a_failed_ask(line: Line) -> None:
    line.witness.problem = ZeroDivisionError("a fault")
    await line.anchoring.turn()
    assert "fault of the hub itself" in line.anchoring.status().authorities[0].error
    assert not line.anchors()


async def test_a_disk_that_refuses_leaves_no_entry(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hub.anchoring.anchoring.keep", refuse)
    await line.anchoring.turn()
    assert "No space left" in line.anchoring.status().authorities[0].error
    assert not line.anchors()
    monkeypatch.setattr("hub.anchoring.anchoring.keep", keep)
    line.clock.advance(100)
    await line.anchoring.turn()
    assert len(line.anchors()) == 1
