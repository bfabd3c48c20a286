"""A script of faults: what goes wrong with a simulated device, and when. Pure; knows no clock.

One object serves cameras and recorders. Times are seconds from the moment the script was given to the
device. What a fault means on the wire is told at :class:`FaultKind`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Literal, Self

from hub.clock import US_PER_S

NEVER_US = 1 << 62


class FaultKind(StrEnum):
    """What can go wrong.

    ``cut``: the connection is torn off without a word, and refused while it lasts.
    ``stall``: connected, nothing is sent; after it the device goes on with a keyframe, sequence
    numbers unbroken, time stamps leaping by the pause.
    ``late``: connected, nothing is sent; after it everything held back comes in one burst.
    ``loss``: the ``share`` (0–1) of packets is numbered and never sent; 1 loses them all.
    ``reorder``: the ``share`` of packets change place with the next one.
    ``jump``: RTP time stamps leap by ``by_s`` (signed) and stay there; nothing is missing.
    ``step``: the device's clock, as sender reports tell it, leaps by ``by_s`` and stays there.
    ``drift``: the device's clock runs ``ppm`` too fast while it lasts, and keeps what it gained.
    ``freeze``, ``black``: from the next keyframe to the first one after it, the same or a black picture.
    ``silence``: audio goes on without any signal in it.
    ``goodbye``: RTCP BYE and an orderly end; the device is away while it lasts.
    """

    CUT = "cut"
    STALL = "stall"
    LATE = "late"
    LOSS = "loss"
    REORDER = "reorder"
    JUMP = "jump"
    STEP = "step"
    DRIFT = "drift"
    FREEZE = "freeze"
    BLACK = "black"
    SILENCE = "silence"
    GOODBYE = "goodbye"


Target = Literal["", "video", "audio"]
Content = Literal["", "frozen", "black", "silence"]
# The track a content fault is about, and the loop shown instead.
_CONTENT: Mapping[FaultKind, tuple[str, Content]] = {
    FaultKind.BLACK: ("video", "black"),
    FaultKind.FREEZE: ("video", "frozen"),
    FaultKind.SILENCE: ("audio", "silence"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``track`` narrows it to the video or the audio track (not for cut and goodbye)."""

    kind: FaultKind
    at_s: float
    for_s: float = 0.0
    share: float = 1.0
    by_s: float = 0.0
    ppm: float = 0.0
    track: Target = ""

    def hits(self, kind: str) -> bool:
        """Whether it is about this track (``video``, ``audio``; empty: the device as a whole)."""
        return not self.track or self.track == kind

    def lasts_at(self, at_us: int) -> bool:
        return _us(self.at_s) <= at_us < _us(self.at_s + self.for_s)


@dataclass(frozen=True, slots=True)
class Effects:
    """What is wrong with one track at one moment."""

    away: bool = False
    cut: bool = False
    held: Literal["", "skip", "late"] = ""
    loss: float = 0.0
    reorder: float = 0.0
    leap_us: int = 0
    content: Content = ""


NO_EFFECTS = Effects()


class FaultScript:
    """The faults of one device, asked by time. ``seed`` fixes which packets are lost or swapped."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 1) -> None:
        self.faults: Sequence[Fault] = tuple(sorted(faults, key=lambda fault: fault.at_s))
        self.seed = seed
        edges = {_us(fault.at_s) for fault in self.faults} | {_us(f.at_s + f.for_s) for f in self.faults}
        self._edges = sorted(edges)

    def effects(self, kind: str, at_us: int) -> Effects:
        """What is wrong with the ``video`` or ``audio`` track ``at_us`` after the script began."""
        active = [fault for fault in self.faults if fault.hits(kind) and fault.lasts_at(at_us)]
        kinds = {fault.kind for fault in active}
        intact = math.prod(1 - fault.share for fault in active if fault.kind is FaultKind.LOSS)
        return Effects(
            away=not kinds.isdisjoint((FaultKind.CUT, FaultKind.GOODBYE)),
            cut=FaultKind.CUT in kinds,
            held="skip" if FaultKind.STALL in kinds else "late" if FaultKind.LATE in kinds else "",
            loss=1 - intact,
            reorder=max((fault.share for fault in active if fault.kind is FaultKind.REORDER), default=0.0),
            leap_us=sum(
                _us(fault.by_s)
                for fault in self.faults
                if fault.kind is FaultKind.JUMP and fault.hits(kind) and _us(fault.at_s) <= at_us
            ),
            content=next((_CONTENT[name][1] for name in _CONTENT if name in kinds and _CONTENT[name][0] == kind), ""),
        )

    def clock_error_us(self, at_us: int) -> int:
        """How far the device's clock is ahead of the truth because of steps and drifts."""
        error = 0.0
        for fault in self.faults:
            passed = at_us - _us(fault.at_s)
            if passed < 0:
                break
            if fault.kind is FaultKind.STEP:
                error += _us(fault.by_s)
            elif fault.kind is FaultKind.DRIFT:
                error += min(passed, _us(fault.for_s)) * fault.ppm / 1e6
        return round(error)

    def next_edge_us(self, after_us: int) -> int:
        """When something changes next, NEVER_US if nothing does."""
        return next((edge for edge in self._edges if edge > after_us), NEVER_US)

    def dice(self, salt: int) -> random.Random:
        """A repeatable source of chance for one track."""
        return random.Random(self.seed << 32 | salt)  # noqa: S311 - which packet is lost is no secret

    @property
    def contents(self) -> frozenset[str]:
        """The kinds of media that must be at hand for this script: frozen, black, silence."""
        return frozenset(_CONTENT[fault.kind][1] for fault in self.faults if fault.kind in _CONTENT)

    def to_json(self) -> list[dict[str, object]]:
        return [asdict(fault) for fault in self.faults]

    @classmethod
    def from_json(cls, faults: Iterable[Mapping[str, object]], *, seed: int = 1) -> Self:
        """The reverse of :meth:`to_json`. Raises ValueError for what is no fault."""
        try:
            return cls((Fault(**{**f, "kind": FaultKind(str(f["kind"]))}) for f in faults), seed=seed)  # type: ignore[arg-type]
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a fault with kind and at_s, found {error}") from error


def _us(seconds: float) -> int:
    return round(seconds * US_PER_S)
