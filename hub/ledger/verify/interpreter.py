"""How the interpreter is set while entries are read in one thread and reels are hashed in others."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

HANDOVER_S = 0.00002
"""How soon a thread that hashes gets the interpreter's lock back from the one that reads entries. Python's own 5 ms are
ten chunks' worth of hashing, lost at each block that was read."""
COLLECT_AT = (50_000, 50, 100)
"""Entries hold no cycles: a quarter of the time of reading them went into looking for some."""


class _Usual(NamedTuple):
    handover_s: float
    collect_at: tuple[int, int, int]


_lock = Lock()
_running = 0
_usual: _Usual


@contextmanager
def set_for_verifying() -> Iterator[None]:
    """While any verification of this process is within, threads hand over quickly, and garbage is seldom looked for."""
    global _running, _usual
    with _lock:
        if _running == 0:
            _usual = _Usual(sys.getswitchinterval(), gc.get_threshold())
            sys.setswitchinterval(min(HANDOVER_S, _usual.handover_s))
            if 0 < _usual.collect_at[0] < COLLECT_AT[0]:  # 0: whoever switched it off wants it so
                gc.set_threshold(*COLLECT_AT)
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                sys.setswitchinterval(_usual.handover_s)
                gc.set_threshold(*_usual.collect_at)
