"""What the engineer's figures are read from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.clock import Clock
from hub.ledger.entries import Entry, is_footage
from hub.monitor.rules import StreamState
from hub.monitor.vitals import name_of
from hub.operations.operations import Operations
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
    recording, outbox = hub.recording, hub.notices.outbox
    flow = recording.flow

    def streams() -> tuple[int, int]:
        states = [one.state for one in recording.all()]
        return states.count(StreamState.LIVE), states.count(StreamState.INTERRUPTED)

    def failing() -> int:
        return sum(bool(outbox.health(one.name)[0]) for one in hub.notices.channels.all())

    def entered(entries: Sequence[Entry]) -> None:
        chunks = (one.body for one in entries if is_footage(one.type, one.body))
        flow.entered(name_of(one["reel"], one["offset"]) for one in chunks)

    hub.ledger.on_commit(entered)
    gauges = Gauges(
        streams=streams,
        interruptions_open=lambda: len(hub.answers.present()),
        notices_failing=failing,
        disk_queue_bytes=lambda: disk.waiting_bytes,
        ledger_queue_bytes=lambda: hub.ledger.waiting_bytes,
        signed_us=lambda: hub.ledger.signed_us,
        together=recording.together,
    )
    return Operations(hub.settings.data, hub.clock, flow, gauges, recording.measured, said)
