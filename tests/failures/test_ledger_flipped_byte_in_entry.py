"""One byte of an entry is changed, in a way that leaves it canonical: the entry is named, although it is
the next one that contradicts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.ledger.verdict import Harm, Integrity, Step
from tests.ledger_folder import build, edit, flip, lines


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_names_the_entry(tmp_path: Path, number: int) -> None:
    folder = await build(tmp_path)
    path = folder.entry_files("cam-a")[0]
    forged = edit(path, number, lambda value: value["body"].update(end_us=value["body"]["end_us"] + 1))
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert verdict.integrity is Integrity.NOT_OK
    first = verdict.first
    assert first is not None
    assert (first.step, first.harm) == (Step.CHAINS, Harm.ALTERED)
    assert first.place == f"{folder.name(path)} line {number + 1} (entry {forged.seq} of cam-a)"
    assert first.found == forged.leaf


async def test_the_newest_entry_is_caught_by_the_log(tmp_path: Path) -> None:
    """Nothing follows it in its chain; the log's leaf is what contradicts it."""
    folder = await build(tmp_path)
    path = folder.data / "_hub/2026-01-01.entries"
    edit(path, -1, lambda value: value["body"].update(reason="nothing"))
    first = folder.verify().first
    assert first is not None
    assert first.step is Step.LOG
    assert "(entry 2 of _hub)" in first.place


async def test_a_byte_that_breaks_it(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    path = folder.entry_files("cam-a")[0]
    flip(path, len(lines(path)[0]) + 1 + 2, bit=128)
    first = folder.verify().first
    assert first is not None
    assert first.step is Step.ENTRIES
    assert first.place == f"{folder.name(path)} line 2"
