"""An export that somebody asked for, as it stands. Pure, but for the table that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Index, Table

from hub.database import Int64, Text, metadata
from hub.ledger.package.format import Notes

jobs = Table(
    "exports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("from_us", Int64, nullable=False),
    Column("to_us", Int64, nullable=False),
    Column("notes", Text, nullable=False),  # JSON
    Column("reason", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("split_bytes", Int64),
    Column("movie", Int64, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_us", Int64, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_us", Int64),
    Column("finished_us", Int64),
    Column("problem", Text, nullable=False),
    Column("files", Text, nullable=False),  # JSON
    Index("exports_by_state", "state"),
)


class JobState(StrEnum):
    REQUESTED = "requested"
    """Waits for a second person."""
    APPROVED = "approved"
    """Waits for its turn."""
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REMOVED = "removed"
    """Its files were there, and are no more."""


OPEN = frozenset({JobState.REQUESTED, JobState.APPROVED, JobState.RUNNING})


@dataclass(frozen=True, slots=True)
class JobFile:
    """A part that can be fetched."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Job:
    """Times are hub UTC in µs. ``decided_by`` approved or rejected it; ``problem`` says why it failed, or was rejected,
    or what its package lacks."""

    id: str
    stream_id: str
    from_us: int
    to_us: int
    notes: Notes
    reason: str
    recipient: str
    requested_by: str
    requested_us: int
    split_bytes: int | None = None
    movie: bool = True
    state: JobState = JobState.REQUESTED
    decided_by: str = ""
    decided_us: int | None = None
    finished_us: int | None = None
    problem: str = ""
    files: tuple[JobFile, ...] = ()
    progress: float = 0.0

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "stream": self.stream_id,
            "from_us": self.from_us,
            "to_us": self.to_us,
            "notes": json.dumps(asdict(self.notes), ensure_ascii=False),
            "reason": self.reason,
            "recipient": self.recipient,
            "split_bytes": self.split_bytes,
            "movie": int(self.movie),
            "state": self.state.value,
            "requested_by": self.requested_by,
            "requested_us": self.requested_us,
            "decided_by": self.decided_by,
            "decided_us": self.decided_us,
            "finished_us": self.finished_us,
            "problem": self.problem,
            "files": json.dumps([asdict(file) for file in self.files]),
        }


def job_of(row: Mapping[str, Any]) -> Job:
    notes = json.loads(row["notes"])
    return Job(
        id=row["id"],
        stream_id=row["stream"],
        from_us=row["from_us"],
        to_us=row["to_us"],
        notes=Notes(notes["matter"], notes["place"], notes["method"], tuple(notes["officers"])),
        reason=row["reason"],
        recipient=row["recipient"],
        requested_by=row["requested_by"],
        requested_us=row["requested_us"],
        split_bytes=row["split_bytes"],
        movie=bool(row["movie"]),
        state=JobState(row["state"]),
        decided_by=row["decided_by"],
        decided_us=row["decided_us"],
        finished_us=row["finished_us"],
        problem=row["problem"],
        files=tuple(JobFile(**file) for file in json.loads(row["files"])),
        progress=1.0 if row["state"] in (JobState.READY, JobState.REMOVED) else 0.0,
    )
