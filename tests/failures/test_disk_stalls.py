"""The disk hangs: the event loop goes on, memory stays bounded, the failure is told, recording resumes."""

from __future__ import annotations

import threading
from pathlib import Path

from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.settings import Settings
from tests.segmenter_media import VIDEO_INFO, FaultyFiles, Log, check_reels, feed, fragments, pictures, until


async def test_a_stalled_disk(tmp_path: Path) -> None:
    going = threading.Event()
    going.set()

    def fault(name: str) -> None:
        if name in ("write", "flush"):
            going.wait()

    settings = Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys", disk_queue_mb=16)
    disk = Disk(settings.data, settings, files=FaultyFiles(fault))
    await disk.start()
    log = Log()
    recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
    recorder.begin(1)
    out = fragments(pictures(600, size=100_000), VIDEO_INFO)  # half a megabyte a fragment
    feed(recorder, out[:6])
    going.clear()
    for each in out[6:63]:
        feed(recorder, [each])
        assert disk.waiting_bytes <= 16 << 20
    await until(lambda: bool(log.failures))
    going.set()
    await until(lambda: not disk.waiting_bytes)
    for each in out[63:]:
        feed(recorder, [each])
        await until(lambda: disk.waiting_bytes < 8 << 20)
    await recorder.close("stop")
    await disk.close()
    assert len(log.failures) == 1
    assert "waiting" in log.failures[0][0]
    lost_from_us = log.failures[0][1]
    edges = [
        (before.end_us, after)
        for before, after in zip(log.chunks, log.chunks[1:], strict=False)
        if after.first_us > before.end_us
    ]
    assert len(edges) == 1
    assert edges[0][0] == lost_from_us
    assert edges[0][1].tracks[0].keyframes  # it resumes where a player can begin
    check_reels(settings.data, log.chunks)


async def test_two_streams_one_with_a_bad_folder(tmp_path: Path) -> None:
    """What one stream's files suffer costs the other nothing."""
    settings = Settings(data=tmp_path / "data", keys_dir=tmp_path / "keys")
    (settings.data / "reels").mkdir(parents=True)
    (settings.data / "reels" / "bad").write_text("a file where a folder must be")
    disk = Disk(settings.data, settings)
    await disk.start()
    logs = {name: Log() for name in ("bad", "good")}
    recorders = {
        name: Recorder(name, disk, settings, sealed=log.sealed, failed=log.failed) for name, log in logs.items()
    }
    for each in fragments(pictures(100), VIDEO_INFO):
        for recorder in recorders.values():
            feed(recorder, [each])
    for recorder in recorders.values():
        await recorder.close("stop")
    await disk.close()
    assert [chunk.tracks[0].frames for chunk in logs["good"].chunks] == [50, 50]
    assert not logs["bad"].chunks
    assert len(logs["bad"].failures) == 1
    assert not logs["good"].failures
