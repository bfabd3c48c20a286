"""Real encodes recorded to reels, for the tests of what is made from them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub.evidence.segments import Segment, segments
from hub.model import AccessUnit, TrackInfo
from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.settings import Settings
from hub.shelf import LocalShelf
from tests.segmenter_media import Log, Take, feed, fragments, interleave


def at(seconds: float, *takes: Take) -> tuple[list[AccessUnit], list[TrackInfo]]:
    """What a run delivers whose first picture is captured ``seconds`` later; its own axis begins at 0 again."""
    shift_us = round(seconds * 1_000_000)
    units = [replace(each, capture_us=each.capture_us + shift_us) for each in interleave(*takes)]
    return units, [take.info for take in takes]


def record(
    folder: Path, *runs: tuple[Sequence[AccessUnit], Sequence[TrackInfo]], numbers: Sequence[int] = ()
) -> list[Segment]:
    """Each argument is a run, with these numbers or those from 1 on. Returns their segments as an export reads them."""

    async def work() -> Log:
        settings = Settings(data=folder / "data", keys_dir=folder / "keys")
        disk = Disk(settings.data, settings)
        await disk.start()
        log = Log()
        recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
        for number, (units, tracks) in zip(numbers or range(1, len(runs) + 1), runs, strict=True):
            recorder.begin(number)
            feed(recorder, fragments(units, *tracks))
            recorder.cut("discontinuity")
        await recorder.close("stop")
        await disk.close()
        return log

    log = asyncio.run(work())
    assert not log.failures
    return list(segments(LocalShelf(folder / "data"), sorted(log.chunks, key=lambda chunk: chunk.first_us)))


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe says: streams with counted packets, format, chapters."""
    run = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-count_packets",
            "-show_streams",
            "-show_format",
            "-show_chapters",
            "-of",
            "json",
            path,
        ],
        capture_output=True,
        check=True,
    )
    assert run.stderr == b""
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def decoded_without_a_word(path: Path) -> None:
    """ffmpeg decodes every track and finds nothing to complain about."""
    run = subprocess.run(
        ["ffmpeg", "-v", "warning", "-xerror", "-i", path, "-map", "0:v?", "-map", "0:a?", "-f", "null", "-"],
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
