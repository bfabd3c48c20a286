"""The disk as retention sees it: three calls, each of which may fail with OSError. Blocking."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Usage:
    """Of the disk that the data folder lies on, in bytes; ``free`` is what the hub may still write."""

    total: int
    free: int


class Kept(OSError):
    """This file is not deleted now, and asking again soon would not help: a lock in a store that keeps it."""


class Files(Protocol):
    """A test gives its own, to stop anywhere."""

    def size(self, path: Path) -> int | None:
        """Of a file; None: there is none."""
        ...

    def remove(self, path: Path) -> None:
        """Raises Kept where it must not be asked again soon."""
        ...

    def flush_folder(self, path: Path) -> None:
        """Returns when the folder's list of names is on the disk."""
        ...

    def usage(self, path: Path) -> Usage: ...


class PosixFiles:
    """The real ones."""

    def size(self, path: Path) -> int | None:
        try:
            return path.lstat().st_size
        except FileNotFoundError:
            return None

    def remove(self, path: Path) -> None:
        path.unlink()

    def flush_folder(self, path: Path) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def usage(self, path: Path) -> Usage:
        found = shutil.disk_usage(path)
        return Usage(found.total, found.free)
