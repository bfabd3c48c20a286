"""What the hub tells: events for pages and parts, entries about people's decisions, a word to a recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hub.api.exports import export_json
from hub.api.streams import stream_json
from hub.evidence.job import Job
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue
from hub.model import Stream
from hub.monitor.maintenance import Window

if TYPE_CHECKING:
    from hub.app.hub import Hub

EVENT_TICK_S = 1.0


class Telling:
    """On the event loop; never blocks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self._hub.events.publish(kind, data, self._hub.clock.now())

    def access(self, stream_id: str, body: Mapping[str, JsonValue]) -> object:
        """Who saw, took or changed what: an ``access`` entry."""
        return self._hub.ledger.append(stream_id, EntryType.ACCESS, body)

    def stream_changed(self, before: Stream | None, after: Stream) -> None:
        if after.retired:
            self._hub.telemetry.forget(after.id)
        self._stream("added" if before is None else "retired" if after.retired else "changed", after)

    def _stream(self, word: str, stream: Stream) -> None:
        self.publish(f"stream.{word}", stream_json(stream, self._hub.answers.status(stream)))

    def label_changed(self, stream_id: str) -> None:
        """Tiles show at once what a stream is labelled as."""
        stream = self._hub.registry.find(stream_id)
        if stream is not None:
            self._stream("changed", stream)

    def export(self, job: Job) -> None:
        self.publish(f"export.{job.state.value}", export_json(job))

    def maintenance(self, window: Window, action: str, by: str) -> None:
        """What people decided is a fact of the ledger; that it began or ended follows from it, and is only told."""
        if action not in ("began", "ended"):
            self._hub.ledger.append(window.stream or HUB_STREAM, EntryType.MAINTENANCE, window.body(action, by))
        self.publish(f"maintenance.{action}", window.json())

    def cue(self, stream_id: str, data: Mapping[str, Any]) -> None:
        """On the recorder's data channel, or with the answer to its next telemetry."""
        self._hub.telemetry.cue(stream_id, "explain", interruption=data["id"], text=data["text"])

    async def cue_officers(self) -> None:
        """Until cancelled: who records again is asked to say why it broke off, before the entry is written."""
        with self._hub.events.subscribe() as listener:
            async for event in listener:
                if event.type == "interruption.resumed":
                    for fault in self._hub.answers.present():
                        if fault.id == event.data["id"]:
                            self._hub.followup.resumed(fault)

    async def states(self) -> None:
        """Until cancelled: pages hear of every change of a stream's state, and each second that the hub lives."""
        while True:
            await asyncio.sleep(EVENT_TICK_S)
            self._hub.maintenance.tick()
            for one in self._hub.recording.all():
                if self._hub.answers.has_changed(one):
                    self._stream("changed", one.stream)
