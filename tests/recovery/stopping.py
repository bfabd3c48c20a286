"""A disk that is cut off at any call: the process ends there at once, in the middle of a write if need be.

The calls are those of the ``os`` module that the ledger and the segmenter make. With ``power_cut``, what was
written since a file was last flushed is lost as well, from a random byte on.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STOPPED = 86
"""The exit code of a process that was stopped."""
_PLAIN = ("fsync", "fdatasync", "ftruncate", "truncate", "replace", "rename", "unlink", "mkdir", "open")


class StoppingDisk:
    """Counts calls from :meth:`install` on, and ends the process at call number ``at``."""

    def __init__(self, data: Path, at: int, rng: random.Random, *, power_cut: bool) -> None:
        self._data = data
        self._at = at
        self._rng = rng
        self._power_cut = power_cut
        self._lock = threading.Lock()
        self._flushed: dict[str, int] = {}
        self.calls = 0
        self._real = {name: getattr(os, name) for name in (*_PLAIN, "write", "pwrite", "pwritev")}

    def install(self) -> None:
        """What lies on the disk at this moment stays, whatever happens."""
        for path in self._files():
            self._flushed[str(path)] = path.stat().st_size
        for name in _PLAIN:
            setattr(os, name, self._plain(name))
        os.write = self._write  # type: ignore[assignment]
        os.pwrite = self._pwrite  # type: ignore[assignment]
        os.pwritev = self._pwritev  # type: ignore[assignment]

    def _files(self) -> list[Path]:
        if not self._data.is_dir():
            return []
        return [
            path
            for path in self._data.rglob("*")
            if path.suffix in (".mp4", ".entries") or path.name in ("leaves", "checkpoints")
        ]

    def _due(self) -> bool:
        with self._lock:
            self.calls += 1
            return self.calls == self._at

    def _plain(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*arguments: Any, **options: Any) -> Any:
            if self._due():
                self._stop()
            result = real(*arguments, **options)
            if name in ("fsync", "fdatasync"):
                self._note_flush(arguments[0])
            return result

        return call

    def _note_flush(self, handle: int) -> None:
        path = str(Path(f"/proc/self/fd/{handle}").readlink())
        self._flushed[path] = os.fstat(handle).st_size

    def _write(self, handle: int, data: bytes) -> int:
        if self._due():
            self._real["write"](handle, data[: self._part(len(data))])
            self._stop()
        return int(self._real["write"](handle, data))

    def _pwrite(self, handle: int, data: bytes, offset: int) -> int:
        if self._due():
            self._real["pwrite"](handle, data[: self._part(len(data))], offset)
            self._stop()
        return int(self._real["pwrite"](handle, data, offset))

    def _pwritev(self, handle: int, buffers: Sequence[bytes], offset: int) -> int:
        if self._due():
            data = b"".join(buffers)
            self._real["pwrite"](handle, data[: self._part(len(data))], offset)
            self._stop()
        return int(self._real["pwritev"](handle, buffers, offset))

    def _part(self, size: int) -> int:
        return self._rng.randrange(size + 1)

    def _stop(self) -> None:
        if self._power_cut:
            for path in self._files():
                size, kept = path.stat().st_size, self._flushed.get(str(path), 0)
                if size > kept:
                    self._real["truncate"](path, self._rng.randint(kept, size))
        os._exit(STOPPED)
