"""What the hub answers about this moment: how each stream is, what is open, whether it is ready."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hub.api.services import Complaint, StreamStateName, StreamStatus
from hub.duty.findings import Seen
from hub.labels.model import strictest
from hub.model import Interruption, InterruptionKind, InterruptionState, MediaKind, Stream
from hub.monitor.rules import StreamState
from hub.pipeline import Pipeline
from hub.settings import Settings
from hub.telemetry.state import fault_json

if TYPE_CHECKING:
    from hub.app.hub import Hub


class Answers:
    """Asked on the event loop; never blocks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._states: dict[str, tuple[StreamState, int]] = {}

    def status(self, stream: Stream) -> StreamStatus:
        """How a stream is at this moment, for the API and the page."""
        hub = self._hub
        label = strictest(hub.labels.of_stream_now(stream.id))
        pipeline = hub.fleet.pipeline(stream.id)
        telemetry, fault = hub.telemetry.state_json(stream.id), hub.telemetry.faults.of(stream.id)
        if pipeline is None:
            word: StreamStateName = "retired" if stream.retired else "waiting"
            return StreamStatus(state=word, telemetry=telemetry, label=label)
        condition = pipeline.condition
        session = condition.session
        state, since_us = self.state_of(pipeline)
        return StreamStatus(
            state=state.value,
            since_us=since_us,
            tracks=session.tracks if session else (),
            device=session.device if session else "",
            peer=session.peer if session else "",
            session_us=session.opened.utc_us if session else None,
            bitrate_bps=pipeline.bitrate.bps,
            attempts=condition.attempts,
            complaint=Complaint(*condition.complaint) if condition.complaint else None,
            interruption=pipeline.detector.current,
            telemetry=telemetry,
            label=label,
            fault=None if fault is None else fault_json(fault),
        )

    def state_of(self, pipeline: Pipeline) -> tuple[StreamState, int]:
        """The stream's state, and since when (hub UTC)."""
        state = pipeline.detector.state
        known = self._states.get(pipeline.stream.id)
        if known is None or known[0] is not state:
            known = self._states[pipeline.stream.id] = (state, self._hub.clock.now().utc_us)
        return known

    def has_changed(self, pipeline: Pipeline) -> bool:
        """Whether its state is another than when it was asked for last."""
        return self._states.get(pipeline.stream.id) != self.state_of(pipeline)

    def present(self) -> Sequence[Interruption]:
        """What every detector holds open at this moment."""
        return [one for pipeline in self._hub.fleet.pipelines() for one in pipeline.current if one.recorded]

    def due(self) -> Iterable[Stream]:
        """Streams that are expected to record now."""
        unwatched = (StreamState.IDLE, StreamState.OFF_DUTY)
        return (one.stream for one in self._hub.fleet.pipelines() if one.detector.state not in unwatched)

    def delivering(self) -> Iterable[Seen]:
        """What delivers at this moment, and whether sound is a part of it."""
        for pipeline in self._hub.fleet.pipelines():
            session = pipeline.condition.session
            if session is not None and pipeline.detector.state is StreamState.LIVE:
                absent = pipeline.detector.absent_tracks
                sound = any(one.kind is MediaKind.AUDIO and one.id not in absent for one in session.tracks)
                yield Seen(pipeline.stream, sound)

    def is_connected(self, stream_id: str) -> bool:
        pipeline = self._hub.fleet.pipeline(stream_id)
        return pipeline is not None and pipeline.condition.session is not None

    def ready(self) -> Mapping[str, str]:
        """Each check's name with ``ok`` or what is wrong."""
        hub = self._hub
        refused = sorted({one.stream_id for one in self.present() if _not_stored(one)})
        return {
            "ledger": hub.ledger.problem or "ok",
            "disk": _disk_space(hub.settings),
            "retention": hub.retention.problem,
            "reels": f"not stored as it comes: {', '.join(refused[:10])}" if refused else "ok",
        }


def _not_stored(interruption: Interruption) -> bool:
    """The disk refuses at this moment."""
    return interruption.kind is InterruptionKind.STORAGE and interruption.state is not InterruptionState.RESUMED


def _disk_space(settings: Settings) -> str:
    try:
        free_mb = shutil.disk_usage(settings.data).free >> 20
    except OSError as error:
        return f"the data folder cannot be looked at: {error.strerror}"
    if free_mb < settings.min_free_mb:
        return f"{free_mb} MiB free, fewer than the {settings.min_free_mb} MiB of min_free_mb"
    return "ok"
