"""Reels that were open when the hub was killed: whole fragments become a recovery entry, the torn rest goes
into quarantine, and both are said."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from hub.clock import ManualClock
from hub.ledger.bodies import chunk_body
from hub.ledger.entries import Entry, EntryType, read_entry
from hub.ledger.recovery import files_since
from tests.ledger_folder import START_US, Folder, Reel, build, fragment, lines

SINCE = ("", "2026-01-02", "2026-01-02/100000")
TORN = b"frag\x00\x00\x10\x00half of it"


def recovery(folder: Folder) -> list[Entry]:
    entries = [read_entry(line) for path in sorted(folder.data.rglob("*.entries")) for line in lines(path)]
    return [entry for entry in entries if entry.type is EntryType.RECOVERY]


async def started_again(folder: Folder) -> Entry:
    ledger = await folder.open(ManualClock(START_US + 60_000_000))
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings
    (entry,) = recovery(folder)
    return entry


async def open_reel(root: Path, *, chunks: int) -> tuple[Folder, Reel, random.Random]:
    folder = await build(root, streams=("cam-a",), reels=1)
    rng = random.Random(9)
    ledger = await folder.open(ManualClock(START_US + 30_000_000))
    reel = Reel(folder.data, "cam-a", 1, 5, START_US + 6_000_000, rng)
    for index in range(chunks):
        ledger.append("cam-a", EntryType.CHUNK, chunk_body(reel.chunk(3 + index)))
    await ledger.close()
    return folder, reel, rng


async def test_behind_the_last_chunk(tmp_path: Path) -> None:
    folder, reel, rng = await open_reel(tmp_path, chunks=2)
    whole = fragment(rng, 300) + fragment(rng, 200)
    reel.write(whole + TORN)
    entry = await started_again(folder)
    body = entry.body
    assert (body["reel"], body["offset"], body["size"]) == (reel.name, reel.offset, len(whole))
    assert body["sha256"] == hashlib.sha256(whole).hexdigest()
    assert body["init_sha256"] == hashlib.sha256(reel.init).hexdigest()
    assert body["first_us"] == reel.at_us, "carried on from the chunk before"
    assert reel.path.stat().st_size == reel.offset + len(whole)
    kept = folder.data / body["quarantined"]["kept_as"]
    assert kept.read_bytes() == TORN
    assert body["quarantined"]["sha256"] == hashlib.sha256(TORN).hexdigest()


async def test_without_a_torn_rest(tmp_path: Path) -> None:
    folder, reel, rng = await open_reel(tmp_path, chunks=2)
    reel.write(fragment(rng, 300))
    body = (await started_again(folder)).body
    assert body["quarantined"] is None
    assert not (folder.data / "quarantine").exists()


async def test_a_torn_rest_alone(tmp_path: Path) -> None:
    folder, reel, _ = await open_reel(tmp_path, chunks=2)
    reel.write(TORN)
    body = (await started_again(folder)).body
    assert (body["size"], body["offset"]) == (0, reel.offset)
    assert reel.path.stat().st_size == reel.offset


async def test_a_reel_of_which_no_entry_speaks(tmp_path: Path) -> None:
    folder, reel, rng = await open_reel(tmp_path, chunks=0)
    whole = fragment(rng, 300)
    reel.write(whole + TORN)
    body = (await started_again(folder)).body
    assert (body["offset"], body["size"], body["run"]) == (100, len(whole), 1)
    assert body["first_us"] == START_US + 5_000_000, "from the reel's name, 00:00:05"


async def test_a_reel_begun_after_the_calendar_was_set_back(tmp_path: Path) -> None:
    """By a time zone, and no entry of the stream was made since."""
    folder = await build(tmp_path, streams=("cam-a",), reels=1)
    rng = random.Random(9)
    reel = Reel(folder.data, "cam-a", 1, 5, START_US, rng)
    whole = fragment(rng, 300)
    reel.write(whole)
    named = "reels/cam-a/2025-12-31/160005.000Z-1.mp4"
    (folder.data / named).parent.mkdir()
    reel.path.rename(folder.data / named)
    body = (await started_again(folder)).body
    assert (body["reel"], body["size"]) == (named, len(whole))


def test_files_are_looked_at_from_a_moment_on(tmp_path: Path) -> None:
    names = [
        f"{name}.entries"
        for name in ("2026-01-01", "2026-01-01/235959.999Z-1.mp4", "2026-01-02", "2026-01-02/095959.999Z-1.mp4",
                     "2026-01-02/100000.000Z-1.mp4", "2026-01-03", "2026-01-03/000000.000Z-1.mp4")
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {since: {name for name, _ in files_since(tmp_path, since, ".entries")} for since in SINCE}
    assert found[""] == set(names)
    assert found["2026-01-02"] == set(names[2:])
    assert found["2026-01-02/100000"] == {names[2], *names[4:]}, "entries of that day may be of any hour of it"


async def test_a_reel_without_one_whole_fragment(tmp_path: Path) -> None:
    folder, reel, _ = await open_reel(tmp_path, chunks=0)
    reel.write(TORN)
    content = reel.path.read_bytes()
    body = (await started_again(folder)).body
    assert body["size"] == 0
    assert not reel.path.exists()
    assert (folder.data / body["quarantined"]["kept_as"]).read_bytes() == content


async def test_a_reel_torn_within_its_init_segment(tmp_path: Path) -> None:
    folder, reel, _ = await open_reel(tmp_path, chunks=0)
    reel.path.write_bytes(reel.path.read_bytes()[:50])
    body = (await started_again(folder)).body
    assert (body["size"], body["init_size"]) == (0, 0)
    assert not reel.path.exists()


async def test_what_was_recovered_can_be_played(tmp_path: Path) -> None:
    folder, reel, rng = await open_reel(tmp_path, chunks=2)
    reel.write(fragment(rng, 300))
    ledger = await folder.open(ManualClock(START_US + 60_000_000))
    last = ledger.reader.chunks("cam-a", 0, 2**52, 100)[-1]
    assert (last.reel, last.offset, last.reason) == (reel.name, reel.offset, "recovered")
    (stream,) = ledger.recovered
    assert stream.recorded_until_us == last.end_us == reel.at_us + 200_000
    await ledger.close()


async def test_a_second_start_has_nothing_left_to_do(tmp_path: Path) -> None:
    folder, reel, rng = await open_reel(tmp_path, chunks=2)
    reel.write(fragment(rng, 300) + TORN)
    await started_again(folder)
    await started_again(folder)


async def test_a_reel_that_was_made_and_never_written_to(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    (folder.reels("cam-a")[0].parent / "235959.000Z-9.mp4").touch()
    ledger = await folder.open()
    await ledger.close()
    verdict = folder.verify()
    assert (verdict.exit_code, verdict.findings) == (0, [])
