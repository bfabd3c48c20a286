"""What the engineer's figures are read from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.clock import Clock
from hub.ledger.entries import Entry, EntryType
from hub.monitor.rules import StreamState
from hub.operations.operations import Measured, Operations
from hub.operations.reading import Gauges
from hub.operations.said import Listening
from hub.segmenter.disk import Disk

if TYPE_CHECKING:
    from hub.app.hub import Hub


@contextmanager
def listening(clock: Clock) -> Iterator[Listening]:
    """Warnings of the process from here on."""
    handler = Listening(clock)
    logging.getLogger().addHandler(handler)
    try:
        yield handler
    finally:
        logging.getLogger().removeHandler(handler)


def operating(hub: Hub, disk: Disk, said: Listening) -> Operations:
    """Begun when everything it reads is there."""
    flow, fleet, outbox = hub.flow, hub.fleet, hub.notices.outbox

    def streams() -> tuple[int, int]:
        states = [one.detector.state for one in fleet.pipelines()]
        return states.count(StreamState.LIVE), states.count(StreamState.INTERRUPTED)

    def failing() -> int:
        return sum(bool(outbox.health(one.name)[0]) for one in hub.notices.channels.all())

    def entered(entries: Sequence[Entry]) -> None:
        flow.entered(one.leaf for one in entries if one.type is EntryType.CHUNK)

    hub.ledger.on_commit(entered)
    gauges = Gauges(
        streams=streams,
        interruptions_open=lambda: len(hub.answers.present()),
        notices_failing=failing,
        disk_queue_bytes=lambda: disk.waiting_bytes,
        ledger_queue_bytes=lambda: hub.ledger.waiting_bytes,
        signed_us=lambda: hub.ledger.signed_us,
    )
    return Operations(
        hub.settings.data, hub.clock, flow, gauges,
        lambda: [Measured(one.vitals, one.bitrate.bps) for one in fleet.pipelines()], said,
    )  # fmt: skip
