"""An entry, or a chunk's bytes, are there twice."""

from __future__ import annotations

from pathlib import Path

from hub.ledger.verdict import Harm, Step
from tests.ledger_folder import build, lines, put_lines


async def test_an_entry_is_doubled(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    path = folder.entry_files("cam-a")[0]
    first, second, third = lines(path)
    put_lines(path, [first, second, second, third])
    found = folder.verify().first
    assert found is not None
    assert (found.step, found.harm) == (Step.CHAINS, Harm.ALTERED)
    assert found.place == f"{folder.name(path)} line 3 (entry 3 of cam-a)"
    assert found.found == "entry 3 again or out of its order"


async def test_a_chunk_is_doubled(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-a")[0]
    data = reel.read_bytes()
    reel.write_bytes(data + data[-3016:])
    (found,) = folder.verify().findings
    assert (found.step, found.harm) == (Step.FOOTAGE, Harm.UNDECLARED)
    assert found.place == f"{folder.name(reel)} bytes 9148-12164"
