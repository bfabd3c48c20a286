"""What /metrics shows of this moment: asked of the hub at each scrape, so nothing of it can be stale or left behind.

What only ever grows (bytes, packets, entries) is counted where it happens, in ``hub/metrics.py``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub import __version__
from hub.api.services import Services
from hub.clock import US_PER_S

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class OfNode:
    """Of a process of a cluster, beside what its office shows. ``epochs``: of the streams that it owns; ``leads``: the
    office is here; ``postgresql_away``: it does not answer this node."""

    data: Path
    checks: Mapping[str, bool]
    """By name, whether all is well enough to go on."""
    ledger_waiting_bytes: int = 0
    epochs: Mapping[str, int] = field(default_factory=dict)
    leads: bool = False
    postgresql_away: bool = False


def snapshot_of_node(node: OfNode, office: Services | None) -> Snapshot:
    """What a cluster's node shows; ``office``: of the office, while it is here."""
    own = [
        _family("cluster_leads", "1: the office is here; worry when it is nowhere.", [], [((), node.leads)]),
        _family(
            "cluster_stream_epoch",
            "How often a stream was taken, by who owns it now; a steep slope is a stream that flickers.",
            ["stream"],
            [((name,), epoch) for name, epoch in node.epochs.items()],
        ),
        _family("postgresql_away", "1: PostgreSQL does not answer this node.", [], [((), node.postgresql_away)]),
    ]
    if office is not None:
        return snapshot(office, node, own)
    checks, waiting = _common(node.checks, node.ledger_waiting_bytes)
    build = _family("build_info", "The version that runs, as a label.", ["version"], [((__version__,), 1)])
    return Snapshot(node.data, [build, checks, waiting, *own])


def _common(checks: Mapping[str, bool], waiting_bytes: int) -> tuple[Metric, Metric]:
    is_well = [((name,), float(good)) for name, good in checks.items()]
    return (
        _family("check_ok", "Checks of /readyz, 1 if well; worry at 0.", ["check"], is_well),
        _family(
            "ledger_waiting_bytes",
            "Entries that are not durable yet; worry when above a megabyte for a minute.",
            [],
            [((), waiting_bytes)],
        ),
    )


def snapshot(services: Services, node: OfNode | None = None, more: Sequence[Metric] = ()) -> Snapshot:
    """Collect on the event loop; render in a thread. ``node``: the office's process has other roles beside it."""
    registered = services.registry.list()
    statuses = [(stream, services.status(stream)) for stream in registered]
    present = services.present()
    checks_ok = {name: result == "ok" for name, result in services.ready().items()}
    waiting_bytes = services.log.waiting_bytes
    if node is not None:  # where both have a check of one name, it is well if both say so
        checks_ok = {**node.checks, **{name: good and node.checks.get(name, True) for name, good in checks_ok.items()}}
        waiting_bytes += node.ledger_waiting_bytes
    checks, waiting = _common(checks_ok, waiting_bytes)
    families = [
        _family("build_info", "The version that runs, as a label.", ["version"], [((__version__,), 1)]),
        checks,
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
        waiting,
        *more,
    ]
    return Snapshot(services.settings.data, families)


def _family(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(f"hub_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric([str(one) for one in values], value)
    return family


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot(Collector):
    """Metric families as they stood when it was made."""

    data: Path
    families: Sequence[Metric]

    def text(self) -> bytes:
        """In the Prometheus text format. Blocks: it asks the disk."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable[Metric]:
        yield from self.families
        try:
            usage = shutil.disk_usage(self.data)
        except OSError:
            return  # /readyz and the check above say so
        text = "where the data folder lies"
        yield _family("disk_total_bytes", f"Size of the disk {text}.", [], [((), usage.total)])
        yield _family("disk_free_bytes", f"Free bytes {text}; worry below a few days' worth.", [], [((), usage.free)])
