"""What /metrics shows of this moment: asked of the hub at each scrape, so nothing of it can be stale or left behind.

What only ever grows (bytes, packets, entries) is counted where it happens, in ``hub/metrics.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub import __version__
from hub.api.services import Services
from hub.clock import US_PER_S

Sample = tuple[tuple[str, ...], float]


def snapshot(services: Services) -> Snapshot:
    """Collect on the event loop; render in a thread."""
    registered = services.registry.list()
    statuses = [(stream, services.status(stream)) for stream in registered]
    present = services.present()
    families = [
        _family("build_info", "The version that runs, as a label.", ["version"], [((__version__,), 1)]),
        _family(
            "check_ok",
            "Checks of /readyz, 1 if well; worry at 0.",
            ["check"],
            [((name,), float(result == "ok")) for name, result in services.ready().items()],
        ),
        _family(
            "stream_state",
            "1 for the state that a stream is in; worry at interrupted, suspected for long, or waiting.",
            ["stream", "kind", "state"],
            [((stream.id, stream.kind, status.state), 1) for stream, status in statuses],
        ),
        _family(
            "stream_bitrate_bps",
            "Coded media received of late; worry when far below what the device is set to.",
            ["stream"],
            [((stream.id,), status.bitrate_bps) for stream, status in statuses],
        ),
        _family(
            "open_interruption_timestamp_seconds",
            "When an interruption began that is not over; time() minus it is its age.",
            ["stream", "kind", "state"],
            [((one.stream_id, one.kind, one.state), one.started_us / US_PER_S) for one in present],
        ),
        _family(
            "ledger_waiting_bytes",
            "Entries that are not durable yet; worry when above a megabyte for a minute.",
            [],
            [((), services.log.waiting_bytes)],
        ),
    ]
    return Snapshot(services, families)


def _family(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(f"hub_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric([str(one) for one in values], value)
    return family


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot(Collector):
    """Metric families as they stood when it was made."""

    services: Services
    families: Sequence[Metric]

    def text(self) -> bytes:
        """In the Prometheus text format. Blocks: it asks the disk."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable[Metric]:
        yield from self.families
        try:
            usage = shutil.disk_usage(self.services.settings.data)
        except OSError:
            return  # /readyz and the check above say so
        text = "where the data folder lies"
        yield _family("disk_total_bytes", f"Size of the disk {text}.", [], [((), usage.total)])
        yield _family("disk_free_bytes", f"Free bytes {text}; worry below a few days' worth.", [], [((), usage.free)])
