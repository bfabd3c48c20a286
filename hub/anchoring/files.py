"""Writes what an authority gave, so that it survives a power cut. Blocking: for a thread."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.anchoring.authority import Received
from hub.ledger.anchors.stored import ANCHORS
from hub.ledger.files import replace_file, sync_folder

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where an anchor's bytes lie: ``file`` is relative to the log's folder."""

    file: str
    offset: int
    count: int
    sha256: str


def keep(folder: Path, received: Received, now_us: int) -> Kept:
    """Store the bytes below the log's ``folder``, flushed. Raises OSError.

    A token gets a file of its own, for other tools to read. Cosignatures come every minute and are short: one file a
    witness and day.
    """
    day = (_EPOCH + timedelta(microseconds=now_us)).date().isoformat()
    slug = _slug(received.authority)
    digest = hashlib.sha256(received.data).hexdigest()
    if received.kind == "witness":
        file = f"{ANCHORS}/{day}/{slug}.cosignatures"
        return Kept(file, _append(folder / file, received.data), len(received.data), digest)
    file = _free(folder, f"{ANCHORS}/{day}/{received.size:012d}-{slug}", ".tst")
    _make_folder(folder / file)
    replace_file(folder / file, received.data)
    return Kept(file, 0, len(received.data), digest)


def _append(path: Path, data: bytes) -> int:
    new = not path.exists()
    _make_folder(path)
    with path.open("ab") as file:
        offset = file.tell()
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folder(path.parent)
    return offset


def _make_folder(path: Path) -> None:
    day = path.parent
    if not day.exists():
        day.mkdir(parents=True)
        sync_folder(day.parent)
        sync_folder(day.parent.parent)


def _free(folder: Path, stem: str, suffix: str) -> str:
    """A name that no file has: the same head may be stamped again after a restart."""
    number, name = 1, f"{stem}{suffix}"
    while (folder / name).exists():
        number += 1
        name = f"{stem}.{number}{suffix}"
    return name


def _slug(name: str) -> str:
    """Readable, and never the same for two names."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:40]
    if readable == name:
        return name
    return f"{readable or 'authority'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
