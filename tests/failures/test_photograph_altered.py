"""A photograph was exchanged, or is gone; an alarm's picture was exchanged: ``verify`` names the file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.verdict import Harm, Integrity
from hub.model import InterruptionState
from tests.ledger_folder import START_US, Folder, build, interruption

PHOTO = b"\xff\xd8 a photograph"
PICTURE = b"\xff\xd8 what the alarm was raised on"
PHOTO_FILE = f"photos/{hashlib.sha256(PHOTO).hexdigest()}"
PICTURE_FILE = "pictures/cam-a/2026-01-01/cam-a-9-black.jpg"


async def with_pictures(root: Path) -> Folder:
    folder = await build(root, streams=("cam-a",))
    for name, data in ((PHOTO_FILE, PHOTO), (PICTURE_FILE, PICTURE)):
        (folder.data / name).parent.mkdir(parents=True)
        (folder.data / name).write_bytes(data)
    ledger = await folder.open(ManualClock(START_US + 10**9))
    photo = {"media": "photo/jpeg", "sha256": PHOTO_FILE[7:], "size": len(PHOTO), "file": PHOTO_FILE, "at_us": START_US}
    ledger.append("cam-a", EntryType.ATTACHMENT, photo)
    evidence = {"picture": PICTURE_FILE, "picture_sha256": hashlib.sha256(PICTURE).hexdigest()}
    for state, kind in (
        (InterruptionState.CONFIRMED, EntryType.INTERRUPTION_OPEN),
        (InterruptionState.CLOSED, EntryType.INTERRUPTION_CLOSE),
    ):
        end_us = None if state is InterruptionState.CONFIRMED else START_US + 2_000_000
        one = replace(interruption("cam-a", state, START_US + 1_000_000, end_us), id="cam-a-9-black", evidence=evidence)
        ledger.append("cam-a", kind, interruption_body(one))
    await ledger.close()
    return folder


async def test_they_are_as_they_were(tmp_path: Path) -> None:
    verdict = (await with_pictures(tmp_path)).verify()
    assert (verdict.exit_code, verdict.findings) == (0, [])


@pytest.mark.parametrize("name", [PHOTO_FILE, PICTURE_FILE])
async def test_exchanged(tmp_path: Path, name: str) -> None:
    folder = await with_pictures(tmp_path)
    (folder.data / name).write_bytes(b"\xff\xd8 another one")
    verdict = folder.verify()
    assert (verdict.exit_code, verdict.integrity) == (1, Integrity.NOT_OK)
    (finding,) = verdict.findings
    assert (finding.harm, finding.place, finding.stream) == (Harm.ALTERED, name, "cam-a")


async def test_a_photograph_is_gone(tmp_path: Path) -> None:
    folder = await with_pictures(tmp_path)
    (folder.data / PHOTO_FILE).unlink()
    verdict = folder.verify()
    assert (verdict.exit_code, verdict.integrity) == (1, Integrity.MISSING_PARTS)
    (finding,) = verdict.findings
    assert (finding.harm, finding.place) == (Harm.MISSING, PHOTO_FILE)


async def test_an_alarms_picture_that_a_power_cut_took(tmp_path: Path) -> None:
    folder = await with_pictures(tmp_path)
    (folder.data / PICTURE_FILE).unlink()
    assert folder.verify().exit_code == 0


async def test_a_link_in_place_of_a_photograph(tmp_path: Path) -> None:
    folder = await with_pictures(tmp_path)
    (folder.data / PHOTO_FILE).rename(tmp_path / "elsewhere")
    (folder.data / PHOTO_FILE).symlink_to(tmp_path / "elsewhere")
    assert folder.verify().exit_code == 1
