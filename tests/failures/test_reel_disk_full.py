"""The disk is full at any call: reels stay whole, the failure is told once, recording resumes by itself."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.settings import Settings
from tests.segmenter_media import (
    START_US,
    VIDEO_INFO,
    FaultyFiles,
    Log,
    check_reels,
    feed,
    fragments,
    pictures,
    samples,
    until,
)

FULL = OSError(errno.ENOSPC, "No space left on device")


async def record(tmp: Path, files: FaultyFiles, seconds: int, log: Log, pause_s: float = 0) -> Path:
    """Feeds a stream a second at a time, as fast as the disk takes it or slower, that a flush may come between."""
    settings = Settings(data=tmp / "data", keys_dir=tmp / "keys")
    disk = Disk(settings.data, settings, files=files)
    await disk.start()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    out = fragments(pictures(25 * seconds), VIDEO_INFO)
    for at in range(0, len(out), 5):
        feed(recorder, out[at : at + 5])
        await until(lambda: not disk.waiting_bytes)
        await asyncio.sleep(pause_s)
    await recorder.close("stop")
    await disk.close()
    return settings.data


async def test_full_in_the_middle_and_free_again(tmp_path: Path) -> None:
    files = FaultyFiles(most=100)
    log = Log()

    faults = 0

    def fault(name: str) -> None:
        nonlocal faults
        if name == "write" and files.calls.count("write") > 80 and faults < 5:
            faults += 1
            raise FULL

    files.fault = fault
    data = await record(tmp_path, files, 20, log)
    check_reels(data, log.chunks)
    assert len(log.failures) == 1
    message, from_us = log.failures[0]
    assert "No space left on device" in message
    cut = next(chunk for chunk in log.chunks if chunk.reason == "discontinuity")
    assert cut.end_us == from_us
    resumed = log.chunks[log.chunks.index(cut) + 1]
    assert resumed.reel != cut.reel
    assert resumed.tracks[0].keyframes >= 1
    assert log.chunks[-1].end_us == START_US + 20_000_000


async def test_full_for_ever_is_told_once_and_leaves_no_litter(tmp_path: Path) -> None:
    def fault(name: str) -> None:
        if name == "write":
            raise FULL

    log = Log()
    data = await record(tmp_path, FaultyFiles(fault), 10, log)
    assert [from_us for _, from_us in log.failures] == [START_US]
    assert log.chunks == []
    assert list(data.rglob("*.mp4")) == []


@pytest.mark.parametrize("call", ["make_folder", "create", "truncate", "flush_folder", "remove", "close"])
async def test_any_other_call_fails_for_a_while(tmp_path: Path, call: str) -> None:
    files = FaultyFiles(most=400)
    log = Log()
    faults = 0

    def fault(name: str) -> None:
        nonlocal faults
        if name == "make_folder" and not (tmp_path / "data/reels").exists():
            return
        if name == call and faults < 3:
            faults += 1
            raise FULL
        if call in ("truncate", "remove") and name == "write" and files.calls.count("write") % 40 == 1:
            raise FULL

    files.fault = fault
    data = await record(tmp_path, files, 20, log, pause_s=0.1 if call == "flush_folder" else 0)
    assert faults
    for chunk in log.chunks:
        whole = (data / chunk.reel).read_bytes()
        assert len(whole) >= chunk.offset + chunk.size
    if call not in ("truncate", "remove"):
        check_reels(data, log.chunks)
        assert log.chunks[-1].end_us == START_US + 20_000_000


@examples(max_examples=12, deadline=None)
@given(faults=st.sets(st.integers(0, 120), max_size=12), most=st.sampled_from([37, 400, None]))
async def test_faults_anywhere_never_spoil_a_reel(
    tmp_path_factory: pytest.TempPathFactory, faults: set[int], most: int | None
) -> None:
    tmp = tmp_path_factory.mktemp("full")
    files = FaultyFiles(most=most)
    log = Log()

    def fault(name: str) -> None:
        if name in ("write", "flush", "create") and len(files.calls) in faults:
            raise FULL

    files.fault = fault
    data = await record(tmp, files, 8, log)
    media = samples(check_reels(data, log.chunks))
    numbers = [int.from_bytes(each.data[4:8], "big") for each in media]
    assert numbers == sorted(set(numbers))
    if len(numbers) < 200:
        assert log.failures
