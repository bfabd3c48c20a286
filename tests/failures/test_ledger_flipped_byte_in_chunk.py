"""One bit of a chunk is flipped: the chunk is named, by its reel, its bytes and its entry."""

from __future__ import annotations

from pathlib import Path

from hub.ledger.verdict import Harm, Integrity, Step
from tests.ledger_folder import build, flip


async def test_names_the_chunk(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    reel = folder.reels("cam-b")[1]
    flip(reel, 100 + 3016 + 17)
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert verdict.integrity is Integrity.NOT_OK
    (finding,) = verdict.findings
    assert (finding.step, finding.harm, finding.stream) == (Step.FOOTAGE, Harm.ALTERED, "cam-b")
    assert finding.place.startswith(f"{folder.name(reel)} bytes 3116-6132 ")
    assert finding.expected.startswith("sha256 ")
    assert finding.expected != finding.found
