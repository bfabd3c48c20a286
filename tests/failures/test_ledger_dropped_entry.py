"""An entry, or a chunk with its entry, is taken out: the number that is missing is named."""

from __future__ import annotations

import shutil
from pathlib import Path

from hub.ledger.verdict import Harm, Step
from tests.ledger_folder import build, lines, put_lines


async def test_an_entry_is_dropped(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    path = folder.entry_files("cam-a")[0]
    content = lines(path)
    put_lines(path, content[:1] + content[2:])
    first = folder.verify().first
    assert first is not None
    assert (first.step, first.harm, first.expected) == (Step.CHAINS, Harm.MISSING, "entry 3")
    assert first.place == f"before {folder.name(path)} line 2 (entry 4 of cam-a)"


async def test_a_whole_entry_file_is_dropped(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    folder.entry_files("cam-a")[0].unlink()
    verdict = folder.verify()
    first = verdict.first
    assert first is not None
    assert (first.step, first.expected) == (Step.CHAINS, "entries 2 to 4")
    # And its reel is now footage that nothing speaks of.
    assert any(item.step is Step.FOOTAGE and item.harm is Harm.UNDECLARED for item in verdict.findings)


async def test_a_chunk_is_cut_out_of_its_reel(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-a")[0]
    data = reel.read_bytes()
    reel.write_bytes(data[: 100 + 3016] + data[100 + 2 * 3016 :])
    first = folder.verify().first
    assert first is not None
    assert first.step is Step.FOOTAGE
    assert first.place.startswith(f"{folder.name(reel)} bytes 3116-6132 ")


async def test_a_reel_is_dropped(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-a")[1]
    reel.unlink()
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert verdict.integrity.value == "ok_with_missing_parts"
    (finding,) = verdict.findings
    assert (finding.harm, finding.place, finding.found) == (Harm.MISSING, folder.name(reel), "neither")


async def test_a_whole_stream_is_dropped(tmp_path: Path) -> None:
    """Footage, entries and all: the heartbeat speaks of it, and so does the log."""
    folder = await build(tmp_path)
    shutil.rmtree(folder.data / "reels/cam-a")
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert {finding.step for finding in verdict.findings} == {Step.LOG, Step.COMPLETENESS}
    (beat,) = [finding for finding in verdict.findings if finding.step is Step.COMPLETENESS]
    assert (beat.stream, beat.expected) == ("cam-a", "entry 10 of cam-a, of which it speaks")
