"""One bit of an init segment is flipped: that is what is named, not the chunks behind it."""

from __future__ import annotations

from pathlib import Path

from hub.ledger.verdict import Harm, Step
from tests.ledger_folder import build, flip


async def test_names_the_init_segment(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    flip(folder.reels("cam-a")[0], 50)
    (finding,) = folder.verify().findings
    assert (finding.step, finding.harm) == (Step.FOOTAGE, Harm.ALTERED)
    assert "bytes 0-100 (init segment" in finding.place
