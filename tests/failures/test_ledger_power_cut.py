"""The machine loses power: what was not flushed is gone or full of zeros. The database, flushed at each
commit, completes the entry files and the log; a torn last line is moved to quarantine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.ledger.bodies import close_body
from hub.ledger.entries import EntryType, canonical, read_entry
from tests.ledger_folder import START_US, Folder, build, lines, record


async def cut_while_recording(root: Path) -> Folder:
    """A copy of a folder as it is while the hub runs, before its entry files were flushed."""
    folder = await build(root / "hub", streams=("cam-a",))
    clock = ManualClock(START_US + 30_000_000)
    ledger = await folder.open(clock)
    await record(ledger, folder, clock, "cam-b")
    copy = folder.copy(root / "copy")
    await ledger.close()
    return copy


async def opens_and_verifies(folder: Folder) -> None:
    ledger = await folder.open(ManualClock(START_US + 90_000_000))
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings


@pytest.mark.parametrize("damage", ["cut", "zeros", "gone"])
async def test_entry_files_and_leaves_lost_their_ends(tmp_path: Path, damage: str) -> None:
    folder = await cut_while_recording(tmp_path)
    contents = {}
    for path in [*folder.data.glob("reels/cam-b/**/*.entries"), folder.log / "leaves"]:
        contents[path] = data = path.read_bytes()
        # The first run's 14 leaves were flushed when it ended: no power cut takes them away.
        keep = len(data) // 2 if path.name != "leaves" else 14 * 32
        if damage == "cut":
            path.write_bytes(data[:keep])
        elif damage == "zeros":
            path.write_bytes(data[:keep] + bytes(len(data) - keep))
        elif path.name != "leaves":
            path.unlink()
    await opens_and_verifies(folder)
    for path, data in contents.items():
        assert path.read_bytes().startswith(data)


async def test_a_line_that_only_the_file_has(tmp_path: Path) -> None:
    """Killed between the entry file and the database."""
    folder = await cut_while_recording(tmp_path)
    other = folder.copy(tmp_path / "other")
    ledger = await other.open(ManualClock(START_US + 40_000_000))
    entry = ledger.append("cam-b", EntryType.CLOSE, close_body("late"))
    await ledger.committed()
    files = {path.relative_to(other.data): path.read_bytes() for path in other.data.rglob("*.entries")}
    await ledger.close()
    for name, data in files.items():
        (folder.data / name).write_bytes(data)
    await opens_and_verifies(folder)
    content = lines(folder.data / "reels/cam-b/2026-01-01.entries")
    assert entry.leaf in {read_entry(line).leaf for line in content}


async def test_a_torn_last_line(tmp_path: Path) -> None:
    folder = await cut_while_recording(tmp_path)
    path = folder.data / "reels/cam-b/2026-01-01.entries"
    whole = path.read_bytes()
    path.write_bytes(whole + lines(path)[-1][:200])
    await opens_and_verifies(folder)
    hub = [read_entry(line) for line in lines(folder.data / "_hub/2026-01-01.entries")]
    (said,) = [entry for entry in hub if entry.type is EntryType.RECOVERY]
    assert (said.body["file"], said.body["offset"], said.body["size"]) == (folder.name(path), len(whole), 200)
    assert (folder.data / said.body["kept_as"]).stat().st_size == 200


async def test_lines_that_fit_nowhere_are_kept_apart(tmp_path: Path) -> None:
    """Whole, canonical, but of another chain: not believed, not thrown away, and no reason not to record."""
    folder = await cut_while_recording(tmp_path)
    foreign = await build(tmp_path / "foreign", streams=("cam-b",))
    path = folder.data / "reels/cam-b/2026-01-01.entries"
    path.write_bytes(path.read_bytes() + lines(foreign.data / "reels/cam-b/2026-01-01.entries")[-1] + b"\n")
    await opens_and_verifies(folder)
    assert len(list((folder.data / "quarantine").iterdir())) == 1


async def test_a_line_with_the_right_number_and_another_past(tmp_path: Path) -> None:
    folder = await cut_while_recording(tmp_path)
    path = folder.data / "reels/cam-b/2026-01-01.entries"
    whole = path.read_bytes()
    value = json.loads(lines(path)[-1])
    value["seq"] += 1
    path.write_bytes(whole + canonical(value) + b"\n")
    await opens_and_verifies(folder)
    assert path.read_bytes() == whole
    assert len(list((folder.data / "quarantine").iterdir())) == 1


async def test_the_newest_checkpoint_was_lost(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    (folder.log / "checkpoint").write_bytes(b"")
    await opens_and_verifies(folder)


async def test_the_database_was_lost_with_it(tmp_path: Path) -> None:
    folder = await cut_while_recording(tmp_path)
    for path in folder.data.glob("hub.db*"):
        path.unlink()
    await opens_and_verifies(folder)
    hub = [read_entry(line) for line in lines(folder.data / "_hub/2026-01-01.entries")]
    assert [entry.body["database"] for entry in hub if entry.type is EntryType.RESTART] == ["kept", "rebuilt"]


async def test_the_database_is_garbage(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    (folder.data / "hub.db").write_bytes(b"This is no database. " * 500)
    await opens_and_verifies(folder)
    assert list((folder.data / "quarantine").glob("hub.db.*"))


async def test_database_and_leaves_were_lost(tmp_path: Path) -> None:
    """The order of entries across streams is then a guess, and the signer's memory says whether it is right."""
    folder = await build(tmp_path, streams=("cam-a",))
    for path in folder.data.glob("hub.db*"):
        path.unlink()
    shutil.rmtree(folder.log)
    await opens_and_verifies(folder)
