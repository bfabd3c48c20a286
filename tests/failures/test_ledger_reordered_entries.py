"""Entries or chunks change places."""

from __future__ import annotations

from pathlib import Path

from hub.ledger.verdict import Harm, Step
from tests.ledger_folder import build, lines, put_lines


async def test_entries_change_places(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    path = folder.entry_files("cam-a")[0]
    first, second, third = lines(path)
    put_lines(path, [first, third, second])
    found = folder.verify().first
    assert found is not None
    assert found.step is Step.CHAINS
    assert found.expected == "entry 3"
    assert folder.name(path) in found.place
    assert "line 2" in found.place


async def test_chunks_change_places(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-a")[0]
    data = reel.read_bytes()
    init, one, two, three = data[:100], data[100:3116], data[3116:6132], data[6132:]
    reel.write_bytes(init + two + one + three)
    verdict = folder.verify()
    places = [finding.place.split(" (")[0] for finding in verdict.findings]
    assert places == [f"{folder.name(reel)} bytes 100-3116", f"{folder.name(reel)} bytes 3116-6132"]
    assert {finding.harm for finding in verdict.findings} == {Harm.ALTERED}


async def test_leaves_of_the_log_change_places(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    path = folder.log / "leaves"
    data = path.read_bytes()
    path.write_bytes(data[:96] + data[128:160] + data[96:128] + data[160:])
    found = folder.verify().first
    assert found is not None
    assert found.step in (Step.LOG, Step.CHECKPOINTS)
