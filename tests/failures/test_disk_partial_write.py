"""A disk that takes a few bytes at a time gets all of them, in their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.settings import Settings
from tests.segmenter_media import VIDEO_INFO, FaultyFiles, Log, check_reels, feed, fragments, pictures, samples


@pytest.mark.parametrize("most", [1, 7, 131, 1000])
async def test_short_writes(tmp_path: Path, most: int) -> None:
    settings = Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys")
    disk = Disk(settings.data, settings, files=FaultyFiles(most=most))
    await disk.start()
    log = Log()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    units = pictures(75)
    feed(recorder, fragments(units, VIDEO_INFO))
    await recorder.close("stop")
    await disk.close()
    assert not log.failures
    assert [each.data for each in samples(check_reels(settings.data, log.chunks))] == [each.data for each in units]
