"""Bodies of entries, made from the hub's nouns, and the nouns read back from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.ledger.entries import EntryType, JsonValue
from hub.model import (
    Chunk,
    Interruption,
    InterruptionKind,
    InterruptionState,
    MediaKind,
    SessionInfo,
    TrackRange,
)

_STATE_OF_TYPE = {
    EntryType.INTERRUPTION_OPEN: InterruptionState.CONFIRMED,
    EntryType.INTERRUPTION_CLOSE: InterruptionState.CLOSED,
    EntryType.INTERRUPTION_WITHDRAWN: InterruptionState.WITHDRAWN,
}
INTERRUPTION_TYPES = frozenset(_STATE_OF_TYPE)
WITHOUT_A_WORD_US = 1_000_000
"""So much footage may be missing between two chunks: an interruption is suspected from a second on."""


# ---------------------------------------------------------------------------------------- footage


def chunk_body(chunk: Chunk) -> dict[str, JsonValue]:
    """The body of a ``chunk`` entry."""
    return {
        "reel": chunk.reel,
        "run": chunk.run,
        "offset": chunk.offset,
        "size": chunk.size,
        "sha256": chunk.sha256,
        "init_size": chunk.init_size,
        "init_sha256": chunk.init_sha256,
        "first_us": chunk.first_us,
        "end_us": chunk.end_us,
        "device_us": chunk.device_us,
        "tracks": [track_body(track) for track in chunk.tracks],
        "reason": chunk.reason,
    }


def track_body(track: TrackRange) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {
        "id": track.track_id,
        "kind": track.kind.value,
        "timescale": track.timescale,
        "first_ticks": track.first_ticks,
        "end_ticks": track.end_ticks,
        "frames": track.frames,
        "keyframes": track.keyframes,
        "damaged": track.damaged,
        "first_seq": track.first_seq,
        "last_seq": track.last_seq,
        "lost": track.lost,
    }
    if track.source_sha256:
        body["source_sha256"] = track.source_sha256
    return body


def chunk_from_body(stream_id: str, body: Mapping[str, Any]) -> Chunk:
    """The chunk that a ``chunk`` entry, or the footage of a ``recovery`` entry, speaks of."""
    return Chunk(
        stream_id=stream_id,
        run=body["run"],
        reel=body["reel"],
        offset=body["offset"],
        size=body["size"],
        sha256=body["sha256"],
        init_size=body["init_size"],
        init_sha256=body["init_sha256"],
        first_us=body["first_us"],
        end_us=body["end_us"],
        device_us=body.get("device_us"),
        tracks=tuple(track_from_body(track) for track in body["tracks"]),
        reason=body["reason"],
    )


def track_from_body(body: Mapping[str, Any]) -> TrackRange:
    return TrackRange(
        track_id=body["id"],
        kind=MediaKind(body["kind"]),
        timescale=body["timescale"],
        first_ticks=body["first_ticks"],
        end_ticks=body["end_ticks"],
        frames=body["frames"],
        keyframes=body["keyframes"],
        damaged=body["damaged"],
        first_seq=body["first_seq"],
        last_seq=body["last_seq"],
        lost=body["lost"],
        source_sha256=body.get("source_sha256", ""),
    )


# ------------------------------------------------------------------------------------------- runs


def open_body(
    session: SessionInfo, run: int, *, init_sha256: str = "", device_signs: bool = False
) -> dict[str, JsonValue]:
    """The body of an ``open`` entry. ``init_sha256`` is empty where the run is announced before its
    first picture: every chunk entry then names its init segment."""
    return {
        "run": run,
        "protocol": session.protocol,
        "peer": session.peer,
        "device": session.device,
        "opened_us": session.opened.utc_us,
        "init_sha256": init_sha256,
        "device_signs": device_signs,
        "tracks": [
            {"id": track.id, "codec": track.codec.value, "timescale": track.timescale, "channels": track.channels}
            for track in session.tracks
        ],
    }


UPLOAD = "upload"
"""The protocol of a run that is no connection: footage that a device recorded by itself and brought later. Its
chunks lie in time where they belong, beside those of other runs and not after them."""

HUB_STOPPED = "hub stopped"
"""The reason of a ``close`` for a run that its source had not ended: it is due again at the next start."""
HANDED_OVER = "handed over"
"""The same, of a run that goes on at another node."""


def close_body(reason: str, *, run: int | None = None) -> dict[str, JsonValue]:
    """The body of a ``close`` entry: why the run (in the stream ``_hub``: the hub) ended."""
    return {"reason": reason} if run is None else {"reason": reason, "run": run}


# ---------------------------------------------------------------------------------- interruptions


def interruption_body(interruption: Interruption) -> dict[str, JsonValue]:
    """The body of any of the three ``interruption_…`` entries; see the functions below for the type."""
    body: dict[str, JsonValue] = {
        "id": interruption.id,
        "kind": interruption.kind.value,
        "started_us": interruption.started_us,
        "detected_us": interruption.detected_us,
        "edge_error_us": interruption.edge_error_us,
        "tracks": list(interruption.tracks),
        "count": interruption.count,
        "needs_explanation": interruption.needs_explanation,
        "rings": interruption.rings,
        "evidence": dict(interruption.evidence),
    }
    if interruption.ended_us is not None:
        body["ended_us"] = interruption.ended_us
    return body


def interruption_entry(interruption: Interruption) -> tuple[EntryType, dict[str, JsonValue]] | None:
    """Type and body of the entry that this change of state asks for.

    None for ``suspected`` and ``resumed``, which are no facts yet. Whether a withdrawal was confirmed
    before (only then it is an entry) is known to the caller alone.
    """
    for kind, state in _STATE_OF_TYPE.items():
        if interruption.state is state:
            return kind, interruption_body(interruption)
    return None


def interruption_from_body(stream_id: str, kind: EntryType, body: Mapping[str, Any]) -> Interruption:
    """The interruption as of this entry."""
    return Interruption(
        id=body["id"],
        stream_id=stream_id,
        kind=InterruptionKind(body["kind"]),
        state=_STATE_OF_TYPE[kind],
        started_us=body["started_us"],
        detected_us=body["detected_us"],
        ended_us=body.get("ended_us"),
        edge_error_us=body["edge_error_us"],
        tracks=tuple(body["tracks"]),
        count=body["count"],
        needs_explanation=body["needs_explanation"],
        rings=body["rings"],
        evidence=dict(body["evidence"]),
    )
