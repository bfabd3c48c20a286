"""A bar on a terminal while a long verification runs; nothing anywhere else."""

from __future__ import annotations

import time
from typing import TextIO

WIDTH = 30
PAUSE_S = 0.1
QUIET_S = 1.0
"""What is over by then needs no bar."""


class ProgressBar:
    """Call it with (done, total) in bytes, one call at a time; ``end`` wipes it away."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._begun = time.monotonic()
        self._next = self._begun + QUIET_S
        self._columns = 0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next or not total:
            return
        self._next = now + PAUSE_S
        part = min(1.0, done / total)
        left_s = (now - self._begun) * (1 - part) / part if part else 0
        bar = "█" * int(part * WIDTH)
        self._show(f"{bar:<{WIDTH}} {part:4.0%}  {done / 1e9:.2f} / {total / 1e9:.2f} GB  {_clock(left_s)}")

    def end(self) -> None:
        if self._columns:
            self._show("")
            self._out.write("\r")
            self._out.flush()

    def _show(self, text: str) -> None:
        self._out.write("\r" + text.ljust(self._columns))
        self._out.flush()
        self._columns = len(text)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
