"""How this machine's calendar is kept, as the kernel sees it: the ``clock`` field of every entry."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import sys
from pathlib import Path

from hub.clock import Instant
from hub.ledger.entries import JsonValue

REFRESH_US = 16_000_000
"""The kernel's figures move with the NTP daemon's polls, every 16 s at the fastest."""

STEP_US = 500_000
"""A calendar that leaps this far against monotonic time was set, not slewed."""

_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Timex(ctypes.Structure):
    """``struct timex`` of Linux, 64 bit (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_long * 24),
    )


class Timekeeping:
    """Asks the kernel now and then, and remembers. Without such a kernel the answer is "unknown"."""

    def __init__(self) -> None:
        self._adjtimex = _find_adjtimex()
        self._asked_us: int | None = None
        self._state: dict[str, JsonValue] = {"source": "unknown"}

    def state(self, mono_us: int) -> dict[str, JsonValue]:
        """``{"source": "synchronised"|"free"|"unknown", "offset_us", "error_us"}``: whether a time
        service disciplines the clock, how far off it holds it to be, and its bound on the error."""
        if self._asked_us is None or mono_us - self._asked_us >= REFRESH_US:
            self._asked_us = mono_us
            self._state = self._ask()
        return self._state

    def _ask(self) -> dict[str, JsonValue]:
        timex = _Timex()  # modes 0: read only, needs no privilege
        if self._adjtimex is None or (result := self._adjtimex(ctypes.byref(timex))) < 0:
            return {"source": "unknown"}
        free = result == _TIME_ERROR or timex.status & _STA_UNSYNC
        offset_us = timex.offset // 1000 if timex.status & _STA_NANO else timex.offset
        return {"source": "free" if free else "synchronised", "offset_us": offset_us, "error_us": timex.maxerror}


class Calendar:
    """Watches for a calendar that is set: a fact of its own."""

    def __init__(self) -> None:
        self._offset_us: int | None = None

    def step_us(self, now: Instant) -> int:
        """By how much it was set since the last question; 0: it was not."""
        offset_us = now.utc_us - now.mono_us
        before, self._offset_us = self._offset_us, offset_us
        return offset_us - before if before is not None and abs(offset_us - before) > STEP_US else 0


def _find_adjtimex() -> ctypes._NamedFuncPointer | None:
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) != 8:
        return None
    try:
        return ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None


def boot_id() -> str:
    """Names this boot of the machine: monotonic times of one boot compare, of two boots they do not."""
    try:
        return _BOOT_ID.read_text().strip().replace("-", "")
    except OSError:
        return "unknown"


def node_name() -> str:
    """The machine's name, as far as it is ASCII."""
    return platform.node().encode("ascii", "replace").decode()[:64] or "unknown"
