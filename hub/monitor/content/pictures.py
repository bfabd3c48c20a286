"""Pictures of alarms: ``pictures/STREAM/DAY/INTERRUPTION.jpg`` under the data folder, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hub.clock import US_PER_S

FOLDER = "pictures"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}-\d{1,19}(?:-[a-z_]{1,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AlarmPicture:
    """``path`` is relative to the data folder, with forward slashes."""

    path: str
    sha256: str
    data: bytes


def picture_path(stream_id: str, interruption_id: str, at_us: int) -> str:
    """Where the picture of an interruption lies; ``at_us`` is when it was detected (hub UTC). Raises ValueError for an
    id that is none: it names a file."""
    if not _ID.fullmatch(interruption_id) or not interruption_id.startswith(f"{stream_id}-"):
        raise ValueError(f"expected the id of an interruption, found {interruption_id[:80]!r}")
    day = datetime.fromtimestamp(at_us // US_PER_S, UTC).date().isoformat()
    return f"{FOLDER}/{stream_id}/{day}/{interruption_id}.jpg"


def alarm_picture(stream_id: str, interruption_id: str, at_us: int, data: bytes) -> AlarmPicture:
    return AlarmPicture(picture_path(stream_id, interruption_id, at_us), hashlib.sha256(data).hexdigest(), data)


def write_picture(root: Path, picture: AlarmPicture) -> None:
    """Blocks. Raises OSError."""
    path = root / picture.path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(picture.data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
