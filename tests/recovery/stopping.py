"""A disk that is cut off at any call: the process ends there at once, in the middle of a write if need be.

The calls are those of the ``os`` module that the ledger and the segmenter make. With ``power_cut``, what was
written since a file was last flushed is lost as well, from a random byte on: :func:`cut_power`, once the process is
gone, for its other threads write until then.
"""

from __future__ import annotations

import json
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

    def __init__(self, data: Path, at: int, rng: random.Random, flushed: Path | None = None) -> None:
        """``flushed``: where to leave up to where the files of ``data`` are flushed, for :func:`cut_power`."""
        self._data = data
        self._at = at
        self._rng = rng
        self._left = flushed
        self._lock = threading.Lock()
        self._flushed: dict[str, int] = {}
        self.calls = 0
        self._real = {name: getattr(os, name) for name in (*_PLAIN, "write", "pwrite", "pwritev")}

    def install(self) -> None:
        """What lies on the disk at this moment stays, whatever happens."""
        for path in _files(self._data):
            self._flushed[str(path)] = path.stat().st_size
        for name in _PLAIN:
            setattr(os, name, self._plain(name))
        os.write = self._write  # type: ignore[assignment]
        os.pwrite = self._pwrite  # type: ignore[assignment]
        os.pwritev = self._pwritev  # type: ignore[assignment]

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
        if self._left is not None:
            self._left.write_text(json.dumps(self._flushed))
        os._exit(STOPPED)


def cut_power(data: Path, flushed: Path, rng: random.Random) -> None:
    """Of what a stopped process wrote and did not flush, a random part is lost."""
    sizes = json.loads(flushed.read_text())
    for path in _files(data):
        os.truncate(path, rng.randint(min(sizes.get(str(path), 0), path.stat().st_size), path.stat().st_size))
    flushed.unlink()


def _files(data: Path) -> list[Path]:
    return [
        path
        for path in sorted(data.rglob("*"))
        if path.suffix in (".mp4", ".entries") or path.name in ("leaves", "checkpoints")
    ]
