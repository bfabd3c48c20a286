"""The verdict on one picture, from its features and what the camera usually shows. Pure.

==========  ===============================================================================================
black       dark, and nothing to be seen between the burnt-in texts: no signal, a lens cap, a room without any light
frozen      the same picture as one shortly before, to the bit: no sensor noise
covered     what usually has edges has none, in a large share of the picture, and nothing else took its place
blurred     the steepest edges are far less steep than usual
==========  ===============================================================================================
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hub.model import InterruptionKind
from hub.monitor.content.features import INNER, Features, Likeness, Print, likeness
from hub.monitor.content.normal import Light, Normal

_HISTORY = 6
"""Fingerprints kept: a rate control may swing between a few quantisers and code the same picture differently."""
_DARK = 44.0
_BLACK_RANGE = 5.0
_BLACK_STEPS = 3.0
_LAMP_RANGE = 40.0
_TEXTURED_STEPS = 2.0
_LEAST_TEXTURED = 14
"""Cells of 144: a camera that looks at a wall has no edges that could be lost."""
_LOST = 0.3
_LOST_SHARE = 0.6
_LEFT = 0.45
_NO_STEPS = 1.0
_UNSURE = 3
"""So many pictures in a row without movement may pass between two that are the same to the bit."""
_BLURRED = 0.55


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a picture: ``kind`` is black, frozen, covered or None. ``blurred`` stands beside it.

    ``figures`` is what it was judged on. ``since_us``: the earliest picture that this one repeats. ``unsure``: no word
    about the picture. ``closer``: the next keyframe is worth a look.
    """

    kind: InterruptionKind | None
    blurred: bool
    figures: dict[str, int]
    since_us: int | None = None
    unsure: bool = False
    closer: bool = False


class Judge:
    """Of one camera's pictures, in order. Not for two threads at once."""

    def __init__(self, normal: Normal | None = None) -> None:
        self.normal = normal or Normal()
        self._prints: deque[tuple[int, Print]] = deque(maxlen=_HISTORY)
        self._doubts = _UNSURE

    def began(self) -> None:
        """Another connection: a picture from before is no evidence."""
        self._prints.clear()
        self._doubts = _UNSURE

    def judge(self, seen: Features, at_us: int) -> Verdict:
        """The verdict on the next picture, captured at ``at_us``. Only what is as usual is learnt."""
        alike, since_us = self._compare(seen.print, at_us)
        light, same_light = self.normal.nearest(seen.mean)
        lost = _lost_share(seen, light)
        figures = {"brightness": round(seen.mean), "lost_percent": round(100 * lost)}
        kind = None
        if is_black(seen):
            kind = InterruptionKind.BLACK
        elif alike is Likeness.SAME:
            kind = InterruptionKind.FROZEN
        elif light is not None and _covered(seen, light, lost, same_light):
            kind = InterruptionKind.COVERED
        blurred = kind is None and light is not None and same_light and _blurred(seen, light, figures)
        if kind is not InterruptionKind.FROZEN and kind is not None:
            self._doubts = _UNSURE
        unsure = kind is None and alike is not Likeness.NONE and self._doubts < _UNSURE
        if unsure:
            self._doubts += 1
        elif kind is None:
            self._doubts = _UNSURE
        if kind is None and not blurred and not unsure:
            if light is not None and same_light and lost >= _LOST_SHARE:
                self.normal.forget(light)  # as much to see as before, but elsewhere: the camera was moved
            self.normal.learn(seen)
        since = since_us if kind is InterruptionKind.FROZEN else None
        return Verdict(kind, blurred, figures, since, unsure, unsure or alike is Likeness.HINT)

    def _compare(self, print_: Print, at_us: int) -> tuple[Likeness, int]:
        """With the last pictures; and the time of the earliest one that is the same."""
        levels = [(likeness(print_, before), before_us) for before_us, before in self._prints]
        self._prints.append((at_us, print_))
        newest = levels[-1][0] if levels else Likeness.NONE
        if all(level is not Likeness.SAME for level, _ in levels):
            return newest, at_us
        self._doubts = 0
        return Likeness.SAME, _since(levels, at_us)


def _since(levels: Sequence[tuple[Likeness, int]], at_us: int) -> int:
    """From which picture on it is the same: from where nothing moved any more, or, where nothing had moved before
    either, as far back as some of it is the same to the bit."""
    moved = any(level is Likeness.NONE for level, _ in levels)
    since_us = at_us
    for level, before_us in reversed(levels):
        if level < (Likeness.STILL if moved else Likeness.HINT):
            break
        since_us = before_us
    return since_us


def is_black(seen: Features) -> bool:
    if seen.mean > _DARK:
        return False
    return _range(seen) <= _BLACK_RANGE and float(np.percentile(seen.steps[INNER], 95)) <= _BLACK_STEPS


def _range(seen: Features) -> float:
    """Of brightness between the burnt-in texts, without the two cells at either end."""
    low, high = np.percentile(seen.levels[INNER], (2, 98))
    return float(high - low)


def _lost_share(seen: Features, light: Light | None) -> float:
    """Of the cells that usually have edges, those that lost them. 0 where there are too few to tell."""
    if light is None:
        return 0.0
    textured = light.steps >= _TEXTURED_STEPS
    count = int(textured.sum())
    if count < _LEAST_TEXTURED:
        return 0.0
    return float((seen.texture < _LOST * light.texture)[textured].sum()) / count


def _covered(seen: Features, light: Light, lost: float, same_light: bool) -> bool:
    if lost < _LOST_SHARE or float(seen.texture.sum()) > _LEFT * float(light.texture.sum()):
        return False
    if same_light or seen.mean > light.mean:
        return True
    if seen.mean <= _DARK and _range(seen) > _LAMP_RANGE:
        return False  # a lamp, a lit door: the lights were switched off
    # lights switched off leave dim edges, a hand on the lens leaves none
    textured = light.steps >= _TEXTURED_STEPS
    return float(np.mean(seen.steps[textured] < _NO_STEPS)) >= _LOST_SHARE


def _blurred(seen: Features, light: Light, figures: dict[str, int]) -> bool:
    if seen.acuity is None or light.acuity is None or light.acuity <= 0:
        return False
    figures["acuity_percent"] = round(100 * seen.acuity / light.acuity)
    return seen.acuity < _BLURRED * light.acuity
