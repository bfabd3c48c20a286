"""The disk that a backup goes to is full, or the backup is killed: no half file is left under its name, and the next
one finds its way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.backup.archive import WORK
from hub.backup.taking import back_up
from hub.clock import ManualClock
from tests.ledger_folder import Folder, build

LITTLE = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LIMIT"]),) * 2)
from hub.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
SLOW = """
import sys, time
from hub.backup.archive import Archive
add = Archive.add
def slow(self, name, source, size):
    add(self, name, source, size)
    if name.endswith(".mp4"):
        print(name, flush=True)
        time.sleep(60)
Archive.add = slow
from hub.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def start(script: str, folder: Folder, out: Path, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, "backup", "--data", str(folder.data), "--with-reels", "--out", str(out)]
    environ = {**os.environ, "HUB_KEYS_DIR": str(folder.keys), "LIMIT": str(limit)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


@pytest.mark.parametrize("room", [-100_000, 20_000])
async def test_no_room(room: int, tmp_path: Path) -> None:
    """The kernel refuses bytes as it would on a full disk: in the copy of the database, or in the backup itself."""
    folder = await build(tmp_path)
    limit = (folder.data / "hub.db").stat().st_size + room
    out = tmp_path / "out"
    out.mkdir()
    with start(LITTLE, folder, out / "backup.tar", limit) as process:
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert told.startswith("hub: ")
    assert len(told.splitlines()) == 1, told
    assert names(out) == []
    assert folder.verify().exit_code == 0


async def test_killed(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    with start(SLOW, folder, out / "backup.tar") as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(".mp4\n")
        again = start(SLOW, folder, out / "other.tar").communicate(timeout=60)[1]
        assert "another backup is being written" in again
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert names(out) == [WORK]
    back_up(folder.data, out / "backup.tar", ManualClock(), reels=True)
    assert names(out) == ["backup.tar"]
