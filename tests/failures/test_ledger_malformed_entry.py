"""An entry that another reader could take for something else: a doubled key, a float, another escape."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.ledger.verdict import Step
from tests.ledger_folder import build, lines, put_lines

FORGERIES = {
    "a doubled key": (b'"v":1}', b'"v":1,"v":1}', "twice"),
    "a float": (b'"v":1}', b'"v":1.0}', "an integer, found 1.0"),
    "an exponent": (b'"v":1}', b'"v":1e0}', "an integer, found 1e0"),
    "a huge integer": (b'"v":1}', b'"v":9007199254740992}', "2^53"),
    "an escape": (b'"reason":"keyframe"', b'"reason":"ke\\u0079frame"', "canonical"),
    "a solidus escaped": (b'"hub":"test.example/log"', b'"hub":"test.example\\/log"', "canonical"),
    "white space": (b'"v":1}', b'"v": 1}', "canonical"),
    "another order": (b'"type":"chunk","v":1}', b'"v":1,"type":"chunk"}', "canonical"),
    "minus zero": (b'"epoch":0', b'"epoch":-0', "canonical"),
    "half a surrogate": (b'"reason":"keyframe"', b'"reason":"\\ud800"', "surrogate"),
    "not a number": (b'"v":1}', b'"v":NaN}', "an integer, found NaN"),
    "another version": (b'"v":1}', b'"v":2}', "version"),
    "another type": (b'"type":"chunk"', b'"type":"chonk"', "known type"),
    "a further field": (b'"v":1}', b'"v":1,"w":1}', "further fields"),
    "a reel that climbs": (b'"reel":"reels/cam-a/', b'"reel":"reels/cam-a/../cam-b/', "a reel below"),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_is_named(tmp_path: Path, name: str) -> None:
    old, new, said = FORGERIES[name]
    folder = await build(tmp_path, streams=("cam-a",), reels=1)
    path = folder.entry_files("cam-a")[0]
    content = lines(path)
    assert old in content[1]
    content[1] = content[1].replace(old, new)
    put_lines(path, content)
    verdict = folder.verify()
    assert verdict.exit_code == 1
    found = verdict.first
    assert found is not None
    assert (found.step, found.place) == (Step.ENTRIES, f"{folder.name(path)} line 2")
    assert said in found.found
