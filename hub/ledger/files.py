"""Where the ledger's files lie, and writes that survive a power cut.

``DATA/reels/<stream>/<day>/<reel>.mp4.entries`` holds the entries of one reel's footage,
``DATA/reels/<stream>/<day>.entries`` the stream's other entries of that day (of ``t_hub``, UTC), and
``DATA/_hub/<day>.entries`` the hub-wide ones: one entry a line. Which file an entry lies in follows
from the entry alone. ``DATA/log/<origin>/`` holds the log: ``leaves`` (32 bytes each, in the order of the
log: the level-0 hashes that tiles are made of), ``checkpoint`` (the newest), ``checkpoints`` (all, one
after the other) and ``vkey``; ``DATA/log/origin`` names the log that is being written.
"""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.ledger.entries import HUB_STREAM, EntryType
from hub.model import DATABASE_FILE as DATABASE_FILE

SUFFIX = ".entries"
LOCK_FILE = "hub.lock"
CHECKPOINT_FILE = "checkpoint"
CHECKPOINTS_FILE = "checkpoints"
LEAVES_FILE = "leaves"
VKEY_FILE = "vkey"
RESTORED_FILE = "restored"
"""In a log's folder: it came back from a backup, may have gone on elsewhere, and is not gone on with here. Holds a name
for the next one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def entry_file(stream_id: str, kind: EntryType, body: Any, t_hub_us: int) -> str:
    """The file, relative to the data folder, that an entry belongs to."""
    reel = body.get("reel") if kind in (EntryType.CHUNK, EntryType.RECOVERY) else None
    if reel:
        return f"{reel}{SUFFIX}"
    day = (_EPOCH + timedelta(microseconds=t_hub_us)).date().isoformat()
    return f"{HUB_STREAM}/{day}{SUFFIX}" if stream_id == HUB_STREAM else f"reels/{stream_id}/{day}{SUFFIX}"


def log_slug(origin: str) -> str:
    """A folder name for an origin: readable, and never the same for two origins."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", origin).strip("-.")[:60]
    return f"{readable}-{hashlib.sha256(origin.encode()).hexdigest()[:8]}"


def log_folder(data: Path, origin: str) -> Path:
    return data / "log" / log_slug(origin)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that after a power cut either the old or the new one is there, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)
