"""The disk as the recorder sees it: a handful of calls, each of which may fail with OSError."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from hub.clock import US_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_US = 253_402_300_799 * US_PER_S  # the last second that a calendar of four-digit years has


class Files(Protocol):
    """Calls block. A test gives its own, to let the disk fail at any one of them."""

    def make_folder(self, path: Path) -> list[Path]:
        """Makes a folder and its parents; returns the folders whose list of names changed."""
        ...

    def create(self, path: Path) -> int:
        """A new file, open for writing. FileExistsError when the name is taken."""
        ...

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Writes as much as the disk takes, at least one byte; returns how much."""
        ...

    def truncate(self, fd: int, size: int) -> None: ...

    def flush(self, fd: int) -> None:
        """Returns when the file's bytes and size are on the disk."""
        ...

    def flush_folder(self, path: Path) -> None:
        """Returns when the folder's list of names is on the disk."""
        ...

    def close(self, fd: int) -> None: ...

    def remove(self, path: Path) -> None: ...


class PosixFiles:
    """The real ones."""

    def make_folder(self, path: Path) -> list[Path]:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        return [folder.parent for folder in missing]

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        return os.pwritev(fd, buffers, offset)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def flush(self, fd: int) -> None:
        os.fdatasync(fd)

    def flush_folder(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def remove(self, path: Path) -> None:
        path.unlink()


def reel_name(stream_id: str, first_us: int, run: int, copy: int = 0) -> str:
    """``reels/<stream>/<YYYY-MM-DD>/<HHMMSS.mmm>Z-<run>.mp4``, relative to the data folder.

    The time is UTC of the first capture. ``copy`` tells a second reel of the same run and millisecond apart.
    """
    moment = _EPOCH + timedelta(microseconds=min(max(first_us, 0), _LATEST_US))
    clock = f"{moment:%H%M%S}.{moment.microsecond // 1000:03d}Z"
    suffix = f"-{copy}" if copy else ""
    return f"reels/{stream_id}/{moment:%Y-%m-%d}/{clock}-{run}{suffix}.mp4"
