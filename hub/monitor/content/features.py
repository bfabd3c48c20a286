"""What is measured of one picture: small numbers from its luma plane, at a cost of well below a millisecond. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

ROWS = 90
"""Rows of the picture that are looked at, evenly spaced, each at full width."""
COLUMNS = 160
"""Columns of the small picture: each the mean of its share of a row."""
CELL_ROWS, CELL_COLUMNS = 9, 16
INNER = slice(1, CELL_ROWS - 1)
"""Rows of cells without the outermost two, where cameras burn in clock and name."""
_INNER_ROWS = slice(ROWS // CELL_ROWS, ROWS - ROWS // CELL_ROWS)
_SEGMENT = 16
"""Pixels of a row that are hashed together."""
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)
_BLACK_LEVEL = 16.0
MIN_WIDTH, MIN_HEIGHT = COLUMNS, ROWS

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Print:
    """A picture's fingerprint: of every 16 pixels of the rows looked at a hash and the mean. ``inner`` holds the
    means of the rows between the burnt-in texts."""

    hashes: NDArray[np.uint32]
    inner: Bytes


@dataclass(frozen=True, slots=True)
class Features:
    """Of one picture. ``mean`` is its brightness (0 to 255, black is 16). By cell (9 × 16): ``levels`` the mean
    brightness, ``steps`` the mean step between neighbouring pixels of the small picture, ``texture`` the same against
    the brightness. ``acuity`` is how steep the steepest edges are, 0 to 1 of the picture's own range; None where it
    has no range to speak of."""

    mean: float
    levels: Floats
    steps: Floats
    texture: Floats
    acuity: float | None
    print: Print


def features(luma: Bytes) -> Features | None:
    """Measure a luma plane (height × width, 8 bits, strided as it comes). None: too small to be judged."""
    height, width = luma.shape
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return None
    rows = np.ascontiguousarray(luma[np.linspace(0, height - 1, ROWS).astype(np.intp), : width // COLUMNS * COLUMNS])
    small = rows.reshape(ROWS, COLUMNS, -1).mean(axis=2, dtype=np.float32)
    halved = small.reshape(ROWS // 2, 2, COLUMNS // 2, 2).mean(axis=(1, 3))
    levels = _cells(halved)
    steps = np.maximum(_cells(_steps(halved)) - _noise_steps(rows), 0.0, dtype=np.float32)
    texture = steps / (np.maximum(levels - _BLACK_LEVEL, 0.0) + _BLACK_LEVEL)
    return Features(float(small.mean()), levels, steps, texture, _acuity(rows, small), _print(rows))


def _steps(picture: Floats) -> Floats:
    steps = np.zeros_like(picture)
    steps[:, :-1] += np.abs(np.diff(picture, axis=1))
    steps[:-1] += np.abs(np.diff(picture, axis=0))
    return steps


def _noise_steps(rows: Bytes) -> float:
    """The mean step that the sensor's noise alone makes in the small picture. Half of all neighbouring pixels differ by
    less than 0.95 of its deviation, wherever most of a picture is smooth."""
    part = rows[::3].astype(np.int16)
    counts = np.cumsum(np.bincount(np.abs(part[:, 1:] - part[:, :-1]).ravel(), minlength=8))
    half = float(counts[-1]) / 2
    step = int(np.searchsorted(counts, half))
    below = float(counts[step - 1]) if step else 0.0
    sigma = (step - 0.5 + (half - below) / (float(counts[step]) - below)) / 0.954
    pixels = rows.shape[1] / COLUMNS * 4
    return max(sigma, 0.0) * 2 * 1.128 / math.sqrt(pixels)


def _cells(picture: Floats) -> Floats:
    height, width = picture.shape
    cells = picture.reshape(CELL_ROWS, height // CELL_ROWS, CELL_COLUMNS, width // CELL_COLUMNS).mean(axis=(1, 3))
    return np.asarray(cells, dtype=np.float32)


def _acuity(rows: Bytes, small: Floats) -> float | None:
    """The step over three pixels that one in a hundred exceeds, against the picture's range."""
    low, high = np.percentile(small[_INNER_ROWS], (2, 98))
    if high - low < 24:
        return None
    part = rows[_INNER_ROWS].astype(np.int16)
    counts = np.bincount(np.abs(part[:, 3:] - part[:, :-3]).ravel(), minlength=256)
    above = np.cumsum(counts[::-1])[::-1]
    steep = int(np.searchsorted(-above, -int(above[0]) / 100))
    return min(steep / float(high - low), 1.0)


def _print(rows: Bytes) -> Print:
    width = rows.shape[1] // _SEGMENT * _SEGMENT
    cut = np.ascontiguousarray(rows[:, :width])
    words = cut.view(np.uint64).reshape(ROWS, -1, 2)
    mixed = words[:, :, 0] * _MIX[0] + (words[:, :, 1] ^ (words[:, :, 0] >> np.uint64(29))) * _MIX[1]
    inner = cut[_INNER_ROWS].reshape(ROWS - 2 * (ROWS // CELL_ROWS), -1, _SEGMENT).mean(axis=2, dtype=np.float32)
    return Print((mixed >> np.uint64(32)).astype(np.uint32), inner.astype(np.uint8))


_EQUAL_SHARE = 0.6
"""Of the segments that must be the same to the bit. Of a still scene with noise below one grey level a quarter are."""
_HINT_SHARE = 0.05
_MOVED_LEVELS = 5
_MOVED_SHARE = 0.002


class Likeness(IntEnum):
    """``NONE``: something moved. ``STILL``: nothing did. ``HINT``: some of it is the same to the bit, as when a rate
    control codes one picture twice with different quantisers. ``SAME``: a source repeats itself."""

    NONE = 0
    STILL = 1
    HINT = 2
    SAME = 3


def likeness(one: Print, other: Print) -> Likeness:
    """``SAME``: nothing moves between the burnt-in texts, and most of the picture is the same to the bit, which no
    sensor's noise allows. Around a clock that runs, the encoder's prediction changes some more."""
    if one.hashes.shape != other.hashes.shape:
        return Likeness.NONE
    moved = np.abs(one.inner.astype(np.int16) - other.inner) > _MOVED_LEVELS
    if float(np.mean(moved)) > _MOVED_SHARE:
        return Likeness.NONE
    equal = float(np.mean(one.hashes == other.hashes))
    return Likeness.SAME if equal >= _EQUAL_SHARE else Likeness.HINT if equal >= _HINT_SHARE else Likeness.STILL
