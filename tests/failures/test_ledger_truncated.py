"""A reel or an entry file is cut short."""

from __future__ import annotations

from pathlib import Path

from hub.ledger.verdict import Harm, Step
from tests.ledger_folder import build


async def test_a_reel_is_cut_short(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-a")[0]
    reel.write_bytes(reel.read_bytes()[:-10])
    (found,) = folder.verify().findings
    assert (found.step, found.harm, found.expected, found.found) == (Step.FOOTAGE, Harm.ALTERED, "3016 bytes", "3006")
    assert found.place.startswith(f"{folder.name(reel)} bytes 6132-9148 ")


async def test_a_reel_is_cut_within_its_init_segment(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-a")[0]
    reel.write_bytes(reel.read_bytes()[:60])
    found = folder.verify().first
    assert found is not None
    assert "init segment" in found.place


async def test_an_entry_is_cut_short(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    path = folder.entry_files("cam-a")[1]
    path.write_bytes(path.read_bytes()[:-10])
    found = folder.verify().first
    assert found is not None
    assert (found.step, found.place) == (Step.ENTRIES, f"{folder.name(path)} line 3")
