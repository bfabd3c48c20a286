"""What a camera usually shows: learnt slowly, once for light and once for dark, kept over restarts. Pure."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hub.monitor.content.features import CELL_COLUMNS, CELL_ROWS, Features, Floats

KNOWN_AFTER = 15
"""Pictures until a normal is one: half a minute."""
_SLOWEST = 1 / 150
"""Weight of a new picture: five minutes at one every 2 s. Dusk takes longer."""
_SAME_LIGHT = 0.5
"""Natural logarithm of the ratio of two brightnesses: within it the light is the same."""
_OFFSET = 8.0
_VERSION = 1


@dataclass(slots=True)
class Light:
    """The normal at one brightness: means over what was seen."""

    mean: float
    steps: Floats
    texture: Floats
    acuity: float | None
    count: int = 1

    @property
    def known(self) -> bool:
        return self.count >= KNOWN_AFTER

    def learn(self, seen: Features) -> None:
        self.count += 1
        weight = max(1 / self.count, _SLOWEST)
        self.mean += weight * (seen.mean - self.mean)
        self.steps = np.asarray(self.steps + weight * (seen.steps - self.steps), dtype=np.float32)
        self.texture = np.asarray(self.texture + weight * (seen.texture - self.texture), dtype=np.float32)
        if seen.acuity is not None:
            self.acuity = seen.acuity if self.acuity is None else self.acuity + weight * (seen.acuity - self.acuity)


def apart(one: float, other: float) -> float:
    return abs(math.log((max(one, 0.0) + _OFFSET) / (max(other, 0.0) + _OFFSET)))


@dataclass(slots=True)
class Normal:
    """At most two lights. A third one takes the place of the one that it is nearer to."""

    lights: list[Light] = field(default_factory=list)

    def nearest(self, mean: float) -> tuple[Light | None, bool]:
        """The known light nearest in brightness, and whether the light is the same."""
        known = [light for light in self.lights if light.known]
        if not known:
            return None, False
        best = min(known, key=lambda light: apart(light.mean, mean))
        return best, apart(best.mean, mean) <= _SAME_LIGHT

    def learn(self, seen: Features) -> None:
        best = min(self.lights, key=lambda light: apart(light.mean, seen.mean), default=None)
        if best is not None and apart(best.mean, seen.mean) <= _SAME_LIGHT:
            best.learn(seen)
            return
        fresh = Light(seen.mean, seen.steps.copy(), seen.texture.copy(), seen.acuity)
        if len(self.lights) < 2:
            self.lights.append(fresh)
        elif best is not None:
            self.lights[self.lights.index(best)] = fresh

    def forget(self, light: Light) -> None:
        """The camera shows something else for good."""
        self.lights = [one for one in self.lights if one is not light]

    # ----------------------------------------------------------------------------- storing

    def text(self) -> str:
        """For :func:`normal_from`."""
        lights = [
            {
                "mean": round(light.mean, 2),
                "steps": _pack(light.steps),
                "texture": _pack(light.texture),
                "acuity": light.acuity,
                "count": light.count,
            }
            for light in self.lights
        ]
        return json.dumps({"version": _VERSION, "lights": lights}, separators=(",", ":"))


def normal_from(text: str) -> Normal:
    """The normal of :meth:`Normal.text`; an empty one for anything else: it is learnt again."""
    try:
        data = json.loads(text)
        if data["version"] != _VERSION:
            return Normal()
        return Normal([_light(each) for each in data["lights"][:2]])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Normal()


def _light(data: dict[str, Any]) -> Light:
    acuity = None if data["acuity"] is None else float(data["acuity"])
    light = Light(float(data["mean"]), _unpack(data["steps"]), _unpack(data["texture"]), acuity, int(data["count"]))
    numbers = [light.mean, float(light.count), light.acuity or 0.0]
    if not (all(map(math.isfinite, numbers)) and np.isfinite(light.steps).all() and np.isfinite(light.texture).all()):
        raise ValueError("not finite")
    return light


def _pack(cells: Floats) -> str:
    return base64.b64encode(cells.astype("<f2").tobytes()).decode("ascii")


def _unpack(text: str) -> Floats:
    cells = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2")
    return cells.reshape(CELL_ROWS, CELL_COLUMNS).astype(np.float32)
