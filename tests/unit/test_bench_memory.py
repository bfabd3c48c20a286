"""What a benchmark counts as the memory of a recorder of several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hub.bench.processes import family, memory_bytes

_SIZE = 32 << 20
_CHILD = """
import mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
    sum(mapped[at] for at in range(0, len(mapped), mmap.PAGESIZE))
    own = b"x" * (8 << 20)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_two_processes_map_counts_once_and_own_pages_each_time(tmp_path: Path) -> None:
    path = tmp_path / "library"
    path.write_bytes(bytes(_SIZE))
    arguments = [sys.executable, "-c", _CHILD, str(path)]
    with (
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one,
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
    ):
        for process in (one, other):
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        assert {one.pid, other.pid} <= set(family(os.getpid()))
        alone, both = memory_bytes([one.pid]), memory_bytes([one.pid, other.pid])
        for process in (one, other):
            process.communicate()
    assert _SIZE + (8 << 20) < alone < 2 * _SIZE
    assert 8 << 20 < both - alone < _SIZE
    assert memory_bytes([one.pid]) == 0, "a process that ended holds nothing"
