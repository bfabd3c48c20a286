"""How soon a thread that hashes gets the interpreter's lock back from the one that reads entries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

HANDOVER_S = 0.00002
"""Python's own 5 ms are ten chunks' worth of hashing, lost at each block that was read."""

_lock = Lock()
_running = 0
_usual_s = 0.0


@contextmanager
def quick_handovers() -> Iterator[None]:
    """While any verification of this process is within, threads hand over quickly."""
    global _running, _usual_s
    with _lock:
        if _running == 0:
            _usual_s = sys.getswitchinterval()
            sys.setswitchinterval(min(HANDOVER_S, _usual_s))
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                sys.setswitchinterval(_usual_s)
