"""Which tracks are waited for: after a reconnect, at the turns of duty, of those that were announced."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from hub.clock import Instant
from hub.model import MediaKind
from hub.monitor.case import WHOLE_STREAM, Case
from hub.monitor.rules import DetectorRules
from hub.monitor.watch import TrackWatch

_SILENT_US = 850_000
"""A track that is so late when duty begins or ends is silent."""


def awaited(watches: Collection[TrackWatch]) -> list[TrackWatch]:
    """Tracks of which no good frame has come, and must: pictures where there are any."""
    video = any(watch.kind is MediaKind.VIDEO for watch in watches)
    return [watch for watch in watches if watch.good_end_us is None and (watch.kind is MediaKind.VIDEO or not video)]


def begun_anew(watches: Mapping[int, TrackWatch], rules: DetectorRules, now: Instant) -> dict[int, TrackWatch]:
    """What is silent when duty turns has not broken off: it has not begun."""
    return {
        track_id: watch
        if watch.heard_us is None or now.mono_us < watch.due_us() + _SILENT_US
        else TrackWatch(watch.info, rules)
        for track_id, watch in watches.items()
    }


def succeed(case: Case, watches: Collection[TrackWatch], delivered: Mapping[int, MediaKind]) -> None:
    """Each open fault waits for the track that takes its place in the new session.

    ``delivered`` says of which kind the earlier tracks were, by id. A fault of the whole stream becomes one
    of each track that must come: pictures where there are any, sound only once it has been heard.
    """
    whole = case.faults.get(WHOLE_STREAM)
    if whole is not None and not whole.over and watches:
        del case.faults[WHOLE_STREAM]
        for watch in [watch for watch in watches if watch.kind is MediaKind.VIDEO] or watches:
            case.faults.setdefault(watch.info.id, replace(whole))
    for track_id, fault in list(case.faults.items()):
        if track_id > 0 and not fault.over:
            _rehome(case, track_id, watches, delivered.get(track_id))


def _rehome(case: Case, track_id: int, watches: Collection[TrackWatch], kind: MediaKind | None) -> None:
    if kind is None or any(watch.info.id == track_id and watch.kind is kind for watch in watches):
        return
    for watch in watches:
        if watch.kind is kind and watch.info.id not in case.faults:
            case.faults[watch.info.id] = case.faults.pop(track_id)
            return
    if kind is MediaKind.AUDIO and len(case.faults) > 1:
        del case.faults[track_id]  # no longer announced: a change of the camera's settings, no fault
