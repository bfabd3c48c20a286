"""What nodes of a cluster tell of themselves, and what it comes to for all of them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hub.monitor.vitals import Flow, Running, pictures

Folding = Callable[[Iterable[float]], float]
TOGETHER: Final[Mapping[str, Folding]] = {
    "cpu": sum,
    "memory_bytes": sum,
    "ingest_bps": sum,
    "recorded_bps": sum,
    "lost_packets_per_s": sum,
    "connections_per_s": sum,
    "loop_lag_s": max,
    "fsync_s": max,
    "commit_s": max,
    "disk_queue_bytes": sum,
    "ledger_queue_bytes": sum,
    "frames_waiting": sum,
    "storage_errors": sum,
    "disk_bps": sum,
    "viewers": sum,
    "viewer_drops_per_s": sum,
}
"""Series of which every process has its own, and what they come to. The others are an office's alone."""
OF_RECORDERS: Final[Mapping[str, Folding]] = {"disk_free_bytes": min}
"""The same, of nodes that record."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Both sides of a node's accounts since it began, connections that last included (see :class:`Flow`)."""

    bytes: int = 0
    lost_packets: int = 0
    connections: int = 0
    pictures_in: int = 0
    pictures_out: int = 0
    pictures_given_up: int = 0
    frames: int = 0
    settled: int = 0
    recorded: int = 0
    chunks: int = 0
    chunk_bytes: int = 0
    chunk_entries: int = 0
    missing: int = 0
    """Chunks whose entry is late."""
    viewer_drops: int = 0

    @classmethod
    def of(cls, flow: Flow, running: Iterable[Running], missing: int, viewer_drops: int) -> Totals:
        came, went = pictures(flow, running)
        counts = {name: getattr(flow, name) for name in _COUNTS if hasattr(flow, name)}
        counts |= {"pictures_in": came, "pictures_out": went, "missing": missing, "viewer_drops": viewer_drops}
        return cls(**counts)

    def body(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in _COUNTS}

    def plus(self, other: Totals) -> Totals:
        return Totals(**{name: getattr(self, name) + getattr(other, name) for name in _COUNTS})

    def over(self) -> Totals:
        """Of a node that lives no more: what was on its way lies in the hole that an interruption tells of, or is
        entered as recovered when it comes back."""
        return replace(self, frames=self.settled, chunks=self.chunk_entries, missing=0)


_COUNTS = tuple(Totals.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class NodeTold:
    """What a node says of itself. ``readings``: of series (see ``reading.py``), those that it knows now."""

    node: str
    started_us: int
    version: str
    records: bool
    readings: Mapping[str, float]
    totals: Totals
    disk_total_bytes: int = 0
    outbox_bytes: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)


class MergedFlow(Flow):
    """The accounts of all nodes together, as of their newest words. A node that ended leaves what it counted."""

    def __init__(self, own: str) -> None:
        """``own``: of that node's viewers this process knows itself."""
        super().__init__()
        self._own = own
        self._living: dict[str, tuple[int, Totals]] = {}
        self._ended = Totals()
        self._missing = 0
        self.viewer_drops = 0

    def hear(self, told: NodeTold) -> None:
        known = self._living.get(told.node)
        if known is not None and told.started_us < known[0]:
            return
        if known is not None and told.started_us > known[0]:
            self._ended = self._ended.plus(known[1].over())
        totals = replace(told.totals, viewer_drops=0) if told.node == self._own else told.totals
        self._living[told.node] = (told.started_us, totals)
        self._sum()

    def gone(self, living: Iterable[str]) -> None:
        """Who is not among these has ended."""
        for name in self._living.keys() - set(living):
            self._ended = self._ended.plus(self._living.pop(name)[1].over())
        self._sum()

    def _sum(self) -> None:
        total = self._ended
        for _, one in self._living.values():
            total = total.plus(one)
        self.bytes, self.lost_packets, self.connections = total.bytes, total.lost_packets, total.connections
        self.pictures_in, self.pictures_out = total.pictures_in, total.pictures_out
        self.pictures_given_up = total.pictures_given_up
        self.frames, self.settled, self.recorded = total.frames, total.settled, total.recorded
        self.chunks, self.chunk_bytes, self.chunk_entries = total.chunks, total.chunk_bytes, total.chunk_entries
        self._missing, self.viewer_drops = total.missing, total.viewer_drops

    def missing(self, before_us: int) -> int:  # noqa: ARG002
        return self._missing


def together(told: Iterable[NodeTold]) -> dict[str, float]:
    """The series of all processes as one."""
    found = list(told)
    recording = [one for one in found if one.records]
    out: dict[str, float] = {}
    for table, of in ((TOGETHER, found), (OF_RECORDERS, recording)):
        for name, fold in table.items():
            values = [one.readings[name] for one in of if math.isfinite(one.readings.get(name, math.nan))]
            if values:
                out[name] = fold(values)
    return out


@dataclass(frozen=True, slots=True)
class NodeNow:
    """A node that lives. ``leads``: the office is there; ``told``: how it is; None: it has not said so for a while."""

    name: str
    roles: tuple[str, ...]
    leads: bool
    draining: bool
    streams: int
    told: NodeTold | None
