"""The process that writes the ledger is killed (SIGKILL) at random moments; what is left is opened again.

Nothing that was said to be durable may be gone, the ledger verifies, and footage that no entry had yet is
declared as recovered.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.ledger.entries import EntryType, read_entry
from hub.ledger.verdict import Harm
from tests.ledger_folder import Folder, lines

ROUNDS = 6
CHILD = """
import asyncio, os, random, sys
from pathlib import Path
from hub.clock import SystemClock
from hub.ledger.bodies import chunk_body
from hub.ledger.entries import EntryType
from hub.ledger.ledger import Ledger
from tests.ledger_folder import Folder, Reel, fragment, scan_fake

async def main(root, run):
    folder = Folder(Path(root))
    settings = folder.settings.model_copy(update={"checkpoint_s": 0.05})
    ledger = await Ledger.open(settings, SystemClock(), scan_fake)
    rng = random.Random(run)
    ledger.on_commit(lambda entries: [
        os.write(1, f"durable {entry.stream_id} {entry.seq} {entry.leaf}\\n".encode()) for entry in entries
    ])
    number = 0
    while True:
        reels = [Reel(folder.data, f"cam-{n}", run, number, 0, rng) for n in range(3)]
        for index in range(5):
            for reel in reels:
                ledger.append(reel.stream, EntryType.CHUNK, chunk_body(reel.chunk(index, 400)))
            for reel in reels:
                reel.write(fragment(rng, 60) + fragment(rng, 60)[: rng.randrange(1, 60)])
            await asyncio.sleep(0.002)
            for reel in reels:
                os.truncate(reel.path, reel.offset)
        number += 1

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def run_and_kill(root: Path, run: int, after_s: float) -> set[tuple[str, int, str]]:
    """What the child said to be durable before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), str(run)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    try:
        told = [child.stdout.readline()]
        time.sleep(after_s)
    finally:
        child.kill()
        rest, _ = child.communicate()
    lines_told = (told[0] + rest).split(b"\n")[:-1]
    words = [line.decode().split() for line in lines_told if line.startswith(b"durable ")]
    return {(stream, int(seq), leaf) for _, stream, seq, leaf in words}


@pytest.mark.timeout(240)
async def test_nothing_durable_is_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    rng = random.Random(5)
    durable: set[tuple[str, int, str]] = set()
    recovered = 0
    for run in range(ROUNDS):
        durable |= run_and_kill(tmp_path, run + 1, rng.uniform(0.02, 0.5))
    ledger = await folder.open()
    await ledger.close()
    verdict = folder.verify()
    # The reels' made-up times overlap from run to run; only time may be missing, nothing else.
    assert [finding for finding in verdict.findings if finding.harm is not Harm.BREAK] == []
    present = set()
    for path in folder.data.rglob("*.entries"):
        for line in lines(path):
            entry = read_entry(line)
            present.add((entry.stream_id, entry.seq, entry.leaf))
            recovered += entry.type is EntryType.RECOVERY
    assert durable <= present
    assert len(durable) > ROUNDS
    assert recovered > 0, "some reel was open when the writer was killed"
    hub = [read_entry(line) for path in sorted(folder.data.glob("_hub/*")) for line in lines(path)]
    hub.sort(key=lambda entry: entry.seq)
    ended = [entry.body["ended"] for entry in hub if entry.type is EntryType.RESTART]
    assert ended == ["killed"] * ROUNDS
    assert [entry.epoch for entry in hub] == sorted(entry.epoch for entry in hub)
