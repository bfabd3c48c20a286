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
from dataclasses import dataclass

import numpy as np

from hub.model import InterruptionKind
from hub.monitor.content.features import INNER, Features, Print, same_picture
from hub.monitor.content.normal import Light, Normal

_HISTORY = 4
"""Fingerprints kept: a rate control may swing between a few quantisers and code the same picture differently."""
_DARK = 44.0
_BLACK_RANGE = 5.0
_BLACK_STEPS = 3.0
_TEXTURED_STEPS = 2.0
_LEAST_TEXTURED = 14
"""Cells of 144: a camera that looks at a wall has no edges that could be lost."""
_LOST = 0.3
_LOST_SHARE = 0.6
_LEFT = 0.4
_NO_STEPS = 1.2
_NO_STEPS_SHARE = 0.85
_BLURRED = 0.55


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a picture: ``kind`` is black, frozen, covered or None. ``blurred`` stands beside it.

    ``figures`` is what it was judged on.
    """

    kind: InterruptionKind | None
    blurred: bool
    figures: dict[str, int]


class Judge:
    """Of one camera's pictures, in order. Not for two threads at once."""

    def __init__(self, normal: Normal | None = None) -> None:
        self.normal = normal or Normal()
        self._prints: deque[Print] = deque(maxlen=_HISTORY)

    def began(self) -> None:
        """Another connection: a picture from before is no evidence."""
        self._prints.clear()

    def judge(self, seen: Features) -> Verdict:
        """The verdict on the next picture. Only what is as usual is learnt."""
        repeated = any(same_picture(seen.print, before) for before in self._prints)
        self._prints.append(seen.print)
        light, same_light = self.normal.nearest(seen.mean)
        lost = _lost_share(seen, light)
        figures = {"brightness": round(seen.mean), "lost_percent": round(100 * lost)}
        kind = None
        if _black(seen):
            kind = InterruptionKind.BLACK
        elif repeated:
            kind = InterruptionKind.FROZEN
        elif light is not None and _covered(seen, light, lost, same_light):
            kind = InterruptionKind.COVERED
        blurred = kind is None and light is not None and same_light and _blurred(seen, light, figures)
        if kind is None and not blurred:
            if light is not None and same_light and lost >= _LOST_SHARE:
                self.normal.forget(light)  # as much to see as before, but elsewhere: the camera was moved
            self.normal.learn(seen)
        return Verdict(kind, blurred, figures)


def _black(seen: Features) -> bool:
    if seen.mean > _DARK:
        return False
    low, high = np.percentile(seen.levels[INNER], (1, 99))
    return float(high - low) <= _BLACK_RANGE and float(np.percentile(seen.steps[INNER], 95)) <= _BLACK_STEPS


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
    # lights switched off leave dim edges, a hand on the lens leaves none
    return float(np.mean(seen.steps[INNER] < _NO_STEPS)) >= _NO_STEPS_SHARE


def _blurred(seen: Features, light: Light, figures: dict[str, int]) -> bool:
    if seen.acuity is None or light.acuity is None or light.acuity <= 0:
        return False
    figures["acuity_percent"] = round(100 * seen.acuity / light.acuity)
    return seen.acuity < _BLURRED * light.acuity
