"""What the simulated devices hear: a soft chord of their own, and a tick on every second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TICK_S = 0.06
_CHORD_LEVEL = 0.025
_TICK_LEVEL = 0.22
# Whole hertz, so that any whole number of seconds is a whole number of periods and loops without a click.
_NOTES_HZ = (262, 294, 330, 349, 392, 440, 494, 523)


def tone(rate: int, seconds: int, device: int) -> NDArray[np.int16]:
    """``seconds`` of sound at ``rate`` Hz, one channel, that loops without a seam. Shape (rate · seconds,)."""
    time = np.arange(rate * seconds, dtype=np.float64) / rate
    note = _NOTES_HZ[device % len(_NOTES_HZ)]
    swell = 0.75 + 0.25 * np.sin(2 * np.pi * time)
    chord = _CHORD_LEVEL * swell * (np.sin(2 * np.pi * note * time) + 0.5 * np.sin(3 * np.pi * note * time))
    within = time % 1.0
    envelope = np.where(within < _TICK_S, np.sin(np.pi * within / _TICK_S) ** 2, 0.0)
    tick = _TICK_LEVEL * envelope * np.sin(2 * np.pi * note * 2 * time)
    return np.round((chord + tick) * 32767).astype(np.int16)


def silence(rate: int, seconds: int) -> NDArray[np.int16]:
    """No signal at all: every sample is zero."""
    return np.zeros(rate * seconds, dtype=np.int16)
