"""The writing half of the hub, as short as it can be: real fragments through real reels into a real ledger.

Run as a program it lets many lives of that line be stopped, one after the other on the same folder, and looks at
what is left: ``python -m tests.recovery.line FOLDER STOPS SEED``. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from hub.clock import SystemClock
from hub.ledger.bodies import chunk_body, close_body, open_body
from hub.ledger.entries import Entry, EntryType, read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.verify import verify_path
from hub.model import Chunk, Fragment, InitSegment, SessionInfo
from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.segmenter.scan import whole_fragments
from hub.settings import Settings
from tests.recovery.stopping import STOPPED, StoppingDisk, cut_power
from tests.segmenter_media import AAC_INFO, VIDEO_INFO, by_arrival, feed, fragments, pictures, sounds

STREAMS = ("cam-a", "cam-b")
PICTURES = 130
LIVES_BETWEEN_LOOKS = 5
Media = Sequence[InitSegment | Fragment]


def media() -> Media:
    return fragments(
        by_arrival(pictures(PICTURES, size=400), sounds(240, info=AAC_INFO, frame=1024)), VIDEO_INFO, AAC_INFO
    )


def settings_of(root: Path) -> Settings:
    return Settings(
        data=root / "data", keys_dir=root / "keys", log_origin="test.example/stops", commit_ms=10, checkpoint_s=0.03,
        chunk_min_s=1, reel_minutes=0.05, flush_s=0.05,
    )  # fmt: skip


async def life(root: Path, out: Media, told: int) -> None:
    """Open, record two streams, close; what became durable is written to ``told``, a line each."""
    settings, clock = settings_of(root), SystemClock()
    ledger = await Ledger.open(settings, clock, whole_fragments)
    ledger.on_commit(lambda entries: _tell(entries, told))
    disk = Disk(settings.data, settings)
    await disk.start()
    recorders = []
    late_us = clock.now().utc_us - next(item for item in out if isinstance(item, Fragment)).first_us
    for stream in STREAMS:
        run = ledger.next_run(stream)
        session = SessionInfo("rtsp", "192.0.2.7", "Camera/1", (VIDEO_INFO, AAC_INFO), clock.now())
        ledger.append(stream, EntryType.OPEN, open_body(session, run))
        recorder = Recorder(stream, disk, settings, sealed=_sealed(ledger, stream), failed=_refused)
        recorder.begin(run)
        recorders.append((stream, run, recorder))
    for number, item in enumerate(out):
        moved = item if isinstance(item, InitSegment) else later(item, late_us)
        for _, _, recorder in recorders:
            feed(recorder, [moved])
        if number % 4 == 0:
            await asyncio.sleep(0.001)
    for stream, run, recorder in recorders:
        await recorder.close("stop")
        ledger.append(stream, EntryType.CLOSE, close_body("stop", run=run))
    await disk.close()
    await ledger.close()


def later(fragment: Fragment, by_us: int) -> Fragment:
    return replace(fragment, first_us=fragment.first_us + by_us, end_us=fragment.end_us + by_us)


def _tell(entries: Sequence[Entry], told: int) -> None:
    REAL_WRITE(told, "".join(f"{entry.stream_id} {entry.seq} {entry.leaf}\n" for entry in entries).encode())


REAL_WRITE = os.write


def _sealed(ledger: Ledger, stream: str):  # type: ignore[no-untyped-def]
    def sealed(chunk: Chunk) -> None:
        ledger.append(stream, EntryType.CHUNK, chunk_body(chunk))

    return sealed


def _refused(error: Exception, from_us: int) -> None:
    raise AssertionError(f"the disk refused: {error}")


# ------------------------------------------------------------------------------------ many lives


def stop_and_look(root: Path, stops: int, seed: int) -> dict[str, object]:
    """``stops`` lives, each stopped at a random call, every other one by a power cut."""
    rng, out = random.Random(seed), media()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    told = root / "told"
    calls = _calls_of_a_life(root / "whole", out)
    wrong: list[str] = []
    done = looks = 0
    while done < stops and not wrong:
        house = root / f"house-{looks}"
        for _ in range(LIVES_BETWEEN_LOOKS):
            code = _fork(house, out, told, rng.randint(1, calls), rng.randrange(1 << 30), power_cut=bool(done % 2))
            if code == STOPPED:
                done += 1
            elif code != 0:
                wrong.append(f"life {done} of seed {seed} in {house} ended with {code}")
        looks += 1
        wrong += _look(house, out, told)
        told.unlink()
    return {"stops": done, "calls": calls, "folders": looks, "wrong": wrong}


def _calls_of_a_life(root: Path, out: Media) -> int:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        disk = StoppingDisk(root / "data", 0, random.Random())
        disk.install()
        asyncio.run(life(root, out, os.open(os.devnull, os.O_WRONLY)))
        REAL_WRITE(write, str(disk.calls).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(read, 20))


def _fork(root: Path, out: Media, told: Path, at: int, seed: int, *, power_cut: bool) -> int:
    rng, flushed = random.Random(seed), root.with_suffix(".flushed") if power_cut else None
    child = os.fork()
    if child == 0:
        try:
            handle = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            StoppingDisk(root / "data", at, rng, flushed).install()
            asyncio.run(life(root, out, handle))
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if flushed is not None and code == STOPPED:
        cut_power(root / "data", flushed, rng)
    return code


def _look(root: Path, out: Media, told: Path) -> list[str]:
    """A last life that is left alone; then nothing durable is gone and everything verifies."""
    if (code := _fork(root, out, told, 0, 0, power_cut=False)) != 0:
        return [f"{root}: the life after the stops ended with {code}"]
    verdict = verify_path(root / "data", keys_dir=root / "keys")
    wrong = [f"{root}: {finding.harm} {finding}" for finding in verdict.findings if finding.harm != "break"]
    if not verdict.counts.chunks:
        wrong.append(f"{root}: nothing was recorded")
    present = set()
    for path in (root / "data").rglob("*.entries"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            entry = read_entry(line)
            present.add(f"{entry.stream_id} {entry.seq} {entry.leaf}")
    gone = set(told.read_text().splitlines()) - present
    return wrong + [f"{root}: said to be durable, and gone: {line}" for line in sorted(gone)]


if __name__ == "__main__":
    print(json.dumps(stop_and_look(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
