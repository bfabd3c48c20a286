"""What the hub answers about this moment: how each stream is, what is open, whether it is ready."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hub.api.services import Complaint, StreamStateName, StreamStatus
from hub.app.recording import StreamNow
from hub.duty.findings import Seen
from hub.labels.model import strictest
from hub.model import Interruption, InterruptionKind, InterruptionState, MediaKind, Stream
from hub.monitor.rules import StreamState
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
        now = hub.recording.now(stream.id)
        telemetry, fault = hub.telemetry.state_json(stream.id), hub.telemetry.faults.of(stream.id)
        if now is None:
            word: StreamStateName = "retired" if stream.retired else "waiting"
            return StreamStatus(state=word, telemetry=telemetry, label=label)
        session, complaint = now.session, now.last_complaint
        return StreamStatus(
            state=now.state.value,
            since_us=now.since_us,
            tracks=session.tracks if session else (),
            device=session.device if session else "",
            peer=session.peer if session else "",
            session_us=session.opened.utc_us if session else None,
            bitrate_bps=now.bitrate_bps,
            attempts=now.attempts,
            complaint=Complaint(*complaint) if complaint else None,
            interruption=now.broken,
            telemetry=telemetry,
            label=label,
            fault=None if fault is None else fault_json(fault),
        )

    def has_changed(self, one: StreamNow) -> bool:
        """Whether its state is another than when this was asked last."""
        now = (one.state, one.since_us)
        before, self._states[one.stream.id] = self._states.get(one.stream.id), now
        return before != now

    def present(self) -> Sequence[Interruption]:
        """What every detector holds open at this moment."""
        return [cut for one in self._hub.recording.all() for cut in one.current if cut.recorded]

    def due(self) -> Iterable[Stream]:
        """Streams that are expected to record now."""
        unwatched = (StreamState.IDLE, StreamState.OFF_DUTY)
        return (one.stream for one in self._hub.recording.all() if one.state not in unwatched)

    def delivering(self) -> Iterable[Seen]:
        """What delivers at this moment, and whether sound is a part of it."""
        for one in self._hub.recording.all():
            if one.session is not None and one.state is StreamState.LIVE:
                absent = one.absent_tracks
                sound = any(track.kind is MediaKind.AUDIO and track.id not in absent for track in one.session.tracks)
                yield Seen(one.stream, sound)

    def is_connected(self, stream_id: str) -> bool:
        now = self._hub.recording.now(stream_id)
        return now is not None and now.session is not None

    def ready(self) -> Mapping[str, str]:
        """Each check's name with ``ok`` or what is wrong."""
        hub = self._hub
        refused = sorted({one.stream_id for one in self.present() if _not_stored(one)})
        return {
            "ledger": hub.ledger.problem or "ok",
            "disk": _disk_space(hub.settings),
            "retention": hub.retention.problem,
            **hub.archiving.ready(),
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
