"""A mistake inside the writer's thread: no stream goes on unrecorded in silence, and recording resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    until,
)


async def test_an_error_that_nobody_expects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = FaultyFiles()
    settings = Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys")
    disk = Disk(settings.data, settings, files=files)
    await disk.start()
    logs = [Log(), Log()]
    recorders = [
        Recorder(f"window-{n}", disk, settings, sealed=log.sealed, failed=log.failed) for n, log in enumerate(logs)
    ]
    out = fragments(pictures(500), VIDEO_INFO)
    for recorder in recorders:
        recorder.begin(1)
        feed(recorder, out[:12])
    await until(lambda: all(log.chunks for log in logs))

    def fault(name: str) -> None:
        if name == "write" and not all(log.failures for log in logs):
            raise ZeroDivisionError("a mistake")

    files.fault = fault
    for at in range(12, len(out), 5):
        for recorder in recorders:
            feed(recorder, out[at : at + 5])
        await until(lambda: not disk.waiting_bytes)
    for recorder in recorders:
        await recorder.close("stop")
    await disk.close()
    assert "a mistake" in capsys.readouterr().out
    chunks = [chunk for log in logs for chunk in log.chunks]
    check_reels(settings.data, chunks)
    for log in logs:
        assert len(log.failures) == 1
        assert log.failures[0][1] == log.chunks[0].end_us == START_US + 2_000_000
        assert log.chunks[-1].end_us == START_US + 20_000_000
