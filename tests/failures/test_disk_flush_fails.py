"""After a failed flush nobody knows what is on the disk: nothing of it is promised, the reel ends before it."""

from __future__ import annotations

import errno
from pathlib import Path

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


async def test_a_flush_that_fails_once(tmp_path: Path) -> None:
    files = FaultyFiles()
    settings = Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys")
    disk = Disk(settings.data, settings, files=files)
    await disk.start()
    log = Log()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    out = fragments(pictures(500), VIDEO_INFO)
    feed(recorder, out[:12])  # the first chunk of 10 fragments has ended, the second has begun
    await until(lambda: len(log.chunks) == 1)

    def fault(name: str) -> None:
        if name == "flush" and not log.failures:
            raise OSError(errno.EIO, "Input/output error")

    files.fault = fault
    feed(recorder, out[12:22])
    await until(lambda: bool(log.failures))
    feed(recorder, out[22:])
    await recorder.close("stop")
    await disk.close()
    assert len(log.failures) == 1
    assert "Input/output error" in log.failures[0][0]
    assert log.failures[0][1] == log.chunks[0].end_us == START_US + 2_000_000
    assert log.chunks[1].reel != log.chunks[0].reel
    assert log.chunks[-1].end_us == START_US + 20_000_000
    check_reels(settings.data, log.chunks)
