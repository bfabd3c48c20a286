"""What is read every five seconds: the list of series, and how each is read. Cheap: no metric with a series for each
stream is looked at."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from hub import metrics
from hub.clock import Instant
from hub.monitor.vitals import Flow
from hub.operations.rates import Quantile, Rate
from hub.operations.ring import Fold

SERIES: Mapping[str, Fold] = {
    "cpu": Fold.MEAN,
    "memory_bytes": Fold.MOST,
    "streams_live": Fold.LEAST,
    "streams_interrupted": Fold.MOST,
    "ingest_bps": Fold.MEAN,
    "recorded_bps": Fold.MEAN,
    "lost_packets_per_s": Fold.MEAN,
    "connections_per_s": Fold.MEAN,
    "loop_lag_s": Fold.MOST,
    "fsync_s": Fold.MOST,
    "commit_s": Fold.MOST,
    "disk_queue_bytes": Fold.MOST,
    "ledger_queue_bytes": Fold.MOST,
    "frames_waiting": Fold.MOST,
    "storage_errors": Fold.MOST,
    "disk_free_bytes": Fold.LEAST,
    "disk_bps": Fold.MEAN,
    "viewers": Fold.MOST,
    "viewer_drops_per_s": Fold.MEAN,
    "interruptions_open": Fold.MOST,
    "notices_failing": Fold.MOST,
    "unsigned_s": Fold.MOST,
}
"""Name → what a slot keeps of several readings. Shares are of one core, quantiles are the 95th."""
_P95 = 0.95
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Gauges:
    """What only the parts know; each is asked on the event loop and does not block."""

    streams: Callable[[], tuple[int, int]]
    """Live, and interrupted."""
    interruptions_open: Callable[[], int]
    notices_failing: Callable[[], int]
    disk_queue_bytes: Callable[[], int]
    ledger_queue_bytes: Callable[[], int]
    signed_us: Callable[[], int]
    """Hub UTC: what was entered until then is signed; 0: nothing yet."""
    together: Callable[[], Mapping[str, float]] = dict
    """Series of all processes of a cluster as one; what it names is shown instead of this process' own."""


@dataclass(slots=True)
class Reader:
    """Reads all series once. ``disk_free`` is brought: asking the disk may block."""

    flow: Flow
    gauges: Gauges
    _rates: dict[str, Rate] = field(default_factory=dict)
    _quantiles: dict[str, Quantile] = field(default_factory=dict)

    def read(self, now: Instant, disk_free: int | None) -> dict[str, float | None]:
        """By name, as in SERIES; None: not known now."""
        return dict(self._own(now, disk_free)) | dict(self.gauges.together())

    def _own(self, now: Instant, disk_free: int | None) -> Mapping[str, float | None]:
        flow, gauges = self.flow, self.gauges
        live, interrupted = gauges.streams()
        recorded = self._rate("disk_bps", written_bytes(), now)
        signed_us = gauges.signed_us()
        return {
            "cpu": self._rate("cpu", time.process_time(), now),
            "memory_bytes": memory_bytes(),
            "streams_live": live,
            "streams_interrupted": interrupted,
            "ingest_bps": _times(self._rate("ingest", flow.bytes, now), 8),
            "recorded_bps": _times(self._rate("recorded", flow.chunk_bytes, now), 8),
            "lost_packets_per_s": self._rate("lost", flow.lost_packets, now),
            "connections_per_s": self._rate("connections", flow.connections, now),
            "loop_lag_s": self._quantile("loop", metrics.LOOP_LAG),
            "fsync_s": self._quantile("fsync", metrics.FLUSH_SECONDS),
            "commit_s": self._quantile("commit", metrics.COMMIT_SECONDS),
            "disk_queue_bytes": gauges.disk_queue_bytes(),
            "ledger_queue_bytes": gauges.ledger_queue_bytes(),
            "frames_waiting": flow.waiting,
            "storage_errors": value_of(metrics.STORAGE_ERRORS),
            "disk_free_bytes": disk_free,
            "disk_bps": _times(recorded, 8),
            "viewers": value_of(metrics.VIEWERS),
            "viewer_drops_per_s": self._rate("drops", value_of(metrics.VIEWER_DROPS), now),
            "interruptions_open": gauges.interruptions_open(),
            "notices_failing": gauges.notices_failing(),
            "unsigned_s": None if signed_us == 0 else max(0.0, (now.utc_us - signed_us) / 1e6),
        }

    def _rate(self, name: str, total: float | None, now: Instant) -> float | None:
        return None if total is None else self._rates.setdefault(name, Rate()).look(total, now.mono_us)

    def _quantile(self, name: str, histogram: Histogram) -> float | None:
        return self._quantiles.setdefault(name, Quantile(_P95)).look(buckets_of(histogram))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def value_of(metric: Counter | Gauge) -> float:
    """Of a metric without labels."""
    return float(next(iter(metric.collect())).samples[0].value)


def buckets_of(histogram: Histogram) -> dict[float, float]:
    """Upper bound → how many were at most that."""
    samples = next(iter(histogram.collect())).samples
    return {float(one.labels["le"]): one.value for one in samples if one.name.endswith("_bucket")}


def memory_bytes() -> float | None:
    """Resident, of this process; None where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


def written_bytes() -> float | None:
    """What this process has caused to be written to disks; None where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
        return float(next(line for line in lines if line.startswith("write_bytes:")).split()[1])
    except (OSError, ValueError, StopIteration):
        return None


def disk_free(data: Path) -> int | None:
    """Blocks."""
    try:
        return shutil.disk_usage(data).free
    except OSError:
        return None
