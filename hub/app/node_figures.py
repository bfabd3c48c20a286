"""How this process is: told to the office every two seconds, and kept by every node that may lead."""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from hub import __version__, metrics
from hub.clock import US_PER_S, Clock
from hub.cluster.messages import BadMessage, Message
from hub.monitor.vitals import Flow
from hub.operations.nodes import NodeTold, Totals
from hub.operations.operations import ENTRY_GRACE_S, AnyMeasured
from hub.operations.reading import SERIES, Gauges, Reader, value_of

log = structlog.get_logger(__name__)

EVERY_S = 2.0
STALE_US = 15 * US_PER_S


class TellingOfNode:
    """``flow`` and ``streams`` are of what is recorded here; nothing where nothing is. ``problems``: checks of this
    node that are not simply ok."""

    def __init__(
        self,
        clock: Clock,
        data: Path,
        say: Callable[[Mapping[str, Any]], None],
        flow: Flow | None = None,
        streams: Callable[[], Iterable[AnyMeasured]] = tuple,
        disk_queue: Callable[[], int] = lambda: 0,
        ledger_queue: Callable[[], int] = lambda: 0,
        problems: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._clock = clock
        self._data = data
        self._say = say
        self._records = flow is not None
        self._flow = Flow() if flow is None else flow
        self._streams = streams
        self._problems = problems
        self._ledger_queue = ledger_queue
        self._started_us = clock.now().utc_us
        self._drops = value_of(metrics.VIEWER_DROPS)
        gauges = Gauges(lambda: (0, 0), lambda: 0, lambda: 0, disk_queue, ledger_queue, lambda: 0)
        self._reader = Reader(self._flow, gauges)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                usage = await asyncio.to_thread(_disk, self._data)
                self._say(self.body(*usage))
            except Exception:  # figures are never worth a node
                log.exception("a reading failed")
            await self._clock.sleep(EVERY_S)

    def body(self, disk_total: int | None, disk_free: int | None) -> dict[str, Any]:
        """Numbers with a fraction travel as text: messages know integers alone."""
        now = self._clock.now()
        found = self._reader.read(now, disk_free)
        readings = {name: repr(float(value)) for name, value in found.items() if value is not None}
        missing = self._flow.missing(now.mono_us - round(ENTRY_GRACE_S * US_PER_S))
        drops = round(value_of(metrics.VIEWER_DROPS) - self._drops)
        return {
            "started_us": self._started_us,
            "version": __version__,
            "records": self._records,
            "readings": readings,
            "totals": Totals.of(self._flow, self._streams(), missing, drops).body(),
            "disk_total_bytes": disk_total or 0,
            "outbox_bytes": round(value_of(metrics.OUTBOX_BYTES)),
            "problems": dict(self._problems()),
        }


def _disk(data: Path) -> tuple[int | None, int | None]:
    """Blocks."""
    try:
        usage = shutil.disk_usage(data)
    except OSError:
        return None, None
    return usage.total, usage.free


class _Totals(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: StrictInt
    lost_packets: StrictInt
    connections: StrictInt
    pictures_in: StrictInt
    pictures_out: StrictInt
    pictures_given_up: StrictInt
    frames: StrictInt
    settled: StrictInt
    recorded: StrictInt
    chunks: StrictInt
    chunk_bytes: StrictInt
    chunk_entries: StrictInt
    missing: StrictInt
    viewer_drops: StrictInt


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    started_us: StrictInt
    version: str = Field(max_length=64)
    records: StrictBool
    readings: dict[str, str]
    totals: _Totals
    disk_total_bytes: StrictInt
    outbox_bytes: StrictInt
    problems: dict[str, str]


def told_of(message: Message) -> NodeTold:
    """Raises BadMessage."""
    try:
        said = _Told.model_validate(dict(message.body))
        readings = {name: float(text) for name, text in said.readings.items() if name in SERIES}
    except (ValidationError, ValueError) as error:
        raise BadMessage(f"figures of a node: {str(error)[:200]}") from error
    return NodeTold(
        message.node,
        said.started_us,
        said.version,
        said.records,
        {name: value for name, value in readings.items() if math.isfinite(value)},
        Totals(**said.totals.model_dump()),
        said.disk_total_bytes,
        said.outbox_bytes,
        said.problems,
    )


class NodesTold:
    """The newest of each node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[NodeTold, int]] = {}
        self._listeners: list[Callable[[NodeTold], None]] = []

    def on_told(self, listener: Callable[[NodeTold], None]) -> Callable[[], None]:
        """Returns how to stop listening."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def hear(self, message: Message) -> None:
        """Raises BadMessage."""
        told = told_of(message)
        self._kept[told.node] = (told, self._clock.now().mono_us)
        for listener in self._listeners:
            listener(told)

    def of(self, node: str) -> NodeTold | None:
        """None: it has said nothing for a while."""
        kept = self._kept.get(node)
        return None if kept is None or self._clock.now().mono_us - kept[1] > STALE_US else kept[0]

    def all(self) -> Sequence[NodeTold]:
        return [one for name in self._kept if (one := self.of(name)) is not None]

    def names(self) -> Collection[str]:
        """Of whom anything is kept."""
        return self._kept.keys()

    def keep(self, living: Collection[str]) -> None:
        """Of the others nothing is kept that is old."""
        for name in self._kept.keys() - set(living):
            if self.of(name) is None:
                del self._kept[name]
