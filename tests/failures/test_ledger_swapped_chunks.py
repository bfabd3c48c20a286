"""Two streams' chunks, or two reels' init segments, are exchanged."""

from __future__ import annotations

from pathlib import Path

from hub.ledger.verdict import Step
from tests.ledger_folder import build


async def test_two_streams_chunks(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ours, theirs = folder.reels("cam-a")[0], folder.reels("cam-b")[0]
    a, b = ours.read_bytes(), theirs.read_bytes()
    ours.write_bytes(a[:100] + b[100:3116] + a[3116:])
    theirs.write_bytes(b[:100] + a[100:3116] + b[3116:])
    findings = folder.verify().findings
    assert [(finding.step, finding.stream) for finding in findings] == [
        (Step.FOOTAGE, "cam-a"),
        (Step.FOOTAGE, "cam-b"),
    ]
    assert all(" bytes 100-3116 " in finding.place for finding in findings)


async def test_two_streams_reels(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ours, theirs = folder.reels("cam-a")[0], folder.reels("cam-b")[0]
    a, b = ours.read_bytes(), theirs.read_bytes()
    ours.write_bytes(b)
    theirs.write_bytes(a)
    assert len(folder.verify().findings) == 8


async def test_two_reels_init_segments(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    one, two = folder.reels("cam-a")
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b[:100] + a[100:])
    two.write_bytes(a[:100] + b[100:])
    findings = folder.verify().findings
    assert len(findings) == 2
    assert all("init segment" in finding.place for finding in findings)


async def test_two_streams_entries(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ours, theirs = folder.entry_files("cam-a")[0], folder.entry_files("cam-b")[0]
    a, b = ours.read_bytes(), theirs.read_bytes()
    ours.write_bytes(b)
    theirs.write_bytes(a)
    found = folder.verify().first
    assert found is not None
    assert found.step is Step.ENTRIES
    assert found.found == f"one that belongs in {folder.name(theirs)}"
