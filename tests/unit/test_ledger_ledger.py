"""The ledger as the hub uses it: append, commit, listen, sign, read, and start again."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.database import Database
from hub.errors import LedgerError
from hub.ledger.bodies import (
    chunk_body,
    chunk_from_body,
    close_body,
    interruption_body,
    interruption_entry,
    open_body,
)
from hub.ledger.entries import BadEntry, Entry, EntryType, read_entry
from hub.ledger.index import MANY, Index
from hub.ledger.notes import parse_checkpoint, parse_note, parse_vkey
from hub.model import InterruptionState, Span
from hub.settings import Settings
from tests.ledger_folder import CHUNK_US, START_US, Folder, Reel, build, interruption, lines, record, scan_fake, session
from tests.ledger_folder import ORIGIN as ORIGIN

MOST_US = 2**52


async def test_entries_chain_and_become_durable(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open()
    heard: list[Entry] = []
    ledger.on_commit(heard.extend)
    first = ledger.append("cam-a", EntryType.CLOSE, close_body("one"))
    second = ledger.append("cam-a", EntryType.CLOSE, close_body("two"))
    assert (first.seq, second.seq, second.prev) == (1, 2, first.leaf)
    await ledger.committed()
    assert [(entry.stream_id, entry.seq, entry.type) for entry in heard] == [
        ("cam-a", 0, EntryType.GENESIS),
        ("cam-a", 1, EntryType.CLOSE),
        ("cam-a", 2, EntryType.CLOSE),
    ]
    content = lines(folder.data / "reels/cam-a/2026-01-01.entries")
    assert [read_entry(line).leaf for line in content][1:] == [first.leaf, second.leaf]
    await ledger.close()


async def test_the_commit_comes_by_itself(tmp_path: Path) -> None:
    import asyncio

    ledger = await Folder(tmp_path).open()
    done = asyncio.get_running_loop().create_future()
    ledger.on_commit(lambda entries: done.set_result(len(entries)))
    ledger.append("cam-a", EntryType.CLOSE, close_body("one"))
    async with asyncio.timeout(30):
        assert await done == 2
    await ledger.close()


async def test_a_listener_that_fails_harms_nobody(tmp_path: Path) -> None:
    ledger = await Folder(tmp_path).open()
    heard: list[Entry] = []

    def fail(entries: Sequence[Entry]) -> None:
        raise RuntimeError("no")

    ledger.on_commit(fail)
    ledger.on_commit(heard.extend)
    ledger.append("cam-a", EntryType.CLOSE, close_body("one"))
    await ledger.committed()
    assert len(heard) == 2
    await ledger.close()


async def test_checkpoints_cover_every_entry(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open()
    key = parse_vkey(ledger.vkey())
    assert parse_checkpoint(parse_note(ledger.checkpoint()).text).size == 1, "signed at the start"
    ledger.append("cam-a", EntryType.CLOSE, close_body("one"))
    await ledger.close()
    note = parse_note(ledger.checkpoint())
    assert note.signed_by(key)
    assert parse_checkpoint(note.text).size == 4
    assert (folder.log / "checkpoint").read_text() == ledger.checkpoint()
    assert (folder.log / "vkey").read_text().strip() == ledger.vkey()


async def test_the_key_lies_outside_and_is_private(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    (key,) = folder.keys.glob("*/ed25519.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    assert not key.is_relative_to(folder.data)
    assert not any(b"PRIVATE" in path.read_bytes() for path in folder.data.rglob("*") if path.is_file())


async def test_an_origin_is_made_and_kept(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys")
    origins = set()
    for _ in range(2):
        ledger = await _open(settings)
        origins.add(parse_vkey(ledger.vkey()).name)
        await ledger.close()
    (origin,) = origins
    assert origin.startswith("recorder-hub.local/")


async def _open(settings: Settings):  # type: ignore[no-untyped-def]
    from hub.ledger.ledger import Ledger

    return await Ledger.open(settings, ManualClock(START_US), scan_fake)


async def test_how_the_last_run_ended_is_an_entry(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ledger = await folder.open()
    await ledger.close()
    hub = [read_entry(line) for line in lines(folder.data / "_hub/2026-01-01.entries")]
    assert [entry.type.value for entry in hub] == ["genesis", "heartbeat", "close", "restart", "close"]
    assert hub[3].body["ended"] == "orderly"
    assert (hub[2].epoch, hub[3].epoch) == (0, 1)
    assert folder.verify().exit_code == 0


async def test_two_hubs_on_one_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open()
    with pytest.raises(LedgerError) as refused:
        await folder.open()
    assert refused.value.code == "in_use"
    await ledger.close()


async def test_bad_appends_leave_no_trace(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open()
    for stream, kind, body in (
        ("../x", EntryType.CLOSE, close_body("x")),
        ("Cam", EntryType.CLOSE, close_body("x")),
        ("cam-a", EntryType.CHUNK, {}),
        ("cam-a", EntryType.CLOSE, {"reason": 1.5}),
    ):
        with pytest.raises(BadEntry):
            ledger.append(stream, kind, body)  # type: ignore[arg-type]
    entry = ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    assert entry.seq == 1
    await ledger.close()
    with pytest.raises(LedgerError):
        ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    await ledger.close()
    assert folder.verify().exit_code == 0


async def test_a_calendar_that_was_set_is_an_entry(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    clock.advance(100)
    ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    clock.step_utc(-3600)
    ledger.append("cam-a", EntryType.CLOSE, close_body("y"))
    await ledger.close()
    hub = [read_entry(line) for path in sorted(folder.data.glob("_hub/*")) for line in lines(path)]
    (step,) = [entry for entry in hub if entry.type is EntryType.CLOCK_STEP]
    assert step.body["step_us"] == -3_600_000_000
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings


async def test_the_log_goes_on_over_starts_without_reading_its_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.ledger import store

    folder = await build(tmp_path)
    read: list[int] = []
    original = store.LeafFile.read

    def spy(self: store.LeafFile, start: int, end: int) -> list[bytes]:
        read.append(end - start)
        return original(self, start, end)

    monkeypatch.setattr(store.LeafFile, "read", spy)
    ledger = await folder.open()
    assert sum(read) <= 2, "25 leaves were signed: only what came since is read"
    await ledger.close()
    assert folder.verify().exit_code == 0


# ----------------------------------------------------------------------------------- the read side


async def test_reader(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ledger = await folder.open()
    reader = ledger.reader
    chunks = reader.chunks("cam-a", 0, MOST_US, 100)
    assert [chunk.first_us - START_US for chunk in chunks] == [
        0,
        2_000_000,
        4_000_000,
        13_000_000,
        15_000_000,
        17_000_000,
    ]
    assert [chunk.offset for chunk in chunks[:3]] == [100, 3116, 6132]
    assert all(chunk_from_body("cam-a", chunk_body(chunk)) == chunk for chunk in chunks)
    inside = START_US + 3_000_000
    assert reader.chunks("cam-a", inside, inside + 1, 10) == [chunks[1]]
    assert reader.chunk_at("cam-a", inside) == chunks[1]
    assert reader.chunk_at("cam-a", START_US + 8_000_000) is None
    assert reader.chunks("cam-b", 0, MOST_US, 2) + reader.chunks(
        "cam-b", START_US + 2 * CHUNK_US, MOST_US, 100
    ) == reader.chunks("cam-b", 0, MOST_US, 100)
    assert reader.chunks("nobody", 0, MOST_US, 10) == []
    assert reader.spans("cam-a", 0, MOST_US) == [
        Span(START_US, START_US + 6_000_000),
        Span(START_US + 13_000_000, START_US + 19_000_000),
    ]
    assert reader.spans("cam-a", inside, inside + 1) == [Span(inside, inside + 1)]
    assert {head.stream_id: head.seq for head in reader.heads()} == {"_hub": 3, "cam-a": 10, "cam-b": 10}
    await ledger.close()


async def test_reader_pages_interruptions(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open()
    opened = []
    for number in range(7):
        item = interruption("cam-a", InterruptionState.CONFIRMED, START_US + number // 2)
        opened.append(type(item)(**{**_fields(item), "id": f"i{number}"}))
    for item in opened:
        ledger.append("cam-a", EntryType.INTERRUPTION_OPEN, interruption_body(item))
    closed = type(opened[2])(**{**_fields(opened[2]), "state": InterruptionState.CLOSED, "ended_us": START_US + 9})
    kind, body = interruption_entry(closed) or (None, {})
    assert kind is EntryType.INTERRUPTION_CLOSE
    ledger.append("cam-a", kind, body)
    await ledger.committed()
    reader = ledger.reader
    pages: list[str] = []
    after = None
    while page := reader.interruptions(limit=3, after=after):
        pages += [item.id for item in page]
        after = page[-1].id
    assert pages == ["i6", "i5", "i4", "i3", "i2", "i1", "i0"]
    assert [item.id for item in reader.interruptions(state="closed")] == ["i2"]
    assert reader.interruption("i2") == closed
    assert reader.interruption("i3") == opened[3]
    assert reader.interruption("nothing") is None
    assert reader.interruptions(stream="cam-b") == []
    assert len(reader.interruptions(stream="cam-a", from_us=START_US + 100)) == 6, "those that still last"
    assert [item.id for item in reader.interruptions(to_us=START_US + 1)] == ["i1", "i0"]
    assert reader.interruptions(after="nothing") == []
    await ledger.close()


def _fields(item: object) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__slots__}  # type: ignore[attr-defined]


async def test_what_was_open_is_told_at_the_next_start(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ledger = await folder.open(ManualClock(START_US))
    ledger.append("cam-a", EntryType.OPEN, {"run": 7, "protocol": "", "device": "", "tracks": [], "init_sha256": ""})
    item = interruption("cam-b", InterruptionState.CONFIRMED, START_US + 19_000_000)
    ledger.append("cam-b", EntryType.INTERRUPTION_OPEN, interruption_body(item))
    await ledger.close()
    ledger = await folder.open()
    a, b = ledger.recovered
    assert (a.stream_id, a.run, a.open, a.recorded_until_us, a.interruption) == (
        "cam-a", 7, True, START_US + 19_000_000, None,
    )  # fmt: skip
    assert (b.stream_id, b.run, b.open, b.interruption) == ("cam-b", 1, False, item)
    await ledger.close()


async def test_rows_are_a_projection(tmp_path: Path) -> None:
    """With the database gone, the same rows come back from the entry files."""
    folder = await build(tmp_path)
    ledger = await folder.open()
    before = _everything(ledger)
    await ledger.close()
    for path in folder.data.glob("hub.db*"):
        path.unlink()
    ledger = await folder.open()
    after = _everything(ledger)
    await ledger.close()
    assert after == before
    assert folder.verify().exit_code == 0


def _everything(ledger):  # type: ignore[no-untyped-def]
    reader = ledger.reader
    return [
        (reader.chunks(stream, 0, MOST_US, 100), reader.spans(stream, 0, MOST_US), reader.interruptions(stream=stream))
        for stream in ("cam-a", "cam-b")
    ]


async def test_heartbeats_name_every_head(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    (beat,) = [
        entry
        for entry in map(read_entry, lines(folder.data / "_hub/2026-01-01.entries"))
        if entry.type is EntryType.HEARTBEAT
    ]
    assert beat.body["seqs"] == {"_hub": 0, "cam-a": 10, "cam-b": 10}


async def test_a_reel_of_many_chunks_is_one_span(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    await record(ledger, folder, clock, "cam-a", reels=1, chunks=50)
    assert len(ledger.reader.spans("cam-a", 0, MOST_US)) == 1
    await ledger.close()


async def test_many_entries_at_once_find_the_files_and_reels_that_are_known(tmp_path: Path) -> None:
    """A start after a kill declares a thousand reels in one commit: what the database knows of each file and reel is
    looked up together then, and is what one by one would have found."""
    folder = Folder(tmp_path)
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    first = Reel(folder.data, "cam-a", 1, 0, START_US, random.Random(1))
    ledger.append("cam-a", EntryType.OPEN, open_body(session(clock), 1))
    ledger.append("cam-a", EntryType.CHUNK, chunk_body(first.chunk(0)))
    await ledger.close()
    ledger = await folder.open(clock)  # which remembers no file and no reel
    second = Reel(folder.data, "cam-b", 1, 0, START_US, random.Random(2))
    ledger.append("cam-b", EntryType.OPEN, open_body(session(clock), 1))
    for index in range(1, MANY):
        ledger.append("cam-a", EntryType.CHUNK, chunk_body(first.chunk(index)))
        ledger.append("cam-b", EntryType.CHUNK, chunk_body(second.chunk(index)))
    await ledger.committed()
    assert ledger.problem == ""
    assert len(ledger.reader.chunks("cam-a", 0, MOST_US, 1000)) == MANY
    await ledger.close()
    index_of = Index(Database.of(folder.settings))
    for reel in (first, second):
        below = f"reels/{reel.stream}"
        assert index_of.reel_sizes(below, "") == {reel.name: reel.offset}
        sizes = {folder.name(path): path.stat().st_size for path in folder.entry_files(reel.stream)}
        sizes |= {folder.name(path): path.stat().st_size for path in (folder.data / below).glob("*.entries")}
        assert index_of.file_sizes(below, "") == sizes
    index_of.close()
    assert folder.verify().exit_code == 0


def test_reel_helper_writes_what_its_chunks_say(tmp_path: Path) -> None:
    import random

    reel = Reel(tmp_path, "cam-a", 1, 0, 0, random.Random(1))
    chunk = reel.chunk(0)
    assert reel.path.stat().st_size == chunk.offset + chunk.size
    assert json.dumps(chunk_body(chunk))
