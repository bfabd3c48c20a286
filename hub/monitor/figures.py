"""What an engineer sees of a stream at a moment, wherever it is recorded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictInt

from hub.clock import Instant
from hub.monitor.vitals import Vitals

LEAST_MINUTES, HOUR, DAY = 5, 60, 1440


@dataclass(frozen=True, slots=True)
class Figures:
    """Integers, for they travel. Counts are of the pipeline's life, or of the last minutes that the name says; times
    are hub UTC, µs; None wherever it is not known."""

    lost_total: int
    lost_5_min: int
    lost_hour: int
    lost_day: int
    jitter_us: int
    offset_us: int | None
    """The hub's clock minus the device's."""
    drift_ppb: int | None
    connections_hour: int
    connections_day: int
    attempts_hour: int
    arrived_us: int | None
    sealed_us: int | None
    width: int | None
    height: int | None
    frames_waiting: int
    frames_unrecorded: int

    @classmethod
    def of(cls, one: Vitals, now: Instant) -> Figures:
        width, height = one.size or (None, None)
        ppm = one.clock.ppm
        return cls(
            one.lost.total,
            one.lost.within(now, LEAST_MINUTES),
            one.lost.within(now, HOUR),
            one.lost.within(now, DAY),
            one.jitter.us,
            one.clock.offset_us,
            None if ppm is None else round(ppm * 1000),
            one.connections.within(now, HOUR),
            one.connections.within(now, DAY),
            one.attempts.within(now, HOUR),
            one.arrived_us,
            one.sealed_us,
            width,
            height,
            one.account.waiting,
            one.not_recorded,
        )

    def body(self) -> dict[str, int | None]:
        return asdict(self)


class FiguresBody(BaseModel):
    """:meth:`Figures.body`, read strictly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lost_total: StrictInt
    lost_5_min: StrictInt
    lost_hour: StrictInt
    lost_day: StrictInt
    jitter_us: StrictInt
    offset_us: StrictInt | None
    drift_ppb: StrictInt | None
    connections_hour: StrictInt
    connections_day: StrictInt
    attempts_hour: StrictInt
    arrived_us: StrictInt | None
    sealed_us: StrictInt | None
    width: StrictInt | None
    height: StrictInt | None
    frames_waiting: StrictInt
    frames_unrecorded: StrictInt

    def model(self) -> Figures:
        values: dict[str, Any] = self.model_dump()
        return Figures(**values)
