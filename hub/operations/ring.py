"""Figures over time in a memory that is set aside once: so many slots of so long, the oldest written over. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

NOTHING = math.nan


class Fold(Enum):
    """What a slot keeps of several readings: a peak must not drown in a mean, nor the least room left."""

    MEAN = "mean"
    MOST = "most"
    LEAST = "least"


@dataclass(frozen=True, slots=True)
class Points:
    """``at_us`` is the beginning of each slot (hub UTC, µs); None: nothing was read in it."""

    step_us: int
    at_us: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]


class Ring:
    """Readings of a fixed list of series, by slot. A calendar that is set back begins anew from there: a time stands
    in it once."""

    def __init__(self, folds: Mapping[str, Fold], *, step_us: int, slots: int) -> None:
        self._folds = dict(folds)
        self.step_us = step_us
        self.slots = slots
        self._columns = {name: array("d", [NOTHING]) * slots for name in folds}
        self._counts = {name: array("I", [0]) * slots for name in folds}
        self._numbers = array("q", [-1]) * slots
        """Which slot since 1970 lies at each place."""
        self._newest = -1

    def add(self, at_us: int, reading: Mapping[str, float | None]) -> None:
        """``reading`` may lack series, or have None for them; what is not a number counts as that."""
        number = at_us // self.step_us
        if number < self._newest:
            self._forget_from(number)
        self._newest = number
        place = number % self.slots
        if self._numbers[place] != number:
            self._clear(place, number)
        for name, value in reading.items():
            if value is not None and math.isfinite(value) and name in self._columns:
                self._fold(name, place, value)

    def points(self, names: Sequence[str], from_us: int, to_us: int) -> Points:
        """Slots that begin in the half-open range, in order, without those in which the hub did not run."""
        least = max(-(-from_us // self.step_us), self._newest - self.slots + 1, 0)
        most = min(-(-to_us // self.step_us), self._newest + 1)
        numbers = [number for number in range(least, most) if self._numbers[number % self.slots] == number]
        values = {
            name: tuple(_or_none(self._columns[name][number % self.slots]) for number in numbers) for name in names
        }
        return Points(self.step_us, tuple(number * self.step_us for number in numbers), values)

    @property
    def nbytes(self) -> int:
        """What it takes, and will ever take."""
        reals = sum(one.itemsize * len(one) for one in self._columns.values())
        counts = sum(one.itemsize * len(one) for one in self._counts.values())
        return reals + counts + self._numbers.itemsize * len(self._numbers)

    def _fold(self, name: str, place: int, value: float) -> None:
        column, counts = self._columns[name], self._counts[name]
        count = counts[place]
        if count == 0:
            column[place] = value
        elif self._folds[name] is Fold.MEAN:
            column[place] += (value - column[place]) / (count + 1)
        else:
            column[place] = (max if self._folds[name] is Fold.MOST else min)(column[place], value)
        counts[place] = count + 1

    def _clear(self, place: int, number: int) -> None:
        self._numbers[place] = number
        for name, column in self._columns.items():
            column[place] = NOTHING
            self._counts[name][place] = 0

    def _forget_from(self, number: int) -> None:
        for place, there in enumerate(self._numbers):
            if there >= number:
                self._clear(place, -1)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
